//! Rows of the course of a call or a conversation.

use jiff::tz::TimeZone;
use ringtail_model::EventDetail;
use ringtail_ringcentral::timeline::{Step, Timeline, gap, not_arrived};

use super::{Row, time};
use crate::text::{TextLine, Tone, cut, escape, width};

/// Widest label of a party.
const LABEL: usize = 20;

/// Puts together what the events tell, oldest first.
pub(crate) fn rows(course: &[EventDetail], zone: &TimeZone) -> Vec<Row> {
    match course.first() {
        Some(first) if first.event.topic == "telephony" => call(course, zone),
        _ => conversation(course, zone),
    }
}

fn call(course: &[EventDetail], zone: &TimeZone) -> Vec<Row> {
    let timeline = Timeline::of(course.iter().map(|event| &event.body[..]));
    let session = timeline.session.as_deref().unwrap_or("without a session");
    let title = TextLine::new(Tone::Strong, format!("Call {session}")).with(
        Tone::Plain,
        format!(
            ": {}, {}",
            counted(timeline.parties.len(), "party", "parties"),
            counted(timeline.steps.len(), "event", "events")
        ),
    );
    // No wider than what is in it, so that a narrow screen has room for the states.
    let labels = timeline.parties.iter();
    let label_width = labels
        .map(|party| width(&escape(&party.label)).min(LABEL))
        .max();
    let label_width = label_width.unwrap_or(0).max("PARTY".len());
    let heading = format!(
        "TIME             GAP SEQ  EVENT  {:<label_width$}  STATE",
        "PARTY"
    );
    let mut rows = vec![
        Row::plain(title),
        Row::plain(TextLine::new(Tone::Dim, heading)),
    ];
    let mut before: Option<(Option<i64>, i64)> = None;
    for step in &timeline.steps {
        let Some(event) = course.get(step.arrival).map(|event| &event.event) else {
            continue;
        };
        if let (Some(now), Some((Some(number), _))) = (step.sequence, before) {
            rows.extend(not_arrived(number, now).map(|words| {
                let words = format!("                      … {words}");
                Row::plain(TextLine::new(Tone::Warn, words))
            }));
        }
        let gap = before.map_or_else(String::new, |(_, at)| gap(event.received_at.0 - at));
        let number = step
            .sequence
            .map_or("–".to_owned(), |number| number.to_string());
        let at = time(event.received_at, zone, "%H:%M:%S%.3f");
        let head = format!(
            "{at} {gap:>7} {number:>3}  {:<5}",
            format!("#{}", event.seq)
        );
        let mut first = TextLine::new(Tone::Dim, &head);
        if step.states.is_empty() {
            first.push(Tone::Plain, &format!("  {}", event.summary));
            marks(step, &mut first);
            rows.push(Row {
                line: first.clone(),
                event: Some((event.id, event.row)),
            });
        }
        for (index, state) in step.states.iter().enumerate() {
            let mut line = match index {
                0 => first.clone(),
                _ => TextLine::new(Tone::Dim, " ".repeat(width(&head))),
            };
            let party = timeline.parties.get(state.party);
            let label = escape(party.map_or("", |party| party.label.as_str()));
            let label = cut(&label, label_width);
            let pad = " ".repeat(label_width.saturating_sub(width(&label)));
            line.push(Tone::Name, &format!("  {label}{pad}  "));
            match state.changed {
                true => line.push(Tone::Strong, &state.text),
                false => line.push(Tone::Dim, &format!("{} (as before)", state.text)),
            }
            if index == 0 {
                marks(step, &mut line);
            }
            let id = (index == 0).then_some((event.id, event.row));
            rows.push(Row { line, event: id });
        }
        let number = step.sequence.or(before.and_then(|(number, _)| number));
        before = Some((number, event.received_at.0));
    }
    rows
}

fn marks(step: &Step, line: &mut TextLine) {
    if step.repeated {
        line.push(Tone::Warn, "  [repeated]");
    }
    if step.late {
        line.push(Tone::Warn, "  [came late]");
    }
}

fn conversation(course: &[EventDetail], zone: &TimeZone) -> Vec<Row> {
    let topic = course
        .first()
        .map_or("", |event| event.event.topic.as_str());
    let what = match topic.contains("sms") || topic.contains("message") || topic.contains("post") {
        true => "Conversation",
        false => "What belongs together",
    };
    let title = TextLine::new(Tone::Strong, what).with(
        Tone::Plain,
        format!(": {}", counted(course.len(), "event", "events")),
    );
    let mut rows = vec![Row::plain(title)];
    let mut before = None;
    for event in course.iter().map(|detail| &detail.event) {
        let at = event.received_at;
        let day = time(at, zone, "%A, %F");
        if before.is_none_or(|before| time(before, zone, "%A, %F") != day) {
            rows.push(Row::plain(TextLine::new(Tone::Dim, day)));
        }
        let gap = before.map_or_else(String::new, |before| gap(at.0 - before.0));
        let at_words = time(at, zone, "%H:%M:%S");
        let mut line = TextLine::new(
            Tone::Dim,
            format!("{at_words} {gap:>7}  {:<6}  ", format!("#{}", event.seq)),
        );
        line.push(Tone::Plain, &event.summary);
        if let Some(first) = event.duplicate_of {
            line.push(Tone::Warn, &format!("  [duplicate of {first}]"));
        }
        rows.push(Row {
            line,
            event: Some((event.id, event.row)),
        });
        before = Some(at);
    }
    rows
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
