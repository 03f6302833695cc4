//! Rows of what a replay has to tell of its events.

use super::Row;
use crate::source::Table;
use crate::text::{TextLine, Tone, cut, width};

/// Most columns of what is told of an event.
const MAX_TOLD: usize = 40;

/// Lays out a table.
pub(crate) fn rows(table: &Table) -> Vec<Row> {
    let column = |widths: &mut dyn Iterator<Item = usize>| widths.max().unwrap_or(0);
    let told = column(&mut table.rows.iter().map(|row| width(&row.told))).min(MAX_TOLD);
    let seq = column(&mut table.rows.iter().map(|row| row.seq.to_string().len()));
    let heading = Row::plain(TextLine::new(Tone::Strong, &table.title));
    let rows = table.rows.iter().map(|row| {
        let said = cut(&row.told, MAX_TOLD);
        let pad = " ".repeat(told.saturating_sub(width(&said)));
        let line = TextLine::new(Tone::Dim, format!("  #{:<seq$}  ", row.seq))
            .with(Tone::Warn, said)
            .with(Tone::Plain, format!("{pad}  "))
            .with(Tone::Plain, &row.summary);
        Row {
            line,
            event: Some((row.event, row.row)),
        }
    });
    std::iter::once(heading).chain(rows).collect()
}
