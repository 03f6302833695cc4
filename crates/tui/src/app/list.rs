//! The rows in memory, and the cursor.
//!
//! A window of at most [`MAX_ROWS`] rows of the history, in its order. It grows at the end that the user moves to and
//! drops rows at the other; [`List::at_start`] and [`List::at_end`] say what it lacks.

use std::collections::VecDeque;

use ringtail_model::{AttemptRow, BookmarkRow, Cause, EventRow, ForwardState, GapRow, RowId};
use ringtail_protocol::event::EventId;
use ringtail_store::Found;

use ringtail_views::{PAGE, PagePosition};

/// Most rows in memory.
pub(crate) const MAX_ROWS: usize = 2000;

/// Most gaps in memory.
const MAX_GAPS: usize = 100;

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Event(Box<EventRow>),
    Gap(GapRow),
}

/// The window and the cursor.
#[derive(Debug)]
pub(crate) struct List {
    entries: VecDeque<Entry>,
    gaps: VecDeque<GapRow>,
    /// Index of the chosen row.
    pub(crate) cursor: usize,
    /// Index of the first row on screen.
    pub(crate) top: usize,
    /// Whether the cursor stays on the newest row.
    pub(crate) follow: bool,
    /// Whether the first page was read.
    pub(crate) loaded: bool,
    /// Whether the oldest event of the history is in the window.
    pub(crate) at_start: bool,
    /// Whether the newest event of the history is in the window.
    pub(crate) at_end: bool,
    /// The user hid the events up to this row.
    pub(crate) hidden_to: Option<RowId>,
    /// Where a search for older and newer events continues, if not at the window's ends.
    resume: (Option<RowId>, Option<RowId>),
}

impl Default for List {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            gaps: VecDeque::new(),
            cursor: 0,
            top: 0,
            follow: true,
            loaded: false,
            at_start: false,
            at_end: false,
            hidden_to: None,
            resume: (None, None),
        }
    }
}

impl List {
    pub(crate) fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    pub(crate) fn events(&self) -> impl DoubleEndedIterator<Item = &EventRow> {
        self.entries.iter().filter_map(Entry::event)
    }

    /// Returns the event at the cursor, unless it is on a gap.
    pub(crate) fn current_event(&self) -> Option<&EventRow> {
        self.entries.get(self.cursor).and_then(Entry::event)
    }

    /// Returns the number of rows after the cursor.
    pub(crate) fn below(&self) -> usize {
        self.entries.len().saturating_sub(self.cursor + 1)
    }

    /// Moves the cursor. At the newest row it follows again.
    pub(crate) fn go_by(&mut self, by: isize) {
        self.go_to(self.cursor.saturating_add_signed(by));
    }

    /// Moves the cursor to a row, or to the last. At the newest row it follows again.
    pub(crate) fn go_to(&mut self, index: usize) {
        let last = self.entries.len().saturating_sub(1);
        self.cursor = index.min(last);
        self.follow = self.at_end && self.cursor == last;
    }

    /// Moves the cursor to an event. Returns whether it is in the window.
    pub(crate) fn go_to_id(&mut self, id: EventId) -> bool {
        let is_it = |entry: &Entry| entry.event().is_some_and(|event| event.id == id);
        let Some(index) = self.entries.iter().position(is_it) else {
            return false;
        };
        self.cursor = index;
        self.follow = false;
        true
    }

    /// Moves the cursor to the next event in a direction, over gaps.
    pub(crate) fn go_to_event(&mut self, forward: bool) {
        let is_event = |index: &usize| matches!(self.entries.get(*index), Some(Entry::Event(_)));
        let next = if forward {
            (self.cursor + 1..self.entries.len()).find(is_event)
        } else {
            (0..self.cursor).rev().find(is_event)
        };
        if let Some(index) = next {
            self.cursor = index;
            self.follow = false;
        }
    }

    /// Scrolls to the cursor.
    pub(crate) fn scroll(&mut self, height: usize) {
        let len = self.entries.len();
        if self.follow {
            self.cursor = len.saturating_sub(1);
        }
        let highest = (self.cursor + 1).saturating_sub(height);
        let lowest = self.cursor.min(len.saturating_sub(height));
        self.top = self.top.clamp(highest, lowest.max(highest));
    }

    /// Returns the page to read before the cursor reaches the end of the window.
    pub(crate) fn missing_page(&self, height: usize) -> Option<PagePosition> {
        let (older, newer) = self.resume;
        if !self.at_start && self.cursor < height {
            let first = || self.events().next().map(|event| event.row);
            return older.or_else(first).map(PagePosition::Before);
        }
        if !self.at_end && self.below() < height {
            return newer.or_else(|| self.last_row()).map(PagePosition::After);
        }
        None
    }

