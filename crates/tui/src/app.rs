//! What is on screen.
//!
//! Owned by the loop, changed only by [`update`](fn@crate::update::update), read by [`view`](fn@crate::view::view).

mod detail;
mod list;
mod palette;
mod panel;
mod prompt;
mod traffic;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui::style::Style;
use ringtail_errors::{self as errors, Code, codes};
use ringtail_filter::Filter;
use ringtail_model::{
    EventRow, ForwardState, LinkState, NewFieldsRow, RowId, Status, TargetState, Watermarks,
    endpoint_name,
};
use ringtail_protocol::event::{EventId, Timestamp};
use ringtail_recordings::diff::Noise;
use ringtail_ringcentral::verdict::Verdict;
use ringtail_views::PagePosition;
use ringtail_views::replayer::{OptionsCheck, ReplayStep};

pub(crate) use self::detail::{Detail, Shown};
pub(crate) use self::list::{Entry, List, attempted};
pub(crate) use self::palette::Palette;
pub(crate) use self::panel::Panel;
pub(crate) use self::prompt::{FilterLine, Prompt, ReplayLine};
pub(crate) use self::traffic::{BUCKETS, Traffic};
use crate::keymap::{Keys, Scope};
use crate::layout::{Focus, Layout};
use crate::theme::{Theme, WARN};

/// How long an event without an answer stays off the list, so that a fast app does not make it flicker.
pub(crate) const GRACE: Duration = Duration::from_millis(100);

/// Events that may wait for their [`GRACE`]; beyond that the list moves too fast to flicker.
const MAX_INCOMING: usize = 200;

/// How long a notice stays.
pub(crate) const NOTICE: Duration = Duration::from_secs(6);

/// The pause after the history could not be read.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// Most selected events.
pub(crate) const MAX_SELECTED: usize = 2000;

/// Most replays of one event at a time.
pub(crate) const MAX_REPLAYS: usize = 8;

/// The state of the screen.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) keys: Keys,
    pub(crate) theme: Theme,
    pub(crate) zone: TimeZone,
    pub(crate) now: Timestamp,
    /// Columns and lines.
    pub(crate) size: (u16, u16),
    /// The status of the current event's engine, or of the first.
    pub(crate) status: Status,
    pub(crate) engines: Vec<Status>,
    pub(crate) list: List,
    pub(crate) detail: Detail,
    pub(crate) focus: Focus,
    /// The box over everything else.
    pub(crate) overlay: Option<Overlay>,
    pub(crate) filter: Filter,
    /// The line that the user types on.
    pub(crate) prompt: Option<Prompt>,
    /// What is not compared.
    pub(crate) noise: Arc<Noise>,
    /// The options of the last replay.
    pub(crate) last_options: String,
    /// Checks the options of a replay.
    pub(crate) check_options: fn(&str) -> OptionsCheck,
    /// Instead of list and detail.
    pub(crate) panel: Option<Panel>,
    /// Selected events, in the order of the history.
    pub(crate) selected: BTreeMap<RowId, Named>,
    /// Whether personal data is shown as pseudonyms.
    pub(crate) masked: bool,
    /// Whether the mouse is captured.
    pub(crate) mouse: bool,
    pub(crate) notice: Option<Notice>,
    /// The URL of the page that this process serves.
    pub(crate) page: Option<String>,
    /// The engine whose address the last action copied (the page comes behind the engines), and until when the next copy
    /// takes the next one.
    pub(crate) copied_address: Option<(usize, Timestamp)>,
    /// Running replays that are not watched.
    pub(crate) replays: usize,
    /// The watched replay.
    pub(crate) progress: Option<ReplayProgress>,
    pub(crate) reading: Reading,
    pub(crate) traffic: Traffic,
    /// New events and when they arrived.
    incoming: VecDeque<(Timestamp, EventRow)>,
}

/// A box over everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overlay {
    pub(crate) kind: OverlayKind,
    pub(crate) scroll: usize,
}

/// What a box shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OverlayKind {
    Help,
    /// The filter language.
    Language,
    /// The formats of a copy.
    Copy,
    Explanation(&'static Code),
}

/// An event that actions apply to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: EventId,
    pub(crate) seq: u64,
    /// What it is called in words for the user.
    pub(crate) name: String,
}

/// A message in the footer, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) style: Style,
    pub(crate) text: String,
    until: Timestamp,
}

/// How far the replay is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReplayProgress {
    /// Whether it replays an edited event, which has no number on the list yet.
    pub(crate) edited: bool,
    /// The number of sends, once it is known.
    pub(crate) total: Option<usize>,
    pub(crate) done: usize,
    pub(crate) failed: usize,
    pub(crate) stopping: bool,
    /// Whether personal data was masked when it began, and therefore in its result.
    pub(crate) masked: bool,
}

impl ReplayProgress {
    pub(crate) fn step(&mut self, step: ReplayStep) {
        match step {
            ReplayStep::Begun(total) => self.total = Some(total),
            ReplayStep::Sent { accepted } => {
                self.done += 1;
                self.failed += usize::from(!accepted);
            }
        }
    }
}

