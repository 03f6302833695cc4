//! Arguments of `ringtail canary`.

use std::time::Duration;

use clap::Args;

use super::{Format, seconds};

#[derive(Debug, Args)]
#[command(after_help = "\
A canary is a marked event that this command sends to the endpoint's public URL. It passes relay,
journal, link and history as RingCentral's events do, is in no list, and nobody else can make one.
The app's port is tried at the end; the app gets the canary only with --to-app.

`ringtail listen` must run. `ringtail listen --canary 5m` sends one every five minutes.

Exit code: 0 if it arrived, 69 if it was lost; the error names the hop.")]
pub(crate) struct CanaryArgs {
    /// Endpoint [default: default]
    #[arg(long, short, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Send it to the app, too
    #[arg(long)]
    pub(crate) to_app: bool,
    /// Give up this many seconds after the relay's 200
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}
