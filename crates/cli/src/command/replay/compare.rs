//! Which answers of the app changed.

use std::fmt;

use ringtail_client::replay::{Compared, Step};
use ringtail_errors::Failure;
use serde_json::json;

use crate::args::Format;
use crate::output::escape::escape;
use crate::output::plain::{Style, Tone};
use crate::output::{json, print};

/// Answers held against those before them.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    rows: Vec<Row>,
    counts: Counts,
}

/// How many answers are what they were.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Answers that changed.
    pub(crate) changed: usize,
    /// Answers that were compared.
    pub(crate) compared: usize,
    /// Events that had no answer to compare with.
    pub(crate) fresh: usize,
}

impl Counts {
    /// Takes an event into account. One that was never answered before cannot have changed.
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
        write!(f, "{changed} of {compared} answers changed")?;
        match self.fresh {
            0 => Ok(()),
            fresh => write!(f, "; {fresh} had no answer before"),
        }
    }
}

/// An answer that changed.
#[derive(Debug)]
struct Row {
    seq: u64,
    id: String,
    summary: String,
    how: String,
    compared: Compared,
}

impl Comparison {
    /// Takes the answer to an event into account.
    pub(super) fn add(&mut self, step: &Step) {
        self.counts.add(step.compared.as_ref());
        if let Some(compared) = &step.compared
            && compared.changes > 0
        {
            self.rows.push(Row {
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

/// Returns how an answer changed, in a few words.
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
