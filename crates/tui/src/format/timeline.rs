//! Rows of a call's or a conversation's timeline.

use jiff::tz::TimeZone;
use ratatui::text::Line;
use ringtail_model::EventDetail;
use ringtail_ringcentral::timeline::{Step, Timeline, gap, not_arrived};

use super::{PanelRow, time};
use crate::text::{column, escape, line, span, width};
use crate::theme::{DIM, NAME, PLAIN, STRONG, WARN};

/// Widest label of a party.
const LABEL: usize = 20;

/// Lays out the events, oldest first.
pub(crate) fn rows(events: &[EventDetail], zone: &TimeZone) -> Vec<PanelRow> {
    match events.first() {
        Some(first) if first.event.topic == "telephony" => call(events, zone),
        _ => conversation(events, zone),
    }
}

fn call(events: &[EventDetail], zone: &TimeZone) -> Vec<PanelRow> {
    let timeline = Timeline::of(events.iter().map(|event| &event.body[..]));
    let session = timeline.session.as_deref().unwrap_or("without a session");
    let parties = counted(timeline.parties.len(), "party", "parties");
    let steps = counted(timeline.steps.len(), "event", "events");
    let title =
        span(format!("Call {session}"), STRONG) + span(format!(": {parties}, {steps}"), PLAIN);
    // As narrow as its content, so that a narrow screen has room for the states.
    let labels = timeline.parties.iter();
    let label_width = labels
        .map(|party| width(&escape(&party.label)).min(LABEL))
        .max();
    let label_width = label_width.unwrap_or(0).max("PARTY".len());
    let heading = format!(
        "TIME             GAP SEQ  EVENT  {:<label_width$}  STATE",
        "PARTY"
    );
    let mut rows = vec![PanelRow::plain(title), PanelRow::plain(line(heading, DIM))];
    let mut before: Option<(Option<i64>, i64)> = None;
    for step in &timeline.steps {
        let Some(event) = events.get(step.arrival).map(|event| &event.event) else {
            continue;
        };
        if let (Some(now), Some((Some(number), _))) = (step.sequence, before) {
            rows.extend(not_arrived(number, now).map(|words| {
                let words = format!("                      … {words}");
                PanelRow::plain(line(words, WARN))
            }));
        }
        let gap = before.map_or_else(String::new, |(_, at)| gap(event.received_at.0 - at));
        let number = step
            .sequence
            .map_or("–".to_owned(), |number| number.to_string());
        let at = time(event.received_at, zone, "%H:%M:%S%.3f");
        let seq = format!("#{}", event.seq);
        let head = format!("{at} {gap:>7} {number:>3}  {seq:<5}");
        let id = Some((event.id, event.row));
        if step.states.is_empty() {
            let mut row = span(&head, DIM) + span(format!("  {}", event.summary), PLAIN);
            add_remarks(step, &mut row);
            rows.push(PanelRow {
                line: row,
                event: id,
            });
        }
        for (index, state) in step.states.iter().enumerate() {
            let party = timeline.parties.get(state.party);
            let label = escape(party.map_or("", |party| party.label.as_str()));
            let label = column(&label, label_width);
            let head = match index {
                0 => span(&head, DIM),
                _ => span(" ".repeat(width(&head)), DIM),
            };
            let mut row = head + span(format!("  {label}  "), NAME);
            row += match state.changed {
                true => span(&state.text, STRONG),
                false => span(format!("{} (as before)", state.text), DIM),
            };
            if index == 0 {
                add_remarks(step, &mut row);
            }
            rows.push(PanelRow {
                line: row,
                event: id.filter(|_| index == 0),
            });
        }
        let number = step.sequence.or(before.and_then(|(number, _)| number));
        before = Some((number, event.received_at.0));
    }
    rows
}

fn add_remarks(step: &Step, row: &mut Line<'static>) {
    if step.repeated {
        *row += span("  [repeated]", WARN);
    }
    if step.late {
        *row += span("  [came late]", WARN);
    }
}

fn conversation(events: &[EventDetail], zone: &TimeZone) -> Vec<PanelRow> {
    let topic = events
        .first()
        .map_or("", |event| event.event.topic.as_str());
    let what = match topic.contains("sms") || topic.contains("message") || topic.contains("post") {
        true => "Conversation",
        false => "Related events",
    };
    let number = counted(events.len(), "event", "events");
    let title = span(what, STRONG) + span(format!(": {number}"), PLAIN);
    let mut rows = vec![PanelRow::plain(title)];
    let mut before = None;
    for event in events.iter().map(|detail| &detail.event) {
        let at = event.received_at;
        let day = time(at, zone, "%A, %F");
        if before.is_none_or(|before| time(before, zone, "%A, %F") != day) {
            rows.push(PanelRow::plain(line(day, DIM)));
        }
        let gap = before.map_or_else(String::new, |before| gap(at.0 - before.0));
        let at_words = time(at, zone, "%H:%M:%S");
        let seq = format!("#{}", event.seq);
        let mut row =
            span(format!("{at_words} {gap:>7}  {seq:<6}  "), DIM) + span(&event.summary, PLAIN);
        if let Some(first) = event.duplicate_of {
            row += span(format!("  [duplicate of {first}]"), WARN);
        }
        rows.push(PanelRow {
            line: row,
            event: Some((event.id, event.row)),
        });
        before = Some(at);
    }
    rows
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
