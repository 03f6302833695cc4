//! Rest of the writing thread while its process is stopped.
//!
//! A process that is stopped in the middle of a transaction keeps every other one from writing, and one that is stopped
//! in its turn to index keeps every other one from indexing: for as long as it pleases who stopped it. So who stops the
//! process has the thread rest first.

use tokio::sync::oneshot;

use super::{History, StoreError};

/// Somebody who wants the thread to rest.
#[derive(Debug)]
pub(super) struct Rest {
    /// Told when it does.
    pub(super) begun: oneshot::Sender<()>,
    /// Ends with the [`Resting`].
    pub(super) over: oneshot::Receiver<()>,
}

/// The writing thread rests until this is dropped. What is to be written waits.
#[derive(Debug)]
pub struct Resting {
    _over: oneshot::Sender<()>,
}

impl History {
    /// Lets the writing thread finish what it is at and then rest: no transaction is open, and whose turn it is to index is
    /// for others to say.
    ///
    /// # Errors
    /// When the history is closed.
    pub async fn rest(&self) -> Result<Resting, StoreError> {
        let (begun, begins) = oneshot::channel();
        let (ends, over) = oneshot::channel();
        let rest = Rest { begun, over };
        let sent = self.inner.rests.send(rest).await;
        sent.map_err(|_| StoreError::Closed)?;
        begins.await.map_err(|_| StoreError::Closed)?;
        Ok(Resting { _over: ends })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use crate::History;
    use crate::testing::{ENDPOINT, JOURNAL, TestHistory, call};
    use crate::{Forwarding, Incoming};
    use ringtail_model::RowId;

    /// A process that was stopped in its turn kept the others from indexing until it was killed.
    #[tokio::test]
    async fn regression_while_one_rests_another_indexes() {
        let first = TestHistory::open();
        first.receives(vec![call(1, "s")]).await;
        let reached = |row: i64| move |reached: &RowId| reached.0 >= row;
        first.history.indexed().wait_for(reached(1)).await.unwrap();

        let resting = first.history.rest().await.unwrap();
        let second = History::open(first.dir.path()).unwrap();
        let batch = |seq| vec![Incoming::Event(call(seq, "s"))];
        let stored = second.store(ENDPOINT, JOURNAL, batch(2), Forwarding::On);
        stored.await.unwrap();
        second.indexed().wait_for(reached(2)).await.unwrap();

        // What the first has to write waits, and is written when it goes on.
        let stored = first
            .history
            .store(ENDPOINT, JOURNAL, batch(3), Forwarding::On);
        let mut stored = Box::pin(stored);
        assert!(stored.as_mut().now_or_never().is_none());
        assert_eq!(first.history.counts().await.unwrap().events, 2);
        drop(resting);
        stored.await.unwrap();
        assert_eq!(second.counts().await.unwrap().events, 3);
        second.indexed().wait_for(reached(2)).await.unwrap();
    }

    #[tokio::test]
    async fn nobody_waits_for_the_end_of_a_rest_that_was_given_up() {
        let test = TestHistory::open();
        drop(test.history.rest().now_or_never());
        drop(test.history.rest().await.unwrap());
        test.receives(vec![call(1, "s")]).await;
    }
}
