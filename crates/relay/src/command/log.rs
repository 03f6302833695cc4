//! Logging to stderr.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

/// What is logged unless asked otherwise.
const DEFAULT: &str = "info";

/// Starts logging. Only the first call has an effect.
pub(super) fn start(filter: Option<&str>) -> anyhow::Result<()> {
    let filter = filter.filter(|text| !text.is_empty()).unwrap_or(DEFAULT);
    let filter = EnvFilter::builder()
        .parse(filter)
        .context("the filter of --log or RUST_LOG cannot be read")?;
    // Fails when there is a subscriber already, which then is the one that counts.
    drop(
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
            .try_init(),
    );
    Ok(())
}
