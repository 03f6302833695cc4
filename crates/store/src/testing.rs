//! Events and histories for tests.

use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use ringtail_protocol::event::{
    Disposition, EncodedRequest, Event, EventId, Header, Kind, Request, Timestamp,
};

use ringtail_model::{Cause, Outcome};

use crate::{FILE_NAME, Forwarding, History, Incoming, NewAttempt, Reader, codes};
#[cfg(test)]
use crate::{Stored, incoming, record};

pub const ENDPOINT: &str = "demo-x1";
pub const JOURNAL: &str = "j1";

/// A history in a directory that goes with it.
pub struct TestHistory {
    pub dir: TempDir,
    pub history: History,
}

impl TestHistory {
    pub fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let history = History::open(dir.path()).unwrap();
        Self { dir, history }
    }

    /// Runs a query on a new connection.
    pub fn read<T>(&self, query: impl FnOnce(&Reader<'_>) -> rusqlite::Result<T>) -> T {
        let path = self.dir.path().join(FILE_NAME);
        let connection = crate::schema::HISTORY.open_reader(&path).unwrap();
        query(&Reader::new(&connection)).unwrap()
    }

    /// Waits until all events are in the search index.
    pub async fn is_indexed(&self) {
        let last = self.history.watermarks().borrow().events;
        let mut indexed = self.history.indexed();
        indexed.wait_for(|reached| *reached >= last).await.unwrap();
    }

    /// Stores events as the link does.
    pub async fn receives(&self, events: Vec<Event>) {
        let batch = events.into_iter().map(Incoming::Event).collect();
        self.history
            .store(ENDPOINT, JOURNAL, batch, Forwarding::On)
            .await
            .unwrap();
    }
}

/// How much a history holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub events: u64,
    pub attempts: u64,
    pub gaps: u64,
    pub pending: u64,
}

impl History {
    /// Counts what the history holds.
    pub async fn counts(&self) -> Counts {
        let counts = self.read(|reader| {
            let count = |from: &str| {
                let sql = format!("SELECT count(*) FROM {from}");
                reader
                    .connection
                    .query_row(&sql, [], |row| row.get(0).map(codes::unsigned))
            };
            Ok(Counts {
                events: count("event")?,
                attempts: count("attempt")?,
                gaps: count("gap")?,
                pending: count("event WHERE forward = 1")?,
            })
        });
        counts.await.unwrap()
    }
}

impl History {
    /// Lets the database grow no further, as on a disk that is full, or grow again.
    pub async fn fill_disk(&self, is_full: bool) {
        let filled = self.write(0, move |_, connection| {
            let pages: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
            let most = if is_full { pages } else { u32::MAX - 1 };
            connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))
        });
        filled.await.unwrap();
    }
}

/// Stores a batch on a writing connection, outside of the writing thread.
#[cfg(test)]
pub(crate) fn store(
    connection: &rusqlite::Connection,
    endpoint: &str,
    journal: &str,
    batch: Vec<Incoming>,
    forwarding: &Forwarding,
) -> Stored {
    let record = |it: Incoming| it.map(|event| record::Record::of(&event, forwarding));
    let batch: Vec<_> = batch.into_iter().map(record).collect();
    incoming::store(connection, None, endpoint, journal, &batch).unwrap()
}

/// A request with something of everything.
pub fn request(body: &str) -> Request {
    let field = |name: &str, value: &'static [u8]| Header {
        name: name.to_owned(),
        value: Bytes::from_static(value),
    };
    Request {
        method: "POST".to_owned(),
        path: "/hook%2F1?a=1&a=2".to_owned(),
        peer: "192.0.2.7".to_owned(),
        headers: vec![
            field("host", b"relay.example"),
            field("content-type", b"application/json"),
            field("verification-token", b"secret"),
            field("x-twice", b"1"),
            field("x-twice", b"caf\xe9"),
            field("connection", b"close"),
        ],
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// A notification of a telephony session, which is its ordering key.
pub fn call(seq: u64, session: &str) -> Event {
    event(
        seq,
        &format!(
            r#"{{"uuid":"u{seq}","event":"/restapi/v1.0/account/1/telephony/sessions","subscriptionId":"s","body":{{"telephonySessionId":"{session}","sequence":{seq}}}}}"#
        ),
    )
}

/// A notification with this body.
pub fn event(seq: u64, body: &str) -> Event {
    encoded(seq, request(body).encode().unwrap())
}

/// As [`event`], but without the token that makes any body a notification.
pub fn unmarked(seq: u64, body: &str) -> Event {
    let mut request = request(body);
    request
        .headers
        .retain(|header| header.name != "verification-token");
    encoded(seq, request.encode().unwrap())
}

pub fn encoded(seq: u64, request: EncodedRequest) -> Event {
    Event {
        seq,
        id: EventId::fresh(),
        received_at: Timestamp(1_700_000_000_000_000),
        kind: Kind::Notification,
        disposition: Disposition::Pending,
        duplicate_of: None,
        request,
    }
}

/// An attempt that the app answered with 200.
pub fn attempt(event: EventId) -> NewAttempt {
    NewAttempt {
        event,
        cause: Cause::Forward,
        target: "http://localhost:3000/hook".to_owned(),
        started_at: Timestamp(1_700_000_000_100_000),
        duration: Duration::from_millis(12),
        outcome: Outcome::Status(200),
        headers: vec![Header {
            name: "content-type".to_owned(),
            value: Bytes::from_static(b"text/plain"),
        }],
        body: Bytes::from_static(b"ok"),
        body_len: 2,
    }
}
