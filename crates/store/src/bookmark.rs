//! Bookmarks and their comments.

use ringtail_errors::{self as errors, Code, Coded};
use rusqlite::{Connection, OptionalExtension, named_params};

use ringtail_protocol::event::EventId;

use ringtail_model::{Bookmark, BookmarkRow, RowId};

use crate::codes;
use crate::query::{MAX_PAGE, Reader};

/// Most characters of a comment.
const MAX_COMMENT_CHARS: usize = 500;

/// The comment of a bookmark: one line, free of control characters, possibly empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comment(String);

/// A comment that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a comment has at most {MAX_COMMENT_CHARS} characters; this one has {chars}")]
pub struct CommentError {
    /// Its length.
    pub chars: usize,
}

impl Coded for CommentError {
    fn code(&self) -> &'static Code {
        &errors::codes::USAGE
    }
}

impl Comment {
    /// Reads a comment; line ends and other control characters become spaces.
    ///
    /// # Errors
    /// When it is too long.
    pub fn parse(text: &str) -> Result<Self, CommentError> {
        let text = text.trim();
        let chars = text.chars().count();
        if chars > MAX_COMMENT_CHARS {
            return Err(CommentError { chars });
        }
        let visible = |c: char| if c.is_control() { ' ' } else { c };
        Ok(Self(text.chars().map(visible).collect()))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A change of an event's bookmark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookmarkChange {
    /// Sets a bookmark; an existing one keeps its comment.
    Set,
    /// Sets a bookmark with this comment.
    Comment(Comment),
    /// Removes the bookmark and its comment.
    Clear,
}

/// Changes the bookmarks of events. Returns how many of the events exist. Runs inside the writer's transaction.
pub(super) fn change(
    connection: &Connection,
    events: &[EventId],
    change: &BookmarkChange,
) -> rusqlite::Result<usize> {
    let mut found = 0;
    for id in events {
        let row: Option<i64> = connection
            .prepare_cached("SELECT row FROM event WHERE id = :id")?
            .query_row(named_params! {":id": id.as_bytes()}, |row| row.get(0))
            .optional()?;
        let Some(row) = row else { continue };
        match change {
            BookmarkChange::Set => connection
                .prepare_cached("INSERT OR IGNORE INTO bookmark (row, comment) VALUES (:row, '')")?
                .execute(named_params! {":row": row})?,
            BookmarkChange::Comment(comment) => connection
                .prepare_cached(
                    "INSERT INTO bookmark (row, comment) VALUES (:row, :comment)
                     ON CONFLICT DO UPDATE SET comment = excluded.comment",
                )?
                .execute(named_params! {":row": row, ":comment": comment.as_str()})?,
            BookmarkChange::Clear => connection
                .prepare_cached("DELETE FROM bookmark WHERE row = :row")?
                .execute(named_params! {":row": row})?,
        };
        found += 1;
    }
    connection
        .prepare_cached("UPDATE bookmark_changes SET count = count + 1")?
        .execute([])?;
    Ok(found)
}

impl Reader<'_> {
    /// Reads the bookmarks of events from a row to another, both included, newest first.
    pub fn bookmarks_between(
        &self,
        first: RowId,
        last: RowId,
        limit: usize,
    ) -> rusqlite::Result<Vec<BookmarkRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT b.row, e.id, b.comment FROM bookmark AS b JOIN event AS e ON e.row = b.row
             WHERE b.row BETWEEN :first AND :last ORDER BY b.row DESC LIMIT :limit",
        )?;
        let limit = codes::len(limit.min(MAX_PAGE));
        let values = named_params! {":first": first.0, ":last": last.0, ":limit": limit};
        let rows = statement.query_map(values, |row| {
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

    async fn comments(kept: &TestHistory) -> Vec<Option<String>> {
        let events = kept.history.events_after(RowId(0), 10).await.unwrap();
        let comment = |bookmark: Bookmark| bookmark.comment;
        events
            .into_iter()
            .map(|event| event.bookmark.map(comment))
            .collect()
    }

    #[tokio::test]
    async fn bookmarks_and_comments_are_set_and_cleared() {
        let kept = TestHistory::open();
        let events = [call(1, "s"), call(2, "s")];
        let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
        kept.receives(events.to_vec()).await;
        let set = |ids: &[EventId], change| kept.history.set_bookmark(ids.to_vec(), change);
        assert_eq!(set(&ids, BookmarkChange::Set).await.unwrap(), 2);
        assert_eq!(comments(&kept).await, [Some("".into()), Some("".into())]);
        let comment = Comment::parse(" look\nhere ").unwrap();
        set(&ids[1..], BookmarkChange::Comment(comment))
            .await
            .unwrap();
        set(&ids, BookmarkChange::Set).await.unwrap();
        assert_eq!(
            comments(&kept).await,
            [Some("".into()), Some("look here".into())]
        );
        let between = |first, last| {
            let (first, last) = (RowId(first), RowId(last));
            let rows = kept
                .read(|reader| reader.bookmarks_between(first, last, 10))
                .into_iter();
            rows.map(|bookmark| bookmark.row.0).collect::<Vec<_>>()
        };
        assert_eq!(between(0, 9), [2, 1]);
        assert_eq!(between(2, 2), [2]);
        set(&ids, BookmarkChange::Clear).await.unwrap();
        assert_eq!(comments(&kept).await, [None, None]);
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
