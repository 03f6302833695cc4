//! The thread that fills the search index.
//!
//! It reads the history and writes the index, with separate connections and transactions, so delivery never waits for
//! it. Of several processes on one history, the one with the lock indexes. Deleted events are removed from
//! the index, and within a day from the pages of its file.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, named_params};
use tokio::sync::{oneshot, watch};

use ringtail_files::Lock;
use ringtail_model::RowId;
use ringtail_protocol::event::{Kind, Timestamp};

use super::index::{self, INDEX_FILE_NAME, IndexError};
use super::tokens;
use crate::codes;
use crate::schema::{FILE_NAME, HISTORY};

/// Events of one transaction.
const BATCH_EVENTS: usize = 256;

/// Bytes of bodies after which a transaction takes no more events.
const BATCH_BYTES: usize = 1024 * 1024;

/// Events that one step of removing looks at.
const REMOVE_EVENTS: i64 = 20_000;

/// Pages of the index that one step merges.
const MERGE_PAGES: i64 = 250;

/// How long events are gathered: many small transactions make the index large and slow.
const GATHER: Duration = Duration::from_millis(250);

/// How often the thread checks for events of other processes, of which it may have been told, and whether the process that
/// indexes has ended. Meanwhile searches read the events themselves.
const IDLE: Duration = Duration::from_secs(30);

/// Time between two removals of deleted events: each goes through all events of the index.
const REMOVE_EVERY: Duration = Duration::from_secs(60);

/// How long tokens of removed events may stay in the pages of the file.
const CLEAN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

enum Command {
    Index,
    Rebuild,
    Pause {
        begun: oneshot::Sender<()>,
        end: oneshot::Receiver<()>,
    },
    Close,
}

/// Sends commands to the thread.
#[derive(Debug, Clone)]
pub(crate) struct Notifier {
    commands: Sender<Command>,
    /// Whether the thread was told since its last step.
    is_told: Arc<AtomicBool>,
}

impl Notifier {
    /// Tells the thread that the history has changed. Wakes it at most once for each of its steps.
    pub(crate) fn notify(&self) {
        if !self.is_told.swap(true, Ordering::AcqRel) {
            self.send(Command::Index);
        }
    }

    /// Has the index rebuilt.
    pub(crate) fn rebuild(&self) {
        self.send(Command::Rebuild);
    }

    fn send(&self, command: Command) {
        // The thread ends only with the history.
        drop(self.commands.send(command));
    }
}