/// How far the history was read. One query runs at a time, so that no answer overwrites a newer one.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) busy: bool,
    /// Whether the answer to the running query is of no use: it had another filter or mask.
    pub(crate) stale: bool,
    /// How far the history reaches.
    pub(crate) watermarks: Watermarks,
    /// How far it reached when the running query began.
    pub(crate) asked: Watermarks,
    /// How far it was read.
    pub(crate) seen: Watermarks,
    pub(crate) paused_until: Option<Timestamp>,
    /// The page to read next.
    pub(crate) jump: Option<PagePosition>,
    /// The event to move the cursor to once it is loaded.
    pub(crate) choose: Option<EventId>,
}

impl Reading {
    /// Makes the list read again from its start.
    pub(crate) fn restart(&mut self) {
        self.stale = self.busy;
        (self.jump, self.choose) = (None, None);
    }
}

impl App {
    /// Returns the screen before anything was read.
    pub(crate) fn new(
        engines: Vec<Status>,
        watermarks: Watermarks,
        now: Timestamp,
        zone: TimeZone,
        theme: Theme,
    ) -> Self {
        Self {
            keys: Keys::default(),
            theme,
            zone,
            now,
            size: (80, 24),
            status: engines.first().expect("there is an engine").clone(),
            engines,
            list: List::default(),
            detail: Detail::default(),
            focus: Focus::List,
            overlay: None,
            filter: Filter::default(),
            prompt: None,
            noise: Arc::default(),
            last_options: String::new(),
            check_options: |_| OptionsCheck::default(),
            panel: None,
            selected: BTreeMap::new(),
            masked: false,
            mouse: false,
            notice: None,
            page: None,
            copied_address: None,
            replays: 0,
            progress: None,
            reading: Reading {
                watermarks,
                // The first page includes the attempts and bookmarks of its events; gaps are read from the start.
                seen: Watermarks {
                    events: RowId::default(),
                    gaps: RowId::default(),
                    ..watermarks
                },
                ..Reading::default()
            },
            traffic: Traffic::default(),
            incoming: VecDeque::new(),
        }
    }

    /// Returns where keys act.
    pub(crate) fn scope(&self) -> Scope {
        match (self.overlay.map(|overlay| overlay.kind), &self.prompt) {
            (Some(OverlayKind::Copy), _) => Scope::Copy,
            (Some(_), _) => Scope::Overlay,
            (None, Some(prompt)) => prompt.scope(),
            (None, None) => self.base_scope(),
        }
    }

    /// Returns where keys act without a box or a prompt.
    pub(crate) fn base_scope(&self) -> Scope {
        match (&self.panel, self.focus) {
            (Some(_), _) => Scope::Panel,
            (None, Focus::List) => Scope::List,
            (None, Focus::Detail) => Scope::Detail,
        }
    }

