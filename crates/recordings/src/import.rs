//! Imports recordings into the history: NDJSON as `export` writes it, and HAR 1.2 of any program.
//!
//! An imported event keeps its id, or gets one of its content, so importing it twice stores it once, and it is never
//! pending. It belongs to a separate endpoint with new numbers.

mod encoding;
mod entries;
mod field;
mod form;
mod har;
mod ndjson;

use std::collections::HashMap;
use std::io::{self, BufRead, Cursor, Read};

use http::{HeaderName, HeaderValue, Method, Uri};
use ringtail_errors::{Code, Coded};
use ringtail_model::kind_of;
use ringtail_protocol::event::{
    Disposition, EncodeError, Event, EventId, Kind, Request, Timestamp,
};
use ringtail_text::json;
use sha2::{Digest as _, Sha256};

use ringtail_store::{Comment, History, NewAttempt, ReadError, StoreError};

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
    /// Its id; one of its content if the recording has none.
    pub id: EventId,
    /// When it was received.
    pub received_at: Timestamp,
    /// Its kind, if recorded.
    pub kind: Option<Kind>,
    /// What the relay did with it, if recorded.
    pub disposition: Option<Disposition>,
    /// The request.
    pub request: Request,
    /// Its bookmark's comment, if it has a bookmark.
    pub bookmark: Option<Comment>,
    /// The recorded attempts, oldest first.
    pub answers: Vec<NewAttempt>,
    /// What the recording lacks, or has in a way that cannot be read.
    pub left_out: Vec<String>,
}

/// Why a recording, or an event of it, cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file cannot be read.
    #[error("the recording cannot be read")]
    Read(#[from] io::Error),
    /// The file is compressed.
    #[error("the recording is compressed; unpack it first")]
    Compressed,
    /// A line of NDJSON is not an event.
    #[error("line {line}: {reason}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// The reason.
        reason: String,
    },
    /// An entry of HAR is not a request.
    #[error("entry {entry}: {reason}")]
    Entry {
        /// The entry, from 1.
        entry: u64,
        /// The reason.
        reason: String,
    },
    /// The archive is damaged.
    #[error("the archive is damaged after entry {entry}: {reason}")]
    Broken {
        /// The last readable entry, from 1.
        entry: u64,
        /// The reason.
        reason: String,
    },
}

/// Reads a recording and calls `each` with every event or error, until it returns false. Only one event is in memory at a
/// time.
pub fn read(input: impl BufRead, mut each: impl FnMut(Result<Recorded, FormatError>) -> bool) {
    match opened(input) {
        Ok((true, input)) => har::read(input, &mut each),
        Ok((false, input)) => ndjson::read(input, &mut each),
        Err(error) => drop(each(Err(error))),
    }
}

/// Returns whether a recording is a HAR archive, and the recording as UTF-8.
fn opened<'a>(mut input: impl BufRead + 'a) -> Result<(bool, impl BufRead + 'a), FormatError> {
    let start = start(&mut input)?;
    let packed: [&[u8]; 2] = [&[0x1f, 0x8b], b"PK\x03\x04"];
    if packed.iter().any(|magic| start.starts_with(magic)) {
        return Err(FormatError::Compressed);
    }
    let mut input = encoding::decoded(&start, input);
    let start = self::start(&mut input)?;
    Ok((is_har(&start), Cursor::new(start).chain(input)))
}

fn start(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    input.by_ref().take(START_BYTES).read_to_end(&mut start)?;
    Ok(start)
}

/// Returns true if a recording starts like a HAR archive: an object with the member `log`.
fn is_har(start: &[u8]) -> bool {
    let text = String::from_utf8_lossy(start);
    json::members(&text).any(|(name, _)| name == "log")
}

