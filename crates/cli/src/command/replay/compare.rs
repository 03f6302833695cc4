//! Which answers of the app changed.

use ringtail_client::diff::{Noise, answers};
use ringtail_client::history::History;
use ringtail_client::model::{AttemptDetail, EventRow, Outcome};
use serde_json::json;

use crate::args::Format;
use crate::exit::Failure;
use crate::output::escape::escape;
use crate::output::plain::{Style, Tone};
use crate::output::{json, print};

/// Answers held against those before them.
#[derive(Debug)]
pub(super) struct Comparison {
    noise: Noise,
    rows: Vec<Row>,
    compared: usize,
}

/// An answer that changed.
#[derive(Debug)]
struct Row {
    seq: u64,
    id: String,
    summary: String,
    before: String,
    after: String,
    changes: usize,
}

impl Comparison {
    pub(super) fn new(noise: Noise, ignore: &[String]) -> Self {
        let noise = ignore.iter().fold(noise, |noise, name| noise.with(name));
        Self {
            noise,
            rows: Vec::new(),
            compared: 0,
        }
    }

    /// Takes the answer to an event into account. One that was never answered before cannot have changed.
    pub(super) fn add(
        &mut self,
        event: &EventRow,
        before: Option<&AttemptDetail>,
        after: &AttemptDetail,
    ) {
        let Some(before) = before else { return };
        self.compared += 1;
        let changes = answers(before, after, &self.noise).changes;
        if changes > 0 {
            self.rows.push(Row {
                seq: event.seq,
                id: event.id.to_string(),
                summary: event.summary.clone(),
                before: outcome(before),
                after: outcome(after),
                changes,
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
                            "before": row.before, "after": row.after, "changes": row.changes,
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
            let how = match row.before == row.after {
                true => format!("{}, {} lines", row.after, row.changes),
                false => format!("{} → {}", row.before, row.after),
            };
            let how = style.paint(Tone::Warn, &escape(&how));
            text += &format!("  #{:<6} {how}  {}\n", row.seq, escape(&row.summary));
        }
        text
    }
}

fn outcome(detail: &AttemptDetail) -> String {
    match &detail.attempt.outcome {
        Outcome::Status(status) => status.to_string(),
        Outcome::Error { message, .. } => message.clone(),
    }
}

/// Returns the newest answer that the app has given to an event.
pub(super) async fn last_answer(
    history: &History,
    event: &EventRow,
) -> Result<Option<AttemptDetail>, Failure> {
    let detail = history.event(event.id).await.map_err(anyhow::Error::from)?;
    let answered = |attempt: &AttemptDetail| matches!(attempt.attempt.outcome, Outcome::Status(_));
    Ok(detail.and_then(|detail| detail.attempts.into_iter().rev().find(answered)))
}
