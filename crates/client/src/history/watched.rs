//! Attempts that try RingCentral's patience: forwards of events whose subscription is blacklisted when they fail.

use rusqlite::{OptionalExtension, Params, params};

use ringtail_ringcentral::verdict::FailureClock;

use super::attempts;
use super::query::Reader;
use crate::model::{AttemptRow, RowId};

/// Rows that are read at once.
const PAGE: i64 = 500;

/// The most attempts that are looked back on. Who failed that often has been blacklisted long since.
const MAX_BACK: usize = 10_000;

/// Which attempts and events count, by the names of their callbacks.
const WATCHED: &str = "e.callback IN ('platform-notification', 'agent-state')";

impl Reader {
    /// Returns how the endpoint's failure clock stands, and the newest attempt that it knows of.
    pub fn failure_clock(&self, endpoint: &str) -> rusqlite::Result<(FailureClock, RowId)> {
        let mut failures: Vec<AttemptRow> = Vec::new();
        let mut before = RowId(i64::MAX);
        let mut newest = RowId::default();
        while failures.len() < MAX_BACK {
            let page = self.watched("a.row < ?2", "DESC", params![endpoint, before.0, PAGE])?;
            let Some(last) = page.last() else { break };
            before = last.row;
            newest = newest.max(page[0].row);
            // What was before the last answer that was accepted does not count.
            let accepted = page.iter().position(|row| row.verdict.is_accepted());
            failures.extend(page.into_iter().take(accepted.unwrap_or(usize::MAX)));
            if accepted.is_some() {
                break;
            }
        }
        let mut clock = FailureClock::default();
        for attempt in failures.iter().rev() {
            note(&mut clock, attempt);
        }
        Ok((clock, newest))
    }

    /// Goes on from there: notes attempts after a row and returns the newest.
    pub fn advance_failure_clock(
        &self,
        endpoint: &str,
        clock: &mut FailureClock,
        mut after: RowId,
    ) -> rusqlite::Result<RowId> {
        loop {
            let page = self.watched("a.row > ?2", "ASC", params![endpoint, after.0, PAGE])?;
            let Some(last) = page.last() else {
                return Ok(after);
            };
            after = last.row;
            for attempt in &page {
                note(clock, attempt);
            }
        }
    }

    /// Returns the newest watched event after a row that is owed to the target.
    pub fn newest_held(&self, endpoint: &str, after: RowId) -> rusqlite::Result<Option<RowId>> {
        let sql = format!(
            "SELECT e.row FROM event AS e
             WHERE e.endpoint = ?1 AND e.forward = 1 AND e.row > ?2 AND {WATCHED} ORDER BY e.row DESC LIMIT 1"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let row = statement.query_row(params![endpoint, after.0], |row| row.get(0).map(RowId));
        row.optional()
    }

    fn watched(
        &self,
        range: &str,
        order: &str,
        params: impl Params,
    ) -> rusqlite::Result<Vec<AttemptRow>> {
        // The order of a CROSS JOIN is as written: by row, without sorting.
        let sql = format!(
            "SELECT {} FROM attempt AS a CROSS JOIN event AS e
             WHERE e.id = a.event AND e.endpoint = ?1 AND {range} AND a.cause = 1 AND {WATCHED}
             ORDER BY a.row {order} LIMIT ?3",
            attempts::COLUMNS,
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params, |row| attempts::read_row(row, 0))?;
        rows.filter_map(Result::transpose).collect()
    }
}

fn note(clock: &mut FailureClock, attempt: &AttemptRow) {
    let took = i64::try_from(attempt.duration.as_millis()).unwrap_or(i64::MAX);
    let answered_ms = (attempt.started_at.0 / 1000).saturating_add(took);
    clock.note(answered_ms, &attempt.verdict);
}
