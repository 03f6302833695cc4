//! The failure clock of an endpoint, from its attempts: RingCentral blacklists a subscription whose deliveries fail
//! for long.

use rusqlite::{OptionalExtension, named_params};

use ringtail_ringcentral::verdict::FailureClock;

use ringtail_model::{AttemptRow, RowId};

use crate::attempts;
use crate::query::Reader;

/// Rows of one query.
const PAGE: i64 = 500;

/// Most attempts that are looked back on. An app that failed that often has been blacklisted long ago.
const MAX_BACK: usize = 10_000;

/// Which events count: RingCentral does not blacklist for the others.
const COUNTED: &str = "e.callback IN ('platform-notification', 'agent-state')";

impl Reader<'_> {
    /// Returns the endpoint's failure clock, and the newest attempt that it covers.
    pub fn failure_clock(&self, endpoint: &str) -> rusqlite::Result<(FailureClock, RowId)> {
        let mut failures: Vec<AttemptRow> = Vec::new();
        let mut before = RowId(i64::MAX);
        let mut newest = self.newest_attempt()?;
        while failures.len() < MAX_BACK {
            let page = self.counted(endpoint, "a.row < :row", before, "DESC")?;
            let Some(last) = page.last() else { break };
            before = last.row;
            newest = newest.max(page[0].row);
            // What was before the last accepted answer does not count.
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

    /// Advances the clock by the attempts after a row, and returns the newest attempt, counted or not, to continue from.
    pub fn advance_failure_clock(
        &self,
        endpoint: &str,
        clock: &mut FailureClock,
        mut after: RowId,
    ) -> rusqlite::Result<RowId> {
        // Read before the pages, so that they miss none up to it.
        let newest = self.newest_attempt()?;
        loop {
            let page = self.counted(endpoint, "a.row > :row", after, "ASC")?;
            let Some(last) = page.last() else {
                return Ok(after.max(newest));
            };
            after = last.row;
            for attempt in &page {
                note(clock, attempt);
            }
        }
    }

    /// Returns the newest pending event after a row that counts for the clock.
    pub fn newest_pending(&self, endpoint: &str, after: RowId) -> rusqlite::Result<Option<RowId>> {
        let sql = format!(
            "SELECT e.row FROM event AS e
             WHERE e.endpoint = :endpoint AND e.forward = 1 AND e.row > :after AND {COUNTED} ORDER BY e.row DESC LIMIT 1"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let values = named_params! {":endpoint": endpoint, ":after": after.0};
        statement
            .query_row(values, |row| row.get(0).map(RowId))
            .optional()
    }

    fn newest_attempt(&self) -> rusqlite::Result<RowId> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT coalesce(max(row), 0) FROM attempt")?;
        statement.query_row([], |row| row.get(0).map(RowId))
    }

    fn counted(
        &self,
        endpoint: &str,
        range: &str,
        from: RowId,
        order: &str,
    ) -> rusqlite::Result<Vec<AttemptRow>> {
        // The order of a CROSS JOIN is as written: by row, without sorting.
        let sql = format!(
            "SELECT {} FROM attempt AS a CROSS JOIN event AS e
             WHERE e.id = a.event AND e.endpoint = :endpoint AND {range} AND a.cause = 1 AND {COUNTED}
             ORDER BY a.row {order} LIMIT :limit",
            attempts::COLUMNS,
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let values = named_params! {":endpoint": endpoint, ":row": from.0, ":limit": PAGE};
        let rows = statement.query_map(values, |row| attempts::read_row(row, 0))?;
        rows.filter_map(Result::transpose).collect()
    }
}

fn note(clock: &mut FailureClock, attempt: &AttemptRow) {
    let took = i64::try_from(attempt.duration.as_millis()).unwrap_or(i64::MAX);
    let answered_ms = (attempt.started_at.0 / 1000).saturating_add(took);
    clock.note(answered_ms, attempt.verdict.faults().first());
}

#[cfg(test)]
mod tests {
    use ringtail_model::{Cause, Outcome};
    use ringtail_protocol::event::{EventId, Timestamp};

    use super::*;
    use crate::NewAttempt;
    use crate::testing::{ENDPOINT, TestHistory, attempt, call, unmarked};

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
        let (call, other) = (call(1, "s"), unmarked(2, "hello"));
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
            let (clock, after) = &mut followed;
            *after = test.read(|reader| reader.advance_failure_clock(ENDPOINT, clock, *after));
            assert_eq!(*after, row, "no row is looked at twice");
            // A client that starts now has the same clock.
            let (recalled, newest) = test.read(|reader| reader.failure_clock(ENDPOINT));
            assert_eq!((&recalled, newest), (&*clock, *after), "{minute}");
            let found = clock.failing().map(|failing| failing.since_ms);
            let expected = since.map(|minute: i64| BEGAN_MS + minute * 60_000 + 12);
            assert_eq!(found, expected, "{minute}");
            let (other, _) = test.read(|reader| reader.failure_clock("other"));
            assert!(other.failing().is_none());
        }
    }

    #[tokio::test]
    async fn only_pending_notifications_count_against_the_app() {
        let test = TestHistory::open();
        let (call, other) = (call(1, "s"), unmarked(2, "hello"));
        test.receives(vec![call.clone(), other]).await;
        let row = test.history.row_of(call.id).await.unwrap().unwrap();
        let pending = |after| test.read(|reader| reader.newest_pending(ENDPOINT, after));
        assert_eq!(pending(RowId::default()), Some(row));
        assert_eq!(pending(row), None);
        let answer = answered(call.id, 0, 200, Cause::Forward);
        test.history.record_attempt(answer, true).await.unwrap();
        assert_eq!(pending(RowId::default()), None);
    }
}
