//! Bookmarks and comments: what the user says of events.

use ringtail_errors::{self as errors, Code, Coded};
use rusqlite::{Connection, params};

use ringtail_protocol::event::EventId;

use super::codes;
use super::query::{MAX_PAGE, Reader};
use ringtail_model::{Bookmark, BookmarkRow, RowId};

/// Most characters of a comment.
pub const MAX_COMMENT_CHARS: usize = 500;

/// What a user says of an event: one line, free of control characters, possibly empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comment(String);

/// A comment that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a comment has at most {MAX_COMMENT_CHARS} characters; this one has {chars}")]
pub struct CommentError {
    /// How many it has.
    pub chars: usize,
}

impl Coded for CommentError {
    fn code(&self) -> &'static Code {
        &errors::codes::USAGE
    }
}

impl Comment {
    /// Takes a comment; line ends and other controls become blanks.
    ///
    /// # Errors
    /// When it is too long.
    pub fn parse(text: &str) -> Result<Self, CommentError> {
        let text = text.trim();
        let chars = text.chars().count();
        if chars > MAX_COMMENT_CHARS {
            return Err(CommentError { chars });
        }
        let blank = |c: char| if c.is_control() { ' ' } else { c };
        Ok(Self(text.chars().map(blank).collect()))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is done about the mark of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookmarkChange {
    /// It is marked; a comment that it has stays.
    Set,
    /// It is marked with this comment in place of any other.
    Comment(Comment),
    /// Bookmark and comment are taken away.
    Clear,
}

/// Changes the marks of events. Returns how many of the events there are. Runs inside the writer's transaction.
pub(super) fn change(
    connection: &Connection,
    events: &[EventId],
    change: &BookmarkChange,
) -> rusqlite::Result<usize> {
    let mut there = 0;
    for id in events {
        let mut found = connection.prepare_cached("SELECT row FROM event WHERE id = ?1")?;
        let Some(row) = found
            .query([id.as_bytes()])?
            .next()?
            .map(|row| row.get::<_, i64>(0))
        else {
            continue;
        };
        let row = row?;
        match change {
            BookmarkChange::Set => connection
                .prepare_cached("INSERT OR IGNORE INTO mark (row, comment) VALUES (?1, '')")?
                .execute([row])?,
            BookmarkChange::Comment(comment) => connection
                .prepare_cached(
                    "INSERT INTO mark (row, comment) VALUES (?1, ?2)
                     ON CONFLICT DO UPDATE SET comment = excluded.comment",
                )?
                .execute(params![row, comment.as_str()])?,
            BookmarkChange::Clear => connection
                .prepare_cached("DELETE FROM mark WHERE row = ?1")?
                .execute([row])?,
        };
        there += 1;
    }
    connection
        .prepare_cached("UPDATE mark_changes SET count = count + 1")?
        .execute([])?;
    Ok(there)
}

impl Reader {
    /// Reads the marks of events from a row to another, both included, newest first.
    pub fn bookmarks_between(
        &self,
        first: RowId,
        last: RowId,
        limit: usize,
    ) -> rusqlite::Result<Vec<BookmarkRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT m.row, e.id, m.comment FROM mark AS m JOIN event AS e ON e.row = m.row
             WHERE m.row BETWEEN ?1 AND ?2 ORDER BY m.row DESC LIMIT ?3",
        )?;
        let limit = codes::len(limit.min(MAX_PAGE));
        let rows = statement.query_map(params![first.0, last.0, limit], |row| {
            Ok(BookmarkRow {
                row: RowId(row.get(0)?),
                event: EventId::from_bytes(row.get(1)?),
                bookmark: Bookmark {
                    comment: row.get(2)?,
                },
            })
        })?;
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestHistory, call};

    async fn marks(kept: &TestHistory) -> Vec<Option<String>> {
        let events = kept.history.events_after(RowId(0), 10).await.unwrap();
        let comment = |bookmark: Bookmark| bookmark.comment;
        events
            .into_iter()
            .map(|event| event.bookmark.map(comment))
            .collect()
    }

    #[tokio::test]
    async fn marks_and_comments_come_and_go() {
        let kept = TestHistory::open();
        let events = [call(1, "s"), call(2, "s")];
        let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
        kept.receives(events.to_vec()).await;
        let set = |ids: &[EventId], change| kept.history.set_bookmark(ids.to_vec(), change);
        assert_eq!(set(&ids, BookmarkChange::Set).await.unwrap(), 2);
        assert_eq!(marks(&kept).await, [Some("".into()), Some("".into())]);
        let comment = Comment::parse(" look\nhere ").unwrap();
        set(&ids[1..], BookmarkChange::Comment(comment))
            .await
            .unwrap();
        set(&ids, BookmarkChange::Set).await.unwrap();
        assert_eq!(
            marks(&kept).await,
            [Some("".into()), Some("look here".into())]
        );
        let between = |first, last| {
            let reader = kept.history.reader().unwrap();
            let marks = reader.bookmarks_between(RowId(first), RowId(last), 10);
            let rows = marks.unwrap().into_iter();
            rows.map(|mark| mark.row.0).collect::<Vec<_>>()
        };
        assert_eq!((between(0, 9), between(2, 2)), (vec![2, 1], vec![2]));
        set(&ids, BookmarkChange::Clear).await.unwrap();
        assert_eq!(marks(&kept).await, [None, None]);
        assert_eq!(kept.history.watermarks().borrow().bookmarks, 4);
        let stranger = vec![EventId::fresh()];
        assert_eq!(set(&stranger, BookmarkChange::Set).await.unwrap(), 0);
    }

    #[test]
    fn a_long_comment_is_refused() {
        assert!(Comment::parse(&"é".repeat(MAX_COMMENT_CHARS)).is_ok());
        let error = Comment::parse(&"é".repeat(MAX_COMMENT_CHARS + 1)).unwrap_err();
        assert!(error.to_string().contains("501"), "{error}");
    }
}
