//! Canaries that were sent: which came back, and when.

use rusqlite::{Connection, OptionalExtension, named_params};

use ringtail_protocol::event::{EventId, Timestamp};

use crate::{History, ReadError, StoreError};

/// How long a canary is remembered.
const KEPT_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

impl History {
    /// Remembers a canary before it is sent.
    ///
    /// # Errors
    /// When the history cannot be written, so that the canary could not come back either.
    pub async fn canary_sent(&self, id: EventId) -> Result<(), StoreError> {
        let now = Timestamp::now();
        self.write(32, move |_, connection| {
            connection
                .prepare_cached("DELETE FROM canary WHERE sent_at < :oldest")?
                .execute(named_params! {":oldest": now.0.saturating_sub(KEPT_MICROS)})?;
            connection
                .prepare_cached("INSERT INTO canary (id, sent_at) VALUES (:id, :now)")?
                .execute(named_params! {":id": id.as_bytes(), ":now": now.0})?;
            Ok(())
        })
        .await
    }

    /// Returns when a canary came back, if it did, also to another process with this history.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn canary_stored(&self, id: EventId) -> Result<Option<Timestamp>, ReadError> {
        self.read(move |reader| {
            let stored = reader
                .connection
                .prepare_cached("SELECT stored_at FROM canary WHERE id = :id")?
                .query_row(named_params! {":id": id.as_bytes()}, |row| row.get(0))
                .optional()?;
            Ok(stored.flatten().map(Timestamp))
        })
        .await
    }
}

/// Notes that a canary came. Ignores those that another laptop sent. Runs inside the writer's transaction.
pub(crate) fn came(connection: &Connection, id: EventId) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("UPDATE canary SET stored_at = :now WHERE id = :id AND stored_at IS NULL")?
        .execute(named_params! {":id": id.as_bytes(), ":now": Timestamp::now().0})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestHistory, call};
    use crate::{Forwarding, Incoming};

    #[tokio::test]
    async fn a_canary_is_noted_and_moves_the_cursor_and_is_no_event() {
        let kept = TestHistory::open();
        let [ours, others] = [EventId::fresh(), EventId::fresh()];
        kept.history.canary_sent(ours).await.unwrap();
        let batch = vec![
            Incoming::Start,
            Incoming::Canary { seq: 1, id: ours },
            Incoming::Canary { seq: 2, id: others },
            Incoming::Event(call(3, "s")),
            Incoming::Canary { seq: 5, id: ours },
        ];
        let stored = kept.history.store("demo-x1", "j", batch, Forwarding::On);
        let stored = stored.await.unwrap();
        assert_eq!((stored.cursor, stored.new), (5, 1));
        assert!(kept.history.canary_stored(ours).await.unwrap().is_some());
        assert_eq!(kept.history.canary_stored(others).await.unwrap(), None);
        let gaps = kept
            .history
            .gaps_after(Default::default(), 9)
            .await
            .unwrap();
        assert_eq!(
            gaps.iter()
                .map(|gap| (gap.first, gap.last))
                .collect::<Vec<_>>(),
            [(4, 4)]
        );
    }
}
