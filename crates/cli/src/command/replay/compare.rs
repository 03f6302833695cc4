//! Compares responses with the previous ones.

use std::fmt;

use ringtail_client::replay::{Compared, Step};
use ringtail_errors::Failure;
use serde_json::json;

use crate::args::Format;
use crate::output::plain::{Style, Tone};
use crate::output::print;
use ringtail_text::escape;
use ringtail_views::json;

/// Results of a comparison.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    rows: Vec<Changed>,
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

/// A response that changed.
#[derive(Debug)]
struct Changed {
    seq: u64,
    id: String,
    summary: String,
    how: String,
    compared: Compared,
}

impl Comparison {
    /// Adds the response to an event.
    pub(super) fn add(&mut self, step: &Step) {
        self.counts.add(step.compared.as_ref());
        if let Some(compared) = &step.compared
            && compared.changes > 0
        {
            self.rows.push(Changed {
                seq: step.event.seq,
                id: step.event.id.to_string(),
                summary: step.event.summary.clone(),
                how: how(compared),
                compared: compared.clone(),
            });
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
                for row in &self.rows {
                    json::line(
                        &mut out,
                        &json!({
                            "type": "changed", "seq": row.seq, "event_id": row.id,
                            "before": row.compared.before, "after": row.compared.after,
                            "changes": row.compared.changes,
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
        for row in &self.rows {
            let how = style.paint(Tone::Warn, &escape(&row.how));
            text += &format!("  #{:<6} {how}  {}\n", row.seq, escape(&row.summary));
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
