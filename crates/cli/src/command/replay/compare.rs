//! Which answers of the app changed.

use ringtail_client::replay::{Compared, Step};
use serde_json::json;

use crate::args::Format;
use crate::exit::Failure;
use crate::output::escape::escape;
use crate::output::plain::{Style, Tone};
use crate::output::{json, print};

/// Answers held against those before them.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    rows: Vec<Row>,
    compared: usize,
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
    /// Takes the answer to an event into account. One that was never answered before cannot have changed.
    pub(super) fn add(&mut self, step: &Step) {
        let Some(compared) = &step.compared else {
            return;
        };
        self.compared += 1;
        if compared.changes > 0 {
            self.rows.push(Row {
                seq: step.event.seq,
                id: step.event.id.to_string(),
                summary: step.event.summary.clone(),
                how: how(compared),
                compared: compared.clone(),
            });
        }
    }

    /// Returns how many answers changed, and how many were compared.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.rows.len(), self.compared)
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
                let (changed, compared) = self.counts();
                json::line(
                    &mut out,
                    &json!({"type": "compared", "answers": compared, "changed": changed}),
                );
            }
        }
        print(&out).await
    }

    fn table(&self, style: &Style) -> String {
        let (changed, compared) = self.counts();
        let mut text = format!("\n{changed} of {compared} answers changed\n");
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
