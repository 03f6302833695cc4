//! The cells of an event's row.

use std::borrow::Cow;

use ratatui::text::Line;
use ringtail_model::{Cause, EventRow, ForwardState, Outcome, Status, TargetState, endpoint_name};
use ringtail_protocol::event::Disposition;
use ringtail_ringcentral::verdict::Verdict;

use crate::app::App;
use crate::format::attempts::failure;
use crate::text::{cut, cut_start, escape, line, width};
use crate::theme::{BAD, DIM, GOOD, PLAIN, WARN};

/// Returns what arrived, with the endpoint before it where several share the list.
pub(super) fn summary(event: &EventRow, app: &App, room: usize) -> String {
    let text = if event.summary.is_empty() {
        &event.topic
    } else {
        &event.summary
    };
    let text = escape(text);
    let most = 12.max(room / 4);
    let label = app.label(event).map(escape);
    let label = label.map(|name| match event.edited_from {
        // The end says that it was edited.
        Some(_) => format!("[{}] ", cut_start(&name, most)),
        None => format!("[{}] ", cut(&name, most)),
    });
    let label = label.unwrap_or_default();
    let text = without_receiver(&text, room.saturating_sub(width(&label)));
    cut(&format!("{label}{text}"), room).into_owned()
}

/// Leaves out the receiver of a message that does not fit: its text matters more than the developer's own number.
fn without_receiver(summary: &str, room: usize) -> Cow<'_, str> {
    if width(summary) <= room {
        return Cow::Borrowed(summary);
    }
    // A name may contain any word; a number does not.
    let without = summary.split_once(": ").and_then(|(head, text)| {
        let (from, _) = head.split_once(" to +")?;
        from.contains(" from +").then(|| format!("{from}: {text}"))
    });
    without.map_or(Cow::Borrowed(summary), Cow::Owned)
}

/// Returns the app's answer, or why it is missing.
pub(super) fn answer(event: &EventRow, app: &App, room: usize) -> Line<'static> {
    if event.forward == ForwardState::Pending {
        return pending(event, engine_of(event, app));
    }
    let Some(attempt) = &event.last_attempt else {
        return match event.disposition {
            _ if event.forward == ForwardState::Rejected => line("rejected", BAD),
            Disposition::Answered => line("by relay", DIM),
            Disposition::Passed => line("…", PLAIN),
            _ => line("–", DIM),
        };
    };
    match &attempt.outcome {
        Outcome::Status(code @ 200..300) => line(code.to_string(), GOOD),
        Outcome::Status(code @ 100..400) => line(code.to_string(), PLAIN),
        Outcome::Status(code) => line(code.to_string(), BAD),
        Outcome::Error { kind, .. } => line(cut(failure(*kind), room), BAD),
    }
}

fn pending(event: &EventRow, engine: Option<&Status>) -> Line<'static> {
    // Without an engine it waits until its endpoint is listened on again.
    let Some(engine) = engine else {
        return line("pending", WARN);
    };
    if engine.unanswered.iter().any(|sent| sent.row == event.row) {
        return line("late", WARN);
    }
    if engine.paused {
        return line("paused", WARN);
    }
    let style = match engine.target.as_ref().map(|target| &target.state) {
        Some(TargetState::Down { .. }) => WARN,
        Some(_) => PLAIN,
        None => DIM,
    };
    line("pending", style)
}

/// Returns the engine of an event's endpoint, if one runs here.
fn engine_of<'a>(event: &EventRow, app: &'a App) -> Option<&'a Status> {
    match app.engines.as_slice() {
        [_] => {
            let endpoint = app.status.endpoint.as_ref();
            let is_here = endpoint.is_none_or(|endpoint| endpoint.id == event.endpoint);
            is_here.then_some(&app.status)
        }
        several => {
            let name = endpoint_name(&event.endpoint);
            several.iter().find(|engine| engine.name == name)
        }
    }
}

/// Returns what RingCentral makes of an answer, as a sign and a word if there is room.
pub(super) fn verdict(verdict: &Verdict, has_word: bool) -> Line<'static> {
    let (sign, style) = match verdict {
        Verdict::Accepted { .. } => ("✓", GOOD),
        Verdict::Failed { .. } => ("✗", BAD),
        Verdict::Unjudged { .. } => ("–", DIM),
    };
    let word = match verdict.word() {
        _ if !has_word => String::new(),
        "unjudged" => String::new(),
        "no-answer" => " none".to_owned(),
        word => format!(" {word}"),
    };
    line(format!("{sign}{word}"), style)
}

/// Returns the signs of an event; the help explains them.
pub(super) fn signs(event: &EventRow) -> String {
    let replayed = event.last_attempt.as_ref().map(|attempt| attempt.cause) == Some(Cause::Replay);
    [
        (event.duplicate_of.is_some(), '≡'),
        (event.is_stranger, '≠'),
        (event.bookmark.is_some(), '*'),
        (event.new_fields.is_some(), '◆'),
        (replayed, '↻'),
    ]
    .into_iter()
    .filter_map(|(has, sign)| has.then_some(sign))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_message_counts_more_than_its_receiver() {
        let sms = "SMS from +14155550123 to +16505550100: Hello";
        assert_eq!(without_receiver(sms, 44), sms, "all of it has room");
        assert_eq!(without_receiver(sms, 43), "SMS from +14155550123: Hello");
        for kept in [
            "SMS from +14155550123 to +16505550100",
            "Call answered, Alex → Pat: to +1",
            "Message from Road to Ruin: from +1 to +2",
            "Message store: SMS from +1 to +2: 3 new",
        ] {
            assert_eq!(without_receiver(kept, 10), kept);
        }
    }
}
