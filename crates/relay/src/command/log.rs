//! Logging to stderr.

use std::io::{self, IsTerminal as _};

use ringtail_errors::{Failure, codes};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::Output;
use crate::recent::RecentLog;

/// What is logged unless asked otherwise.
const DEFAULT: &str = "info";

/// Starts logging, and returns where the end of the log can be read. Only the first call has an effect.
pub(super) fn start(filter: Option<&str>, form: Output) -> Result<RecentLog, Failure> {
    let filter = filter.filter(|text| !text.is_empty()).unwrap_or(DEFAULT);
    let filter = EnvFilter::builder()
        .parse(complete(filter))
        .map_err(|error| {
            let text = format!("the filter of --log or RUST_LOG cannot be read: {error}");
            Failure::new(&codes::USAGE, text)
        })?;
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(colour);
    let layer = match form {
        Output::Plain => lines.boxed(),
        // Fields of an event beside its message, and those of the spans around it.
        Output::Json => lines.json().flatten_event(true).with_ansi(false).boxed(),
    };
    let recent = RecentLog::default();
    // Fails when there is a subscriber already, which then is the one that counts.
    drop(
        tracing_subscriber::registry()
            .with(filter)
            .with(filter_fn(bears_no_secrets))
            .with(layer)
            .with(recent.clone())
            .try_init(),
    );
    Ok(recent)
}

/// The TLS library warns of what strangers do in a handshake, as often as they do it. It is heard when it is asked for.
fn complete(filter: &str) -> String {
    if filter.contains("rustls") {
        filter.to_owned()
    } else {
        format!("{filter},rustls=error")
    }
}

/// What HTTP and WebSocket libraries say at their most talkative level has headers and bodies in it: tokens too.
fn bears_no_secrets(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("ringtail") || *metadata.level() <= Level::DEBUG
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_do_not_write_the_log() {
        for (filter, expected) in [
            (DEFAULT, "info,rustls=error"),
            ("ringtail_relay=debug", "ringtail_relay=debug,rustls=error"),
            ("warn,rustls=debug", "warn,rustls=debug"),
        ] {
            assert_eq!(complete(filter), expected);
            assert!(EnvFilter::builder().parse(complete(filter)).is_ok());
        }
    }
}
