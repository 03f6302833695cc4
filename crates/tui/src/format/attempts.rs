//! What happened to an event: at the relay, and at each attempt, with the app's answer and the verdict.

use jiff::tz::TimeZone;
use ratatui::text::Line;
use ringtail_model::{AttemptDetail, EventDetail, EventRow, FailureKind, ForwardState, Outcome};
use ringtail_protocol::event::{Disposition, Kind};
use ringtail_ringcentral::limits::BLACKLIST_WINDOW_MINUTES;
use ringtail_ringcentral::verdict::{Verdict, canonical_reason};
use ringtail_text::size;

use super::{body, headers, time, timing, took};
use crate::text::{join, line, span};
use crate::theme::{BAD, DIM, GOOD, PLAIN, STRONG, WARN};

/// Most lines of an answer's body.
const MAX_ANSWER_LINES: usize = 200;

/// Most attempts, the newest.
const MAX_ATTEMPTS: usize = 20;

/// Makes lines of an event's attempts, newest first.
pub(super) fn lines(detail: &EventDetail, zone: &TimeZone) -> Vec<Line<'static>> {
    let event = &detail.event;
    let edited = event
        .edited_from
        .map(|id| format!("You edited it from event {id}: RingCentral did not send it."));
    let begin = edited.unwrap_or_else(|| at_relay(event).to_owned());
    let mut out = vec![line(begin, DIM)];
    if detail.attempts.is_empty() {
        out.push(line(no_attempt(event), PLAIN));
    }
    for (index, attempt) in detail.attempts.iter().enumerate().rev().take(MAX_ATTEMPTS) {
        out.push(Line::default());
        one(
            detail.older_attempts + index + 1,
            attempt,
            event,
            zone,
            &mut out,
        );
    }
    let left_out = detail.older_attempts + detail.attempts.len().saturating_sub(MAX_ATTEMPTS);
    if left_out > 0 {
        out.push(Line::default());
        out.push(line(
            format!("… {left_out} older attempts are not shown"),
            WARN,
        ));
    }
    out
}

fn at_relay(event: &EventRow) -> &'static str {
    match (event.kind, event.disposition) {
        (Kind::Validation, _) => "The relay answered the validation request.",
        (Kind::Notification, Disposition::Pending) => "The relay stored it and answered 200.",
        (_, Disposition::Pending) => {
            "RingCentral sends it once: the relay stored it, and answered with the app's response or with 200."
        }
        (_, Disposition::Answered) => "The relay answered it; it is not for the app.",
        (_, Disposition::Passed) => "The caller waited for the app's own answer.",
        _ => "A newer relay did something that this version does not know.",
    }
}

fn no_attempt(event: &EventRow) -> &'static str {
    match (event.forward, event.disposition) {
        (ForwardState::Pending, _) => "Not forwarded, or without a response yet.",
        (ForwardState::Rejected, Disposition::Passed) => {
            "Rejected: its signature or token is not valid. The caller got 403, the app was not asked."
        }
        (ForwardState::Rejected, _) => {
            "Rejected: its signature or token is not valid, so it is not forwarded."
        }
        (_, Disposition::Passed) => "No answer yet.",
        (ForwardState::None, Disposition::Pending) => {
            "Stored for inspection and replay, not forwarded."
        }
        _ => "Nothing to forward.",
    }
}

fn one(
    number: usize,
    detail: &AttemptDetail,
    event: &EventRow,
    zone: &TimeZone,
    out: &mut Vec<Line<'static>>,
) {
    let attempt = &detail.attempt;
    let at = time(attempt.started_at, zone, "%b %d %H:%M:%S%.3f");
    let head = format!("Attempt {number} · {}", attempt.cause.word());
    let head = span(head, STRONG);
    out.push(head + span(format!("  {at}  {}", attempt.target), DIM));
    let took = took(attempt.duration);
    let answer = match &attempt.outcome {
        Outcome::Status(status) => format!("  {status} in {took}, body {}", size(detail.body_len)),
        Outcome::Error { kind, message } => {
            format!("  {} after {took}: {message}", failure(*kind))
        }
    };
    out.push(line(answer, PLAIN));
    out.extend(timing::bar(attempt, event));
    verdict(detail, event, out);
    if let Some(proof) = detail.proof {
        let (style, words) = super::proof(proof);
        out.push(line(format!("  {words}"), style));
    }
    if matches!(attempt.outcome, Outcome::Status(_)) {
        out.extend(headers(&detail.headers).into_iter().map(indented));
        out.push(Line::default());
        let (lines, _) = body::pretty(&detail.body, MAX_ANSWER_LINES, None);
        out.extend(lines.into_iter().map(indented));
        if detail.body_lost > 0 {
            let note = format!("  … {} of the answer were not kept", size(detail.body_lost));
            out.push(line(note, WARN));
        }
    }
}

fn indented(text: Line<'static>) -> Line<'static> {
    join(line("  ", PLAIN), text)
}

fn verdict(detail: &AttemptDetail, event: &EventRow, out: &mut Vec<Line<'static>>) {
    let verdict = &detail.attempt.verdict;
    match verdict {
        Verdict::Failed { .. } => {}
        Verdict::Accepted { notes } => {
            out.push(line("  ✓ RingCentral accepts this answer", GOOD));
            out.extend(notes.iter().map(|note| line(format!("  ! {note}"), WARN)));
            return;
        }
        Verdict::Unjudged { .. } => {
            let answer = match &detail.attempt.outcome {
                Outcome::Status(status) => format!("{status} {}", canonical_reason(*status)),
                Outcome::Error { .. } => "no answer".to_owned(),
            };
            let why = match &detail.attempt.outcome {
                Outcome::Error { kind, .. } if *kind == FailureKind::TimedOut => {
                    "not a RingCentral webhook, or RingCentral waits longer"
                }
                _ => "not a RingCentral webhook",
            };
            let words = format!(
                "  – {} from the app; {why}, so there is no verdict",
                answer.trim_end()
            );
            out.push(line(words, PLAIN));
            return;
        }
    }
    out.push(line("  ✗ RingCentral does not accept this answer", BAD));
    out.extend(
        verdict
            .faults()
            .iter()
            .map(|fault| line(format!("    {fault}"), BAD)),
    );
    if let Some(code) = verdict.code() {
        let words = format!(
            "    {0}: e explains it, as does `ringtail explain {0}`",
            code.id
        );
        out.push(line(words, DIM));
    }
    if event.kind == Kind::Notification {
        let words = format!(
            "    Without the relay, {BLACKLIST_WINDOW_MINUTES} minutes of such answers blacklist the subscription."
        );
        out.push(line(words, DIM));
    }
}

/// Names a kind of failure in a word or two.
pub(crate) fn failure(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Refused => "refused",
        FailureKind::Unreachable => "no route",
        FailureKind::Tls => "TLS error",
        FailureKind::Reset => "reset",
        FailureKind::TimedOut => "timed out",
        FailureKind::NotHttp => "not HTTP",
        FailureKind::Unknown => "failed",
    }
}
