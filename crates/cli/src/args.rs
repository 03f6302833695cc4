//! The command line.
//!
//! No argument takes a token: arguments are seen by everybody on the machine and kept in a shell's history.

pub(crate) mod compare;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod replay;
pub(crate) mod select;
pub(crate) mod simulate;

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ContextKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use ringtail_client::config::{Flags, Keep, MAX_KEEP_DAYS};

const EXAMPLES: &str = "\
First steps:
  ringtail-relay serve --dev                  try a relay on this machine; it prints what comes next
  ringtail login https://relay.example.com    keep a token for a relay
  ringtail listen 3000                        forward events to the app on port 3000
  ringtail simulate sms.inbound --to URL      send an SMS to the URL that listen shows

Examples:
  ringtail listen --output json | jq .        print them as JSON lines, forward nothing
  ringtail events list                        list what came
  ringtail events list status:5xx since:-3h   list what failed in the last three hours
  ringtail events show 17                     show event 17: headers, body, attempts
  ringtail replay 17                          send it to the app once more
  ringtail replay -f since:-1d --compare      find out which of the app's answers changed
  ringtail events timeline 17                 show the call that event 17 belongs to
  ringtail export 17 --as curl                write it as a command
  ringtail check https://hooks.example.com    find out why RingCentral would refuse an address
  ringtail simulate --list                    show the RingCentral traffic that can be simulated
  ringtail explain SUB-525                    say what an error code means

Exit codes and JSON lines: docs/OUTPUT.md";