    /// Returns the page of the oldest events that are not hidden.
    pub(crate) fn oldest(&self) -> PagePosition {
        self.hidden_to
            .map_or(PagePosition::Oldest, PagePosition::After)
    }

    /// Returns the newest row of the window.
    pub(crate) fn last_row(&self) -> Option<RowId> {
        self.events().next_back().map(|event| event.row)
    }

    /// Adds a page.
    pub(crate) fn page(&mut self, position: PagePosition, found: Found) {
        let Found { mut rows, mut next } = found;
        if let Some(hidden_to) = self.hidden_to {
            let read = rows.len();
            rows.retain(|event| event.row > hidden_to);
            // Whatever is older is hidden, too.
            let older = matches!(position, PagePosition::Newest | PagePosition::Before(_));
            next.take_if(|next| older && (rows.len() < read || *next <= hidden_to));
        }
        let whole = next.is_none();
        match position {
            PagePosition::Newest => {
                self.replace(rows);
                (self.at_start, self.at_end) = (whole, true);
                self.resume = (next, None);
                self.follow = true;
            }
            PagePosition::Before(_) => self.edit(|list| {
                for row in rows.into_iter().rev() {
                    list.entries.push_front(Entry::Event(Box::new(row)));
                }
                list.at_start = whole;
                list.resume.0 = next;
                if list.entries.len() > MAX_ROWS {
                    list.entries.truncate(MAX_ROWS);
                    list.at_end = false;
                    list.resume.1 = None;
                }
            }),
            PagePosition::After(_) if position != self.oldest() => {
                self.extend(rows, true);
                self.at_end = whole;
                self.resume.1 = next;
            }
            PagePosition::Oldest | PagePosition::After(_) => {
                self.replace(rows);
                (self.at_start, self.at_end) = (true, whole);
                self.resume = (None, next);
                self.cursor = 0;
                self.follow = false;
            }
        }
        self.loaded = true;
        self.edit(|_| {});
    }

    /// Adds events newer than all others. While the list does not follow, the rows on screen stay and, in a full
    /// window, the newest are left out: [`List::at_end`] says so.
    pub(crate) fn append(&mut self, rows: Vec<EventRow>) {
        if self.at_end {
            self.extend(rows, self.follow);
        }
    }

    /// Drops every event, to be read again; gaps stay, and so do events hidden.
    pub(crate) fn clear(&mut self) {
        *self = Self {
            gaps: std::mem::take(&mut self.gaps),
            hidden_to: self.hidden_to,
            ..Self::default()
        };
    }

    /// Hides every event up to a row.
    pub(crate) fn hide(&mut self, to: RowId) {
        *self = Self {
            hidden_to: Some(to),
            loaded: true,
            at_start: true,
            at_end: true,
            ..Self::default()
        };
    }

    /// Inserts events by their row. Events outside the window stay out of it.
    pub(crate) fn insert(&mut self, rows: Vec<EventRow>) {
        for row in rows {
            let known = self.events().any(|event| event.id == row.id);
            let oldest = self.events().next().map(|event| event.row);
            let hidden = self.hidden_to.is_some_and(|to| row.row <= to);
            let inside = self.at_start || oldest.is_some_and(|oldest| oldest < row.row);
            let newest = self.last_row().is_none_or(|last| last < row.row);
            if known || hidden || !inside || newest && !self.at_end {
                continue;
            }
            if newest {
                self.append(vec![row]);
                continue;
            }
            self.edit(|list| {
                let after = |entry: &Entry| entry.event().is_some_and(|event| event.row > row.row);
                let place = list.entries.iter().position(after);
                let place = place.unwrap_or(list.entries.len());
                list.entries.insert(place, Entry::Event(Box::new(row)));
            });
        }
    }

    /// Returns an event of the window. The search begins at the newest, which change most.
    pub(crate) fn event_mut(&mut self, id: EventId) -> Option<&mut EventRow> {
        let mut events = self.entries.iter_mut().rev().filter_map(Entry::event_mut);
        events.find(|event| event.id == id)
    }

