//! `read_events` and `read_event`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringtail_errors::{Failure, codes};
use ringtail_model::{AttemptDetail, EventRow, GapRow, RowId};
use ringtail_protocol::event::Header;
use ringtail_store::Direction;
use ringtail_text::{counted, json as text_json};
use ringtail_views::find::{find_one, gaps};
use ringtail_views::{json, search};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::answer::{Answer, OBJECT_BYTES, bound_all, bounded, bytes};
use super::outline::{json_text, outline, paths, values};
use super::session::{Session, attempt_json, event_json};
use crate::command::search::filter;

/// The most events of a result.
const MAX_EVENTS: u32 = 100;

/// How long a search may take. The next page continues it.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// The most gaps of a result, the newest.
const MAX_GAPS: usize = 10;

/// Bytes kept for gaps and everything else but the events.
const BESIDE: usize = 3 * 1024;

/// The most bytes of an event's body as JSON; a larger one is an outline.
const MAX_BODY: usize = 8 * 1024;

/// Bytes of the names and numbers beside event, values, attempts and notes.
const AROUND: usize = 128;

/// The same of an answer's body.
const MAX_ANSWER: usize = 1536;

/// The most bytes of an event's header fields as JSON, and of an answer's.
const MAX_HEADERS: (usize, usize) = (4 * 1024, 768);

/// The most attempts of a result.
const MAX_ATTEMPTS: usize = 10;

/// Characters that are given of a large body that is not JSON.
const BEGINNING: usize = 1000;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsInput {
    /// Filter, such as "status:5xx since:-3h" or "kind:sms from:+1650". Default: all events
    #[serde(default)]
    filter: String,
    /// Number of events, 1 to 100
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
    /// Only events before this position: `next.before` of the last page
    before: Option<i64>,
    /// Only events after this position: `next.after` of the last page
    after: Option<i64>,
    /// Newest first, or oldest first
    #[serde(default = "yes")]
    newest_first: bool,
}

fn twenty() -> u32 {
    20
}

pub(super) fn yes() -> bool {
    true
}

pub(super) async fn events(session: &Session, args: EventsInput) -> Result<Answer, Failure> {
    if !(1..=MAX_EVENTS).contains(&args.limit) {
        let wrong = format!("limit is {}", args.limit);
        return Err(Failure::new(&codes::USAGE, wrong).hint("pass a limit from 1 to 100"));
    }
    let limit = usize::try_from(args.limit).unwrap_or_default();
    let wanted = search(filter(&args.filter)?, session.config.secrets.clone());
    let low = RowId(args.after.unwrap_or(0).max(0));
    let high = RowId(args.before.unwrap_or(i64::MAX));
    let (direction, from) = match args.newest_first {
        true => (Direction::Older, high),
        false => (Direction::Newer, low),
    };
    let cursor = session.has_read().await?;
    let history = session.history();
    let found = history
        .search(&wanted, direction, from, limit, PATIENCE)
        .await?;
    let is_inside = |row: RowId| low < row && row < high;
    let rows: Vec<EventRow> = found.rows;
    let left = rows.iter().take_while(|event| is_inside(event.row)).count();
    // Outside the bounds there is nothing more to search.
    let mut next = found
        .next
        .filter(|_| left == rows.len())
        .filter(|next| match direction {
            Direction::Older => next.0 > low.0 + 1,
            Direction::Newer => next.0 < high.0 - 1,
        });
    let rows = session.rows(rows.into_iter().take(left).collect()).await?;
    let mut events: Vec<Value> = Vec::new();
    let mut room = OBJECT_BYTES - BESIDE;
    let mut last = None;
    for row in &rows {
        let event = event_json(row);
        let size = bytes(&event) + 1;
        if size > room {
            next = last;
            break;
        }
        room -= size;
        last = Some(row.row);
        events.push(event);
    }
    let shown = rows.get(..events.len()).unwrap_or_default();
    let gaps = match wanted.filter().is_empty() {
        true => gaps_among(&gaps(history).await?, shown),
        // Whether lost events would match is not known.
        false => Vec::new(),
    };
    let bad = shown.iter().filter(|event| is_bad(event)).count();
    let searched = match (&next, events.len() < limit) {
        (Some(_), true) => "; there are more to look at: pass `next`",
        (Some(_), false) => "; pass `next` for more",
        (None, _) => "",
    };
    let line = format!(
        "{}, {bad} with an answer that RingCentral would not accept{searched}",
        counted(events.len(), "event")
    );
    let next = next.map(|next| match direction {
        Direction::Older => json!({"before": next.0}),
        Direction::Newer => json!({"after": next.0}),
    });
    let object =
        json!({"events": events, "next": next, "gaps": gaps, "cursor": cursor.to_string()});
    Ok(Answer::new(object, line))
}

