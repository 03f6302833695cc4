//! What [`update`](fn@crate::update::update) asks the loop to do.

use std::sync::Arc;

use ringtail_filter::Filter;
use ringtail_model::{EventDetail, RowId, Watermarks};
use ringtail_protocol::event::EventId;
use ringtail_recordings::diff::Noise;
use ringtail_store::BookmarkChange;
use ringtail_views::PagePosition;
use ringtail_views::copy::CopyFormat;

/// Something for the loop to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// End.
    Quit,
    /// Give the terminal back and stop the process until the shell continues it.
    Suspend,
    /// Ask the source; the answer is a message.
    Query(Query),
    /// Make lines of an event.
    Format(Arc<EventDetail>),
    /// Send text to the clipboard.
    Clip(Vec<u8>),
    /// Pause forwarding, or resume it.
    Pause(bool),
    /// Capture the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Send events again.
    Replay {
        /// The events, in order.
        ids: Vec<EventId>,
        /// What the first is called, for the notice afterwards.
        name: String,
        /// The options of `ringtail replay`.
        options: String,
        /// Whether its progress is shown and it can be stopped.
        watched: bool,
        masked: bool,
    },
    /// Open an event in an editor, which borrows the terminal.
    Edit {
        /// The event, unless the options select another.
        ids: Vec<EventId>,
        /// The options to replay the edited event with.
        options: String,
    },
    /// Stop the watched replay.
    StopReplay,
}

/// A question to the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) ask: Ask,
    /// The events that are listed.
    pub(crate) filter: Filter,
    /// Whether personal data is masked.
    pub(crate) masked: bool,
}

/// What a query asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A page of events.
    Page(PagePosition),
    /// Everything new.
    Updates {
        /// How far each log was read.
        since: Watermarks,
        /// Whether events are wanted.
        events: bool,
        /// The rows whose bookmarks are wanted, if any changed.
        bookmarks: Option<(RowId, RowId)>,
    },
    /// One event, possibly with its secrets.
    Detail { id: EventId, reveal: bool },
    /// The rows of a panel.
    Panel(PanelKey),
    /// Events in a format, into a file or for the clipboard.
    Copy {
        /// The events, in order.
        ids: Vec<EventId>,
        format: CopyFormat,
        file: Option<String>,
    },
    /// A change of an event's bookmark.
    Bookmark { id: EventId, change: BookmarkChange },
}

/// What a panel shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PanelKey {
    pub(crate) kind: PanelKind,
    pub(crate) masked: bool,
    /// What is not compared.
    pub(crate) noise: Arc<Noise>,
}

/// Kinds of panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PanelKind {
    /// The call or conversation of an event.
    Timeline { id: EventId, row: RowId },
    /// The difference of two events, or of one and the previous one of its kind.
    Diff {
        id: EventId,
        row: RowId,
        other: Option<EventId>,
    },
    /// The difference of the last two answers to an event.
    Answers { id: EventId, row: RowId },
    /// The result of a replay.
    Replay,
}