/// Returns a request of a recording if HTTP allows it: an export of it is a command or a request again.
fn checked(request: Request) -> Result<Request, String> {
    let path = &request.path;
    let is_path = path.is_empty() || path.starts_with(['/', '?']);
    if !is_path || format!("/{path}").parse::<Uri>().is_err() {
        return Err("the path is not one of a URL".to_owned());
    }
    if Method::from_bytes(request.method.as_bytes()).is_err() {
        return Err("the method is not one of HTTP".to_owned());
    }
    let is_header = |name: &str, value: &[u8]| {
        HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_bytes(value).is_ok()
    };
    let mut headers = request.headers.iter().zip(1..);
    match headers.find(|(header, _)| !is_header(&header.name, &header.value)) {
        Some((_, at)) => Err(format!("header {at} of the request is not one of HTTP")),
        None => Ok(request),
    }
}

/// Gives ids to events that have none, the same in each import of a recording.
#[derive(Debug, Default)]
struct Repeats(HashMap<[u8; 16], u64>);

impl Repeats {
    /// Returns the id of a request; equal requests of one recording get different ids.
    fn id(&mut self, received_at: Timestamp, request: &Request) -> EventId {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update(bytes.len().to_be_bytes());
            hash.update(bytes);
        };
        add(&received_at.0.to_be_bytes());
        add(request.method.as_bytes());
        add(request.path.as_bytes());
        for header in &request.headers {
            add(header.name.as_bytes());
            add(&header.value);
        }
        add(b"");
        add(&request.body);
        let mut content = [0; 16];
        content.copy_from_slice(&hash.clone().finalize()[..16]);
        let times = self.0.entry(content).or_default();
        *times += 1;
        hash.update(times.to_be_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        // A UUID of version 7 begins with the time in milliseconds.
        let milliseconds = received_at.0.div_euclid(1000).to_be_bytes();
        id[..6].copy_from_slice(&milliseconds[2..]);
        id[6] = id[6] & 0x0f | 0x70;
        id[8] = id[8] & 0x3f | 0x80;
        EventId::from_bytes(id)
    }
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
    bytes: usize,
    batch: Vec<Event>,
    answers: Vec<NewAttempt>,
    bookmarks: Vec<(EventId, Comment)>,
    imported: Imported,
}

impl<'a> Importer<'a> {
    /// Starts an import under an endpoint name, after earlier imports under it.
    #[must_use]
    pub fn begin(history: &'a History, endpoint: &str) -> Self {
        Self {
            history,
            endpoint: endpoint.to_owned(),
            bytes: 0,
            batch: Vec::new(),
            answers: Vec::new(),
            bookmarks: Vec::new(),
            imported: Imported::default(),
        }
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
        let waits = self.batch.iter().any(|event| event.id == id);
        if waits || self.history.row_of(id).await?.is_some() {
            self.imported.known += 1;
            return Ok(Ok(()));
        }
        let kind = recorded.kind.unwrap_or_else(|| kind_of(&recorded.request));
        let request = match recorded.request.encode() {
            Ok(request) => request,
            Err(error) => return Ok(Err(error)),
        };
        let event = Event {
            // The history numbers it.
            seq: 0,
            id,
            received_at: recorded.received_at,
            kind,
            disposition: recorded.disposition.unwrap_or(Disposition::Answered),
            duplicate_of: None,
            request,
        };
        let answers = recorded.answers.iter();
        self.bytes += event.encoded_len() + answers.map(|it| it.body.len()).sum::<usize>();
        self.batch.push(event);
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
        let events = self.batch.len();
        self.bytes = 0;
        let stored = self.history.import(
            &self.endpoint,
            std::mem::take(&mut self.batch),
            std::mem::take(&mut self.answers),
            std::mem::take(&mut self.bookmarks),
        );
        let new = stored.await?.new;
        self.imported.new += new as u64;
        // Another import may have stored some meanwhile.
        self.imported.known += events.saturating_sub(new) as u64;
        Ok(())
    }
}

/// Returns the disposition that a word stands for.
fn disposition(word: &str) -> Option<Disposition> {
    use Disposition::{Answered, Passed, Pending};
    [Answered, Pending, Passed]
        .into_iter()
        .find(|it| it.word() == word)
}

/// Parses RFC 3339.
fn time(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(at.as_microsecond()))
}

#[cfg(test)]
mod tests;
