//! What is on screen.
//!
//! Owned by the loop, changed by [`update`](fn@crate::update::update) alone, read by [`view`](fn@crate::view::view).

mod batch;
mod detail;
mod filter_line;
mod line;
mod list;
mod pace;
mod replay_line;
mod study;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use ringtail_filter::Filter;
use ringtail_model::{
    EventRow, ForwardState, LinkState, NewFieldsRow, RowId, Status, TargetState, Watermarks,
    endpoint_name,
};
use ringtail_protocol::event::{EventId, Timestamp};
use ringtail_recordings::diff::Noise;
use ringtail_ringcentral::errors::{self, own};
use ringtail_ringcentral::verdict::Verdict;

pub(crate) use self::batch::Batch;
pub(crate) use self::detail::{BodyForm, Detail, Shown, Tab};
pub(crate) use self::filter_line::FilterLine;
pub(crate) use self::line::Palette;
pub(crate) use self::list::{Entry, List, attempted};
pub(crate) use self::pace::{BUCKETS, Pace};
pub(crate) use self::replay_line::ReplayLine;
pub(crate) use self::study::{About, Kind as StudyKind, Study};
use crate::effect::Place;
use crate::keymap::{Keys, Scope};
use crate::source::OptionLine;
use crate::text::Tone;
use crate::theme::Theme;
use crate::view::layout::Layout;

/// How long an event without an answer is kept off the list, so that a fast app does not make it flicker.
pub(crate) const GRACE: Duration = Duration::from_millis(100);

/// Events that may wait for their [`GRACE`]; with more of them flicker is no concern.
const MAX_INCOMING: usize = 200;

/// How long a notice stays.
const NOTICE: Duration = Duration::from_secs(6);

/// How long the history is left alone after it could not be read.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// Most events that are selected at once.
pub(crate) const MAX_SELECTED: usize = 2000;

/// Replays that may run at once.
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
    /// What the engine of the chosen event's endpoint is doing, or of the first.
    pub(crate) status: Status,
    /// What each engine is doing.
    pub(crate) engines: Vec<Status>,
    pub(crate) list: List,
    pub(crate) detail: Detail,
    pub(crate) focus: Focus,
    /// What lies over everything else, while it is open.
    pub(crate) overlay: Option<Overlay>,
    /// What the list is limited to.
    pub(crate) filter: Filter,
    /// The filter that is being written.
    pub(crate) filter_line: Option<FilterLine>,
    /// The actions by name, while one is looked for.
    pub(crate) palette: Option<Palette>,
    /// The path that is being written.
    pub(crate) jump: Option<tui_input::Input>,
    /// The comment that is being written, and its event.
    pub(crate) comment: Option<(EventId, tui_input::Input)>,
    /// The names of what is not compared, while they are written.
    pub(crate) noise_line: Option<tui_input::Input>,
    /// What is not compared.
    pub(crate) noise: Arc<Noise>,
    /// The options of a replay that are being written.
    pub(crate) replay_line: Option<ReplayLine>,
    /// The options that were written last.
    pub(crate) replayed_with: String,
    /// Reads them.
    pub(crate) read_replay: fn(&str) -> OptionLine,
    /// A call, a conversation or a difference, in the place of list and detail.
    pub(crate) study: Option<Study>,
    /// Selected events with their numbers, in the order of the history.
    pub(crate) selected: BTreeMap<RowId, (EventId, u64)>,
    /// Whether personal data is shown as pseudonyms.
    pub(crate) masked: bool,
    /// Whether the mouse is the screen's and not the terminal's.
    pub(crate) mouse: bool,
    pub(crate) notice: Option<Notice>,
    /// The endpoint whose address was copied last.
    pub(crate) addressed: Option<usize>,
    /// Replays that have not ended, beside the one that is watched.
    pub(crate) replays: usize,
    /// The replay that is watched.
    pub(crate) batch: Option<Batch>,
    pub(crate) reading: Reading,
    /// How much comes, and how long the app takes.
    pub(crate) pace: Pace,
    incoming: VecDeque<(Timestamp, EventRow)>,
}

/// Help or an explanation, and how far it is scrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overlay {
    pub(crate) kind: OverlayKind,
    pub(crate) scroll: usize,
}