    /// Returns what to explain: why the event is not accepted or was rejected, else a link error, else why the event
    /// waits, else the meaning of an accepted or unjudged answer.
    pub(crate) fn explainable(&self) -> Option<&'static Code> {
        let event = self.list.current_event();
        let attempt = event.and_then(|event| event.last_attempt.as_ref());
        let bad = match (event, attempt) {
            (_, Some(attempt)) => attempt.verdict.code(),
            (Some(event), None) if event.forward == ForwardState::Rejected => {
                Some(&codes::REJECTED)
            }
            _ => None,
        };
        bad.or_else(|| match &self.status.link {
            LinkState::Waiting { code, .. } | LinkState::Refused { code, .. } => errors::find(code),
            _ => None,
        })
        .or_else(|| {
            let target = self.status.target.as_ref().map(|target| &target.state);
            let down = matches!(target, Some(TargetState::Down { .. }));
            let waits = event.is_none_or(|event| event.forward == ForwardState::Pending);
            (down && waits).then_some(&codes::NO_ANSWER)
        })
        .or_else(|| {
            attempt.map(|attempt| match attempt.verdict {
                Verdict::Unjudged { .. } => &codes::UNJUDGED,
                _ => &codes::VERDICT_OK,
            })
        })
    }

    /// Records the status of an engine.
    pub(crate) fn set_status(&mut self, index: usize, status: Status) {
        if let Some(engine) = self.engines.get_mut(index) {
            *engine = status;
        }
        self.update_status();
    }

    /// Makes the status that of the current event's engine.
    pub(crate) fn update_status(&mut self) {
        let endpoint = self.list.current_event().map(|event| &event.endpoint);
        let of_event = endpoint.and_then(|endpoint| {
            let engines = self.engines.iter();
            engines
                .filter(|engine| engine.endpoint.is_some())
                .find(|engine| endpoint_name(endpoint) == engine.name)
        });
        if let Some(engine) = of_event.or(self.engines.first()) {
            self.status.clone_from(engine);
        }
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout::new(self.size, self.focus, self.engines.len())
    }

    /// Returns the event whose detail is, or should be, on screen.
    pub(crate) fn detail_event(&self) -> Option<&EventRow> {
        let visible = self.focus == Focus::Detail || self.layout().detail.is_some();
        let visible = visible && self.panel.is_none();
        self.list.current_event().filter(|_| visible)
    }

    /// Returns the events that an action applies to: the selected ones, or the current one.
    pub(crate) fn action_events(&self) -> Vec<Named> {
        if self.selected.is_empty() {
            let current = self.list.current_event();
            current.map(|event| self.named(event)).into_iter().collect()
        } else {
            self.selected.values().cloned().collect()
        }
    }

    pub(crate) fn named(&self, event: &EventRow) -> Named {
        Named {
            id: event.id,
            seq: event.seq,
            name: match self.label(event) {
                Some(label) => format!("{label} {}", event.seq),
                None => event.seq.to_string(),
            },
        }
    }

    /// Returns the endpoint of an event whose number alone could be that of another event on screen.
    pub(crate) fn label<'e>(&self, event: &'e EventRow) -> Option<&'e str> {
        match &self.status.endpoint {
            // Edited copies have an endpoint of their own, beside that of the original.
            _ if event.edited_from.is_some() => Some(&event.endpoint),
            _ if self.engines.len() > 1 => Some(endpoint_name(&event.endpoint)),
            // All endpoints of a data directory share the history.
            Some(endpoint) if endpoint.id != event.endpoint => Some(&event.endpoint),
            _ => None,
        }
    }

    /// Shows a notice.
    pub(crate) fn notify(&mut self, style: Style, text: impl Into<String>) {
        self.notice = Some(Notice {
            style,
            text: text.into(),
            until: later(self.now, NOTICE),
        });
    }

    pub(crate) fn tick(&mut self, now: Timestamp) {
        self.now = now;
        self.traffic.tick(now);
        let passed = |until: Timestamp| until <= now;
        self.notice.take_if(|notice| passed(notice.until));
        self.reading.paused_until.take_if(|until| passed(*until));
        self.release();
    }

    /// Stops reading the history for a moment.
    pub(crate) fn pause_reading(&mut self) {
        self.reading.paused_until = Some(later(self.now, READ_PAUSE));
    }

    /// Returns how long the screen stays the same when nothing happens.
    pub(crate) fn idle(&self) -> Duration {
        if self.incoming.is_empty() {
            Duration::from_millis(500)
        } else {
            GRACE / 4
        }
    }

    /// Adds new events, which may first wait for their grace.
    pub(crate) fn receive(&mut self, events: Vec<EventRow>) {
        let now = self.now;
        self.incoming
            .extend(events.into_iter().map(|event| (now, event)));
        self.release();
    }

    /// Drops events that wait for their grace and will be read again.
    pub(crate) fn drop_incoming(&mut self) {
        self.incoming.clear();
    }

    /// Returns whether an event waits for its grace.
    pub(crate) fn is_incoming(&self, id: EventId) -> bool {
        self.incoming.iter().any(|(_, event)| event.id == id)
    }

    /// Returns an event that waits for its grace or is listed.
    pub(crate) fn event_mut(&mut self, id: EventId) -> Option<&mut EventRow> {
        let mut incoming = self.incoming.iter_mut().map(|(_, event)| event);
        let found = incoming.find(|event| event.id == id);
        found.or_else(|| self.list.event_mut(id))
    }

    /// Records new fields in their events, and shows a notice of them. A notice of something else stays: it is about what the user
    /// has just done.
    pub(crate) fn add_new_fields(&mut self, new_fields: &[NewFieldsRow]) {
        for row in new_fields {
            if let Some(event) = self.event_mut(row.event) {
                event.new_fields = Some(row.new_fields.clone());
            }
        }
        let is_free = (self.notice.as_ref()).is_none_or(|notice| notice.text.starts_with('◆'));
        if is_free && let [before @ .., last] = new_fields {
            let others = match before.len() {
                0 => String::new(),
                others => format!(" (and in {others} more)"),
            };
            let endpoint = match self.engines.len() {
                1 => String::new(),
                _ => format!("{} ", endpoint_name(&last.endpoint)),
            };
            let words = format!(
                "◆ {endpoint}#{} {}: {}{others}",
                last.seq, last.topic, last.new_fields
            );
            self.notify(WARN, words);
        }
    }

    /// Moves events onto the list, in order, once their answer is known or their grace is over.
    pub(crate) fn release(&mut self) {
        let mut ready = Vec::new();
        while let Some((since, event)) = self.incoming.front() {
            let answered = event.last_attempt.is_some()
                || matches!(event.forward, ForwardState::None | ForwardState::Rejected);
            let due =
                answered || self.incoming.len() > MAX_INCOMING || later(*since, GRACE) <= self.now;
            if !due {
                break;
            }
            ready.extend(self.incoming.pop_front().map(|(_, event)| event));
        }
        if !ready.is_empty() {
            self.list.append(ready);
        }
        if !self.list.at_end {
            self.drop_incoming();
        }
    }
}

/// Returns the time a while after another.
pub(crate) fn later(time: Timestamp, wait: Duration) -> Timestamp {
    let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
    Timestamp(time.0.saturating_add(wait))
}
