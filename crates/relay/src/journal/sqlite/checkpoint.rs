//! Moves the write-ahead log into the database's file, beside the writer. Within a `COMMIT`, every caller whose event waits for it
//! would wait for a whole checkpoint: 64 MiB and two syncs of the disk.
//!
//! SQLite's checkpoint within a `COMMIT` remains. It finds little left to move, and only then the log begins again, so the log does
//! not grow without end while events come all the time.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, OpenFlags};

/// Bytes in the log after which it is moved: a sixteenth of what starts SQLite's checkpoint.
const LOG_BYTES: i64 = 4 * 1024 * 1024;

/// Bytes of a transaction in the log besides its events: of pages that it changes in part.
const TRANSACTION_BYTES: i64 = 16 * 1024;

/// A handle to the thread. Dropping it ends the thread after a checkpoint that is under way.
#[derive(Debug)]
pub(super) struct Checkpointer {
    due: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Bytes since the last checkpoint began.
    bytes: i64,
}

impl Checkpointer {
    /// Starts the thread for the database at `path`.
    pub(super) fn spawn(path: PathBuf) -> io::Result<Self> {
        let (due, dues) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || run(&path, &dues))?;
        Ok(Self {
            due: Some(due),
            thread: Some(thread),
            bytes: 0,
        })
    }

    /// Counts the bytes of a transaction's events, and has the log moved when there are enough.
    pub(super) fn committed(&mut self, bytes: i64) {
        self.bytes += bytes + TRANSACTION_BYTES;
        if self.bytes >= LOG_BYTES {
            self.bytes = 0;
            // A thread that is not done with the last one takes the rest along the next time.
            self.due.as_ref().map(|due| due.try_send(()).ok());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.due = None;
        if self.thread.take().is_some_and(|it| it.join().is_err()) {
            tracing::error!("the thread of checkpoints panicked");
        }
    }
}

fn run(path: &PathBuf, dues: &Receiver<()>) {
    let mut connection = None;
    while dues.recv().is_ok() {
        if let Err(error) = checkpoint(&mut connection, path) {
            tracing::debug!(%error, "could not move the write-ahead log; a commit does it");
            connection = None;
        }
    }
}

fn checkpoint(connection: &mut Option<Connection>, path: &PathBuf) -> rusqlite::Result<()> {
    let connection = match connection {
        Some(connection) => connection,
        None => {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let opened = Connection::open_with_flags(path, flags)?;
            opened.pragma_update(None, "synchronous", "FULL")?;
            connection.insert(opened)
        }
    };
    // Waits neither for the writer nor for readers, nor they for it.
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
