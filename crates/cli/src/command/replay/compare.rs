//! Compares responses with the previous ones.

use std::fmt;

use ringtail_client::replay::{Compared, Step};
use ringtail_errors::Failure;
use ringtail_model::{EventRow, redact};
use serde_json::json;

use crate::args::Format;
use crate::output::plain::{Style, Tone, number};
use crate::output::print;
use ringtail_text::escape;
use ringtail_views::json;

/// Results of a comparison.
#[derive(Debug)]
pub(super) struct Comparison {
    /// Whether the events are of several endpoints.
    several: bool,
    /// Events whose response changed, redacted.
    changed: Vec<(EventRow, Compared)>,
    counts: Counts,
}

/// Counts of a comparison.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Responses that changed.
    pub(crate) changed: usize,
    /// Responses compared.
    pub(crate) compared: usize,
    /// Events without a previous response.
    pub(crate) fresh: usize,
}

impl Counts {
    /// Adds an event.
    pub(crate) fn add(&mut self, compared: Option<&Compared>) {
        match compared {
            Some(compared) => {
                self.compared += 1;
                self.changed += usize::from(compared.changes > 0);
            }
            None => self.fresh += 1,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            changed, compared, ..
        } = self;
        write!(f, "{changed} of {compared} responses changed")?;
        match self.fresh {
            0 => Ok(()),
            fresh => write!(f, "; {fresh} had no response before"),
        }
    }
}

impl Comparison {
    pub(super) fn new(several: bool) -> Self {
        Self {
            several,
            changed: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Adds the response to an event.
    pub(super) fn add(&mut self, step: &Step) {
        self.counts.add(step.compared.as_ref());
        if let Some(compared) = &step.compared
            && compared.changes > 0
        {
            let event = redact::row(step.event.clone());
            self.changed.push((event, compared.clone()));
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) async fn print(&self, format: Format) -> Result<(), Failure> {
        let mut out = Vec::new();
        match format {
            Format::Plain => out.extend(self.table(&Style::of_stdout()).into_bytes()),
            Format::Json => {
                for (event, compared) in &self.changed {
                    json::line(
                        &mut out,
                        &json!({
                            "type": "changed", "endpoint": event.endpoint, "seq": event.seq, "event_id": event.id.to_string(),
                            "before": compared.before, "after": compared.after,
                            "changes": compared.changes,
                        }),
                    );
                }
                let Counts {
                    changed,
                    compared,
                    fresh,
                } = self.counts;
                json::line(
                    &mut out,
                    &json!({"type": "compared", "answers": compared, "changed": changed, "without": fresh}),
                );
            }
        }
        print(&out).await
    }

    fn table(&self, style: &Style) -> String {
        let mut text = format!("\n{}\n", self.counts);
        for (event, compared) in &self.changed {
            let how = style.paint(Tone::Warn, &escape(&how(compared)));
            let number = number(event, self.several);
            text += &format!("  {number:<7} {how}  {}\n", escape(&event.summary));
        }
        text
    }
}

/// Describes the change briefly.
pub(crate) fn how(compared: &Compared) -> String {
    let Compared {
        before,
        after,
        changes,
    } = compared;
    match before == after {
        true => format!("{after}, {changes} lines"),
        false => format!("{before} → {after}"),
    }
}
