//! What the screen asks for.

use std::sync::Arc;

use ringtail_filter::Filter;
use ringtail_model::{EventDetail, RowId};
use ringtail_protocol::event::EventId;
use ringtail_store::Direction;

use crate::app::About;
use crate::source::{Form, MarkWish};

/// Events of one page, and of one piece of news.
pub(crate) const PAGE: usize = 500;

/// Something that the loop does for [`update`](fn@crate::update::update).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// End.
    Quit,
    /// Give the terminal back and stop until the shell says go on.
    Suspend,
    /// Read from now on what this filter is for.
    Filter(Filter),
    /// Read a page of events.
    Page(Place),
    /// Read what is new.
    News {
        /// Events after this row, unless the newest are not on screen.
        events: Option<RowId>,
        /// Attempts after this row.
        attempts: RowId,
        /// Gaps after this row.
        gaps: RowId,
        /// What is new in events, after this row.
        novelties: RowId,
        /// Bookmarks of events from this row to that one, if any was changed.
        marked: Option<(RowId, RowId)>,
    },
    /// Read from now on with pseudonyms for personal data, or without.
    Mask(bool),
    /// Read a call or a conversation, or compare.
    Study(About),
    /// Mark an event in the history, or take its mark away.
    Mark {
        /// The event.
        id: EventId,
        /// What is wanted.
        wish: MarkWish,
    },
    /// Take events away.
    Take {
        /// The events, in order.
        ids: Vec<EventId>,
        /// In which form.
        form: Form,
        /// Into a file; else to the terminal's clipboard.
        file: Option<String>,
    },
    /// Send a text to the terminal's clipboard.
    Clip(Vec<u8>),
    /// Hold events back from the target, or let them go.
    Hold(bool),
    /// Take the mouse, or give it to the terminal.
    Mouse(bool),
    /// Read one event.
    Detail {
        /// The event.
        id: EventId,
        /// Whether its secrets are shown.
        reveal: bool,
    },
    /// Make lines of an event.
    Format(Arc<EventDetail>),
    /// Send events once more.
    Replay {
        /// The events, in order.
        ids: Vec<EventId>,
        /// The number of the first, for what is said afterwards.
        seq: u64,
        /// How, in the options of `ringtail replay`.
        line: String,
        /// Whether it is told how far it is, and can be stopped.
        watched: bool,
    },
    /// Have an event edited, which borrows the terminal.
    Edit {
        /// The event, if the line does not name another.
        ids: Vec<EventId>,
        /// How what comes of it is replayed.
        line: String,
    },
    /// Stop the replay that is watched.
    StopReplay,
}

/// A page of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The newest events.
    Newest,
    /// The oldest events.
    Oldest,
    /// The events before a row.
    Before(RowId),
    /// The events after a row.
    After(RowId),
}

impl Place {
    /// Returns where the page is, seen from a row.
    pub(crate) fn from(self) -> (Direction, RowId) {
        match self {
            Self::Newest => (Direction::Older, RowId(i64::MAX)),
            Self::Before(row) => (Direction::Older, row),
            Self::Oldest => (Direction::Newer, RowId(0)),
            Self::After(row) => (Direction::Newer, row),
        }
    }
}
