//! Arguments of `ringtail replay`.

use clap::Args;

use super::select::SelectArgs;
use super::simulate::{FaultArgs, speed};
use super::{Format, HopArgs};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail replay 17                                 send event 17 once more
  ringtail replay --filter 'status:5xx since:-1h' --target 3001 --dry-run
  ringtail replay 17 --edit                          edit it first; a new event is sent and kept
  ringtail replay 17..40 --timing --speed 10         with the original's pauses, ten times as fast
  ringtail replay 17..40 --reorder --double --seed 7 as RingCentral may deliver it, the same twice
  ringtail replay --filter since:-1d --compare       say which answers of the app changed

Events keep method, path, headers and bytes; the header ringtail-replay tells the app what they are.
With --compare the exit code is 2 when an answer changed.")]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) which: SelectArgs,
    /// Edit the event in $VISUAL or $EDITOR, and send what comes of it as a new one
    #[arg(long, conflicts_with_all = ["filter", "dry_run", "compare", "timing"])]
    pub(crate) edit: bool,
    /// List what would be sent, in its order, and where to, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Where they go: a port, host:port or URL; without, where `ringtail listen` last sent their endpoint's events
    #[arg(long, short, value_name = "TARGET")]
    pub(crate) target: Option<String>,
    /// Sign them anew with the secrets that are configured
    #[arg(long)]
    pub(crate) sign: bool,
    /// Compare each answer with the one before it
    #[arg(long)]
    pub(crate) compare: bool,
    /// Do not compare the header or JSON field of this name
    #[arg(long, value_name = "FIELD", requires = "compare")]
    pub(crate) ignore: Vec<String>,
    #[command(flatten)]
    pub(crate) hop: HopArgs,
    /// What to print
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
    /// Keep the pauses of the original; an answer that takes longer than the pause makes the next one late
    #[arg(long, help_heading = "Delivery")]
    pub(crate) timing: bool,
    /// How many times as fast as the original
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed, requires = "timing", help_heading = "Delivery")]
    pub(crate) speed: f64,
    #[command(flatten)]
    pub(crate) faults: FaultArgs,
}
