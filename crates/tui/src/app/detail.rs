//! The event shown in full.

use std::collections::BTreeSet;
use std::sync::Arc;

use ratatui::text::Line;
use ringtail_model::{EventDetail, EventRow, RowId};
use ringtail_protocol::event::EventId;

use crate::format::{BodyView, Pages, Tab};
use crate::text::{line, span, wrap};
use crate::theme::{DIM, PLAIN, STRONG};

/// The detail pane.
#[derive(Debug, Default)]
pub(crate) struct Detail {
    pub(crate) tab: Tab,
    pub(crate) view: BodyView,
    /// First line on screen.
    pub(crate) scroll: usize,
    /// The line that keys act on, in JSON.
    pub(crate) cursor: usize,
    pub(crate) shown: Option<Shown>,
    /// The event that could not be read, and why.
    pub(crate) failed: Option<(EventId, String)>,
    /// Whether an event is being read or formatted.
    pub(crate) busy: bool,
    /// Whether the answer to the running query must not be shown.
    pub(crate) stale: bool,
    /// The line of the body to move the cursor to once lines are broken.
    line_wanted: Option<usize>,
    /// The event whose secrets are shown.
    reveal: Option<EventId>,
    /// What was read last.
    read: Option<Version>,
}

/// What an event's lines depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    id: EventId,
    newest_attempt: Option<RowId>,
    has_new_fields: bool,
    reveal: bool,
}

/// An event as lines.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) detail: Arc<EventDetail>,
    pub(crate) pages: Arc<Pages>,
    /// Lines of the tab, broken to the width of the pane.
    pub(crate) lines: Vec<Line<'static>>,
    /// The line of the tab that each of them belongs to.
    line_of: Vec<usize>,
    /// Lines of the body at which JSON is folded.
    folded: BTreeSet<usize>,
    broken_for: Option<(Tab, BodyView, usize, String)>,
}

impl Detail {
    /// Returns whether the event must be read in another version, and then whether with its secrets.
    pub(crate) fn needs(&mut self, wanted: &EventRow) -> Option<bool> {
        let reveal = self.reveal == Some(wanted.id);
        let version = Version {
            id: wanted.id,
            newest_attempt: wanted.last_attempt.as_ref().map(|attempt| attempt.row),
            has_new_fields: wanted.new_fields.is_some(),
            reveal,
        };
        if self.busy || self.read == Some(version) {
            return None;
        }
        self.busy = true;
        self.read = Some(version);
        Some(reveal)
    }

    /// Shows the secrets of one event, or hides them. Those of other events are hidden.
    pub(crate) fn toggle_reveal(&mut self, id: EventId) {
        self.reveal = match self.reveal {
            Some(shown) if shown == id => None,
            _ => Some(id),
        };
    }

    /// Shows an event. A newer version of the same event keeps scroll and folds.
    pub(crate) fn show(&mut self, detail: Arc<EventDetail>, pages: Arc<Pages>) {
        let id = detail.event.id;
        let same = self
            .shown
            .take()
            .filter(|shown| shown.detail.event.id == id);
        if same.is_none() {
            (self.scroll, self.cursor) = (0, 0);
        }
        self.failed = None;
        self.shown = Some(Shown {
            detail,
            pages,
            lines: Vec::new(),
            line_of: Vec::new(),
            folded: same.map(|shown| shown.folded).unwrap_or_default(),
            broken_for: None,
        });
    }

    /// Drops the event on screen and the one being read.
    pub(crate) fn forget(&mut self) {
        *self = Self {
            tab: self.tab,
            view: self.view,
            busy: self.busy,
            stale: self.busy,
            ..Self::default()
        };
    }

    /// Returns whether the lines have a cursor.
    pub(crate) fn has_cursor(&self) -> bool {
        (self.tab, self.view) == (Tab::Body, BodyView::Pretty)
            && self
                .shown
                .as_ref()
                .is_some_and(|shown| !shown.pages.outline.is_empty())
    }

    /// Shows the body in the next way.
    pub(crate) fn next_view(&mut self) {
        self.tab = Tab::Body;
        self.view = match self.view {
            BodyView::Pretty => BodyView::Raw,
            BodyView::Raw => BodyView::Hex,
            BodyView::Hex => BodyView::Pretty,
        };
        (self.scroll, self.cursor) = (0, 0);
    }

    /// Folds the JSON at the cursor, or unfolds it.
    pub(crate) fn fold(&mut self) {
        let Some(line) = self.cursor_line() else {
            return;
        };
        let Some(shown) = &mut self.shown else { return };
        let Some(at) = shown.pages.outline.fold_at(line) else {
            return;
        };
        if !shown.folded.remove(&at) {
            shown.folded.insert(at);
        }
        shown.broken_for = None;
        self.line_wanted = Some(at);
    }