/// RingCentral's webhooks on this machine
#[derive(Debug, Parser)]
#[command(name = "ringtail", version, about, after_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Common {
    /// URL of the relay [env: RINGTAIL_RELAY]
    #[arg(long, global = true, value_name = "URL")]
    relay: Option<String>,
    /// PEM file of an authority to trust beside the platform's [env: RINGTAIL_CA]
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Directory of history and log [env: RINGTAIL_DATA]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file [env: RINGTAIL_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Common {
    /// Returns the file of `--ca`, whatever the environment says.
    pub(crate) fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// Returns the flags as the configuration takes them.
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
    /// Check a token with a relay and keep it
    Login(LoginArgs),
    /// Receive an endpoint's events and forward them to the app
    Listen(ListenArgs),
    /// Look at events in the history
    #[command(subcommand)]
    Events(EventsCommand),
    /// Send events of the history to the app once more
    Replay(Box<replay::ReplayArgs>),
    /// Send what RingCentral would send, without RingCentral
    Simulate(Box<simulate::SimulateArgs>),
    /// Write events in forms that other programs read
    Export(export::ExportArgs),
    /// Take a recording into the history
    Import(export::ImportArgs),
    /// Print the types of stored events' bodies
    Types(export::TypesArgs),
    /// Find out why RingCentral would refuse a webhook address
    Check(CheckArgs),
    /// Say what an error code means, and what to do
    Explain(explain::ExplainArgs),
    /// Print what makes a shell complete commands and options
    Completions(CompletionsArgs),
    /// Write the manual pages, for packages
    #[command(hide = true)]
    Man(ManArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
The token is what `ringtail-relay accounts add NAME` prints where the relay runs.
It is taken from RINGTAIL_TOKEN, or asked for, or read from stdin when that is not a terminal.
It is kept, with the name of --ca if that is given, in login.toml beside the configuration file, readable by its owner alone.")]
pub(crate) struct LoginArgs {
    /// URL of the relay
    #[arg(value_name = "RELAY_URL")]
    pub(crate) url: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail listen 3000                                  forward to http://localhost:3000
  ringtail listen https://localhost:3000 --insecure     to an app with a certificate of its own
  ringtail listen -e shop=3000 -e bot=4000              two endpoints, each to an app of its own

The URL that is shown is for RingCentral, and for `ringtail simulate SCENARIO --to URL`.")]
pub(crate) struct ListenArgs {
    /// Where events go: a port, host:port or URL; without, they are only looked at
    pub(crate) target: Option<String>,
    /// Name of the endpoint, made when it does not exist; again for others, each with a target of its own if need be
    /// [default: default]
    #[arg(long, short, value_name = "NAME[=TARGET]", value_parser = listened)]
    pub(crate) endpoint: Vec<Listened>,
    /// What to show: tui when stdout is a terminal, else plain
    #[arg(long, short, value_name = "FORMAT")]
    pub(crate) output: Option<Output>,
    /// Show only these events, in the filter language; all are forwarded
    #[arg(long, short, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Forward nothing by itself; the target is for replays
    #[arg(long)]
    pub(crate) no_forward: bool,
    #[command(flatten)]
    pub(crate) hop: HopArgs,
    /// Keep requests from the app whose signature or token is wrong or missing
    #[arg(long)]
    pub(crate) reject_forged: bool,
    /// Show the tokens and other secrets that requests carry
    #[arg(long)]
    pub(crate) reveal: bool,
    /// Write the ready line to this file once events flow
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

/// How much of the history is kept.
#[derive(Debug, Args)]
pub(crate) struct KeepArgs {
    /// Keep events in the history for this many days [default: 30]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=MAX_KEEP_DAYS))]
    keep_days: Option<u64>,
    /// Keep this many events in the history [default: 100000]
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
    keep_events: Option<u64>,
    /// Keep this many bytes of requests and answers in the history [default: 1073741824]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    keep_bytes: Option<u64>,
}

impl KeepArgs {
    /// Returns them as the configuration takes them.
    pub(crate) fn keep(&self) -> Keep {
        Keep {
            keep_days: self.keep_days,
            keep_events: self.keep_events.and_then(NonZeroU64::new),
            keep_bytes: self.keep_bytes.and_then(NonZeroU64::new),
        }
    }
}

/// An endpoint, and where its events go if not to the common target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listened {
    pub(crate) name: String,
    pub(crate) target: Option<String>,
}

/// How the local app is asked.
#[derive(Debug, Args)]
pub(crate) struct HopArgs {
    /// Accept any certificate of the target; the relay's is always checked
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Send the caller's Host header instead of the target's
    #[arg(long)]
    pub(crate) keep_host: bool,
    /// Seconds that the target may take for an answer
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A terminal UI
    Tui,
    /// Lines for people
    Plain,
    /// One JSON object a line
    Json,
}

/// Formats of the commands that end by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people
    #[default]
    Plain,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// List the newest events, oldest first
    List(ListArgs),
    /// Show one event: headers, body, attempts
    Show(ShowArgs),
    /// Mark events, with a comment or without
    Mark(MarkArgs),
    /// Compare two events, or the app's answers to one
    Diff(compare::DiffArgs),
    /// Show the course of a call or a conversation
    Timeline(compare::TimelineArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail events list status:5xx since:-3h
  ringtail events list 'kind:telephony body.parties[*].status.code = Answered'
  ringtail events list 'from:+1650 (held or verdict:late)'
  ringtail events list endpoint:demo 'not kind:presence'

The filter language: docs/FILTER.md")]
pub(crate) struct ListArgs {
    /// Which events, in the filter language [default: all]
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// How many events
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// What to print
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The event: its number, the beginning of its id, or endpoint/number
    #[arg(value_name = "EVENT")]
    pub(crate) event: String,
    /// Only events of this endpoint: its name or id
    #[arg(long, short, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Print the body's bytes and nothing else
    #[arg(long, conflicts_with = "output")]
    pub(crate) raw: bool,
    /// Show the tokens and other secrets that the request carries
    #[arg(long)]
    pub(crate) reveal: bool,
    /// What to print
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail events mark 17 --comment 'the doubled SMS'
  ringtail events mark --filter 'status:5xx on:today'
  ringtail events list marked
  ringtail events mark 17 --clear

Marked events are kept whatever their age and number.")]
pub(crate) struct MarkArgs {
    #[command(flatten)]
    pub(crate) which: select::SelectArgs,
    /// Say why; takes the place of an earlier comment
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
    /// Take mark and comment away
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
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Directory for the pages; made if it is not there
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

/// Returns what to say beside clap's own words: why there is no `--token`.
pub(crate) fn hint(error: &clap::Error) -> &'static str {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    if argument.is_some_and(|argument| argument.starts_with("--token")) {
        "hint: arguments are seen by everybody on this machine; run `ringtail login`, or set RINGTAIL_TOKEN\n"
    } else {
        ""
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Certificates are judged by the public authorities alone, as RingCentral judges them, and by
those in --ca if it is given on the command line.

Exit code: 0 when RingCentral would accept the address, 2 when it would not.
Rows, and what they mean: docs/CHECK.md")]
pub(crate) struct CheckArgs {
    /// The address, as it would be given to RingCentral
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Send a notification too: a made-up SMS
    #[arg(long)]
    pub(crate) notify: bool,
    /// Judge an address of this machine or network as if it were public
    #[arg(long)]
    pub(crate) local: bool,
    /// How many validation requests to send: the first, then warm ones
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) tries: u32,
    /// Show what was sent and received
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// What to print
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

/// Reads the name of an endpoint, which has no `=` in it, and its target.
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

/// Reads a time of at least a millisecond and at most a day.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok())
        .filter(|time| (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(time))
        .ok_or_else(|| "give seconds, such as 2.5, up to a day".to_owned())
}

#[cfg(test)]
mod tests;