    /// Replaces the bookmarks of all events. They come newest first, at most [`PAGE`] of them.
    pub(crate) fn set_bookmarks(&mut self, bookmarks: &[BookmarkRow]) {
        let least = match bookmarks.last() {
            Some(last) if bookmarks.len() >= PAGE => last.row,
            _ => RowId(i64::MIN),
        };
        for event in self.entries.iter_mut().filter_map(Entry::event_mut) {
            let found = bookmarks.binary_search_by(|bookmark| event.row.cmp(&bookmark.row));
            match found {
                Ok(index) => event.bookmark = bookmarks.get(index).map(|row| row.bookmark.clone()),
                Err(_) if event.row > least => event.bookmark = None,
                Err(_) => {}
            }
        }
    }

    /// Returns the range of rows that the window covers.
    pub(crate) fn covered(&self) -> (RowId, RowId) {
        let first = self.events().next().filter(|_| !self.at_start);
        let last = self.last_row().filter(|_| !self.at_end);
        (
            first.map_or(RowId(0), |event| event.row),
            last.unwrap_or(RowId(i64::MAX)),
        )
    }

    /// Adds gaps.
    pub(crate) fn gaps(&mut self, gaps: Vec<GapRow>) {
        self.gaps.extend(gaps);
        let surplus = self.gaps.len().saturating_sub(MAX_GAPS);
        self.gaps.drain(..surplus);
        self.edit(|_| {});
    }

    fn replace(&mut self, rows: Vec<EventRow>) {
        self.entries = rows
            .into_iter()
            .map(|row| Entry::Event(Box::new(row)))
            .collect();
        self.cursor = 0;
        self.top = 0;
    }

    fn extend(&mut self, rows: Vec<EventRow>, forget_front: bool) {
        self.edit(|list| {
            for row in rows {
                if list.entries.len() >= MAX_ROWS {
                    if !forget_front {
                        list.at_end = false;
                        list.resume.1 = None;
                        break;
                    }
                    list.entries.pop_front();
                    list.at_start = false;
                    list.resume.0 = None;
                }
                list.entries.push_back(Entry::Event(Box::new(row)));
            }
        });
    }

    /// Changes the rows; the cursor stays on its row, at the same height.
    fn edit(&mut self, change: impl FnOnce(&mut Self)) {
        let chosen = self.entries.get(self.cursor).map(Entry::key);
        let height = self.cursor.saturating_sub(self.top);
        change(self);
        if !self.gaps.is_empty() {
            self.place_gaps();
        }
        let place = chosen.and_then(|key| self.entries.iter().position(|entry| entry.key() == key));
        let last = self.entries.len().saturating_sub(1);
        self.cursor = place.unwrap_or(self.cursor).min(last);
        self.top = self.cursor.saturating_sub(height);
    }

    /// Inserts each gap before the first event after it.
    fn place_gaps(&mut self) {
        self.entries
            .retain(|entry| matches!(entry, Entry::Event(_)));
        for gap in &self.gaps {
            let after = |entry: &Entry| {
                entry
                    .event()
                    .is_some_and(|event| event.endpoint == gap.endpoint && event.seq > gap.last)
            };
            match self.entries.iter().position(after) {
                Some(0) if !self.at_start => {
                    let next = self.events().next().map(|event| event.seq);
                    if next == Some(gap.last + 1) {
                        self.entries.push_front(Entry::Gap(gap.clone()));
                    }
                }
                Some(index) => self.entries.insert(index, Entry::Gap(gap.clone())),
                None if self.at_end => self.entries.push_back(Entry::Gap(gap.clone())),
                None => {}
            }
        }
    }
}

/// Records an attempt in its event's row.
pub(crate) fn attempted(event: &mut EventRow, attempt: &AttemptRow) {
    let older = |last: &AttemptRow| last.row < attempt.row;
    if !event.last_attempt.as_ref().is_none_or(older) {
        return;
    }
    // The forwarder records no attempt for a target that refuses connections, so a recorded forward is done.
    if attempt.cause == Cause::Forward && event.forward == ForwardState::Pending {
        event.forward = ForwardState::Done;
    }
    event.last_attempt = Some(attempt.clone());
}

#[derive(PartialEq, Eq)]
enum ItemKey {
    Event(EventId),
    Gap(RowId),
}

impl Entry {
    pub(crate) fn event(&self) -> Option<&EventRow> {
        match self {
            Self::Event(event) => Some(event),
            Self::Gap(_) => None,
        }
    }

    fn event_mut(&mut self) -> Option<&mut EventRow> {
        match self {
            Self::Event(event) => Some(event),
            Self::Gap(_) => None,
        }
    }

    fn key(&self) -> ItemKey {
        match self {
            Self::Event(event) => ItemKey::Event(event.id),
            Self::Gap(gap) => ItemKey::Gap(gap.row),
        }
    }
}