/// Returns whether RingCentral would not accept the newest answer.
pub(super) fn is_bad(event: &EventRow) -> bool {
    let attempt = event.last_attempt.as_ref();
    attempt.is_some_and(|attempt| attempt.verdict.code().is_some())
}

/// Returns the gaps before, between and after the events that are shown.
fn gaps_among(gaps: &[GapRow], shown: &[EventRow]) -> Vec<Value> {
    let is_near = |gap: &&GapRow| {
        let of = shown.iter().filter(|event| event.endpoint == gap.endpoint);
        let numbers = of.map(|event| event.seq);
        let (Some(first), Some(last)) = (numbers.clone().min(), numbers.max()) else {
            return false;
        };
        gap.last.saturating_add(1) >= first && gap.first <= last.saturating_add(1)
    };
    let near: Vec<&GapRow> = gaps.iter().filter(is_near).collect();
    let near = near.iter().rev().take(MAX_GAPS);
    near.map(|gap| json::gap(gap)).collect()
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Part {
    /// The request and the answers
    #[default]
    All,
    /// The request only
    Request,
    /// The app's answers only
    Answers,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventInput {
    /// Event: its number (17), the beginning of its id, or endpoint/number
    event: TextOrNumber,
    /// Read only these values of the body, such as `body.parties[*].status.code`; at most 50
    #[serde(default)]
    paths: Vec<String>,
    /// The last attempts, 0 to 10
    #[serde(default = "three")]
    #[schemars(range(max = 10))]
    attempts: usize,
    /// What to read
    #[serde(default)]
    part: Part,
}

/// A text, for which a number is taken as well, because assistants give either.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(transparent)]
pub(super) struct TextOrNumber(String);

impl TextOrNumber {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for TextOrNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Number(number) => Ok(Self(number.to_string())),
            _ => Err(D::Error::custom("expected a text such as \"17\"")),
        }
    }
}

fn three() -> usize {
    3
}

pub(super) async fn event(session: &Session, args: EventInput) -> Result<Answer, Failure> {
    let wanted = paths(&args.paths)?;
    if args.attempts > MAX_ATTEMPTS {
        let wrong = format!("attempts is {}", args.attempts);
        return Err(Failure::new(&codes::USAGE, wrong).hint("pass 0 to 10 attempts"));
    }
    let row = find_one(session.history(), None, args.event.as_str()).await?;
    let mut detail = session.detail(row.id).await?;
    let mut left_out = Vec::new();
    let mut event = event_json(&detail.event);
    let attempts = std::mem::take(&mut detail.attempts);
    let body = std::mem::take(&mut detail.body);
    if let (Value::Object(event), Value::Object(more)) = (&mut event, json::event(&detail)) {
        for name in ["peer", "uuid_of", "signatures"] {
            event.insert(name.to_owned(), more.get(name).cloned().unwrap_or_default());
        }
        if args.part != Part::Answers {
            let fields = headers(
                &detail.headers,
                MAX_HEADERS.0,
                "event.headers",
                &mut left_out,
            );
            event.insert("headers".to_owned(), fields);
            if args.paths.is_empty() {
                put_body(event, &body, MAX_BODY, "event.body", &mut left_out);
            }
        }
    }
    let mut object = json!({"event": event});
    if !args.paths.is_empty() {
        let text = json_text(&body).ok_or_else(|| {
            Failure::new(&codes::USAGE, "the body is not JSON, so it has no paths")
                .hint("read the event without paths")
        })?;
        object["values"] = json!(values(&text, &wanted, &args.paths));
        object["untrusted"] = json!(true);
    }
    let count = attempts.len();
    if args.part != Part::Request {
        let wanted = attempts.get(count.saturating_sub(args.attempts)..);
        let used = bytes(&object) + bytes(&left_out) + AROUND;
        let room = OBJECT_BYTES.saturating_sub(used);
        let (list, notes) = newest(wanted.unwrap_or_default(), room);
        object["attempts"] = json!(list);
        left_out.extend(notes);
    }
    object["attempts_in_all"] = json!(count);
    if !left_out.is_empty() {
        object["left_out"] = json!(left_out);
    }
    let line = match attempts.last().map(|attempt| &attempt.attempt) {
        None => format!("event {}, no attempt", row.seq),
        Some(last) => format!(
            "event {}, {}, the last verdict is {}",
            row.seq,
            counted(count, "attempt"),
            last.verdict.word()
        ),
    };
    Ok(Answer::new(object, line))
}

