//! The command line.
//!
//! No argument takes a token: other users can see arguments, and the shell's history keeps them.

pub(crate) mod canary;
pub(crate) mod compare;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod mcp;
pub(crate) mod replay;
pub(crate) mod select;
pub(crate) mod simulate;
pub(crate) mod subscriptions;
pub(crate) mod wait;

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::error::ContextKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use ringtail_client::config::{Flags, Keep, MAX_KEEP_DAYS};
use ringtail_client::forward::SendOptions;
use ringtail_text::whole;

const EXAMPLES: &str = "\
First steps:
  ringtail-relay serve --dev                  try a relay on this machine; it prints the next steps
  ringtail login https://relay.example.com    save the token for a relay
  ringtail listen 3000                        forward events to the app on port 3000
  ringtail simulate sms.inbound --to URL      send an SMS to the URL that listen shows

With RingCentral itself:
  ringtail subscriptions login                save an app's login, once
  ringtail listen 3000 --subscribe sms        create the subscription and forward its events

Examples:
  ringtail listen --output json | jq .        print events as JSON lines, forward nothing
  ringtail web                                show the history in a browser
  ringtail events list                        list the newest events
  ringtail events list status:5xx since:-3h   list the last three hours' failures
  ringtail events show 17                     show event 17: headers, body, attempts
  ringtail replay 17                          send it to the app again
  ringtail replay -f since:-1d --compare      show which of the app's responses changed
  ringtail events timeline 17                 show the call of event 17
  ringtail export 17 --as curl                print it as a curl command
  ringtail check https://hooks.example.com    check a webhook address as RingCentral would
  ringtail doctor                             check this machine and the way to the relay
  ringtail simulate --list                    list the traffic that can be simulated
  ringtail explain SUB-525                    explain an error code

Exit codes and JSON lines: docs/OUTPUT.md";

/// Receive RingCentral's webhooks on this machine
#[derive(Debug, Parser)]
#[command(name = "ringtail", bin_name = "ringtail", version, about, after_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Common {
    /// URL of the relay [env: RINGTAIL_RELAY]
    #[arg(long, global = true, value_name = "URL")]
    relay: Option<String>,
    /// PEM file of an additional certificate authority to trust [env: RINGTAIL_CA]
    #[arg(long, global = true, value_name = "FILE", value_parser = path())]
    ca: Option<PathBuf>,
    /// Directory for history and log [env: RINGTAIL_DATA]
    #[arg(long, global = true, value_name = "DIR", value_parser = path())]
    data: Option<PathBuf>,
    /// Configuration file [env: RINGTAIL_CONFIG]
    #[arg(long, global = true, value_name = "FILE", value_parser = path())]
    config: Option<PathBuf>,
}

impl Common {
    /// Returns the file of `--ca`, ignoring the environment.
    pub(crate) fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// Returns the options that were given, as arguments.
    pub(crate) fn given(&self) -> Vec<String> {
        let path = |path: &Option<PathBuf>| {
            let whole = path
                .as_deref()
                .map(|path| std::path::absolute(path).unwrap_or(path.to_owned()));
            whole.map(|path| path.display().to_string())
        };
        let options = [
            ("--relay", self.relay.clone()),
            ("--ca", path(&self.ca)),
            ("--data", path(&self.data)),
            ("--config", path(&self.config)),
        ];
        let given = options
            .into_iter()
            .filter_map(|(flag, value)| Some([flag.to_owned(), value?]));
        given.flatten().collect()
    }

