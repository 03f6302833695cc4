//! `read_diff` and `read_timeline`.

use ringtail_errors::{Failure, codes};
use ringtail_model::{EventDetail, EventRow, RowId, redact};
use ringtail_recordings::diff::{Changes, Noise, answer_changes, event_changes, last_answers};
use ringtail_ringcentral::timeline::Timeline;
use ringtail_store::Direction;
use ringtail_text::counted;
use ringtail_views::find::find_one;
use ringtail_views::{json, search};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, bounded};
use super::read::{PATIENCE, TextOrNumber};
use super::session::{Session, event_json};
use crate::command::search::filter;

/// The most characters of a value in a difference.
const MAX_VALUE: usize = 400;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Of {
    /// The requests of two events
    #[default]
    Request,
    /// The app's last two answers to the event
    Answers,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DiffInput {
    /// Event: its number, the beginning of its id, or endpoint/number
    event: TextOrNumber,
    /// Other event. Default: the previous one of its kind, in its call or conversation
    other: Option<TextOrNumber>,
    /// What to compare
    #[serde(default)]
    of: Of,
    /// Names of fields to ignore as well
    #[serde(default)]
    ignore: Vec<String>,
    /// Compare ids, times and numbers that always differ, too
    #[serde(default)]
    all: bool,
}

pub(super) async fn diff(session: &Session, args: DiffInput) -> Result<Answer, Failure> {
    let history = session.history();
    let event = find_one(history, None, args.event.as_str()).await?;
    let noise = match args.all {
        true => Noise::none(),
        false => session.config.noise.clone(),
    };
    let noise = args
        .ignore
        .iter()
        .fold(noise, |noise, name| noise.with(name));
    let (names, found) = match args.of {
        Of::Answers => {
            if args.other.is_some() {
                let both = "`other` and the answers to one event cannot be compared at once";
                return Err(Failure::new(&codes::USAGE, both).hint("omit `other`"));
            }
            let mut detail = session.store.answers(event.id, session.masked).await?;
            redact::compared([&mut detail]);
            let [(at, one), (other_at, other)] = last_answers(&detail).map_err(|few| {
                Failure::new(&codes::NO_DATA, few).hint("a replay makes another answer")
            })?;
            let name = |at: usize| format!("answer {at} to event {}", event.seq);
            (
                [name(at), name(other_at)],
                answer_changes(one, other, &noise),
            )
        }
        Of::Request => {
            let other = match &args.other {
                Some(other) => Some(find_one(history, None, other.as_str()).await?.id),
                None => None,
            };
            let mut two = session.store.pair(event.id, other, session.masked).await?;
            redact::compared(two.iter_mut());
            let [one, other] = two.as_ref();
            let name = |detail: &EventDetail| format!("event {}", detail.event.seq);
            ([name(one), name(other)], event_changes(one, other, &noise))
        }
    };
    let [from, to] = names;
    let line = match found.changes.len() {
        0 => format!("nothing that was compared differs between {from} and {to}"),
        1 => format!("1 value differs between {from} and {to}"),
        count => format!("{count} values differ between {from} and {to}"),
    };
    let mut object = changes_json(&found);
    object["from"] = json!(from);
    object["to"] = json!(to);
    Ok(Answer::new(object, line))
}

/// Differences as the fields of a result.
pub(super) fn changes_json(found: &Changes) -> Value {
    let side = |value: &Option<String>| value.as_ref().map(|value| cut(value));
    let changes = found.changes.iter().map(|change| {
        json!({"path": bounded(&change.path), "from": side(&change.from), "to": side(&change.to)})
    });
    json!({
        "same": found.changes.is_empty(),
        "untrusted": true,
        "changes": changes.collect::<Vec<_>>(),
        "ignored": found.ignored.iter().map(|name| bounded(name)).collect::<Vec<_>>(),
    })
}

/// Cuts a value, and says how long it was.
fn cut(value: &str) -> String {
    let length = value.chars().count();
    if length <= MAX_VALUE {
        return value.to_owned();
    }
    let beginning: String = value.chars().take(MAX_VALUE).collect();
    format!("{beginning}… ({length} characters)")
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TimelineInput {
    /// Any event of the call or conversation
    event: Option<TextOrNumber>,
    /// The call's telephony session id, or its beginning
    session: Option<String>,
}

pub(super) async fn timeline(session: &Session, args: TimelineInput) -> Result<Answer, Failure> {
    let event = match (&args.event, &args.session) {
        (Some(event), None) => find_one(session.history(), None, event.as_str()).await?,
        (None, Some(id)) => of_session(session, id).await?,
        _ => {
            let wrong = "neither or both of `event` and `session` are given";
            return Err(Failure::new(&codes::USAGE, wrong).hint("pass one of them"));
        }
    };
    let mut course = session.store.timeline(event.row, session.masked).await?;
    for detail in &mut course {
        redact::detail(detail);
        session.tell_comment(&mut detail.event).await?;
    }
    let rows: Vec<EventRow> = course.iter().map(|detail| detail.event.clone()).collect();
    if event.topic != "telephony" {
        let line = format!("a conversation of {}", counted(rows.len(), "event"));
        let events: Vec<Value> = rows.iter().map(event_json).collect();
        let object = json!({"type": "conversation", "untrusted": true, "events": events});
        return Ok(Answer::new(object, line));
    }
    let timeline = Timeline::of(course.iter().map(|detail| &detail.body[..]));
    let count = |is: fn(&ringtail_ringcentral::timeline::Step) -> bool| {
        timeline.steps.iter().filter(|step| is(step)).count()
    };
    let (repeated, late) = (count(|step| step.repeated), count(|step| step.late));
    let line = format!(
        "a call of {}, {}, {repeated} repeated, {late} late, {} in the sequence",
        counted(timeline.parties.len(), "party"),
        counted(timeline.steps.len(), "event"),
        counted(timeline.missing.len(), "gap")
    );
    let mut object = json::timeline(&timeline, &rows);
    super::answer::bound_all(&mut object);
    object["untrusted"] = json!(true);
    object["repeated"] = json!(repeated);
    object["late"] = json!(late);
    Ok(Answer::new(object, line))
}

/// Returns the newest event of a session.
async fn of_session(session: &Session, id: &str) -> Result<EventRow, Failure> {
    let quoted = id.replace('\\', "\\\\").replace('"', "\\\"");
    let search = search(
        filter(&format!("session:\"{quoted}\""))?,
        session.config.secrets.clone(),
    );
    let newest = (Direction::Older, RowId(i64::MAX));
    let found = session
        .history()
        .search(&search, newest.0, newest.1, 1, PATIENCE)
        .await?;
    found.rows.into_iter().next().ok_or_else(|| {
        let none = format!("no event of session {}", bounded(id));
        Failure::new(&codes::NO_DATA, none)
            .hint("read_events with the filter kind:telephony lists calls")
    })
}
