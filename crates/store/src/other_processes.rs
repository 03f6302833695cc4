//! Noticing what other processes write to the same file, such as `ringtail replay` while `ringtail listen` runs.
//!
//! SQLite counts commits in memory that all processes share, so that asking whether there was one costs microseconds,
//! reads nothing and waits for nothing.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use ringtail_model::Watermarks;
use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use crate::{History, ReadError, query, schema};

/// How often a process looks whose user waits for what another one writes.
pub const OFTEN: Duration = Duration::from_millis(250);

/// How often a process looks that receives the events itself, and of others sees bookmarks and replays: a laptop on which nothing
/// happens should sleep.
pub const SELDOM: Duration = Duration::from_secs(2);

/// A connection that waits for no lock, and its count of other connections' commits.
struct Watched {
    connection: Connection,
    version: Option<i64>,
}

impl Watched {
    fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = schema::HISTORY.open_reader(path)?;
        // Where the file is locked, the next round looks again.
        connection.busy_timeout(Duration::ZERO)?;
        Ok(Self {
            connection,
            version: None,
        })
    }

    /// Returns the number of every commit but this connection's own, which writes nothing.
    fn count(&self) -> rusqlite::Result<i64> {
        let count = "data_version";
        self.connection
            .pragma_query_value(None, count, |row| row.get(0))
    }
}

impl History {
    /// Moves [`History::watermarks`] for what other processes write, too, until it is cancelled; looks `every` so often. Of
    /// several callers one does so at a time.
    pub async fn watch_others(self, every: Duration, cancel: CancellationToken) {
        let permit = cancel.run_until_cancelled(self.inner.watching.acquire());
        let Some(Ok(_permit)) = permit.await else {
            return;
        };
        // On a thread of its own: a look would wake the runtime several times.
        let (stop, stopped) = mpsc::channel::<()>();
        let history = self.clone();
        let mut looking = tokio::task::spawn_blocking(move || {
            let mut watched = None;
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = history.look(&mut watched) {
                    tracing::debug!(%error, "cannot see what other processes write to the history");
                    // The next round opens another connection.
                    watched = None;
                }
            }
        });
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            _ = &mut looking => return,
        }
        drop(stop);
        looking.await.ok();
    }

    fn look(&self, watched: &mut Option<Watched>) -> Result<(), ReadError> {
        let watched = match watched {
            Some(watched) => watched,
            None => watched.insert(Watched::open(&self.inner.path)?),
        };
        let version = watched.count()?;
        if watched.version != Some(version) {
            let reached = query::watermarks(&watched.connection)?;
            let advance = |known: &mut Watermarks| known.advance(reached);
            if self.inner.watermarks.send_if_modified(advance) {
                self.inner.index.notifier().notify();
            }
            watched.version = Some(version);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::BookmarkChange;
    use crate::testing::{TestHistory, call};

    /// With two engines, the second takes over when the first ends.
    #[tokio::test]
    async fn one_caller_watches_at_a_time() {
        let kept = TestHistory::open();
        let event = call(1, "s");
        kept.receives(vec![event.clone()]).await;
        let tasks = TaskTracker::new();
        let (first, second) = (CancellationToken::new(), CancellationToken::new());
        let looking = tasks.spawn(kept.history.clone().watch_others(OFTEN, first.clone()));
        while kept.history.inner.watching.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let mut waiting = std::pin::pin!(kept.history.clone().watch_others(OFTEN, second.clone()));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        assert!(kept.history.inner.watching.try_acquire().is_err());
        first.cancel();
        looking.await.unwrap();
        let mut watermarks = kept.history.watermarks();
        let other = History::open(kept.dir.path()).unwrap();
        other
            .set_bookmark(vec![event.id], BookmarkChange::Set)
            .await
            .unwrap();
        tokio::select! {
            () = waiting.as_mut() => panic!("it was not cancelled"),
            seen = watermarks.wait_for(|marks| marks.bookmarks == 1) => drop(seen.unwrap()),
        }
        second.cancel();
        waiting.await;
    }

    #[tokio::test]
    async fn what_another_process_writes_moves_the_watermarks() {
        let kept = TestHistory::open();
        let event = call(1, "s");
        kept.receives(vec![event.clone()]).await;
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(kept.history.clone().watch_others(OFTEN, cancel.clone()));
        tasks.close();
        let mut watermarks = kept.history.watermarks();
        let other = History::open(kept.dir.path()).unwrap();
        for (count, change) in [(1, BookmarkChange::Set), (2, BookmarkChange::Clear)] {
            other.set_bookmark(vec![event.id], change).await.unwrap();
            watermarks
                .wait_for(|marks| marks.bookmarks == count)
                .await
                .unwrap();
        }
        cancel.cancel();
        tasks.wait().await;
    }
}
