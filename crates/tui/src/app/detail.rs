//! The event that is looked at closely.

use std::collections::BTreeSet;
use std::sync::Arc;

use ringtail_model::{EventDetail, EventRow, RowId};
use ringtail_protocol::event::EventId;

use crate::format::Pages;
use crate::text::{TextLine, Tone, wrap};

/// The detail pane.
#[derive(Debug, Default)]
pub(crate) struct Detail {
    pub(crate) tab: Tab,
    /// First line on screen.
    pub(crate) scroll: usize,
    /// The line that keys act on, where there is JSON.
    pub(crate) cursor: usize,
    /// How the body is shown.
    pub(crate) form: BodyForm,
    pub(crate) shown: Option<Shown>,
    /// The event that the history no longer has, or could not read, and why.
    pub(crate) failed: Option<(EventId, String)>,
    /// Whether an event is being read or formatted.
    pub(crate) busy: bool,
    /// The line of the body to choose once lines are broken.
    line_wanted: Option<usize>,
    /// Whether what is being read is not to be shown.
    pub(crate) stale: bool,
    /// The event whose secrets are shown.
    reveal: Option<EventId>,
    /// The event that was asked for last, its newest attempt then, whether something new in it was known, and whether
    /// its secrets were to be shown.
    asked: Option<(EventId, Option<RowId>, bool, bool)>,
}

/// An event as lines.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) detail: Arc<EventDetail>,
    pub(crate) pages: Arc<Pages>,
    /// Lines of the tab, broken to the width of the pane.
    pub(crate) lines: Vec<TextLine>,
    /// Which line of the tab each of them is of.
    of: Vec<usize>,
    /// Lines of the body at which JSON is folded.
    folded: BTreeSet<usize>,
    broken_for: Option<(Tab, BodyForm, usize)>,
}

/// How the body is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BodyForm {
    /// JSON laid out, other text as it is, and the rest in hexadecimal.
    #[default]
    LaidOut,
    /// As it was received.
    AsItIs,
    /// In hexadecimal.
    Hex,
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
        let version = (wanted.id, newest, wanted.new_fields.is_some(), reveal);
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
        let mut folded = BTreeSet::new();
        if self.shown_id() == Some(id) {
            folded.extend(
                self.shown
                    .iter()
                    .flat_map(|shown| shown.folded.iter().copied()),
            );
        } else {
            (self.scroll, self.cursor) = (0, 0);
        }
        self.failed = None;
        self.shown = Some(Shown {
            detail,
            pages,
            lines: Vec::new(),
            of: Vec::new(),
            folded,
            broken_for: None,
        });
    }

    /// Forgets what is on screen, and what is being read for it.
    pub(crate) fn forget(&mut self) {
        *self = Self {
            tab: self.tab,
            form: self.form,
            busy: self.busy,
            stale: self.busy,
            ..Self::default()
        };
    }

    /// Returns whether there is a line that keys act on.
    pub(crate) fn has_cursor(&self) -> bool {
        let laid_out = self.tab == Tab::Body && self.form == BodyForm::LaidOut;
        laid_out
            && self
                .shown
                .as_ref()
                .is_some_and(|shown| !shown.pages.outline.is_empty())
    }

    /// Shows the body in the next form.
    pub(crate) fn next_form(&mut self) {
        self.tab = Tab::Body;
        self.form = match self.form {
            BodyForm::LaidOut => BodyForm::AsItIs,
            BodyForm::AsItIs => BodyForm::Hex,
            BodyForm::Hex => BodyForm::LaidOut,
        };
        (self.scroll, self.cursor) = (0, 0);
    }

    /// Folds the JSON at the line, or unfolds it.
    pub(crate) fn fold(&mut self) {
        let Some(line) = self.chosen() else { return };
        let Some(shown) = &mut self.shown else { return };
        let Some(at) = shown.pages.outline.fold_at(line) else {
            return;
        };
        if !shown.folded.remove(&at) {
            shown.folded.insert(at);
        }
        shown.broken_for = None;
        self.go_to(at);
    }

    /// Folds everything within the body, or unfolds it.
    pub(crate) fn fold_all(&mut self) {
        let line = self.chosen();
        let Some(shown) = &mut self.shown else { return };
        let folded = match shown.folded.is_empty() {
            true => shown.pages.outline.folds().collect(),
            false => BTreeSet::new(),
        };
        shown.folded = folded;
        shown.broken_for = None;
        if let Some(line) = line {
            self.go_to(line);
        }
    }

    /// Goes to a path, or to the first that has it in it. Returns whether there is one.
    pub(crate) fn jump(&mut self, path: &str) -> bool {
        (self.tab, self.form) = (Tab::Body, BodyForm::LaidOut);
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
        self.go_to(line);
        true
    }

    /// Returns the path of the line.
    pub(crate) fn path(&self) -> Option<String> {
        let line = self.chosen()?;
        let path = self.shown.as_ref()?.pages.outline.path(line);
        Some(path).filter(|path| !path.is_empty())
    }

    /// Returns the body's line that keys act on.
    fn chosen(&self) -> Option<usize> {
        let shown = self.shown.as_ref().filter(|_| self.has_cursor())?;
        shown.of.get(self.cursor).copied()
    }

    /// Chooses a line of the body, or the one that it is folded into.
    fn go_to(&mut self, line: usize) {
        self.line_wanted = Some(line);
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
        (self.scroll, self.cursor) = (0, 0);
    }

    /// Breaks the tab's lines to the width and keeps cursor and scroll in bounds.
    pub(crate) fn fit(&mut self, width: usize, height: usize) {
        let has_cursor = self.has_cursor();
        let Some(shown) = &mut self.shown else { return };
        let wanted = (self.tab, self.form, width);
        if shown.broken_for != Some(wanted) {
            shown.lay_out(self.tab, self.form, width);
            shown.broken_for = Some(wanted);
        }
        if let Some(line) = self.line_wanted.take() {
            let at = shown.of.partition_point(|of| *of <= line);
            let line = at.checked_sub(1).and_then(|at| shown.of.get(at)).copied();
            let first = shown.of.iter().position(|of| Some(*of) == line);
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
    /// Breaks the lines of a tab to a width, without those that are folded away.
    fn lay_out(&mut self, tab: Tab, form: BodyForm, width: usize) {
        self.lines.clear();
        self.of.clear();
        let all = self.pages.tab(tab, form);
        let folds = tab == Tab::Body && form == BodyForm::LaidOut;
        let mut index = 0;
        while let Some(line) = all.get(index) {
            let fold = self
                .folded
                .contains(&index)
                .then(|| self.pages.outline.inside(index));
            let hidden = fold.flatten().filter(|_| folds);
            let (line, next) = match hidden {
                None => (line.clone(), index + 1),
                Some(lines) => {
                    let (count, end) = (lines.clone().count(), *lines.end());
                    let rest = all.get(end).into_iter().flat_map(|line| &line.0);
                    let rest: String = rest.map(|run| run.text.as_str()).collect();
                    let line = line.clone().with(Tone::Dim, format!(" … {count} lines "));
                    (line.with(Tone::Plain, rest.trim_start()), end + 1)
                }
            };
            let broken = wrap(std::slice::from_ref(&line), width);
            self.of.extend(std::iter::repeat_n(index, broken.len()));
            self.lines.extend(broken);
            index = next;
        }
    }
}

impl Tab {
    /// All tabs, in order.
    pub(crate) const ALL: [Self; 3] = [Self::Body, Self::Headers, Self::Attempts];
}
