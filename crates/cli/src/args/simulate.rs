//! Arguments of `ringtail simulate`.

use clap::{Args, Subcommand};
use ringtail_simulate::Faults;

use super::Format;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  ringtail simulate --list                                     show scenarios, kinds and values
  ringtail simulate call.inbound-answered --to localhost:3000  send a call's events to the app
  ringtail simulate sms.inbound --to URL --set text=Hi         one SMS through the relay, with a text of yours
  ringtail simulate fax --to URL --assert --speed 20           fail unless each answer is right
  ringtail simulate cut 17..40 > mine.toml                     make a scenario of recorded events

A relay answers notifications by itself: what the app answered is shown by `ringtail listen` and
`ringtail events list`.

Secrets come from the environment: RINGTAIL_VERIFICATION_TOKEN, RINGTAIL_GLIP_SECRET, RINGTAIL_DIMELO_SECRET,
RINGTAIL_DIGITAL_VERIFY_TOKEN, RINGTAIL_SOURCE_SDK_SECRET. More in docs/SIMULATE.md."
)]
pub(crate) struct SimulateArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SimulateCommand>,
    /// What to play: a scenario, a kind of request, or a file
    #[arg(value_name = "SCENARIO", required_unless_present = "list")]
    pub(crate) scenario: Option<String>,
    /// Show what there is to play
    #[arg(long)]
    pub(crate) list: bool,
    /// Where to send: a URL of the relay's, or the app's port, host:port or URL
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// Print what would be sent, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Fail unless every answer is what it should be
    #[arg(long)]
    pub(crate) assert: bool,
    /// Send no validation request before the first event
    #[arg(long)]
    pub(crate) no_validation: bool,
    /// How many times to play it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) repeat: u32,
    /// What to print
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
    /// Your account's id
    #[arg(long, value_name = "ID", help_heading = "Values")]
    pub(crate) account: Option<String>,
    /// Your extension's id
    #[arg(long, value_name = "ID", help_heading = "Values")]
    pub(crate) extension: Option<String>,
    /// Your telephone number
    #[arg(long, value_name = "NUMBER", help_heading = "Values")]
    pub(crate) number: Option<String>,
    /// The other side's telephone number
    #[arg(long, value_name = "NUMBER", help_heading = "Values")]
    pub(crate) peer: Option<String>,
    /// Any other value; --list shows them
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, help_heading = "Values")]
    pub(crate) set: Vec<(String, String)>,
    /// How many times as fast as real time
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed, help_heading = "Delivery")]
    pub(crate) speed: f64,
    /// Wait for nothing between requests
    #[arg(long, conflicts_with = "speed", help_heading = "Delivery")]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) faults: FaultArgs,
}

/// The habits of RingCentral's delivery, at will.
#[derive(Debug, Args)]
#[command(next_help_heading = "Delivery")]
pub(crate) struct FaultArgs {
    /// Let later notifications overtake some, a percentage [default with the flag alone: 30]
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, default_missing_value = "30", value_parser = percent)]
    pub(crate) reorder: Option<u8>,
    /// Send some notifications twice [default with the flag alone: 30]
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, default_missing_value = "30", value_parser = percent)]
    pub(crate) double: Option<u8>,
    /// Leave some notifications out [default with the flag alone: 10]
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, default_missing_value = "10", value_parser = percent)]
    pub(crate) drop: Option<u8>,
    /// Send each notification late by up to so many milliseconds
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(0..=3_600_000))]
    pub(crate) delay: Option<u64>,
    /// What ids and faults follow: the same seed brings about the same
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

impl FaultArgs {
    /// Returns the faults as a plan takes them.
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
    /// Print a scenario made of recorded events
    Cut(CutArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Secrets and signatures stay out of the file; texts and telephone numbers stay in.")]
pub(crate) struct CutArgs {
    /// The events: numbers, ranges (17..20), beginnings of ids, or endpoint/number
    #[arg(value_name = "EVENT", required = true)]
    pub(crate) events: Vec<String>,
    /// Only events of this endpoint: its name or id
    #[arg(long, short, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("give NAME=VALUE, such as text=Hello".to_owned()),
    }
}

/// Reads how many of a hundred. What stands behind the option and is no percentage was meant for something else.
fn percent(text: &str) -> Result<u8, String> {
    let percent = text.parse().ok().filter(|percent| *percent <= 100);
    percent.ok_or_else(|| {
        "give a percentage from 0 to 100, or none; what is sent stands before such an option"
            .to_owned()
    })
}

pub(crate) fn speed(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|speed: &f64| (0.01..=100_000.0).contains(speed))
        .ok_or_else(|| "give a number from 0.01 to 100000".to_owned())
}
