//! Imports recordings into the history: NDJSON as `export` writes it, and HAR 1.2 of any program.
//!
//! An imported event keeps its id, so importing it twice stores it once, and it is never pending. It belongs to a separate
//! endpoint with new numbers.

mod har;
mod ndjson;

use std::io::{self, BufRead, BufReader, Cursor, Read};

use ringtail_errors::{Code, Coded};
use ringtail_model::kind_of;
use ringtail_protocol::event::{
    Disposition, EncodeError, Event, EventId, Kind, Request, Timestamp,
};

use ringtail_store::{
    BookmarkChange, Comment, Forwarding, History, Incoming, NewAttempt, ReadError, StoreError,
};

/// Journal id of imported events; no relay uses it.
const JOURNAL: &str = "import";

/// Maximum bytes of an NDJSON line: the largest body with every byte escaped.
const LINE_MAX: u64 = 128 * 1024 * 1024;

/// Bytes needed to detect the format.
const START_BYTES: u64 = 1024;

/// Maximum events per batch.
const BATCH: usize = 256;

/// Maximum bytes per batch.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// An event of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its id, new if the recording has none.
    pub id: EventId,
    /// When it was received.
    pub received_at: Timestamp,
    /// Its kind, if recorded.
    pub kind: Option<Kind>,
    /// The request.
    pub request: Request,
    /// Its bookmark's comment, if it has a bookmark.
    pub bookmark: Option<Comment>,
    /// The recorded attempts, oldest first.
    pub answers: Vec<NewAttempt>,
}

/// Why a recording, or an event of it, cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file cannot be read.
    #[error("the recording cannot be read")]
    Read(#[from] io::Error),
    /// A line of NDJSON is not an event.
    #[error("line {line}: {reason}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
    /// An entry of HAR is not a request.
    #[error("entry {entry}: {reason}")]
    Entry {
        /// The entry, from 1.
        entry: u64,
        /// Why.
        reason: String,
    },
    /// The archive is damaged.
    #[error("the archive is damaged after entry {entry}: {reason}")]
    Broken {
        /// The last readable entry, from 1.
        entry: u64,
        /// Why.
        reason: String,
    },
}

/// Reads a recording and calls `each` with every event or error, until it returns false. Only one event is in memory at a
/// time.
pub fn read(mut input: impl BufRead, mut each: impl FnMut(Result<Recorded, FormatError>) -> bool) {
    let mut start = Vec::new();
    if let Err(error) = input.by_ref().take(START_BYTES).read_to_end(&mut start) {
        each(Err(error.into()));
        return;
    }
    let is_har = starts_like_har(&start);
    let input = BufReader::new(Cursor::new(start).chain(input));
    if is_har {
        har::read(input, &mut each);
    } else {
        ndjson::read(input, &mut each);
    }
}

/// Returns true if a recording starts like a HAR archive.
fn starts_like_har(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let mut bytes = start.iter().filter(|byte| !byte.is_ascii_whitespace());
    br#"{"log":"#.iter().all(|byte| bytes.next() == Some(byte))
}

/// Result of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Events added.
    pub new: u64,
    /// Events already known.
    pub known: u64,
}

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The history could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The history could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Coded for ImportError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Read(error) => error.code(),
        }
    }
}

/// Stores events of recordings under an endpoint's name.
#[derive(Debug)]
pub struct Importer<'a> {
    history: &'a History,
    endpoint: String,
    seq: u64,
    bytes: usize,
    batch: Vec<Incoming>,
    answers: Vec<NewAttempt>,
    bookmarks: Vec<(EventId, Comment)>,
    imported: Imported,
}

impl<'a> Importer<'a> {
    /// Starts an import under an endpoint name, after earlier imports under it.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub async fn begin(history: &'a History, endpoint: &str) -> Result<Self, ImportError> {
        let seq = history.cursor(endpoint, JOURNAL).await?.unwrap_or(0);
        Ok(Self {
            history,
            endpoint: endpoint.to_owned(),
            seq,
            bytes: 0,
            batch: Vec::new(),
            answers: Vec::new(),
            bookmarks: Vec::new(),
            imported: Imported::default(),
        })
    }

    /// Adds an event; it is stored in a batch, at the latest by [`Importer::finish`].
    ///
    /// # Errors
    /// When the history fails. The inner error is an invalid event, which changes nothing.
    pub async fn add(
        &mut self,
        recorded: Recorded,
    ) -> Result<Result<(), EncodeError>, ImportError> {
        let id = recorded.id;
        let waits =
            |incoming: &Incoming| matches!(incoming, Incoming::Event(event) if event.id == id);
        if self.batch.iter().any(waits) || self.history.row_of(id).await?.is_some() {
            self.imported.known += 1;
            return Ok(Ok(()));
        }
        let kind = recorded.kind.unwrap_or_else(|| kind_of(&recorded.request));
        let request = match recorded.request.encode() {
            Ok(request) => request,
            Err(error) => return Ok(Err(error)),
        };
        self.seq += 1;
        let event = Event {
            seq: self.seq,
            id,
            received_at: recorded.received_at,
            kind,
            disposition: Disposition::Answered,
            duplicate_of: None,
            request,
        };
        self.bytes += event.encoded_len();
        self.batch.push(Incoming::Event(event));
        self.bookmarks
            .extend(recorded.bookmark.map(|comment| (id, comment)));
        self.answers.extend(recorded.answers);
        if self.batch.len() >= BATCH || self.bytes >= BATCH_BYTES {
            self.flush().await?;
        }
        Ok(Ok(()))
    }

    /// Stores the last batch and returns the result.
    ///
    /// # Errors
    /// When the history fails.
    pub async fn finish(mut self) -> Result<Imported, ImportError> {
        self.flush().await?;
        Ok(self.imported)
    }

    async fn flush(&mut self) -> Result<(), ImportError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        let stored = self
            .history
            .store(&self.endpoint, JOURNAL, batch, Forwarding::Off)
            .await?;
        self.imported.new += u64::try_from(stored.new).unwrap_or(u64::MAX);
        for answer in self.answers.drain(..) {
            self.history.record_attempt(answer, false).await?;
        }
        for (id, comment) in self.bookmarks.drain(..) {
            let bookmark = BookmarkChange::Comment(comment);
            self.history.set_bookmark(vec![id], bookmark).await?;
        }
        Ok(())
    }
}

/// Parses RFC 3339.
fn time(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(at.as_microsecond()))
}

#[cfg(test)]
mod tests;
