//! A call: a lane for each party, time downwards. What did not arrive, came twice or late is marked.

use maud::{Markup, html};
use ringtail_model::EventDetail;
use ringtail_ringcentral::timeline::{Step, Timeline, gap, not_arrived};
use ringtail_text::{counted, one_line};

use super::{Frame, line, text};

/// Left of the lanes: event, time and time since the step before.
const GUTTER: i64 = 232;

/// Width of a lane.
const LANE: i64 = 150;

/// Right of the lanes, for remarks, if there are any.
const REMARKS: i64 = 130;

/// Height of the parties' names.
const HEAD: i64 = 56;

/// Least height of a step.
const STEP: i64 = 22;

/// Height that all gaps have together on average, for each step.
const SCALE: i64 = 24;

/// Highest gap. A longer one is cut, which a break in the lanes shows.
const MAX_GAP: i64 = 130;

/// Height of the row that tells what did not arrive.
const LOST: i64 = 20;

pub(super) fn draw(events: &[EventDetail], frame: &Frame) -> Markup {
    let timeline = Timeline::of(events.iter().map(|event| &event.body[..]));
    let rows = rows(&timeline, events);
    let remarks = timeline.steps.iter().any(|step| step.repeated || step.late);
    let width = GUTTER + LANE * lanes(&timeline) + if remarks { REMARKS } else { 0 };
    let bottom = rows.last().map_or(HEAD, |row| row.y) + STEP;
    let session = timeline.session.as_deref().unwrap_or("without a session");
    let title = format!(
        "Call {session}: {}, {}",
        counted(timeline.parties.len(), "party"),
        counted(timeline.steps.len(), "event")
    );
    let parts = html! {
        (heads(&timeline))
        (tracks(&timeline, &rows))
        @for row in &rows { (row.draw(&timeline, width, frame)) }
    };
    frame.picture(&title, width, bottom, &parts)
}

fn lanes(timeline: &Timeline) -> i64 {
    i64::try_from(timeline.parties.len()).unwrap_or(0).max(1)
}

/// The middle of a party's lane.
fn lane(party: usize) -> i64 {
    GUTTER + LANE * i64::try_from(party).unwrap_or(0) + 12
}

/// A step at its height.
struct Row<'a> {
    step: &'a Step,
    event: &'a EventDetail,
    y: i64,
    /// Time since the step before.
    gap: String,
    /// Whether the gap is cut.
    is_cut: bool,
    /// What did not arrive before it, in words.
    lost: Option<String>,
}

/// Places the steps. Heights of gaps are in proportion to their times, down to the least height and up to [`MAX_GAP`].
fn rows<'a>(timeline: &'a Timeline, events: &'a [EventDetail]) -> Vec<Row<'a>> {
    let steps = timeline.steps.iter();
    let steps: Vec<(&Step, &EventDetail)> = steps
        .filter_map(|step| Some((step, events.get(step.arrival)?)))
        .collect();
    // What came in another order than it happened takes no time.
    let times = steps.windows(2).map(|two| match two {
        [(_, one), (_, other)] => since(one, other).max(0),
        _ => 0,
    });
    let whole: i128 = times.map(i128::from).sum();
    let heights = i128::from(SCALE) * i128::try_from(steps.len()).unwrap_or(0);
    let mut rows: Vec<Row<'a>> = Vec::new();
    let mut number: Option<i64> = None;
    for (step, event) in steps {
        let lost = match (number, step.sequence) {
            (Some(before), Some(now)) => not_arrived(before, now),
            _ => None,
        };
        number = step.sequence.or(number);
        let (mut y, mut words, mut is_cut) = (HEAD + STEP, String::new(), false);
        if let Some(before) = rows.last() {
            let micros = since(before.event, event);
            let height = match whole {
                0 => 0,
                _ => i128::from(micros.max(0)) * heights / whole,
            };
            is_cut = height > i128::from(MAX_GAP);
            let height = i64::try_from(height).unwrap_or(MAX_GAP).min(MAX_GAP);
            // Each state of a step has a line.
            let taken = i64::try_from(before.step.states.len().max(1)).unwrap_or(1);
            let lines = if shares_lane(before.step) { taken } else { 1 };
            y = before.y + (STEP * lines).max(height) + if lost.is_some() { LOST } else { 0 };
            words = gap(micros);
        }
        rows.push(Row {
            step,
            event,
            y,
            gap: words,
            is_cut,
            lost,
        });
    }
    rows
}

