//! What happens to the screen.

use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};
use ringtail_model::{
    AttemptRow, Bookmark, BookmarkRow, EventDetail, EventRow, GapRow, NewFieldsRow, Status,
    Watermarks,
};
use ringtail_protocol::event::{EventId, Timestamp};
use ringtail_store::Found;

use crate::app::About;
use crate::effect::Place;
use crate::format::{Pages, Row};
use crate::source::{ReplayStep, Report};

/// Something that [`update`](fn@crate::update::update) takes in. Time comes in as [`Msg::Tick`] and nowhere else.
#[derive(Debug, Clone)]
pub(crate) enum Msg {
    /// A key.
    Key(KeyEvent),
    /// Text that was pasted.
    Paste(String),
    /// The mouse.
    Mouse(MouseEvent),
    /// The terminal's columns and lines.
    Resize(u16, u16),
    /// The time.
    Tick(Timestamp),
    /// What the engine of an endpoint is doing, by its place.
    Status(usize, Status),
    /// How far the history reaches.
    Marks(Watermarks),
    /// A page of the history that was asked for.
    Page {
        /// What was asked for.
        place: Place,
        /// Rows, oldest first, and where to go on.
        found: Found,
    },
    /// What is new in the history.
    News {
        /// Events, oldest first, and where to go on.
        events: Found,
        /// Events that something else in here made such that the filter is for them.
        meant: Vec<EventRow>,
        /// Attempts, oldest first.
        attempts: Vec<AttemptRow>,
        /// Gaps, oldest first.
        gaps: Vec<GapRow>,
        /// What is new in events, oldest first.
        novelties: Vec<NewFieldsRow>,
        /// Bookmarks, newest first, if they were asked for.
        marked: Option<Vec<BookmarkRow>>,
    },
    /// An event that was asked for; `None` if the history no longer has it.
    Detail {
        /// The event.
        id: EventId,
        /// All of it.
        detail: Option<Arc<EventDetail>>,
    },
    /// An event's detail as lines.
    Formatted {
        /// What was formatted.
        detail: Arc<EventDetail>,
        /// The lines.
        pages: Arc<Pages>,
    },
    /// What was asked by [`Effect::Study`](crate::effect::Effect::Study).
    Studied {
        /// What it is about.
        about: About,
        /// Its rows, or why there are none.
        rows: Result<Arc<Vec<Row>>, String>,
    },
    /// An event was marked, or its mark taken away.
    Marked {
        /// The event.
        id: EventId,
        /// What is said of it now.
        mark: Option<Bookmark>,
    },
    /// A text for the terminal's clipboard was made.
    Clip(Vec<u8>),
    /// Events were taken away, which is told so, or could not be.
    Taken(Result<String, String>),
    /// A replay that is watched goes on.
    Step(ReplayStep),
    /// An event was edited, or was left as it is.
    Edited {
        /// What came of it, or why nothing did.
        id: Result<Option<EventId>, String>,
        /// How it is replayed.
        line: String,
    },
    /// A replay ended.
    Replayed {
        /// The first event's number.
        seq: u64,
        /// Whether it was watched.
        watched: bool,
        /// How it went, or why not further.
        result: Result<Box<Report>, String>,
    },
    /// The history could not be read.
    Unreadable {
        /// What was asked of it.
        what: Asked,
        /// Why not.
        reason: String,
    },
}

/// What was asked of the history when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Rows.
    Rows,
    /// One event.
    Detail(EventId),
}
