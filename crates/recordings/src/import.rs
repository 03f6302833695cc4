//! Recordings of others, taken into the history: NDJSON as `export` writes it, and HAR 1.2 of any program.
//!
//! What is imported is a copy: it keeps its id, so that importing it twice stores it once, and it is settled, so that
//! nothing of it is ever forwarded by itself. It stands under an endpoint of its own name with numbers of its own.

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

/// The journal that imported events are of; no relay's identity is this word.
const JOURNAL: &str = "import";

/// Longest line of NDJSON, in bytes: the largest body of a relay, every byte of it escaped.
const LINE_MAX: u64 = 128 * 1024 * 1024;

/// Bytes from which the form is known.
const START_BYTES: u64 = 1024;

/// Most events that are stored at once.
const BATCH: usize = 256;

/// Most bytes of events that are stored at once.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// An event of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its identity, a fresh one where the recording says none.
    pub id: EventId,
    /// When it was received.
    pub received_at: Timestamp,
    /// What it is, where the recording says so.
    pub kind: Option<Kind>,
    /// The request.
    pub request: Request,
    /// What the user says of it, if it is marked.
    pub bookmark: Option<Comment>,
    /// The answers of the app that it was recorded with, oldest first.
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
    /// The archive is broken from here on.
    #[error("after entry {entry} the archive is broken: {reason}")]
    Broken {
        /// The last entry that could be read, from 1.
        entry: u64,
        /// Why.
        reason: String,
    },
}

/// Reads a recording, and hands over each event or why it cannot be read. One event is in memory at a time.
///
/// Stops when `each` returns `false`.
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

/// Says whether a recording begins as an archive does.
fn starts_like_har(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let mut marks = start.iter().filter(|byte| !byte.is_ascii_whitespace());
    br#"{"log":"#.iter().all(|byte| marks.next() == Some(byte))
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Events that are new in the history.
    pub new: u64,
    /// Events that it had.
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
    marks: Vec<(EventId, Comment)>,
    imported: Imported,
}

impl<'a> Importer<'a> {
    /// Begins an import under a name, after what was imported under it before.
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
            marks: Vec::new(),
            imported: Imported::default(),
        })
    }

    /// Takes an event; it is stored with those before it, at the latest by [`Importer::finish`].
    ///
    /// # Errors
    /// When the history fails. An event that no journal could hold is the inner error, and changes nothing.
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
        self.marks
            .extend(recorded.bookmark.map(|comment| (id, comment)));
        self.answers.extend(recorded.answers);
        if self.batch.len() >= BATCH || self.bytes >= BATCH_BYTES {
            self.flush().await?;
        }
        Ok(Ok(()))
    }

    /// Stores what waits, and returns what was imported.
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
        for (id, comment) in self.marks.drain(..) {
            let mark = BookmarkChange::Comment(comment);
            self.history.set_bookmark(vec![id], mark).await?;
        }
        Ok(())
    }
}

/// Reads RFC 3339.
fn time(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(at.as_microsecond()))
}

#[cfg(test)]
mod tests;