/// What lies over everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OverlayKind {
    /// The keys and the signs.
    Help,
    /// The filter language.
    Language,
    /// The forms in which an event is copied.
    Copy,
    /// What a code means.
    Explanation(&'static errors::Entry),
}

/// Where keys act while nothing lies over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Focus {
    List,
    Detail,
}

/// Something to tell, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) tone: Tone,
    pub(crate) text: String,
    until: Timestamp,
}

/// How far the history was read, and whether it is being read: one query at a time, so that an answer never
/// overwrites a younger one.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) busy: bool,
    /// Whether the running query is about another filter.
    pub(crate) stale: bool,
    /// How far the history reaches.
    pub(crate) marks: Watermarks,
    /// How far it reached when the running query was asked.
    pub(crate) asked: Watermarks,
    /// How far it was read.
    pub(crate) seen: Watermarks,
    pub(crate) paused_until: Option<Timestamp>,
    /// Where the user wants to be, beyond what is loaded.
    pub(crate) jump: Option<Place>,
    /// The event that is chosen once it is loaded.
    pub(crate) choose: Option<EventId>,
}

impl Reading {
    /// Forgets where the user wanted to be.
    pub(crate) fn forget_jump(&mut self) {
        (self.jump, self.choose) = (None, None);
    }
}

