//! What became of an event: at the edge, and at each attempt with the app's answer and its verdict.

use jiff::tz::TimeZone;
use ringtail_model::{
    AttemptDetail, Cause, EventDetail, EventRow, FailureKind, ForwardState, Outcome,
};
use ringtail_protocol::event::{Disposition, Kind};
use ringtail_ringcentral::errors;
use ringtail_ringcentral::limits::BLACKLIST_WINDOW_MINUTES;
use ringtail_ringcentral::verdict::{Verdict, canonical_reason};

use super::{body, headers, size, time, timing, took};
use crate::text::{TextLine, Tone};

/// Most lines of an answer's body.
const MAX_ANSWER_LINES: usize = 200;

/// Most attempts, the newest.
const MAX_ATTEMPTS: usize = 20;

/// Makes lines of what became of the event, newest attempt first.
pub(super) fn lines(detail: &EventDetail, zone: &TimeZone) -> Vec<TextLine> {
    let event = &detail.event;
    let mut out = vec![TextLine::new(Tone::Dim, edge(event))];
    if detail.attempts.is_empty() {
        out.push(TextLine::new(Tone::Plain, none(event)));
    }
    for (index, attempt) in detail.attempts.iter().enumerate().rev().take(MAX_ATTEMPTS) {
        out.push(TextLine::default());
        one(index + 1, attempt, event, zone, &mut out);
    }
    let left_out = detail.attempts.len().saturating_sub(MAX_ATTEMPTS);
    if left_out > 0 {
        let note = format!("… {left_out} older attempts are not shown");
        out.push(TextLine::default());
        out.push(TextLine::new(Tone::Warn, note));
    }
    out
}

fn edge(event: &EventRow) -> &'static str {
    match (event.kind, event.disposition) {
        (Kind::Validation, _) => "The relay answered the validation request itself.",
        (Kind::Notification, Disposition::Pending) => {
            "The relay answered 200 in the app's name; the subscription is safe."
        }
        (_, Disposition::Pending) => {
            "No client was attached that forwards: the relay answered 200 and kept the event."
        }
        (_, Disposition::Answered) => "The relay gave the final answer; the app has no part in it.",
        (_, Disposition::Passed) => "The caller waited for the app's own answer.",
        _ => "A newer relay did something that this version has no word for.",
    }
}

fn none(event: &EventRow) -> &'static str {
    match (event.forward, event.disposition) {
        (ForwardState::Pending, _) => "Not forwarded yet.",
        (ForwardState::Rejected, Disposition::Passed) => {
            "Rejected: its proof of origin does not hold. The caller got 403, the app was not asked."
        }
        (ForwardState::Rejected, _) => {
            "Rejected: its proof of origin does not hold, so the app does not see it."
        }
        (_, Disposition::Passed) => "No answer yet.",
        (ForwardState::None, Disposition::Pending) => {
            "Kept to be looked at and replayed, not forwarded."
        }
        _ => "Nothing to forward.",
    }
}

fn one(
    number: usize,
    detail: &AttemptDetail,
    event: &EventRow,
    zone: &TimeZone,
    out: &mut Vec<TextLine>,
) {
    let attempt = &detail.attempt;
    let cause = match attempt.cause {
        Cause::Forward => "forward",
        Cause::Passthrough => "passthrough",
        Cause::Replay => "replay",
    };
    let at = time(attempt.started_at, zone, "%b %d %H:%M:%S%.3f");
    out.push(
        TextLine::new(Tone::Strong, format!("Attempt {number} · {cause}"))
            .with(Tone::Dim, format!("  {at}  {}", attempt.target)),
    );
    let answer = match &attempt.outcome {
        Outcome::Status(status) => format!(
            "  {status} in {}, body {}",
            took(attempt.duration),
            size(detail.body_len)
        ),
        Outcome::Error { kind, message } => format!(
            "  {} after {}: {message}",
            failure(*kind),
            took(attempt.duration)
        ),
    };
    out.push(TextLine::new(Tone::Plain, answer));
    if let Some(line) = timing::line(attempt, event) {
        out.push(line);
    }
    verdict(detail, event, out);
    if let Some(proof) = detail.proof {
        let (tone, words) = super::proof(proof);
        out.push(TextLine::new(tone, format!("  {words}")));
    }
    if matches!(attempt.outcome, Outcome::Status(_)) {
        out.extend(headers(&detail.headers).into_iter().map(indented));
        out.push(TextLine::default());
        let (lines, _) = body::lines(&detail.body, MAX_ANSWER_LINES, None);
        out.extend(lines.into_iter().map(indented));
        if detail.body_lost > 0 {
            let note = format!("  … {} of the answer were not kept", size(detail.body_lost));
            out.push(TextLine::new(Tone::Warn, note));
        }
    }
}

fn verdict(detail: &AttemptDetail, event: &EventRow, out: &mut Vec<TextLine>) {
    let verdict = &detail.attempt.verdict;
    match verdict {
        Verdict::Failed { .. } => {}
        Verdict::Accepted { notes } => {
            let words = "  ✓ RingCentral accepts this answer";
            out.push(TextLine::new(Tone::Good, words));
            for note in notes {
                out.push(TextLine::new(Tone::Warn, format!("  ! {note}")));
            }
            return;
        }
        Verdict::Unjudged { .. } => {
            let answer = match &detail.attempt.outcome {
                Outcome::Status(status) => format!("{status} {}", canonical_reason(*status)),
                Outcome::Error { .. } => "no answer".to_owned(),
            };
            let words = format!(
                "  – {} from the app; this is no webhook of RingCentral's, so there is no verdict",
                answer.trim_end()
            );
            out.push(TextLine::new(Tone::Plain, words));
            return;
        }
    }
    out.push(TextLine::new(
        Tone::Bad,
        "  ✗ RingCentral does not accept this answer",
    ));
    for fault in verdict.faults() {
        out.push(TextLine::new(Tone::Bad, format!("    {fault}")));
    }
    if let Some(entry) = errors::of_verdict(verdict) {
        let what = format!(
            "    {0}: e explains it, as `ringtail explain {0}`",
            entry.code
        );
        out.push(TextLine::new(Tone::Dim, what));
    }
    if event.kind == Kind::Notification {
        let what = format!(
            "    Without the relay, {BLACKLIST_WINDOW_MINUTES} minutes of such answers blacklist the subscription."
        );
        out.push(TextLine::new(Tone::Dim, what));
    }
}

/// Returns the kind of a failure in a word or two.
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

fn indented(mut line: TextLine) -> TextLine {
    let mut out = TextLine::new(Tone::Plain, "  ");
    for run in line.0.drain(..) {
        out.push(run.tone, &run.text);
    }
    out
}
