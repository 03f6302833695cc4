//! Logging to stderr.

use std::io::{self, IsTerminal as _};

use ringtail_errors::{Failure, codes};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::Output;
use crate::recent_log::RecentLog;

/// The default filter.
const DEFAULT: &str = "info";

/// Starts logging and returns the newest lines. Only the first call has an effect.
pub(super) fn start(filter: Option<&str>, form: Output) -> Result<RecentLog, Failure> {
    let filter = filter.filter(|text| !text.is_empty()).unwrap_or(DEFAULT);
    let filter = parse(filter).map_err(|error| {
        let text = format!("the filter of --log or RUST_LOG cannot be read: {error}");
        Failure::new(&codes::USAGE, text)
    })?;
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() && !dumb;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(colour);
    let layer = match form {
        Output::Plain => lines.boxed(),
        Output::Json => lines.json().flatten_event(true).with_ansi(false).boxed(),
    };
    let recent = RecentLog::default();
    // Fails when there is a subscriber already.
    drop(
        tracing_subscriber::registry()
            .with(filter)
            .with(filter_fn(is_free_of_secrets))
            .with(layer)
            .with(recent.clone())
            .try_init(),
    );
    Ok(recent)
}

fn parse(filter: &str) -> Result<EnvFilter, String> {
    let mut parts = filter.split(',').map(str::trim);
    // A misspelt level would be a target, and silence everything else.
    if let Some(part) = parts.find(|part| is_unknown(part)) {
        return Err(format!(
            "{part:?} is no level; give error, warn, info, debug, trace, off, or TARGET=LEVEL"
        ));
    }
    let filter = EnvFilter::builder().parse(complete(filter));
    filter.map_err(|error| error.to_string())
}

/// Returns whether a part is one word that is neither a level nor a target of Ringtail.
fn is_unknown(part: &str) -> bool {
    let is_word = !part.is_empty() && !part.contains(['=', '[', ']', '{', '}']);
    is_word && part.parse::<LevelFilter>().is_err() && !part.starts_with("ringtail")
}

/// Makes a level alone that of the relay. A library logs only if it is named: strangers can make many of them warn.
fn complete(filter: &str) -> String {
    let parts = filter.split(',').map(str::trim);
    let parts = parts.map(|part| match part.parse::<LevelFilter>() {
        Ok(level) => format!("ringtail={level}"),
        Err(_) => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(",")
}

/// Returns whether an event cannot contain secrets: HTTP and WebSocket libraries trace headers and bodies, with tokens.
fn is_free_of_secrets(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("ringtail") || *metadata.level() <= Level::DEBUG
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_do_not_write_the_log() {
        for (filter, expected) in [
            (DEFAULT, "ringtail=info"),
            ("ringtail_relay=debug", "ringtail_relay=debug"),
            ("WARN, rustls=debug", "ringtail=warn,rustls=debug"),
            ("5", "ringtail=trace"),
        ] {
            assert_eq!(complete(filter), expected);
            assert!(parse(filter).is_ok());
        }
    }

    #[test]
    fn a_misspelt_level_is_refused() {
        for (filter, is_good) in [
            ("inof", false),
            ("info,h2", false),
            ("foo=bar=baz", false),
            ("ringtail_relay", true),
            ("info,", true),
            ("ringtail[link{n=1}]=debug", true),
        ] {
            assert_eq!(parse(filter).is_ok(), is_good, "{filter}");
        }
    }
}
