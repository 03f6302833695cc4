//! Which subscriptions this client keeps for an endpoint. Events of any other are a stranger's.

use rusqlite::named_params;

use crate::{History, StoreError};

impl History {
    /// Remembers subscriptions that are kept for an endpoint, or were until now: their last events may still be under way.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub async fn keep_subscriptions(
        &self,
        endpoint: &str,
        ids: Vec<String>,
    ) -> Result<(), StoreError> {
        let endpoint = endpoint.to_owned();
        let bytes = endpoint.len() + ids.iter().map(String::len).sum::<usize>();
        self.write(bytes, move |_, connection| {
            let mut insert = connection.prepare_cached(
                "INSERT OR IGNORE INTO kept_subscription (endpoint, id) VALUES (:endpoint, :id)",
            )?;
            for id in &ids {
                insert.execute(named_params! {":endpoint": endpoint, ":id": id})?;
            }
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use ringtail_model::RowId;

    use crate::testing::{TestHistory, event};

    #[tokio::test]
    async fn events_of_other_subscriptions_are_a_strangers_once_one_is_kept() {
        let kept = TestHistory::open();
        let of = |seq, id: &str| {
            let body =
                format!(r#"{{"uuid":"{seq}","event":"/x","subscriptionId":"{id}","body":{{}}}}"#);
            event(seq, &body)
        };
        let long = "x".repeat(129);
        kept.receives(vec![
            of(1, "ours"),
            of(2, "theirs"),
            event(3, "{}"),
            of(4, &long),
        ])
        .await;
        let strangers = async || {
            let events = kept.history.events_after(RowId(0), 9).await.unwrap();
            let marked = events.into_iter().filter(|it| it.is_stranger);
            marked
                .map(|it| it.subscription.unwrap())
                .collect::<Vec<_>>()
        };
        assert!(strangers().await.is_empty(), "nothing is known");
        let endpoint = kept.history.events_after(RowId(0), 1).await.unwrap()[0]
            .endpoint
            .clone();
        let keep = |ids: &[&str]| {
            let ids = ids.iter().map(|id| (*id).to_owned()).collect();
            kept.history.keep_subscriptions(&endpoint, ids)
        };
        keep(&["ours", "before"]).await.unwrap();
        assert_eq!(strangers().await, ["theirs"]);
        keep(&["ours", "theirs"]).await.unwrap();
        assert!(strangers().await.is_empty());
    }
}
