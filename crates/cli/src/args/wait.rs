//! Arguments of `ringtail wait`.

use std::time::Duration;

use clap::Args;
use ringtail_text::whole;

use super::{Format, seconds};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail wait kind:sms                           wait for the next SMS
  ringtail wait kind:sms status:2xx --timeout 10   ... that the app answered with success
  ringtail wait kind:telephony -n 3 -o json        wait for three call events, and print them
  ringtail wait kind:sms --since -30s              also take one that came in the last 30 seconds
  ringtail wait kind:sms --since 4711              also take one that came after this position
  ringtail wait endpoint:bot kind:interactive      wait for a button press on one endpoint

`ringtail listen` must run: `wait` reads its history. Its ready file and each event in JSON have a
position; what is stored later has a higher one.

Exit code: 0 once the events have come, 1 if they have not come in time.
A CI job: docs/CI.md; filter language: docs/FILTER.md")]
pub(crate) struct WaitArgs {
    /// Wait for events that match [default: any]
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Wait for this many events
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1, value_parser = whole::<u32>(1, u32::MAX.into()))]
    pub(crate) count: u32,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Also take events after this position, or since this time as in a filter [default: now]
    #[arg(long, value_name = "POSITION|TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}
