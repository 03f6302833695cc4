//! The newest warnings and errors of the log, for `status`.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use parking_lot::Mutex;
use ringtail_protocol::event::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::rfc3339;

/// Lines to keep.
const LINES: usize = 16;

/// Bytes of a line.
const LINE_BYTES: usize = 512;

/// A layer that keeps the newest warnings and errors.
#[derive(Debug, Clone, Default)]
pub struct RecentLog(Arc<Mutex<VecDeque<RecentLine>>>);

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentLine {
    /// When it was written.
    pub at: String,
    /// `error` or `warning`.
    pub level: String,
    /// Its message and fields.
    pub message: String,
}

impl RecentLog {
    /// Returns the lines, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<RecentLine> {
        self.0.lock().iter().cloned().collect()
    }
}

impl<S: Subscriber> Layer<S> for RecentLog {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = *event.metadata().level();
        if level > Level::WARN {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let line = RecentLine {
            at: rfc3339::of_event(Timestamp::now()),
            level: if level == Level::ERROR {
                "error"
            } else {
                "warning"
            }
            .to_owned(),
            message: text.0,
        };
        let mut lines = self.0.lock();
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Formats the message and then the fields.
#[derive(Default)]
struct Text(String);

impl Text {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let written = match field.name() {
            "message" => {
                let rest = std::mem::take(&mut self.0);
                write!(self.0, "{value}{rest}")
            }
            name => write!(self.0, " {name}={value}"),
        };
        if written.is_err() || self.0.len() > LINE_BYTES {
            let end = self.0.floor_char_boundary(LINE_BYTES);
            self.0.truncate(end);
        }
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let chain = ringtail_text::chain(value);
        self.add(field, format_args!("{chain}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn the_newest_warnings_and_errors_are_kept_with_their_causes() {
        let recent = RecentLog::default();
        let log = tracing_subscriber::registry().with(recent.clone());
        tracing::subscriber::with_default(log, || {
            for number in 0..LINES {
                tracing::warn!(number, "old");
            }
            tracing::info!("not kept");
            let cause = io_error();
            tracing::error!(error = &cause as &dyn std::error::Error, "a failure");
            tracing::warn!(what = "é".repeat(LINE_BYTES), "long");
        });
        let lines = recent.lines();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[0].message, "old number=2");
        let error = &lines[LINES - 2];
        assert_eq!(error.message, "a failure error=outer: inner");
        assert_eq!(error.level, "error");
        assert!(lines[LINES - 1].message.len() <= LINE_BYTES);
    }

    fn io_error() -> impl std::error::Error {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct OuterError(#[source] InnerError);
        #[derive(Debug, thiserror::Error)]
        #[error("inner")]
        struct InnerError;
        OuterError(InnerError)
    }
}