/// Returns whether two states of a step are in one lane.
fn shares_lane(step: &Step) -> bool {
    let mut parties: Vec<usize> = step.states.iter().map(|state| state.party).collect();
    parties.sort_unstable();
    parties.windows(2).any(|two| two.first() == two.last())
}

fn since(one: &EventDetail, other: &EventDetail) -> i64 {
    let (one, other) = (one.event.received_at.0, other.event.received_at.0);
    other.saturating_sub(one)
}

fn heads(timeline: &Timeline) -> Markup {
    html! {
        @for (at, party) in timeline.parties.iter().enumerate() {
            (text("strong", lane(at) - 8, 22, "start", &one_line(&party.label, 24)))
            (text("dim", lane(at) - 8, 38, "start", &one_line(&party.direction, 24)))
        }
    }
}

/// The lanes' lines, from the first to the last event that names the party.
fn tracks(timeline: &Timeline, rows: &[Row<'_>]) -> Markup {
    let span = |party: usize| {
        let of = |row: &&Row<'_>| row.step.states.iter().any(|state| state.party == party);
        let first = rows.iter().find(of)?.y;
        let last = rows.iter().rev().find(of)?.y;
        Some((first, last))
    };
    html! {
        @for at in 0..timeline.parties.len() {
            @if let Some((first, last)) = span(at) {
                (line("lane", (lane(at), first), (lane(at), last)))
            }
        }
    }
}

impl Row<'_> {
    fn draw(&self, timeline: &Timeline, width: i64, frame: &Frame) -> Markup {
        let (row, step, y) = (&self.event.event, self.step, self.y);
        let at = frame.time(row.received_at, "%H:%M:%S%.3f");
        let number = step.sequence.map_or("–".to_owned(), |it| it.to_string());
        let mut remarks = Vec::new();
        if step.repeated {
            remarks.push("repeated");
        }
        if step.late {
            remarks.push("came late");
        }
        let label = |party: usize| timeline.parties.get(party).map_or("", |it| &it.label);
        let states = step.states.iter();
        let states: Vec<String> = states
            .map(|state| format!("{} {}", label(state.party), state.text))
            .collect();
        let title = format!(
            "#{}, sequence {number}, {at}: {}",
            row.seq,
            states.join("; ")
        );
        let own = html! {
            (line("", (GUTTER - 4, y), (width, y)))
            (text("strong", 30, y + 4, "end", &number))
            (text("dim", 38, y + 4, "start", &format!("#{}", row.seq)))
            (text("dim", 82, y + 4, "start", &at))
            @if step.states.is_empty() {
                (text("", GUTTER + 4, y - 3, "start", &one_line(&row.summary, 60)))
            }
            @for state in &step.states {
                @let x = lane(state.party);
                circle class=(if state.changed { "state" } else { "same" }) cx=(x) cy=(y) r=(if state.changed { 5 } else { 3 }) {}
                (text(if state.changed { "" } else { "dim" }, x + 10, y - 4, "start", &one_line(&state.text, 24)))
            }
            (text("warn", width - 4, y - 4, "end", &remarks.join(", ")))
        };
        html! {
            @if let Some(lost) = &self.lost {
                (line("lost", (0, y - STEP / 2 - 8), (width, y - STEP / 2 - 8)))
                (text("warn", 8, y - STEP / 2 - 12, "start", lost))
            }
            @if self.is_cut { (text("dim", GUTTER - 14, y - STEP - 14, "end", "⋮")) }
            @if !self.gap.is_empty() { (text("dim", GUTTER - 8, y - 10, "end", &self.gap)) }
            (frame.event(row.id, &title, &own))
        }
    }
}
