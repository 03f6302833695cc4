//! Attempts that try RingCentral's patience: forwards of events whose subscription is blacklisted when they fail.

use rusqlite::{OptionalExtension, Params, params};

use ringtail_ringcentral::verdict::FailureClock;

use super::attempts;
use super::query::Reader;
use ringtail_model::{AttemptRow, RowId};

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
        let mut newest = self.newest_attempt()?;
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

    /// Goes on from there: notes attempts after a row and returns the newest, be it one that counts or not: rows that
    /// do not count are passed over once.
    pub fn advance_failure_clock(
        &self,
        endpoint: &str,
        clock: &mut FailureClock,
        mut after: RowId,
    ) -> rusqlite::Result<RowId> {
        // Before the pages, which then miss none up to it.
        let newest = self.newest_attempt()?;
        loop {
            let page = self.watched("a.row > ?2", "ASC", params![endpoint, after.0, PAGE])?;
            let Some(last) = page.last() else {
                return Ok(after.max(newest));
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

    fn newest_attempt(&self) -> rusqlite::Result<RowId> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT coalesce(max(row), 0) FROM attempt")?;
        statement.query_row([], |row| row.get(0).map(RowId))
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

#[cfg(test)]
mod tests {
    use super::super::NewAttempt;
    use super::super::testing::{ENDPOINT, TestHistory, attempt, call, event};
    use super::*;
    use ringtail_model::{Cause, Outcome};
    use ringtail_protocol::event::{EventId, Timestamp};

    const BEGAN_MS: i64 = 1_700_000_000_000;

    fn answered(event: EventId, minute: i64, status: u16, cause: Cause) -> NewAttempt {
        NewAttempt {
            cause,
            outcome: Outcome::Status(status),
            started_at: Timestamp((BEGAN_MS + minute * 60_000) * 1000),
            ..attempt(event)
        }
    }

    #[tokio::test]
    async fn forwards_of_notifications_move_the_clock_and_nothing_else_does() {
        let test = TestHistory::open();
        let (call, other) = (call(1, "s"), event(2, "hello"));
        test.receives(vec![call.clone(), other.clone()]).await;
        let mut followed = (FailureClock::default(), RowId::default());
        // Which event was answered when and how, and since which minute the clock then runs.
        for (event, minute, status, cause, since) in [
            (call.id, 0, 500, Cause::Forward, Some(0)),
            (call.id, 1, 200, Cause::Replay, Some(0)),
            (other.id, 2, 200, Cause::Forward, Some(0)),
            (call.id, 3, 404, Cause::Forward, Some(0)),
            (call.id, 4, 200, Cause::Forward, None),
            (call.id, 5, 500, Cause::Replay, None),
            (other.id, 6, 500, Cause::Forward, None),
            (call.id, 7, 500, Cause::Forward, Some(7)),
        ] {
            let answer = answered(event, minute, status, cause);
            let row = test.history.record_attempt(answer, false).await.unwrap();
            let reader = test.history.reader().unwrap();
            let (clock, after) = &mut followed;
            *after = reader
                .advance_failure_clock(ENDPOINT, clock, *after)
                .unwrap();
            assert_eq!(*after, row, "no row is looked at twice");
            // Who starts now knows the same as who watched.
            let (recalled, newest) = reader.failure_clock(ENDPOINT).unwrap();
            assert_eq!((&recalled, newest), (&*clock, *after), "{minute}");
            let found = clock.failing().map(|failing| failing.since_ms);
            let expected = since.map(|minute: i64| BEGAN_MS + minute * 60_000 + 12);
            assert_eq!(found, expected, "{minute}");
            assert!(reader.failure_clock("other").unwrap().0.failing().is_none());
        }
    }

    #[tokio::test]
    async fn only_notifications_that_wait_are_held_against_the_app() {
        let test = TestHistory::open();
        let (call, other) = (call(1, "s"), event(2, "hello"));
        test.receives(vec![call.clone(), other]).await;
        let row = test.history.row_of(call.id).await.unwrap().unwrap();
        let reader = test.history.reader().unwrap();
        let held = |after| reader.newest_held(ENDPOINT, after).unwrap();
        assert_eq!(held(RowId::default()), Some(row));
        assert_eq!(held(row), None);
        let answer = answered(call.id, 0, 200, Cause::Forward);
        test.history.record_attempt(answer, true).await.unwrap();
        assert_eq!(held(RowId::default()), None);
    }
}