/// Attempts, at least the newest, with notes of what is left out. The oldest go first, because the newest one counts.
fn newest(attempts: &[AttemptDetail], room: usize) -> (Vec<Value>, Vec<String>) {
    let mut shown = attempts;
    loop {
        let mut notes = Vec::new();
        if shown.len() < attempts.len() {
            let older = attempts.len() - shown.len();
            notes.push(format!("attempts: {older} at the beginning"));
        }
        let list = shown.iter().enumerate();
        let list: Vec<Value> = list
            .map(|(index, attempt)| answered(attempt, &format!("attempts[{index}]"), &mut notes))
            .collect();
        match shown {
            [_, rest @ ..] if !rest.is_empty() && bytes(&list) + bytes(&notes) > room => {
                shown = rest;
            }
            _ => return (list, notes),
        }
    }
}

/// An attempt with the app's answer apart.
pub(super) fn answered(detail: &AttemptDetail, at: &str, left_out: &mut Vec<String>) -> Value {
    let mut value = attempt_json(&detail.attempt);
    let mut answer = Map::new();
    answer.insert("untrusted".to_owned(), json!(true));
    let fields = headers(
        &detail.headers,
        MAX_HEADERS.1,
        &format!("{at}.answer.headers"),
        left_out,
    );
    answer.insert("headers".to_owned(), fields);
    answer.insert("body_len".to_owned(), json!(detail.body_len));
    put_body(
        &mut answer,
        &detail.body,
        MAX_ANSWER,
        &format!("{at}.answer.body"),
        left_out,
    );
    value["answer"] = Value::Object(answer);
    value
}

/// Header fields in order, as many as there is room for.
fn headers(fields: &[Header], room: usize, at: &str, left_out: &mut Vec<String>) -> Value {
    let mut shown = Vec::new();
    let mut used = 0;
    for field in fields {
        let mut value = match std::str::from_utf8(&field.value) {
            Ok(text) => json!([field.name, text]),
            Err(_) => json!([field.name, null, STANDARD.encode(&field.value)]),
        };
        let size = bytes(&value);
        if size > room / 4 {
            bound_all(&mut value);
            left_out.push(format!("{at}: the rest of {}", bounded(&field.name)));
        }
        used += bytes(&value) + 1;
        if used > room {
            left_out.push(format!(
                "{at}: {} fields at the end",
                fields.len() - shown.len()
            ));
            break;
        }
        shown.push(value);
    }
    Value::Array(shown)
}

/// A body whole, or what stands for it.
fn put_body(
    object: &mut Map<String, Value>,
    body: &[u8],
    room: usize,
    at: &str,
    left_out: &mut Vec<String>,
) {
    let text = std::str::from_utf8(body);
    let whole = match text {
        Ok(text) => ("body", json!(text)),
        Err(_) => ("body_base64", json!(STANDARD.encode(body))),
    };
    if bytes(&whole.1) <= room {
        object.insert(whole.0.to_owned(), whole.1);
        return;
    }
    let mut note = format!("{at}: {} bytes", body.len());
    let json = json_text(body).filter(|text| text_json::is_valid(text));
    match (json, text) {
        (Some(json), _) => {
            let (rows, more) = outline(&json);
            object.insert("body_outline".to_owned(), json!(rows));
            note.push_str("; read values by `paths`");
            if more {
                note.push_str("; the outline has not every path");
            }
        }
        (None, Ok(text)) => {
            let beginning: String = text.chars().take(BEGINNING).collect();
            object.insert("body_beginning".to_owned(), json!(beginning));
            note.push_str("; not JSON, so only its beginning is here");
        }
        (None, Err(_)) => note.push_str("; not text"),
    }
    left_out.push(note);
}
