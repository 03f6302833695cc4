//! What other processes write to the same file: `ringtail events mark` and `ringtail replay` beside a running screen.
//!
//! SQLite counts commits in memory that all processes share, so that looking whether there was one costs
//! microseconds and reads nothing.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::query::{self, Reader};
use super::{History, ReadError};

/// How often it is looked whether another process has written: soon enough for who types in another window.
const LOOK: Duration = Duration::from_millis(250);

/// A connection, and the commits that it knows of.
struct Watched {
    reader: Reader,
    version: Option<i64>,
}

impl History {
    /// Moves [`History::marks`] for what other processes write, too, until it is cancelled. One of those that do so looks,
    /// and the others wait until it is cancelled.
    pub async fn watch_others(self, cancel: CancellationToken) {
        let turn = cancel.run_until_cancelled(self.inner.look.acquire());
        let Some(Ok(_turn)) = turn.await else {
            return;
        };
        let mut watched = None;
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let (history, before) = (self.clone(), watched.take());
            match tokio::task::spawn_blocking(move || history.look(before)).await {
                Ok(Ok(now)) => watched = Some(now),
                // It is tried anew with another connection.
                Ok(Err(error)) => tracing::debug!(%error, "cannot look for what others wrote"),
                Err(_) => return,
            }
        }
    }

    fn look(&self, before: Option<Watched>) -> Result<Watched, ReadError> {
        let mut watched = match before {
            Some(watched) => watched,
            None => Watched {
                reader: self.reader()?,
                version: None,
            },
        };
        let connection = &watched.reader.connection;
        // Tells of every commit but this connection's own, which writes nothing.
        let version = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if watched.version != Some(version) {
            let marks = query::marks(connection)?;
            self.inner
                .reach
                .send_if_modified(|known| known.advance(marks));
            watched.version = Some(version);
        }
        Ok(watched)
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::BookmarkChange;
    use crate::testing::{TestHistory, call};

    /// Two engines look as one: the second takes over when the first ends.
    #[tokio::test]
    async fn one_looks_at_a_time() {
        let kept = TestHistory::open();
        let event = call(1, "s");
        kept.receives(vec![event.clone()]).await;
        let tasks = TaskTracker::new();
        let (first, second) = (CancellationToken::new(), CancellationToken::new());
        let looking = tasks.spawn(kept.history.clone().watch_others(first.clone()));
        while kept.history.inner.look.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let mut waiting = std::pin::pin!(kept.history.clone().watch_others(second.clone()));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        assert!(kept.history.inner.look.try_acquire().is_err());
        first.cancel();
        looking.await.unwrap();
        let mut marks = kept.history.watermarks();
        let other = History::open(kept.dir.path()).unwrap();
        other
            .set_bookmark(vec![event.id], BookmarkChange::Set)
            .await
            .unwrap();
        tokio::select! {
            () = waiting.as_mut() => panic!("it was not told to end"),
            seen = marks.wait_for(|marks| marks.bookmarks == 1) => drop(seen.unwrap()),
        }
        second.cancel();
        waiting.await;
    }

    #[tokio::test]
    async fn what_another_process_writes_moves_the_marks() {
        let kept = TestHistory::open();
        let event = call(1, "s");
        kept.receives(vec![event.clone()]).await;
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(kept.history.clone().watch_others(cancel.clone()));
        tasks.close();
        let mut marks = kept.history.watermarks();
        let other = History::open(kept.dir.path()).unwrap();
        for (count, change) in [(1, BookmarkChange::Set), (2, BookmarkChange::Clear)] {
            other.set_bookmark(vec![event.id], change).await.unwrap();
            marks
                .wait_for(|marks| marks.bookmarks == count)
                .await
                .unwrap();
        }
        cancel.cancel();
        tasks.wait().await;
    }
}