    /// Returns the flags for the configuration.
    pub(crate) fn flags(&self, endpoint: Option<&String>) -> Flags {
        Flags {
            relay: self.relay.clone(),
            ca: self.ca.clone(),
            data: self.data.clone(),
            config: self.config.clone(),
            endpoint: endpoint.cloned(),
            reject_forged: false,
            keep: Keep::default(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify a token with a relay and save it
    Login(LoginArgs),
    /// Receive an endpoint's events and forward them to the app
    Listen(ListenArgs),
    /// Create, renew and mend webhook subscriptions at RingCentral
    Subscriptions(Box<subscriptions::SubscriptionsArgs>),
    /// List, show, bookmark and compare events in the history
    #[command(subcommand)]
    Events(EventsCommand),
    /// Wait until matching events have come, for scripts
    Wait(wait::WaitArgs),
    /// Send a marked event to the public URL and follow it to the app
    Canary(canary::CanaryArgs),
    /// Serve the page of this machine's history, for a browser
    Web(WebArgs),
    /// Send stored events to the app again
    Replay(Box<replay::ReplayArgs>),
    /// Simulate RingCentral's traffic
    Simulate(Box<simulate::SimulateArgs>),
    /// Export events in formats that other programs read
    Export(export::ExportArgs),
    /// Import a recording into the history
    Import(export::ImportArgs),
    /// Print the types of stored bodies: TypeScript, JSON Schema, Rust or Python
    Types(export::TypesArgs),
    /// Check whether RingCentral would accept a webhook address
    Check(CheckArgs),
    /// Check whether this machine is ready: files, relay, app, terminal
    Doctor(doctor::DoctorArgs),
    /// Explain an error code, and what to do about it
    Explain(explain::ExplainArgs),
    /// Let an assistant read the history, by the Model Context Protocol
    Mcp(mcp::McpArgs),
    /// Print a shell completion script
    Completions(CompletionsArgs),
    /// Write the manual pages, for packages
    #[command(hide = true)]
    Man(ManArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
`ringtail-relay accounts add NAME`, on the relay, prints the token.
It is read from RINGTAIL_TOKEN, from the terminal, or from stdin if that is not a terminal.
It is saved, with the path of --ca, in login.toml beside the configuration file, readable by you only.")]
pub(crate) struct LoginArgs {
    /// URL of the relay
    #[arg(value_name = "RELAY_URL")]
    pub(crate) url: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail listen 3000                                  forward to http://localhost:3000
  ringtail listen https://localhost:3000 --insecure     accept the app's own certificate
  ringtail listen -e shop=3000 -e bot=4000              two endpoints, each with its own app
  ringtail listen 3000 --web                            show the events in a browser, too
  ringtail listen 3000 --subscribe sms calls            create a subscription and keep it alive

--subscribe needs `ringtail subscriptions login`; `ringtail subscriptions filters` lists the names.
The subscription stays when listen stops, and expires after 7 days; the next listen renews or
replaces it. Without --subscribe, register the URL that listen shows with RingCentral, or use it in
`ringtail simulate SCENARIO --to URL`.")]
pub(crate) struct ListenArgs {
    /// Where to forward events (port, host:port, URL or unix:/socket); omit to inspect only
    pub(crate) target: Option<String>,
    /// Endpoint to listen on, created if it does not exist; repeat for more, each with its own target if needed
    /// [default: default]
    #[arg(long, short, value_name = "NAME[=TARGET]", value_parser = listened)]
    pub(crate) endpoint: Vec<Listened>,
    /// Output format [default: tui if stdout is a terminal, else plain]
    #[arg(long, short, value_name = "FORMAT")]
    pub(crate) output: Option<Output>,
    /// Show only events that match; all are forwarded
    #[arg(long, short, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Do not forward events; use the target for replays only
    #[arg(long)]
    pub(crate) no_forward: bool,
    #[command(flatten)]
    pub(crate) hop: HopArgs,
    /// Do not forward requests with a missing or invalid signature or token
    #[arg(long)]
    pub(crate) reject_forged: bool,
    /// Send a canary at this interval (30s, 5m, 1h), and report when one is lost
    #[arg(long, value_name = "INTERVAL", value_parser = interval)]
    pub(crate) canary: Option<Duration>,
    /// Show tokens and other secrets
    #[arg(long)]
    pub(crate) reveal: bool,
    /// Write the `ready` line to this file once connected
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub(crate) ready_file: Option<PathBuf>,
    /// Keep a subscription at RingCentral for each endpoint, with these event filters: short names such as sms, or paths
    #[arg(long, value_name = "FILTER", num_args = 1..)]
    pub(crate) subscribe: Vec<String>,
    /// Delete the subscriptions of --subscribe when stopped
    #[arg(long, requires = "subscribe")]
    pub(crate) delete_on_exit: bool,
    /// Name of the login to RingCentral [default: the login without a name]
    #[arg(long, value_name = "NAME", requires = "subscribe")]
    pub(crate) profile: Option<String>,
    /// Also serve the page for a browser, on 127.0.0.1 and this port; 0 is any
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = PORT, value_parser = whole::<u16>(0, u16::MAX.into()))]
    pub(crate) web: Option<u16>,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

/// The default port of the page.
const PORT: &str = "4055";

#[derive(Debug, Args)]
#[command(after_help = "\
Shows the same history as the terminal UI, live, also while `ringtail listen` runs in another terminal.
Open the printed URL: it has the token that the page needs. The page is on 127.0.0.1 only. Stop with Ctrl-C.

Keys are those of the terminal UI; ? lists them. The page's HTTP API: docs/WEB.md")]
pub(crate) struct WebArgs {
    /// Port on 127.0.0.1; 0 is any
    #[arg(long, value_name = "PORT", default_value = PORT, value_parser = whole::<u16>(0, u16::MAX.into()))]
    pub(crate) port: u16,
    /// Replace personal data and secrets with pseudonyms
    #[arg(long)]
    pub(crate) mask: bool,
    /// Show tokens and other secrets
    #[arg(long, conflicts_with = "mask")]
    pub(crate) reveal: bool,
}

/// Retention of the history.
#[derive(Debug, Args)]
pub(crate) struct KeepArgs {
    /// Keep events for this many days [default: 30]
    #[arg(long, value_name = "DAYS", value_parser = whole::<u64>(1, MAX_KEEP_DAYS))]
    keep_days: Option<u64>,
    /// Keep this many events [default: 100000]
    #[arg(long, value_name = "EVENTS", value_parser = whole::<u64>(1, u64::MAX))]
    keep_events: Option<u64>,
    /// Keep this many bytes of requests and responses [default: 1073741824]
    #[arg(long, value_name = "BYTES", value_parser = whole::<u64>(1, u64::MAX))]
    keep_bytes: Option<u64>,
}

impl KeepArgs {
    /// Returns the limits for the configuration.
    pub(crate) fn keep(&self) -> Keep {
        Keep {
            keep_days: self.keep_days,
            keep_events: self.keep_events.and_then(NonZeroU64::new),
            keep_bytes: self.keep_bytes.and_then(NonZeroU64::new),
        }
    }
}

/// An endpoint, and its own target if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listened {
    pub(crate) name: String,
    pub(crate) target: Option<String>,
}

/// Options for requests to the app.
#[derive(Debug, Args)]
pub(crate) struct HopArgs {
    /// Accept any certificate of the target; the relay's is always verified
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Send the caller's Host header instead of the target's
    #[arg(long)]
    pub(crate) keep_host: bool,
    /// Wait this many seconds for the target's response
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
}

impl HopArgs {
    /// Returns `before` with what the flags set.
    pub(crate) fn send_options(&self, before: SendOptions) -> SendOptions {
        SendOptions {
            keep_host: self.keep_host || before.keep_host,
            insecure: self.insecure || before.insecure,
            answer_timeout: self.timeout.unwrap_or(before.answer_timeout),
            ..before
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Terminal UI
    Tui,
    /// Lines for people
    Plain,
    /// One JSON object per line
    Json,
}

/// Output formats of all other commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people
    #[default]
    Plain,
    /// One JSON object per line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// List the newest events, oldest first
    List(ListArgs),
    /// Show one event: headers, body, attempts
    Show(ShowArgs),
    /// Bookmark events, with an optional comment
    Mark(MarkArgs),
    /// Compare two events, or two responses to one
    Diff(compare::DiffArgs),
    /// Show the events of a call or a conversation in order
    Timeline(compare::TimelineArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail events list status:5xx since:-3h
  ringtail events list 'kind:telephony body.parties[*].status.code = Answered'
  ringtail events list 'from:+1650 (pending or verdict:late)'
  ringtail events list endpoint:demo 'not kind:presence'

Filter language: docs/FILTER.md")]
pub(crate) struct ListArgs {
    /// List only events that match [default: all]
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// List at most this many events
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20, value_parser = whole::<u32>(1, u32::MAX.into()))]
    pub(crate) limit: u32,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Event: its number, the beginning of its id, or endpoint/number
    #[arg(value_name = "EVENT")]
    pub(crate) event: String,
    /// Use only events of this endpoint (name or id)
    #[arg(long, short, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Print only the body, byte for byte, with its secrets
    #[arg(long, conflicts_with = "output")]
    pub(crate) raw: bool,
    /// Show tokens and other secrets
    #[arg(long)]
    pub(crate) reveal: bool,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail events mark 17 --comment 'the duplicate SMS'
  ringtail events mark --filter 'status:5xx on:today'
  ringtail events list bookmarked
  ringtail events mark 17 --clear

Retention does not delete bookmarked events.")]
pub(crate) struct MarkArgs {
    #[command(flatten)]
    pub(crate) which: select::SelectArgs,
    /// Set the comment; replaces an earlier one
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
    /// Remove bookmark and comment
    #[arg(long, conflicts_with = "comment")]
    pub(crate) clear: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail completions bash > ~/.local/share/bash-completion/completions/ringtail
  ringtail completions zsh > ~/.zfunc/_ringtail
  ringtail completions fish > ~/.config/fish/completions/ringtail.fish")]
pub(crate) struct CompletionsArgs {
    /// Shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Directory for the pages, created if it does not exist
    #[arg(value_name = "DIR", value_parser = path())]
    pub(crate) directory: PathBuf,
}

/// Returns the hint for `--token`, which does not exist.
pub(crate) fn hint(error: &clap::Error) -> &'static str {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    if argument.is_some_and(|argument| argument.starts_with("--token")) {
        "hint: other users can see arguments; run `ringtail login`, or set RINGTAIL_TOKEN\n"
    } else {
        ""
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Only public certificate authorities are trusted, as at RingCentral, and those in --ca if it is given
on the command line.

Exit code: 0 if RingCentral would accept the address, 2 if not.
The rows of the report: docs/CHECK.md")]
pub(crate) struct CheckArgs {
    /// Webhook address, as registered with RingCentral
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Also send a notification, a sample SMS, with the configured verification token
    #[arg(long)]
    pub(crate) notify: bool,
    /// Accept a private or loopback address as if it were public
    #[arg(long)]
    pub(crate) local: bool,
    /// Send this many validation requests, to measure cold and warm responses
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = whole::<u32>(1, 20))]
    pub(crate) tries: u32,
    /// Show requests and responses
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

/// Parses a path, with `~` for the home directory.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().map(|path| ringtail_files::expand_home(&path))
}

/// Parses `NAME` or `NAME=TARGET`.
fn listened(text: &str) -> Result<Listened, String> {
    let (name, target) = match text.split_once('=') {
        Some((_, "")) => return Err("give NAME, or NAME=TARGET such as shop=3000".to_owned()),
        Some((name, target)) => (name, Some(target.to_owned())),
        None => (text, None),
    };
    Ok(Listened {
        name: name.to_owned(),
        target,
    })
}

/// Parses `30s`, `5m` or `1h`, from a second to a day.
fn interval(text: &str) -> Result<Duration, String> {
    with_unit(text)
        .filter(|seconds| (1..=86_400).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "give an interval such as 30s, 5m or 1h, up to a day".to_owned())
}

/// Parses a number with `s`, `m`, `h` or `d` into seconds.
fn with_unit(text: &str) -> Option<u64> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    units.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        number.checked_mul(*seconds)
    })
}

/// Parses a duration from a millisecond to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok())
        .filter(|time| (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(time))
        .ok_or_else(|| "give seconds, such as 2.5, up to a day".to_owned())
}

#[cfg(test)]
mod tests;
