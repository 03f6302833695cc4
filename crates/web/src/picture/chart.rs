//! Rate, verdicts and response time of the listed events over time.

use maud::{Markup, html};
use ringtail_model::EventRow;
use ringtail_protocol::event::Timestamp;
use ringtail_text::counted;

use super::{Frame, line, text};

const WIDTH: i64 = 900;

/// Left of the plots, for their scales.
const LEFT: i64 = 56;

/// Height of the bars' plot, and of the dots' below it.
const PLOT: i64 = 90;

/// Top of the plots.
const TOPS: [i64; 2] = [22, 150];

/// Columns of bars.
const COLUMNS: usize = 100;

/// Most dots; with more events, each dot stands for the slowest of several.
const MAX_DOTS: usize = 600;

/// RingCentral gives up then.
const LIMIT_MS: u64 = 3000;

/// The slowest time that the scale shows.
const SLOWEST_MS: u64 = 100_000;

/// What the bars' colours mean, and where that stands.
const LEGEND: [(i64, &str, &str); 3] = [
    (60, "ok", "accepted"),
    (150, "faulty", "not accepted"),
    (260, "none", "without an answer"),
];

/// The times that a chart covers, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// What a chart needs of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    at: i64,
    /// Whether RingCentral accepts the newest answer, and how long it took; `None` without an attempt.
    answer: Option<(bool, u64)>,
}

/// The listed events in a range.
#[derive(Debug, Default)]
pub(crate) struct Chart {
    pub(crate) events: Vec<Answered>,
    /// Whether there are more than the chart has.
    pub(crate) is_partial: bool,
}

impl Answered {
    pub(crate) fn of(event: &EventRow) -> Self {
        let answer = event.last_attempt.as_ref().map(|attempt| {
            let took = u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX);
            (attempt.verdict.is_accepted(), took)
        });
        Self {
            at: event.received_at.0,
            answer,
        }
    }

    pub(crate) fn is_in(&self, range: Range) -> bool {
        (range.from..=range.to).contains(&self.at)
    }
}

impl Chart {
    /// Returns the times of its events.
    pub(crate) fn whole(&self) -> Option<Range> {
        let times = self.events.iter().map(|event| event.at);
        Some(Range {
            from: times.clone().min()?,
            to: times.max()?,
        })
    }

    pub(crate) fn draw(&self, range: Range, frame: &Frame) -> String {
        let (bars, most) = self.bars(range);
        let [top, below] = TOPS;
        let from = frame.time(Timestamp(range.from), "%F %H:%M:%S");
        let to = frame.time(Timestamp(range.to), "%F %H:%M:%S");
        let count = self
            .events
            .iter()
            .filter(|event| event.is_in(range))
            .count();
        let partial = if self.is_partial {
            ", the newest of more"
        } else {
            ""
        };
        let title = format!("{} from {from} to {to}{partial}", counted(count, "event"));
        let height = TOPS[1] + PLOT + 26;
        let limit = below + PLOT - scaled(LIMIT_MS);
        let parts = html! {
            (text("dim", LEFT, top - 8, "start", "events"))
            @for (at, class, words) in LEGEND {
                rect class=(class) x=(LEFT + at) y=(top - 17) width="10" height="10" {}
                (text("dim", LEFT + at + 14, top - 8, "start", words))
            }
            (text("dim", LEFT - 6, top + 10, "end", &most.to_string()))
            (line("", (LEFT, top + PLOT), (WIDTH, top + PLOT)))
            @for bar in &bars { (bar) }
            (text("dim", LEFT, below - 8, "start", "response time"))
            @for (ms, words) in [(1, "1 ms"), (100, "100 ms"), (10_000, "10 s")] {
                (text("dim", LEFT - 6, below + PLOT - scaled(ms) + 4, "end", words))
                (line("", (LEFT, below + PLOT - scaled(ms)), (WIDTH, below + PLOT - scaled(ms))))
            }
            (line("limit", (LEFT, limit), (WIDTH, limit)))
            (text("bad", WIDTH - 2, limit - 4, "end", "RingCentral gives up: 3 s"))
            @for (x, y, accepted) in self.dots(range) {
                circle class=(if accepted { "ok" } else { "faulty" }) cx=(x) cy=(y) r="2.5" {}
            }
            (text("dim", LEFT, height - 6, "start", &from))
            (text("dim", WIDTH - 2, height - 6, "end", &to))
        };
        let markup = frame.picture_of(&title, WIDTH, height, Some(range), &parts);
        markup.into_string()
    }

    /// Stacked bars, and the number of events in the highest.
    fn bars(&self, range: Range) -> (Vec<Markup>, u64) {
        let mut columns = [[0_u64; 3]; COLUMNS];
        for event in self.events.iter().filter(|event| event.is_in(range)) {
            let kind = match event.answer {
                Some((true, _)) => 0,
                Some((false, _)) => 1,
                None => 2,
            };
            let at = usize::try_from(place(event.at, range, COLUMNS as i64)).unwrap_or(0);
            columns[at.min(COLUMNS - 1)][kind] += 1;
        }
        let most = columns.iter().map(|column| column.iter().sum()).max();
        let most: u64 = most.unwrap_or(0).max(1);
        let wide = (WIDTH - LEFT) / COLUMNS as i64;
        let mut bars = Vec::new();
        for (at, column) in (0..).zip(&columns) {
            let mut y = TOPS[0] + PLOT;
            for (count, class) in column.iter().zip(["ok", "faulty", "none"]) {
                let whole = count * PLOT.unsigned_abs();
                // What is there is seen.
                let height = (whole / most).max(u64::from(*count > 0) * 2);
                let height = i64::try_from(height).unwrap_or(PLOT);
                y -= height;
                if height > 0 {
                    let x = LEFT + at * wide;
                    bars.push(html! { rect class=(class) x=(x) y=(y) width=(wide - 1) height=(height) {} });
                }
            }
        }
        (bars, most)
    }

    /// A dot for an answer, the slowest of its neighbours if there are many.
    fn dots(&self, range: Range) -> Vec<(i64, i64, bool)> {
        let events = self.events.iter().filter(|event| event.is_in(range));
        let answered: Vec<(i64, bool, u64)> = events
            .filter_map(|event| {
                event
                    .answer
                    .map(|(accepted, took)| (event.at, accepted, took))
            })
            .collect();
        let group = answered.len().div_ceil(MAX_DOTS).max(1);
        let slowest = answered.chunks(group).filter_map(|some| {
            some.iter()
                .max_by_key(|(_, accepted, took)| (!accepted, *took))
        });
        slowest
            .map(|(at, accepted, took)| {
                let x = LEFT + place(*at, range, WIDTH - LEFT - 2);
                (x, TOPS[1] + PLOT - scaled(*took), *accepted)
            })
            .collect()
    }
}

/// Where a time is in a range of `parts`.
fn place(at: i64, range: Range, parts: i64) -> i64 {
    let whole = i128::from(range.to) - i128::from(range.from);
    let part = i128::from(at) - i128::from(range.from);
    let at = part * i128::from(parts) / whole.max(1);
    i64::try_from(at).unwrap_or(0).clamp(0, parts)
}

/// The height of a time, on a logarithmic scale.
fn scaled(ms: u64) -> i64 {
    let share = f64::from(u32::try_from(ms.clamp(1, SLOWEST_MS)).unwrap_or(u32::MAX)).log10()
        / f64::from(u32::try_from(SLOWEST_MS).unwrap_or(u32::MAX)).log10();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a share of the plot's height"
    )]
    let height = (share * PLOT as f64) as i64;
    height
}
