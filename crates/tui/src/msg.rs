//! What happens to the screen.

use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};
use ringtail_model::{Bookmark, EventDetail, Status, Watermarks};
use ringtail_protocol::event::{EventId, Timestamp};
use ringtail_store::Found;
use ringtail_views::replayer::{ReplayReport, ReplayStep};
use ringtail_views::{PagePosition, Updates};

use crate::effect::PanelKey;
use crate::format::{Pages, PanelRow};

/// An input of [`update`](fn@crate::update::update). Time enters as [`Msg::Tick`] only.
#[derive(Debug, Clone)]
pub(crate) enum Msg {
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEvent),
    /// The terminal's columns and lines.
    Resize(u16, u16),
    Tick(Timestamp),
    /// The status of an engine, by its index.
    Status(usize, Box<Status>),
    /// How far the history reaches.
    Watermarks(Watermarks),
    /// A page of the history.
    Page {
        position: PagePosition,
        /// Rows, oldest first, and where to continue.
        found: Found,
    },
    /// What is new in the history.
    Updates(Updates),
    /// An event; `None` if the history no longer has it.
    Detail {
        id: EventId,
        detail: Option<Arc<EventDetail>>,
    },
    /// An event's lines.
    Formatted {
        detail: Arc<EventDetail>,
        pages: Arc<Pages>,
    },
    /// The rows of a panel, or why there are none.
    Panel {
        key: PanelKey,
        rows: Result<Arc<Vec<PanelRow>>, String>,
    },
    /// An event's bookmark was set, changed or removed.
    Bookmarked {
        id: EventId,
        bookmark: Option<Bookmark>,
    },
    /// A text for the clipboard.
    Clip(Vec<u8>),
    /// An action succeeded or failed.
    Done(Result<String, String>),
    /// The progress of the watched replay.
    Step(ReplayStep),
    /// An edited copy of an event, if there is one, and the options to replay it with.
    Edited {
        id: Result<Option<EventId>, String>,
        options: String,
    },
    /// A replay ended.
    Replayed {
        /// What the first event is called.
        name: String,
        watched: bool,
        result: Result<Box<ReplayReport>, String>,
    },
    /// The history could not be read.
    Unreadable {
        what: Unread,
        reason: String,
    },
}

/// What could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    Rows,
    Detail(EventId),
}
