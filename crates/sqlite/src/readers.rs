//! A pool of read-only connections.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

/// Opens another connection of the pool.
type Open = Box<dyn Fn() -> rusqlite::Result<Connection> + Send + Sync>;

/// A handle to the pool; clones share it. Queries run off the runtime, and wait in order of arrival for a connection.
#[derive(Debug, Clone)]
pub struct Readers(Arc<Pool>);

struct Pool {
    open: Open,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("permits", &self.permits)
            .finish_non_exhaustive()
    }
}

/// Why a query has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// SQLite failed.
    #[error("the database could not be read")]
    Sqlite(#[from] rusqlite::Error),
    /// The pool is closed, or the runtime is shutting down.
    #[error("the database is closed")]
    Closed,
}

impl Readers {
    /// Makes a pool that opens each connection when it is first needed.
    pub fn new(
        connections: usize,
        open: impl Fn() -> rusqlite::Result<Connection> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Pool {
            open: Box::new(open),
            permits: Arc::new(Semaphore::new(connections)),
            idle: Mutex::default(),
        }))
    }

    /// Opens all connections, so that a process that runs out of file descriptors can still read. Blocks.
    pub fn open(
        connections: usize,
        open: impl Fn() -> rusqlite::Result<Connection> + Send + Sync + 'static,
    ) -> rusqlite::Result<Self> {
        let readers = Self::new(connections, open);
        for _ in 0..connections {
            let connection = (readers.0.open)()?;
            // SQLite opens the write-ahead log when it first reads.
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            readers.0.idle().push(connection);
        }
        Ok(readers)
    }

    /// Runs a query. After an error its connection is replaced.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let permit = Arc::clone(&self.0.permits).acquire_owned().await;
        let permit = permit.map_err(|_| ReadError::Closed)?;
        let pool = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || {
            // Held until the query ends, even if the caller has gone.
            let _permit = permit;
            let idle = pool.idle().pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => (pool.open)()?,
            };
            let value = query(&mut connection)?;
            if !pool.permits.is_closed() {
                pool.idle().push(connection);
            }
            Ok(value)
        })
        .await
        .unwrap_or(Err(ReadError::Closed))
    }

    /// Refuses further queries and closes the idle connections.
    pub fn close(&self) {
        self.0.permits.close();
        self.0.idle().clear();
    }
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn connections_are_used_again_but_not_after_an_error() {
        let opened = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&opened);
        let readers = Readers::open(1, move || {
            count.fetch_add(1, Ordering::Relaxed);
            Connection::open_in_memory()
        })
        .unwrap();
        let one = |connection: &mut Connection| connection.query_row("SELECT 1", [], |r| r.get(0));
        for expected in [1, 1] {
            let found: i64 = readers.read(one).await.unwrap();
            assert_eq!((found, opened.load(Ordering::Relaxed)), (1, expected));
        }
        let failed = readers.read(|it| it.execute_batch("nonsense")).await;
        assert!(matches!(failed, Err(ReadError::Sqlite(_))), "{failed:?}");
        let found: i64 = readers.read(one).await.unwrap();
        assert_eq!((found, opened.load(Ordering::Relaxed)), (1, 2));
        readers.close();
        let refused = readers.read(one).await.map(|_: i64| ());
        assert!(matches!(refused, Err(ReadError::Closed)), "{refused:?}");
    }
}