impl App {
    /// Returns the screen before anything was read.
    pub(crate) fn new(
        engines: Vec<Status>,
        marks: Watermarks,
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
            filter_line: None,
            palette: None,
            jump: None,
            comment: None,
            noise_line: None,
            noise: Arc::default(),
            replay_line: None,
            replayed_with: String::new(),
            read_replay: |_| OptionLine::default(),
            study: None,
            selected: BTreeMap::new(),
            masked: false,
            mouse: false,
            notice: None,
            addressed: None,
            replays: 0,
            batch: None,
            reading: Reading {
                marks,
                // The first page has what is of its events up to here in it; gaps are read from the start.
                seen: Watermarks {
                    events: RowId::default(),
                    gaps: RowId::default(),
                    ..marks
                },
                ..Reading::default()
            },
            pace: Pace::default(),
            incoming: VecDeque::new(),
        }
    }

    /// Returns where keys act.
    pub(crate) fn scope(&self) -> Scope {
        match self.overlay.map(|overlay| overlay.kind) {
            Some(OverlayKind::Copy) => return Scope::Copy,
            Some(_) => return Scope::Overlay,
            None => {}
        }
        if self.palette.is_some() {
            Scope::Palette
        } else if self.filter_line.is_some() {
            Scope::Filter
        } else if self.jump.is_some() {
            Scope::Jump
        } else if self.comment.is_some() {
            Scope::Comment
        } else if self.noise_line.is_some() {
            Scope::Noise
        } else if self.replay_line.is_some() {
            Scope::Replay
        } else {
            self.pane()
        }
    }

    /// Returns where keys act once nothing lies over it.
    pub(crate) fn pane(&self) -> Scope {
        match (&self.study, self.focus) {
            (Some(_), _) => Scope::Study,
            (None, Focus::List) => Scope::List,
            (None, Focus::Detail) => Scope::Detail,
        }
    }

    /// Returns what there is to be explained: why an event is not accepted or was rejected, else what ails the link, else
    /// why the event waits, else what an answer means that is accepted or not judged.
    pub(crate) fn explainable(&self) -> Option<&'static errors::Entry> {
        let event = self.list.selected_event();
        let attempt = event.and_then(|event| event.last_attempt.as_ref());
        let bad = match (event, attempt) {
            (_, Some(attempt)) => errors::of_verdict(&attempt.verdict),
            (Some(event), None) if event.forward == ForwardState::Rejected => Some(&own::REJECTED),
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
            (down && waits).then_some(&own::NO_ANSWER)
        })
        .or_else(|| {
            attempt.map(|attempt| match attempt.verdict {
                Verdict::Unjudged { .. } => &own::UNJUDGED,
                _ => &own::VERDICT_OK,
            })
        })
    }

    /// Takes in what an engine is doing.
    pub(crate) fn hears(&mut self, index: usize, status: Status) {
        if let Some(engine) = self.engines.get_mut(index) {
            *engine = status;
        }
        self.look_at_engine();
    }

    /// Makes the engine of the chosen event's endpoint the one that is looked at.
    pub(crate) fn look_at_engine(&mut self) {
        let chosen = self.list.selected_event().map(|event| &event.endpoint);
        let of_chosen = chosen.and_then(|chosen| {
            let engines = self.engines.iter();
            engines
                .filter(|engine| engine.endpoint.is_some())
                .find(|engine| endpoint_name(chosen) == engine.name)
        });
        if let Some(engine) = of_chosen.or(self.engines.first()) {
            self.status.clone_from(engine);
        }
    }

    /// Returns where things are on screen.
    pub(crate) fn layout(&self) -> Layout {
        Layout::new(self.size, self.focus, self.engines.len())
    }

    /// Returns the event whose detail is or should be on screen.
    pub(crate) fn wanted(&self) -> Option<&EventRow> {
        let visible = self.focus == Focus::Detail || self.layout().detail.is_some();
        let visible = visible && self.study.is_none();
        self.list.selected_event().filter(|_| visible)
    }

    /// Returns the events that an action is about: those that are selected, in the order of the history, or the chosen
    /// one.
    pub(crate) fn meant(&self) -> Vec<(EventId, u64)> {
        if self.selected.is_empty() {
            let chosen = self.list.selected_event();
            chosen
                .map(|event| (event.id, event.seq))
                .into_iter()
                .collect()
        } else {
            self.selected.values().copied().collect()
        }
    }

    /// Says something for a while.
    pub(crate) fn notify(&mut self, tone: Tone, text: impl Into<String>) {
        self.notice = Some(Notice {
            tone,
            text: text.into(),
            until: later(self.now, NOTICE),
        });
    }

    /// Takes in the time.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        self.now = now;
        self.pace.tick(now);
        let passed = |until: Timestamp| until <= now;
        self.notice.take_if(|notice| passed(notice.until));
        self.reading.paused_until.take_if(|until| passed(*until));
        self.release();
    }

    /// Leaves the history alone for a moment.
    pub(crate) fn pause_reading(&mut self) {
        self.reading.paused_until = Some(later(self.now, READ_PAUSE));
    }

    /// Returns how long the screen stays as it is when nothing happens.
    pub(crate) fn idle(&self) -> Duration {
        if self.incoming.is_empty() {
            Duration::from_millis(500)
        } else {
            GRACE / 4
        }
    }

    /// Takes in events that are newer than all others.
    pub(crate) fn receive(&mut self, events: Vec<EventRow>) {
        let now = self.now;
        self.incoming
            .extend(events.into_iter().map(|event| (now, event)));
        self.release();
    }

    /// Forgets events that wait for their grace, when they will be read again.
    pub(crate) fn drop_incoming(&mut self) {
        self.incoming.clear();
    }

    /// Returns an event that waits for its grace.
    pub(crate) fn incoming_mut(&mut self, id: EventId) -> Option<&mut EventRow> {
        self.incoming
            .iter_mut()
            .map(|(_, event)| event)
            .find(|event| event.id == id)
    }

    /// Takes in what is new in events, and says so.
    pub(crate) fn noticed(&mut self, novelties: &[NewFieldsRow]) {
        for row in novelties {
            let novelty = Some(row.new_fields.clone());
            match self.incoming_mut(row.event) {
                Some(event) => event.new_fields = novelty,
                None => self.list.novelty(row.event, novelty),
            }
        }
        if let [before @ .., last] = novelties {
            let others = match before.len() {
                0 => String::new(),
                others => format!(" (and in {others} more)"),
            };
            let words = format!(
                "◆ #{} {}: {}{others}",
                last.seq, last.topic, last.new_fields
            );
            self.notify(Tone::Warn, words);
        }
    }

    /// Moves events onto the list whose answer is known or whose grace is over, in order.
    pub(crate) fn release(&mut self) {
        let mut ready = Vec::new();
        while let Some((since, event)) = self.incoming.front() {
            let settled = event.last_attempt.is_some()
                || matches!(event.forward, ForwardState::None | ForwardState::Rejected);
            let due =
                settled || self.incoming.len() > MAX_INCOMING || later(*since, GRACE) <= self.now;
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
