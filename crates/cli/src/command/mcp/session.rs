//! What every tool shares: the history, the masking, and the place up to which the client has read.

use std::sync::{Mutex, PoisonError};

use ringtail_client::config::Config;
use ringtail_errors::{Failure, codes};
use ringtail_model::signature::Reveal;
use ringtail_model::target::TargetUrl;
use ringtail_model::{AttemptRow, EventDetail, EventRow, RowId, redact};
use ringtail_protocol::event::{EventId, Timestamp};
use ringtail_store::History;
use ringtail_views::{Store, json};
use serde_json::{Value, json};

use super::answer::bound_all;
use super::cursor::{Cursor, LOOKED_AT};
use crate::args::Common;

/// Stands for a masked comment: it is private text, in which nobody can find what to replace.
const MASKED_COMMENT: &str = "(masked)";

/// A client's session.
pub(super) struct Session {
    pub(super) common: Common,
    pub(super) config: Config,
    pub(super) store: Store,
    /// Whether personal data is replaced by pseudonyms.
    pub(super) masked: bool,
    /// Whether tools may act.
    pub(super) sends: bool,
    /// Targets that they may send to besides this machine and the endpoint's own.
    pub(super) allowed: Vec<TargetUrl>,
    read_up_to: Mutex<Cursor>,
}

impl Session {
    pub(super) async fn new(
        common: Common,
        config: Config,
        history: History,
        masked: bool,
        (sends, allowed): (bool, Vec<TargetUrl>),
    ) -> Result<Self, Failure> {
        let (data, secrets) = (config.data.clone(), config.secrets.clone());
        let session = Self {
            common,
            config,
            store: Store::new(Vec::new(), history, data, Reveal::No, secrets),
            masked,
            sends,
            allowed,
            read_up_to: Mutex::default(),
        };
        session.has_read().await?;
        // Without a key nothing could be masked later.
        session.store.attempts(Vec::new(), masked).await?;
        Ok(session)
    }

    pub(super) fn history(&self) -> &History {
        &self.store.history
    }

    /// Returns the cursor of the last read.
    pub(super) fn cursor(&self) -> Cursor {
        let cursor = self.read_up_to.lock();
        cursor.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers the cursor of a wait.
    pub(super) fn set_cursor(&self, cursor: &Cursor) {
        let last = self.read_up_to.lock();
        last.unwrap_or_else(PoisonError::into_inner)
            .clone_from(cursor);
    }

    /// Returns and remembers the cursor of a read that has seen the newest event.
    pub(super) async fn has_read(&self) -> Result<Cursor, Failure> {
        let (newest, rows) = self.newest(LOOKED_AT).await?;
        let cursor = Cursor::at(newest, &rows, Timestamp::now());
        self.set_cursor(&cursor);
        Ok(cursor)
    }

    /// Returns the position of the newest event, and the last events, newest first. Watermarks lag behind other processes, and
    /// know of deleted events.
    pub(super) async fn newest(&self, count: usize) -> Result<(RowId, Vec<EventRow>), Failure> {
        // Before the rows: the position must not be beyond an event that comes in between and is not among them.
        let known = self.history().watermarks().borrow().events;
        let rows = self.history().events_before(RowId(i64::MAX), count).await?;
        let stored = rows.first().map(|event| event.row);
        Ok((known.max(stored.unwrap_or_default()), rows))
    }

    /// Prepares rows: masked, then redacted, because masking alone makes pseudonyms of secrets.
    pub(super) async fn rows(&self, rows: Vec<EventRow>) -> Result<Vec<EventRow>, Failure> {
        let rows = self.store.rows(rows, self.masked).await?;
        let mut rows: Vec<EventRow> = rows.into_iter().map(redact::row).collect();
        for row in &mut rows {
            self.tell_comment(row).await?;
        }
        Ok(rows)
    }

    /// Puts [`MASKED_COMMENT`] into a prepared row whose event has a comment.
    pub(super) async fn tell_comment(&self, row: &mut EventRow) -> Result<(), Failure> {
        let Some(mark) = row.bookmark.as_mut().filter(|_| self.masked) else {
            return Ok(());
        };
        let stored = self.history().row(row.id).await?;
        let stored = stored.and_then(|row| row.bookmark);
        if stored.is_some_and(|stored| !stored.comment.is_empty()) {
            MASKED_COMMENT.clone_into(&mut mark.comment);
        }
        Ok(())
    }

    /// Reads an event, prepared in the same way, with its signatures checked.
    pub(super) async fn detail(&self, id: EventId) -> Result<EventDetail, Failure> {
        let mut detail = self.store.event(id, false, self.masked).await?;
        if let Some(detail) = &mut detail {
            redact::detail(detail);
            self.tell_comment(&mut detail.event).await?;
        }
        detail.ok_or_else(|| Failure::new(&codes::NO_DATA, "retention has just deleted the event"))
    }

    /// Prepares an attempt.
    pub(super) async fn attempt(&self, attempt: AttemptRow) -> Result<Value, Failure> {
        let attempts = self.store.attempts(vec![attempt], self.masked).await?;
        let attempt = attempts.into_iter().map(redact::attempt).next();
        Ok(attempt.as_ref().map(attempt_json).unwrap_or_default())
    }
}

/// A prepared row as an `event` line. Its texts are from outside, and cut.
pub(super) fn event_json(row: &EventRow) -> Value {
    let mut value = json::event_row(row);
    bound_all(&mut value);
    value["untrusted"] = json!(true);
    value
}

/// A prepared attempt as an `attempt` line.
pub(super) fn attempt_json(attempt: &AttemptRow) -> Value {
    let mut value = json::attempt(attempt);
    bound_all(&mut value);
    value
}
