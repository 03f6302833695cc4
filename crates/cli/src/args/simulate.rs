//! Arguments of `ringtail simulate`.

use clap::{Args, Subcommand};
use ringtail_simulate::Faults;

use ringtail_text::whole;

use super::Format;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  ringtail simulate --list                                     list scenarios, kinds and values
  ringtail simulate call.inbound-answered --to localhost:3000  send the events of a call to the app
  ringtail simulate sms.inbound --to URL --set text=Hi         send an SMS with your text
  ringtail simulate fax --to URL --assert --speed 20           fail if a response is wrong
  ringtail simulate bot.install-private --to URL --oauth-path /bot/oauth --webhook-path /bot/webhook
  ringtail simulate cut 17..40 > mine.toml                     make a scenario from recorded events

The relay answers notifications itself; see the app's responses in `ringtail listen` and
`ringtail events list`.

Secrets are read from RINGTAIL_VERIFICATION_TOKEN, RINGTAIL_GLIP_SECRET, RINGTAIL_DIMELO_SECRET,
RINGTAIL_DIGITAL_VERIFY_TOKEN and RINGTAIL_SOURCE_SDK_SECRET. See docs/SIMULATE.md."
)]
pub(crate) struct SimulateArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SimulateCommand>,
    /// Scenario, kind of request, or file
    #[arg(value_name = "SCENARIO", required_unless_present = "list")]
    pub(crate) scenario: Option<String>,
    /// List scenarios, kinds and values
    #[arg(long)]
    pub(crate) list: bool,
    /// Where to send: the relay's URL, or the app's port, host:port or URL
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// Print the requests without sending them
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Fail if a response is wrong
    #[arg(long)]
    pub(crate) assert: bool,
    /// Path below --to for bot installs and OAuth redirects, such as /bot/oauth
    #[arg(long, value_name = "PATH", value_parser = path_below)]
    pub(crate) oauth_path: Option<String>,
    /// Path below --to for everything else, such as /bot/webhook
    #[arg(long, value_name = "PATH", value_parser = path_below)]
    pub(crate) webhook_path: Option<String>,
    /// Skip validation requests
    #[arg(long)]
    pub(crate) no_validation: bool,
    /// Repeat the scenario this many times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<u32>(1, 100_000))]
    pub(crate) repeat: u32,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
    /// Your account id
    #[arg(long, value_name = "ID", help_heading = "Values")]
    pub(crate) account: Option<String>,
    /// Your extension id
    #[arg(long, value_name = "ID", help_heading = "Values")]
    pub(crate) extension: Option<String>,
    /// Your phone number
    #[arg(long, value_name = "NUMBER", help_heading = "Values")]
    pub(crate) number: Option<String>,
    /// The other party's phone number
    #[arg(long, value_name = "NUMBER", help_heading = "Values")]
    pub(crate) peer: Option<String>,
    /// Set another value; --list shows the names
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, help_heading = "Values")]
    pub(crate) set: Vec<(String, String)>,
    /// Speed, as a multiple of real time
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed, help_heading = "Delivery")]
    pub(crate) speed: f64,
    /// Do not wait between requests
    #[arg(long, conflicts_with = "speed", help_heading = "Delivery")]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) faults: FaultArgs,
}

/// Delivery faults, as RingCentral may cause them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Delivery")]
pub(crate) struct FaultArgs {
    /// Deliver this percentage out of order [default without a value: 30]
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, default_missing_value = "30", value_parser = percent)]
    pub(crate) reorder: Option<u8>,
    /// Deliver this percentage twice [default without a value: 30]
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, default_missing_value = "30", value_parser = percent)]
    pub(crate) double: Option<u8>,
    /// Drop this percentage [default without a value: 10]
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, default_missing_value = "10", value_parser = percent)]
    pub(crate) drop: Option<u8>,
    /// Delay each notification by up to this many milliseconds
    #[arg(long, value_name = "MS", value_parser = whole::<u64>(0, 3_600_000))]
    pub(crate) delay: Option<u64>,
    /// Seed for ids and faults; the same seed gives the same run
    #[arg(long, value_name = "N", value_parser = whole::<u64>(0, u64::MAX))]
    pub(crate) seed: Option<u64>,
}

impl FaultArgs {
    /// Returns the faults for a plan.
    pub(crate) fn faults(&self) -> Faults {
        Faults {
            reorder: self.reorder.unwrap_or(0),
            double: self.double.unwrap_or(0),
            drop: self.drop.unwrap_or(0),
            delay_ms: self.delay.unwrap_or(0),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum SimulateCommand {
    /// Print a scenario made from recorded events
    Cut(CutArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
The file has texts and phone numbers, but no secrets and signatures.")]
pub(crate) struct CutArgs {
    /// Events: numbers, ranges (17..20), beginnings of ids, or endpoint/number
    #[arg(value_name = "EVENT", required = true)]
    pub(crate) events: Vec<String>,
    /// Use only events of this endpoint (name or id)
    #[arg(long, short, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
}

/// Parses a path that comes before others.
fn path_below(text: &str) -> Result<String, String> {
    match text.trim_end_matches('/') {
        path if path.starts_with('/') && !path.contains(['?', '#']) => Ok(path.to_owned()),
        _ => Err("give a path without a query, such as /bot/oauth".to_owned()),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("give NAME=VALUE, such as text=Hello".to_owned()),
    }
}

/// Parses a percentage. A value after the flag that is none was probably the scenario.
fn percent(text: &str) -> Result<u8, String> {
    let percent = text.parse().ok().filter(|percent| *percent <= 100);
    percent.ok_or_else(|| {
        "give a percentage from 0 to 100, or no value; put events and scenarios before this option"
            .to_owned()
    })
}

pub(crate) fn speed(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|speed: &f64| (0.01..=100_000.0).contains(speed))
        .ok_or_else(|| "give a number from 0.01 to 100000".to_owned())
}
