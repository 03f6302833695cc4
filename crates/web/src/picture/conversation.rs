//! A conversation as bubbles: who wrote what and when, own messages on the right.

use maud::{Markup, html};
use ringtail_model::EventDetail;
use ringtail_ringcentral::facts::{About, facts};
use ringtail_text::{counted, one_line};
use serde_json::Value;

use super::{Frame, line, text};

const WIDTH: i64 = 640;

/// Width of a bubble.
const BUBBLE: i64 = 420;

/// Characters of a line in a bubble.
const COLUMNS: usize = 60;

/// Most lines of a bubble.
const MAX_LINES: usize = 12;

const LINE: i64 = 17;

/// Between two bubbles.
const SPACE: i64 = 14;

/// What one event says.
struct Bubble {
    author: String,
    lines: Vec<String>,
    is_own: bool,
}

impl Bubble {
    fn of(event: &EventDetail) -> Self {
        let body: Value = serde_json::from_slice(&event.body).unwrap_or_default();
        let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
        // SMS and messages have a subject, posts a text; everything else shows its summary.
        let words = at("/body/subject").or_else(|| at("/body/text"));
        let facts = facts(&event.body);
        let from = facts.into_iter().find(|fact| fact.about == About::From);
        Self {
            author: from.map_or_else(String::new, |from| one_line(&from.value, 48)),
            lines: wrapped(words.unwrap_or(&event.event.summary)),
            is_own: at("/body/direction") == Some("Outbound"),
        }
    }

    fn height(&self) -> i64 {
        LINE * i64::try_from(self.lines.len()).unwrap_or(1) + 12
    }
}

/// Breaks a text into lines; a word that is too long is broken, too.
fn wrapped(words: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let words = one_line(words, COLUMNS * MAX_LINES);
    let pieces = words.split(' ').flat_map(|word| {
        let letters: Vec<char> = word.chars().collect();
        let pieces = letters.chunks(COLUMNS).map(|part| part.iter().collect());
        pieces.collect::<Vec<String>>()
    });
    for piece in pieces {
        let room = COLUMNS.saturating_sub(piece.chars().count());
        let is_full = lines.len() == MAX_LINES;
        match lines.last_mut() {
            Some(last) if last.is_empty() => last.push_str(&piece),
            Some(last) if last.chars().count() < room => {
                last.push(' ');
                last.push_str(&piece);
            }
            _ if is_full => break,
            _ => lines.push(piece),
        }
    }
    lines
}

pub(super) fn draw(events: &[EventDetail], frame: &Frame) -> Markup {
    let mut y = 10;
    let mut day = String::new();
    let mut parts = Vec::new();
    for event in events {
        let bubble = Bubble::of(event);
        let row = &event.event;
        let today = frame.time(row.received_at, "%A, %F");
        if today != day {
            y += 20;
            parts.push(html! {
                (line("", (0, y - 4), (WIDTH, y - 4)))
                (text("dim", WIDTH / 2, y - 9, "middle", &today))
            });
            day = today;
        }
        y += 18;
        let x = if bubble.is_own {
            WIDTH - BUBBLE - 10
        } else {
            10
        };
        let at = frame.time(row.received_at, "%H:%M:%S");
        let mark = row
            .duplicate_of
            .map(|first| format!(", duplicate of #{first}"));
        let head = format!(
            "{}  {at}  #{}{}",
            bubble.author,
            row.seq,
            mark.as_deref().unwrap_or("")
        );
        let title = format!("#{}, {at}: {}", row.seq, row.summary);
        let own = html! {
            (text(if mark.is_some() { "warn" } else { "dim" }, x, y - 5, "start", &head))
            rect class=(if bubble.is_own { "bubble own" } else { "bubble" }) x=(x) y=(y) rx="7" width=(BUBBLE) height=(bubble.height()) {}
            @for (line, at) in bubble.lines.iter().zip(0..) {
                (text("", x + 10, y + 18 + LINE * at, "start", line))
            }
        };
        parts.push(frame.event(row.id, &title, &own));
        y += bubble.height() + SPACE;
    }
    let title = format!("Conversation: {}", counted(events.len(), "event"));
    let parts = html! { @for part in &parts { (part) } };
    frame.picture(&title, WIDTH, y.max(40), &parts)
}
