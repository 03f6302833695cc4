//! Arguments of the commands that put events side by side.

use clap::Args;

use super::Format;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail events diff 17          event 17 and the one of its kind before it, in its call or conversation
  ringtail events diff 17 23       two events
  ringtail events diff 17 --answers  the app's last two answers to event 17

Ids, times and numbers that always differ are not compared, unless --all is given.")]
pub(crate) struct DiffArgs {
    /// The event: its number, the beginning of its id, or endpoint/number
    #[arg(value_name = "EVENT")]
    pub(crate) event: String,
    /// The other event [default: the one of its kind before it]
    #[arg(value_name = "OTHER")]
    pub(crate) other: Option<String>,
    /// Compare the app's last two answers to the event
    #[arg(long, conflicts_with = "other")]
    pub(crate) answers: bool,
    /// Do not compare the header or JSON field of this name either
    #[arg(long, value_name = "FIELD")]
    pub(crate) ignore: Vec<String>,
    /// Compare ids, times and numbers too
    #[arg(long)]
    pub(crate) all: bool,
    /// Only events of this endpoint: its name or id
    #[arg(long, short, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Show the tokens and other secrets that requests carry
    #[arg(long)]
    pub(crate) reveal: bool,
    /// What to print
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Events of a call stand by their number in it, with those that are missing, repeated or late marked.
Events of a conversation stand as they came.")]
pub(crate) struct TimelineArgs {
    /// Any event of it: its number, the beginning of its id, or endpoint/number
    #[arg(value_name = "EVENT")]
    pub(crate) event: String,
    /// Only events of this endpoint: its name or id
    #[arg(long, short, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// What to print
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}
