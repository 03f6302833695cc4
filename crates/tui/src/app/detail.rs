//! The event that is looked at closely.

use std::sync::Arc;

use ringtail_client::model::{EventDetail, EventRow, RowId};
use ringtail_protocol::event::EventId;

use crate::format::Pages;
use crate::text::{TextLine, wrap};

/// The detail pane.
#[derive(Debug, Default)]
pub(crate) struct Detail {
    pub(crate) tab: Tab,
    /// First line on screen.
    pub(crate) scroll: usize,
    pub(crate) shown: Option<Shown>,
    /// The event that the history no longer has, or could not read, and why.
    pub(crate) failed: Option<(EventId, String)>,
    /// Whether an event is being read or formatted.
    pub(crate) busy: bool,
    /// The event whose secrets are shown.
    reveal: Option<EventId>,
    /// The event that was asked for last, its newest attempt then, and whether its secrets were to be shown.
    asked: Option<(EventId, Option<RowId>, bool)>,
}

/// An event as lines.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) detail: Arc<EventDetail>,
    pub(crate) pages: Arc<Pages>,
    /// Lines of the tab, broken to the width of the pane.
    pub(crate) lines: Vec<TextLine>,
    broken_for: Option<(Tab, usize)>,
}

/// What the pane shows of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tab {
    #[default]
    Body,
    Headers,
    Attempts,
}

impl Detail {
    /// Returns whether the event must be read, because it or its newest attempt was not, or with or without its
    /// secrets; and then whether with them.
    pub(crate) fn ask(&mut self, wanted: &EventRow) -> Option<bool> {
        let reveal = self.reveal == Some(wanted.id);
        let newest = wanted.last_attempt.as_ref().map(|attempt| attempt.row);
        let version = (wanted.id, newest, reveal);
        if self.busy || self.asked == Some(version) {
            return None;
        }
        self.busy = true;
        self.asked = Some(version);
        Some(reveal)
    }

    /// Shows the secrets of one event, or hides them again. Another event's are hidden.
    pub(crate) fn turn_reveal(&mut self, id: EventId) {
        self.reveal = match self.reveal {
            Some(shown) if shown == id => None,
            _ => Some(id),
        };
    }

    /// Shows an event. What was scrolled stays so if it is the same.
    pub(crate) fn show(&mut self, detail: Arc<EventDetail>, pages: Arc<Pages>) {
        let id = detail.event.id;
        if self.shown_id() != Some(id) {
            self.scroll = 0;
        }
        self.failed = None;
        self.shown = Some(Shown {
            detail,
            pages,
            lines: Vec::new(),
            broken_for: None,
        });
    }

    /// Returns the event that is on screen.
    pub(crate) fn shown_id(&self) -> Option<EventId> {
        self.shown.as_ref().map(|shown| shown.detail.event.id)
    }

    /// Chooses a tab.
    pub(crate) fn turn(&mut self, forward: bool) {
        self.tab = match (self.tab, forward) {
            (Tab::Body, true) | (Tab::Attempts, false) => Tab::Headers,
            (Tab::Headers, true) | (Tab::Body, false) => Tab::Attempts,
            (Tab::Attempts, true) | (Tab::Headers, false) => Tab::Body,
        };
        self.scroll = 0;
    }

    /// Breaks the tab's lines to the width and keeps the scroll in bounds.
    pub(crate) fn fit(&mut self, width: usize, height: usize) {
        let Some(shown) = &mut self.shown else { return };
        if shown.broken_for != Some((self.tab, width)) {
            shown.lines = wrap(shown.pages.tab(self.tab), width);
            shown.broken_for = Some((self.tab, width));
        }
        self.scroll = self.scroll.min(shown.lines.len().saturating_sub(height));
    }

    /// Moves through the lines; [`Detail::fit`] keeps it in bounds.
    pub(crate) fn scroll_by(&mut self, by: isize) {
        self.scroll = self.scroll.saturating_add_signed(by);
    }
}

impl Tab {
    /// All tabs, in order.
    pub(crate) const ALL: [Self; 3] = [Self::Body, Self::Headers, Self::Attempts];
}
