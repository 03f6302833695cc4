//! The columns of the list and what stands in them.

use std::borrow::Cow;

use ringtail_model::{Cause, EventRow, ForwardState, Outcome, Status, TargetState};
use ringtail_protocol::event::Disposition;

use crate::format::attempts::failure;
use crate::text::{Tone, width};

/// Columns from which durations are shown.
const TOOK_FROM: u16 = 66;

/// Columns from which the verdict has a word.
const WORDS_FROM: u16 = 72;

/// Columns from which times have milliseconds, and every mark has room.
const MILLIS_FROM: u16 = 100;

/// Place of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) x: u16,
    pub(super) width: u16,
}

/// The columns that a width has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) time: Column,
    pub(super) what: Column,
    pub(super) answer: Column,
    pub(super) took: Option<Column>,
    pub(super) verdict: Column,
    pub(super) marks: Column,
    pub(super) words: bool,
    pub(super) time_pattern: &'static str,
}

impl Columns {
    /// Divides a width. Days are shown when rows of another day are in sight.
    pub(super) fn new(width: u16, other_days: bool) -> Self {
        let (time_width, time_pattern) = match (other_days, width) {
            (true, MILLIS_FROM..) => (15, "%b %d %H:%M:%S"),
            (true, _) => (11, "%m-%d %H:%M"),
            (false, MILLIS_FROM..) => (12, "%H:%M:%S%.3f"),
            (false, _) => (8, "%H:%M:%S"),
        };
        let words = width >= WORDS_FROM;
        // From the right edge to the left; what is left over is for what matters most.
        let mut right = width;
        let mut take = |wanted: u16, gap: u16| {
            right = right.saturating_sub(wanted + gap);
            Column {
                x: right,
                width: wanted,
            }
        };
        let marks = take(if width >= MILLIS_FROM { 4 } else { 2 }, 0);
        let verdict = take(if words { 8 } else { 1 }, 1);
        let took = (width >= TOOK_FROM).then(|| take(7, 2));
        let answer = take(9, 1);
        let x = 2 + time_width + 2;
        Self {
            time: Column {
                x: 2,
                width: time_width,
            },
            what: Column {
                x,
                width: answer.x.saturating_sub(x + 1),
            },
            answer,
            took,
            verdict,
            marks,
            words,
            time_pattern,
        }
    }
}

/// Returns the summary of an event for so many cells. Where all of a message has no room, its text counts more than the
/// number that it went to, which is the developer's own.
pub(super) fn fitted(summary: &str, room: usize) -> Cow<'_, str> {
    if width(summary) <= room {
        return Cow::Borrowed(summary);
    }
    // A name may have any word in it; a number has not.
    let without = summary.split_once(": ").and_then(|(head, text)| {
        let (from, _) = head.split_once(" to +")?;
        from.contains(" from +").then(|| format!("{from}: {text}"))
    });
    without.map_or(Cow::Borrowed(summary), Cow::Owned)
}

/// Returns what the app answered, or why there is no answer.
pub(super) fn answer(event: &EventRow, engine: Option<&Status>) -> (Tone, String) {
    if event.forward == ForwardState::Pending {
        let target = |status: &Status| status.target.as_ref().map(|target| target.state.clone());
        return match engine.map(|status| (status.paused, target(status))) {
            // It waits until its endpoint is listened on again.
            None | Some((true, _) | (_, Some(TargetState::Down { .. }))) => {
                (Tone::Warn, "held".to_owned())
            }
            Some((false, Some(_))) => (Tone::Plain, "queued".to_owned()),
            Some((false, None)) => (Tone::Dim, "owed".to_owned()),
        };
    }
    match &event.last_attempt {
        None if event.forward == ForwardState::Rejected => (Tone::Bad, "rejected".to_owned()),
        Some(attempt) => match &attempt.outcome {
            Outcome::Status(code @ 200..300) => (Tone::Good, code.to_string()),
            Outcome::Status(code @ 100..400) => (Tone::Plain, code.to_string()),
            Outcome::Status(code) => (Tone::Bad, code.to_string()),
            Outcome::Error { kind, .. } => (Tone::Bad, failure(*kind).to_owned()),
        },
        None => match event.disposition {
            Disposition::Answered => (Tone::Dim, "by relay".to_owned()),
            Disposition::Passed => (Tone::Plain, "…".to_owned()),
            _ => (Tone::Dim, "–".to_owned()),
        },
    }
}

/// Returns the signs of what is remarkable about an event; the help explains them.
pub(super) fn marks(event: &EventRow) -> String {
    let mut marks = String::new();
    if event.duplicate_of.is_some() {
        marks.push('≡');
    }
    if event.bookmark.is_some() {
        marks.push('*');
    }
    if event.new_fields.is_some() {
        marks.push('◆');
    }
    let replayed = |cause| cause == Cause::Replay;
    if event
        .last_attempt
        .as_ref()
        .is_some_and(|attempt| replayed(attempt.cause))
    {
        marks.push('↻');
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_without_room_is_missed() {
        for (width, marks) in [(60, 2), (80, 2), (140, 4)] {
            assert_eq!(Columns::new(width, false).marks.width, marks);
        }
    }

    #[test]
    fn the_text_of_a_message_counts_more_than_whom_it_is_for() {
        let sms = "SMS from +14155550123 to +16505550100: Hello";
        assert_eq!(fitted(sms, 44), sms, "all of it has room");
        assert_eq!(fitted(sms, 43), "SMS from +14155550123: Hello");
        for kept in [
            "SMS from +14155550123 to +16505550100",
            "Call answered, Alex → Pat: to +1",
            "Message from Road to Ruin: from +1 to +2",
            "Message store: SMS from +1 to +2: 3 new",
        ] {
            assert_eq!(fitted(kept, 10), kept);
        }
    }
}
