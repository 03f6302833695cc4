//! Rows of a replay's result.

use ringtail_model::EventRow;
use ringtail_views::replayer::ResultTable;

use super::PanelRow;
use crate::text::{column, escape, line, span, width};
use crate::theme::{DIM, PLAIN, STRONG, WARN};

/// Most columns of an event's result.
const MAX_RESULT: usize = 40;

/// Lays out a table; `label` names the endpoint of an event whose number is not enough.
pub(crate) fn rows<'e>(
    table: &'e ResultTable,
    label: impl Fn(&'e EventRow) -> Option<&'e str>,
) -> Vec<PanelRow> {
    let results = table.rows.iter().map(|(_, result)| width(result));
    let result_width = results.max().unwrap_or(0).min(MAX_RESULT);
    let name = |event: &'e EventRow| match label(event) {
        Some(label) => format!("{} {}", escape(label), event.seq),
        None => format!("#{}", event.seq),
    };
    let names: Vec<_> = table.rows.iter().map(|(event, _)| name(event)).collect();
    let name_width = names.iter().map(|name| width(name)).max().unwrap_or(0);
    let rows = table.rows.iter().zip(&names);
    let rows = rows.map(|((event, result), name)| PanelRow {
        line: span(format!("  {}  ", column(name, name_width)), DIM)
            + span(column(result, result_width), WARN)
            + span(format!("  {}", event.summary), PLAIN),
        event: Some((event.id, event.row)),
    });
    std::iter::once(PanelRow::plain(line(&table.title, STRONG)))
        .chain(rows)
        .collect()
}
