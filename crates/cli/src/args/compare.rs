//! Arguments of `ringtail events diff` and `timeline`.

use std::path::PathBuf;

use clap::Args;

use super::Format;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail events diff 17          event 17 and the previous one of its kind, in its call or conversation
  ringtail events diff 17 23       two events
  ringtail events diff 17 --answers  the app's last two responses to event 17

Skips ids, times and numbers that always differ, unless --all is given.")]
pub(crate) struct DiffArgs {
    /// Event: its number, the beginning of its id, or endpoint/number
    #[arg(value_name = "EVENT")]
    pub(crate) event: String,
    /// Other event [default: the previous one of its kind]
    #[arg(value_name = "OTHER")]
    pub(crate) other: Option<String>,
    /// Compare the app's last two responses to the event
    #[arg(long, conflicts_with = "other")]
    pub(crate) answers: bool,
    /// Also skip the header or JSON field of this name
    #[arg(long, value_name = "FIELD")]
    pub(crate) ignore: Vec<String>,
    /// Compare ids, times and numbers too
    #[arg(long)]
    pub(crate) all: bool,
    /// Use only events of this endpoint (name or id)
    #[arg(long, short, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Show tokens and other secrets
    #[arg(long)]
    pub(crate) reveal: bool,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A call is sorted by RingCentral's sequence numbers; missing, repeated and late events are marked.
A conversation is in order of arrival.

Examples:
  ringtail events timeline 17
  ringtail events timeline 17 --svg call.svg --mask    a picture to share: a lane for each party, time downwards")]
pub(crate) struct TimelineArgs {
    /// Any event of it: its number, the beginning of its id, or endpoint/number
    #[arg(value_name = "EVENT")]
    pub(crate) event: String,
    /// Use only events of this endpoint (name or id)
    #[arg(long, short, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Draw it into this file, to be created, as SVG
    #[arg(long, value_name = "FILE", value_parser = super::path(), conflicts_with = "output")]
    pub(crate) svg: Option<PathBuf>,
    /// Replace personal data in the picture with pseudonyms
    #[arg(long, requires = "svg")]
    pub(crate) mask: bool,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}
