//! Arguments of `ringtail replay`.

use clap::Args;

use super::select::SelectArgs;
use super::simulate::{FaultArgs, speed};
use super::{Format, HopArgs};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail replay 17                                 send event 17 again
  ringtail replay --filter 'status:5xx since:-1h' --target 3001 --dry-run
  ringtail replay 17 --edit                          edit it first; sends and stores a new event
  ringtail replay 17..40 --timing --speed 10         with the original pauses, ten times as fast
  ringtail replay 17..40 --reorder --double --seed 7 as RingCentral may deliver it, repeatable
  ringtail replay --filter since:-1d --compare       show which of the app's responses changed

Method, path, headers and body are sent unchanged, with the added header `ringtail-replay`.
With --compare, the exit code is 2 if a response changed.")]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) which: SelectArgs,
    /// Edit the event in $VISUAL or $EDITOR, and send the result as a new event
    #[arg(long, conflicts_with_all = ["filter", "dry_run", "compare", "timing"])]
    pub(crate) edit: bool,
    /// List the events, in order, and their targets, without sending them
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Target (port, host:port, URL or unix:/socket) [default: the endpoint's last target of `ringtail listen`]
    #[arg(long, short, value_name = "TARGET")]
    pub(crate) target: Option<String>,
    /// Sign again with the configured secrets
    #[arg(long)]
    pub(crate) sign: bool,
    /// Compare each response with the previous one
    #[arg(long)]
    pub(crate) compare: bool,
    /// Skip the header or JSON field of this name
    #[arg(long, value_name = "FIELD", requires = "compare")]
    pub(crate) ignore: Vec<String>,
    #[command(flatten)]
    pub(crate) hop: HopArgs,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
    /// Keep the original pauses; a response slower than the pause delays the next event
    #[arg(long, help_heading = "Delivery")]
    pub(crate) timing: bool,
    /// Speed, as a multiple of the original
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed, requires = "timing", help_heading = "Delivery")]
    pub(crate) speed: f64,
    #[command(flatten)]
    pub(crate) faults: FaultArgs,
}