/// A handle to the thread. Dropping it ends the thread after its current step.
#[derive(Debug)]
pub(crate) struct IndexThread {
    notifier: Notifier,
    indexed: watch::Receiver<RowId>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl IndexThread {
    /// Starts the thread for the history in `dir`.
    pub(crate) fn spawn(dir: &Path) -> std::io::Result<Self> {
        let (commands, queue) = mpsc::channel();
        let (reached, indexed) = watch::channel(RowId::default());
        let indexer = Indexer::new(dir, reached);
        let is_told = Arc::<AtomicBool>::default();
        let notifier = Notifier {
            commands,
            is_told: Arc::clone(&is_told),
        };
        let thread = thread::Builder::new()
            .name("search index".to_owned())
            .spawn(move || run(indexer, &queue, &is_told))?;
        Ok(Self {
            notifier,
            indexed,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    pub(crate) fn indexed(&self) -> watch::Receiver<RowId> {
        self.indexed.clone()
    }

    /// Waits until the thread is between two steps, without the lock, and keeps it there until the result is dropped.
    pub(crate) async fn pause(&self) -> oneshot::Sender<()> {
        let (begun, begins) = oneshot::channel();
        let (ends, end) = oneshot::channel();
        self.notifier.send(Command::Pause { begun, end });
        drop(begins.await);
        ends
    }
}

impl Drop for IndexThread {
    fn drop(&mut self) {
        self.notifier.send(Command::Close);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the search index panicked");
        }
    }
}

fn run(mut indexer: Indexer, commands: &Receiver<Command>, is_told: &AtomicBool) {
    let mut due = Instant::now();
    loop {
        let wait = due.saturating_duration_since(Instant::now());
        match commands.recv_timeout(wait) {
            Ok(Command::Index) => {
                due = due.min(Instant::now() + GATHER);
                continue;
            }
            Ok(Command::Rebuild) => indexer.reset(),
            Ok(Command::Pause { begun, end }) => {
                indexer.close();
                if begun.send(()).is_ok() {
                    // Nothing is sent: dropping the other end resumes the thread.
                    drop(end.blocking_recv());
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Command::Close) | Err(RecvTimeoutError::Disconnected) => return,
        }
        // Before the step reads: what is committed from here on is told anew.
        is_told.swap(false, Ordering::AcqRel);
        due = match indexer.step() {
            true => Instant::now(),
            false => Instant::now() + IDLE,
        };
    }
}

/// Fills the index.
struct Indexer {
    dir: PathBuf,
    open: Option<Open>,
    reached: watch::Sender<RowId>,
}

/// What the indexer has while it has the lock.
struct Open {
    /// A reader of the history, with the index attached. Dropped first: the last connection to the index empties its
    /// write-ahead log, and this one cannot.
    history: Connection,
    index: Connection,
    removal: Option<Removal>,
    removal_due: Instant,
    /// Whether the whole index is being rewritten.
    is_cleaning: bool,
    _lock: Lock,
}

/// What is indexed of an event.
struct Document {
    row: i64,
    id: [u8; 16],
    facts: String,
    text: String,
    is_whole: bool,
}

/// How far the removal of deleted events has come.
struct Removal {
    after: i64,
    /// `total.deleted` when it began.
    deleted: i64,
}

impl Indexer {
    fn new(dir: &Path, reached: watch::Sender<RowId>) -> Self {
        Self {
            dir: dir.to_owned(),
            open: None,
            reached,
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.join(INDEX_FILE_NAME)
    }

    /// Lets another process index.
    fn close(&mut self) {
        self.open = None;
    }

    /// Empties the index if this process may write it; the next step fills it.
    fn reset(&mut self) {
        if let Some(Open {
            history,
            index,
            _lock,
            ..
        }) = self.open.take()
        {
            drop((history, index));
            if let Err(error) = index::empty(&self.path()) {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(
                    error,
                    "could not empty the damaged search index; searches are slower"
                );
            }
        }
    }

    /// Does a small part of what there is to do. Returns whether there is more.
    fn step(&mut self) -> bool {
        if !self.open_or_log() {
            return false;
        }
        let Some(open) = &mut self.open else {
            return false;
        };
        match open.step(&self.reached) {
            Ok(more) => more,
            Err(error) => {
                tracing::warn!(%error, "could not index events; searches are slower");
                match index::is_damage(&error) {
                    true => self.reset(),
                    false => self.close(),
                }
                false
            }
        }
    }

    /// Opens the index if no other process has it. Returns whether it is open.
    fn open_or_log(&mut self) -> bool {
        if self.open.is_none() {
            match Open::new(&self.dir) {
                Ok(open) => self.open = open,
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(
                        error,
                        "could not open the search index; searches are slower"
                    );
                }
            }
        }
        self.open.is_some()
    }
}

impl Open {
    fn new(dir: &Path) -> Result<Option<Self>, IndexError> {
        let Some(lock) = Lock::try_acquire(&dir.join("search.lock"))? else {
            return Ok(None);
        };
        let history = HISTORY.open_reader(&dir.join(FILE_NAME))?;
        let index = index::open(&dir.join(INDEX_FILE_NAME), &history)?;
        Ok(Some(Self {
            history,
            index,
            removal: None,
            removal_due: Instant::now(),
            is_cleaning: false,
            _lock: lock,
        }))
    }

    fn step(&mut self, reached: &watch::Sender<RowId>) -> rusqlite::Result<bool> {
        let progress = "SELECT event, deleted, unclean_since FROM progress";
        let (event, deleted, unclean): (i64, i64, Option<i64>) = self
            .index
            .prepare_cached(progress)?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let last = self.add(event)?;
        let event = last.unwrap_or(event);
        reached.send_if_modified(|reached| std::mem::replace(reached, RowId(event)).0 != event);
        if last.is_some() || self.remove_deleted(deleted)? {
            return Ok(true);
        }
        let age = unclean.map(|since| Timestamp::now().0 - since);
        // A clock that was set back makes it old enough, too.
        let day = 0..i64::try_from(CLEAN_AFTER.as_micros()).unwrap_or(i64::MAX);
        if age.is_some_and(|age| !day.contains(&age)) {
            self.begin_cleaning()?;
            return Ok(true);
        }
        let merged = self.merge(MERGE_PAGES)?;
        if !merged && std::mem::take(&mut self.is_cleaning) {
            // The log has older versions of pages.
            let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
            self.index.query_row(checkpoint, [], |_| Ok(()))?;
        }
        Ok(merged)
    }

    /// Removes some events that the history has deleted. Returns whether there was anything to do.
    fn remove_deleted(&mut self, known: i64) -> rusqlite::Result<bool> {
        let removal = match &mut self.removal {
            Some(removal) => removal,
            None if self.removal_due > Instant::now() => return Ok(false),
            None => {
                let deleted = self
                    .history
                    .prepare_cached("SELECT deleted FROM total")?
                    .query_row([], |row| row.get(0))?;
                if deleted == known {
                    return Ok(false);
                }
                self.removal.insert(Removal { after: 0, deleted })
            }
        };
        let rows: Vec<(i64, bool)> = self
            .history
            .prepare_cached(
                "SELECT d.id, e.row IS NULL FROM search.fact_index_docsize AS d LEFT JOIN event AS e ON e.row = d.id
                 WHERE d.id > :after ORDER BY d.id LIMIT :limit",
            )?
            .query_map(
                named_params! {":after": removal.after, ":limit": REMOVE_EVENTS},
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?
            .collect::<rusqlite::Result<_>>()?;
        let transaction = self.index.transaction()?;
        for (row, _) in rows.iter().filter(|(_, is_deleted)| *is_deleted) {
            for sql in [
                "DELETE FROM fact_index WHERE rowid = :row",
                "DELETE FROM text_index WHERE rowid = :row",
                "DELETE FROM text_partial WHERE row = :row",
            ] {
                transaction
                    .prepare_cached(sql)?
                    .execute(named_params! {":row": row})?;
            }
        }
        match rows.last() {
            Some((last, _)) => removal.after = *last,
            None => {
                transaction.execute(
                    "UPDATE progress SET deleted = :deleted, unclean_since = coalesce(unclean_since, :now)",
                    named_params! {":deleted": removal.deleted, ":now": Timestamp::now().0},
                )?;
            }
        }
        transaction.commit()?;
        if rows.is_empty() {
            self.removal = None;
            self.removal_due = Instant::now() + REMOVE_EVERY;
        }
        Ok(true)
    }

    /// Adds events after a row; returns the last, or `None` when there are no more.
    fn add(&mut self, after: i64) -> rusqlite::Result<Option<i64>> {
        let documents = self.read(after)?;
        let Some(last) = documents.last() else {
            return Ok(None);
        };
        let transaction = self.index.transaction()?;
        for document in &documents {
            transaction
                .prepare_cached("INSERT INTO fact_index (rowid, facts) VALUES (:row, :facts)")?
                .execute(named_params! {":row": document.row, ":facts": document.facts})?;
            transaction
                .prepare_cached("INSERT INTO text_index (rowid, text) VALUES (:row, :text)")?
                .execute(named_params! {":row": document.row, ":text": document.text})?;
            if !document.is_whole {
                transaction
                    .prepare_cached("INSERT INTO text_partial (row) VALUES (:row)")?
                    .execute(named_params! {":row": document.row})?;
            }
        }
        transaction
            .prepare_cached("UPDATE progress SET event = :event, event_id = :id")?
            .execute(named_params! {":event": last.row, ":id": last.id})?;
        transaction.commit()?;
        Ok(Some(last.row))
    }

    /// Reads what to index of the events after a row. The read ends before anything is written: a long one would let the
    /// history's write-ahead log grow.
    fn read(&self, after: i64) -> rusqlite::Result<Vec<Document>> {
        let mut statement = self.history.prepare_cached(
            "SELECT e.row, e.id, e.endpoint, e.kind, e.topic, e.summary, e.path, c.body
             FROM event AS e JOIN content AS c ON c.row = e.row WHERE e.row > :after ORDER BY e.row LIMIT :limit",
        )?;
        let values = named_params! {":after": after, ":limit": codes::len(BATCH_EVENTS)};
        let mut rows = statement.query(values)?;
        let (mut documents, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH_BYTES
            && let Some(row) = rows.next()?
        {
            let column = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
            let body = row.get_ref(7)?.as_blob()?;
            let kinds = [column(4)?, Kind::from_code(row.get(3)?).word()];
            let (text, is_whole) = tokens::text(column(5)?, column(6)?, body);
            documents.push(Document {
                row: row.get(0)?,
                id: row.get(1)?,
                facts: tokens::tokens(column(2)?, kinds, body),
                text,
                is_whole,
            });
            bytes += body.len();
        }
        Ok(documents)
    }

    /// Merges some segments of the index: those of many small transactions, and those with many removed events. Returns
    /// whether there was anything to do. A negative number begins to rewrite all of them.
    fn merge(&mut self, pages: i64) -> rusqlite::Result<bool> {
        let transaction = self.index.transaction()?;
        let mut merged = false;
        for sql in [
            "INSERT INTO fact_index (fact_index, rank) VALUES ('merge', :pages)",
            "INSERT INTO text_index (text_index, rank) VALUES ('merge', :pages)",
        ] {
            let before = transaction.total_changes();
            transaction
                .prepare_cached(sql)?
                .execute(named_params! {":pages": pages})?;
            // The command itself counts for one change.
            merged |= transaction.total_changes() - before > 1;
        }
        transaction.commit()?;
        Ok(merged)
    }

    /// Begins to rewrite the index without the tokens of removed events; merging continues it.
    fn begin_cleaning(&mut self) -> rusqlite::Result<()> {
        self.index
            .execute("UPDATE progress SET unclean_since = NULL", [])?;
        self.is_cleaning = true;
        self.merge(-MERGE_PAGES)?;
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests;