    /// Folds all JSON, or unfolds it.
    pub(crate) fn fold_all(&mut self) {
        let line = self.cursor_line();
        let Some(shown) = &mut self.shown else { return };
        let folded = match shown.folded.is_empty() {
            true => shown.pages.outline.folds().collect(),
            false => BTreeSet::new(),
        };
        shown.folded = folded;
        shown.broken_for = None;
        self.line_wanted = line;
    }

    /// Moves the cursor to a path, or to the first that contains it. Returns whether there is one.
    pub(crate) fn jump(&mut self, path: &str) -> bool {
        (self.tab, self.view) = (Tab::Body, BodyView::Pretty);
        let Some(shown) = &mut self.shown else {
            return false;
        };
        let outline = &shown.pages.outline;
        let Some(line) = outline.find(path) else {
            return false;
        };
        for around in outline.around(line) {
            shown.folded.remove(&around);
        }
        shown.broken_for = None;
        self.line_wanted = Some(line);
        true
    }

    /// Returns the path at the cursor.
    pub(crate) fn path(&self) -> Option<String> {
        let line = self.cursor_line()?;
        let path = self.shown.as_ref()?.pages.outline.path(line);
        Some(path).filter(|path| !path.is_empty())
    }

    /// Returns the body's line at the cursor.
    fn cursor_line(&self) -> Option<usize> {
        let shown = self.shown.as_ref().filter(|_| self.has_cursor())?;
        shown.line_of.get(self.cursor).copied()
    }

    /// Changes to the next or previous tab.
    pub(crate) fn turn(&mut self, forward: bool) {
        self.tab = match (self.tab, forward) {
            (Tab::Body, true) | (Tab::Attempts, false) => Tab::Headers,
            (Tab::Headers, true) | (Tab::Body, false) => Tab::Attempts,
            (Tab::Attempts, true) | (Tab::Headers, false) => Tab::Body,
        };
        (self.scroll, self.cursor) = (0, 0);
    }

    /// Breaks the tab's lines and the comment above them to the width, and keeps cursor and scroll in bounds.
    pub(crate) fn fit(&mut self, width: usize, height: usize, comment: &str) {
        let has_cursor = self.has_cursor();
        let Some(shown) = &mut self.shown else { return };
        let wanted = Some((self.tab, self.view, width, comment.to_owned()));
        if shown.broken_for != wanted {
            shown.break_lines(self.tab, self.view, width, comment);
            shown.broken_for = wanted;
        }
        if let Some(line) = self.line_wanted.take() {
            // A hidden line is represented by the one that it is folded into.
            let at = shown.line_of.partition_point(|of| *of <= line);
            let line = at
                .checked_sub(1)
                .and_then(|at| shown.line_of.get(at))
                .copied();
            let first = shown.line_of.iter().position(|of| Some(*of) == line);
            self.cursor = first.unwrap_or(0);
        }
        if has_cursor {
            self.cursor = self.cursor.min(shown.lines.len().saturating_sub(1));
            let lowest = (self.cursor + 1).saturating_sub(height);
            self.scroll = self.scroll.clamp(lowest, self.cursor);
        }
        self.scroll = self.scroll.min(shown.lines.len().saturating_sub(height));
    }

    /// Moves through the lines; [`Detail::fit`] keeps it in bounds.
    pub(crate) fn go(&mut self, by: isize) {
        let place = match self.has_cursor() {
            true => &mut self.cursor,
            false => &mut self.scroll,
        };
        *place = place.saturating_add_signed(by);
    }

    /// Moves to the first line, or to the last.
    pub(crate) fn go_to_end(&mut self, last: bool) {
        let end = if last { usize::MAX } else { 0 };
        (self.scroll, self.cursor) = (end, end);
    }
}

impl Shown {
    /// Breaks the lines of a tab to a width, without the folded ones. The comment belongs to the first line.
    fn break_lines(&mut self, tab: Tab, view: BodyView, width: usize, comment: &str) {
        self.lines.clear();
        if !comment.is_empty() {
            self.lines = wrap(&line(format!("* {comment}"), STRONG), width);
        }
        self.line_of = vec![0; self.lines.len()];
        let all = self.pages.tab(tab, view);
        let folds = (tab, view) == (Tab::Body, BodyView::Pretty);
        let mut index = 0;
        while let Some(line) = all.get(index) {
            let is_folded = folds && self.folded.contains(&index);
            let hidden = is_folded.then(|| self.pages.outline.inside(index));
            let (line, next) = match hidden.flatten() {
                None => (line.clone(), index + 1),
                Some(lines) => {
                    let (count, end) = (lines.clone().count(), *lines.end());
                    let closing = all.get(end).map(Line::to_string).unwrap_or_default();
                    let line = line.clone() + span(format!(" … {count} lines "), DIM);
                    (line + span(closing.trim_start(), PLAIN), end + 1)
                }
            };
            let broken = wrap(&line, width);
            self.line_of
                .extend(std::iter::repeat_n(index, broken.len()));
            self.lines.extend(broken);
            index = next;
        }
    }
}
