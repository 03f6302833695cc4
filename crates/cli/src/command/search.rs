//! Finds events by filter.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use ringtail_errors::Failure;
use ringtail_filter::Filter;
use ringtail_model::{EventRow, RowId};
use ringtail_store::{Direction, History, Search};

/// How often a search reports its progress.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where a search reports its progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReportTo {
    /// On stderr, if that is a terminal.
    Stderr,
    /// Nowhere.
    None,
}

/// Parses a filter.
pub(crate) fn filter(text: &str) -> Result<Filter, Failure> {
    Filter::parse(text).map_err(|error| {
        let pointed = error.pointed();
        Failure::from(error).quote(pointed)
    })
}

/// Searches from a row until `limit` events are found or none are left, and returns the row to continue from. Passes each
/// event on as it is found: the result may be the whole history.
pub(super) async fn find(
    history: &History,
    search: &Arc<Search>,
    (direction, from): (Direction, RowId),
    limit: usize,
    report: ReportTo,
    mut each: impl FnMut(EventRow),
) -> Result<Option<RowId>, Failure> {
    let mut next = Some(from);
    let mut count = 0;
    let mut reported = false;
    while let Some(at) = next
        && count < limit
    {
        let found = history.search(search, direction, at, limit - count, PATIENCE);
        let found = found.await?;
        count += found.rows.len();
        found.rows.into_iter().for_each(&mut each);
        next = found.next;
        let waits = report == ReportTo::Stderr && std::io::stderr().is_terminal();
        if next.is_some() && count < limit && waits {
            reported = true;
            let to_go = match (direction, next) {
                (Direction::Older, Some(next)) => next.0,
                (_, next) => history.watermarks().borrow().events.0 - next.map_or(0, |next| next.0),
            };
            let line = format!("\r{count} found, {to_go} events to search\x1b[K");
            drop(std::io::stderr().lock().write_all(line.as_bytes()));
        }
    }
    if reported {
        drop(std::io::stderr().lock().write_all(b"\r\x1b[K"));
    }
    Ok(next)
}
