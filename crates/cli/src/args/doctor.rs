//! Arguments of `ringtail doctor`.

use std::path::PathBuf;

use clap::Args;

use super::{Format, path};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ringtail doctor                        check this machine and the way to the relay
  ringtail doctor 3000                   check the app on port 3000, too
  ringtail doctor --report report.txt    write a text to attach to a bug report; it has no tokens and no secrets

Exit code: 0 if no row has failed, 1 if one has.")]
pub(crate) struct DoctorArgs {
    /// The app (port, host:port, URL or unix:/socket) [default: the last target of the endpoint]
    pub(crate) target: Option<String>,
    /// Endpoint whose last target is checked [default: default]
    #[arg(long, short, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Write a report to this file
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub(crate) report: Option<PathBuf>,
    /// Output format
    #[arg(long, short, value_name = "FORMAT", default_value_t, value_enum)]
    pub(crate) output: Format,
}
