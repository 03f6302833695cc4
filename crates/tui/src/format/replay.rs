//! Rows of a replay's result.

use ringtail_views::replayer::ResultTable;

use super::PanelRow;
use crate::text::{column, line, span, width};
use crate::theme::{DIM, PLAIN, STRONG, WARN};

/// Most columns of an event's result.
const MAX_RESULT: usize = 40;

/// Lays out a table.
pub(crate) fn rows(table: &ResultTable) -> Vec<PanelRow> {
    let results = table.rows.iter().map(|(_, result)| width(result));
    let result_width = results.max().unwrap_or(0).min(MAX_RESULT);
    let numbers = table
        .rows
        .iter()
        .map(|(event, _)| event.seq.to_string().len());
    let number_width = numbers.max().unwrap_or(0);
    let rows = table.rows.iter().map(|(event, result)| PanelRow {
        line: span(format!("  #{:<number_width$}  ", event.seq), DIM)
            + span(column(result, result_width), WARN)
            + span(format!("  {}", event.summary), PLAIN),
        event: Some((event.id, event.row)),
    });
    std::iter::once(PanelRow::plain(line(&table.title, STRONG)))
        .chain(rows)
        .collect()
}
