//! The JSON of every front end, documented in `docs/OUTPUT.md` and stable. JSON lines have one object a line.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp as Instant;
use ringtail_errors::{Code, Origin};
use ringtail_model::new_fields::NewFields;
use ringtail_model::subscription::{SubscriptionState, SubscriptionStatus};
use ringtail_model::{
    AttemptDetail, AttemptRow, CanaryState, EventDetail, EventRow, GapRow, LinkState, NewFieldsRow,
    Outcome, Proof, RowId, Status, TargetState, Unanswered,
};
use ringtail_protocol::event::{Header, Timestamp};
use ringtail_recordings::diff::{Diff, Line};
use ringtail_ringcentral::timeline::Timeline;
use ringtail_ringcentral::verdict::Failing;
use ringtail_text::escape;
use serde_json::{Value, json};

/// Appends an object as one line. Unsafe characters get JSON escapes, so a terminal may show it.
pub fn line(out: &mut Vec<u8>, value: &Value) {
    out.extend_from_slice(escape(&value.to_string()).as_bytes());
    out.push(b'\n');
}

/// Returns an object as a line.
#[must_use]
pub fn bytes(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    line(&mut out, value);
    out
}

/// The link is up for the first time.
#[must_use]
pub fn ready(endpoint: &str, url: &str, position: RowId) -> Value {
    json!({"type": "ready", "endpoint": endpoint, "url": url, "position": position.0})
}

/// An event without headers and body, with its newest attempt.
#[must_use]
pub fn event_row(event: &EventRow) -> Value {
    let mut value = row(event);
    value["last_attempt"] = json!(event.last_attempt.as_ref().map(attempt));
    value
}

fn row(event: &EventRow) -> Value {
    json!({
        "type": "event",
        "endpoint": event.endpoint,
        "seq": event.seq,
        "position": event.row.0,
        "id": event.id.to_string(),
        "kind": event.kind.word(),
        "disposition": event.disposition.word(),
        "duplicate_of": event.duplicate_of,
        "subscription_id": event.subscription,
        "stranger": event.is_stranger,
        "method": event.method,
        "path": event.path,
        "received_at": time(event.received_at),
        "topic": event.topic,
        "summary": event.summary,
        "body_len": event.body_len,
        "forward": event.forward.word(),
        "marked": event.bookmark.is_some(),
        "comment": event.bookmark.as_ref().map(|mark| &mark.comment),
        "edited_from": event.edited_from.map(|id| id.to_string()),
        "new": new(event.new_fields.as_ref()),
    })
}

/// An event with headers and body, without its attempts.
#[must_use]
pub fn event(detail: &EventDetail) -> Value {
    let mut value = row(&detail.event);
    value["peer"] = json!(detail.peer);
    value["uuid_of"] = json!(detail.uuid_of);
    value["signatures"] = proofs(detail.proof);
    value["headers"] = headers(&detail.headers);
    put_body(&mut value, &detail.body);
    value
}

/// An event with everything.
#[must_use]
pub fn event_with_attempts(detail: &EventDetail) -> Value {
    let mut value = event(detail);
    value["attempts"] = detail.attempts.iter().map(attempt_detail).collect();
    value
}

/// An attempt without the app's answer.
#[must_use]
pub fn attempt(attempt: &AttemptRow) -> Value {
    let mut value = json!({
        "type": "attempt",
        "event_id": attempt.event.to_string(),
        "cause": attempt.cause.word(),
        "target": attempt.target,
        "started_at": time(attempt.started_at),
    });
    match &attempt.outcome {
        Outcome::Status(status) => value["status"] = json!(status),
        Outcome::Error { kind, message } => {
            value["error"] = json!(message);
            value["error_kind"] = json!(kind.word());
        }
    }
    value["duration_ms"] = duration(attempt.duration);
    value["verdict"] = json!(attempt.verdict.word());
    value["verdict_reason"] = json!(attempt.verdict.reason());
    value["code"] = json!(attempt.verdict.code().map(|code| code.id));
    value
}

/// An attempt with the app's answer.
#[must_use]
pub fn attempt_detail(detail: &AttemptDetail) -> Value {
    let mut value = attempt(&detail.attempt);
    value["headers"] = headers(&detail.headers);
    value["body_len"] = json!(detail.body_len);
    put_body(&mut value, &detail.body);
    value["signatures"] = proofs(detail.proof);
    value
}

/// What proofs of origin are worth; none where RingCentral wants none.
fn proofs(proof: Option<Proof>) -> Value {
    let proofs = proof.into_iter();
    proofs
        .map(|proof| json!({"scheme": proof.scheme.name(), "outcome": proof.outcome.name()}))
        .collect()
}

/// What the app's answers would do to a subscription.
#[must_use]
pub fn failure_clock(name: &str, failing: Option<&Failing>) -> Value {
    let Some(failing) = failing else {
        return json!({"type": "failure_clock", "name": name, "state": "ok"});
    };
    let at = |ms: i64| time(Timestamp(ms.saturating_mul(1000)));
    let mut value = json!({
        "type": "failure_clock",
        "name": name,
        "state": "failing",
        "since": at(failing.since_ms),
        "blacklisted_from": at(failing.due_ms()),
        "reason": failing.reason,
    });
    if let Some(blacklisted_ms) = failing.blacklisted_ms {
        value["state"] = json!("blacklisted");
        value["blacklisted_at"] = at(blacklisted_ms);
    }
    value
}

/// An event whose response is late.
#[must_use]
pub fn unanswered(name: &str, sent: &Unanswered) -> Value {
    json!({"type": "unanswered", "name": name, "seq": sent.seq, "sent_at": time(sent.sent_at)})
}

/// Events that the relay no longer had.
#[must_use]
pub fn gap(gap: &GapRow) -> Value {
    json!({
        "type": "gap",
        "endpoint": gap.endpoint,
        "first": gap.first,
        "last": gap.last,
        "noticed_at": time(gap.noticed_at),
    })
}

/// What is new in the body of an event that was shown before.
#[must_use]
pub fn new_fields(row: &NewFieldsRow) -> Value {
    json!({
        "type": "new_fields",
        "endpoint": row.endpoint,
        "seq": row.seq,
        "event_id": row.event.to_string(),
        "topic": row.topic,
        "noticed_at": time(row.noticed_at),
        "new": new(Some(&row.new_fields)),
        "more": row.new_fields.more,
    })
}

/// Each place with its type and those that it had.
fn new(new_fields: Option<&NewFields>) -> Value {
    let fields = new_fields.into_iter().flat_map(|new| &new.fields);
    fields
        .map(|field| json!({"path": field.path, "type": field.is, "was": field.was}))
        .collect()
}

/// What a canary found.
#[must_use]
pub fn canary(name: &str, canary: &CanaryState) -> Value {
    let mut value = json!({"type": "canary", "name": name, "sent_at": time(canary.sent_at)});
    match &canary.result {
        Ok(took) => {
            value["state"] = json!("arrived");
            value["duration_ms"] = duration(*took);
        }
        Err(lost) => {
            value["state"] = json!("lost");
            value["hop"] = json!(lost.hop);
            value["code"] = json!(lost.code);
            value["reason"] = json!(lost.reason);
        }
    }
    value
}

/// The link's state.
#[must_use]
pub fn link(status: &Status) -> Value {
    let name = &status.name;
    match &status.link {
        LinkState::Connecting => json!({"type": "link", "name": name, "state": "connecting"}),
        LinkState::Connected => json!({"type": "link", "name": name, "state": "connected"}),
        LinkState::Full => json!({"type": "link", "name": name, "state": "full"}),
        LinkState::DiskFull => json!({"type": "link", "name": name, "state": "disk-full"}),
        LinkState::Waiting {
            code,
            reason,
            retry_at,
            failures,
            since,
        } => json!({
            "type": "link",
            "name": name,
            "state": "waiting",
            "code": code,
            "reason": reason,
            "retry_at": time(*retry_at),
            "failures": failures,
            "since": time(*since),
        }),
        LinkState::Refused { code, reason } => {
            json!({"type": "link", "name": name, "state": "refused", "code": code, "reason": reason})
        }
        LinkState::Stopped => json!({"type": "link", "name": name, "state": "stopped"}),
    }
}

/// An engine's state.
#[must_use]
pub fn engine(status: &Status) -> Value {
    let (name, endpoint) = (&status.name, status.endpoint.as_ref());
    let unanswered = status.unanswered.iter();
    json!({
        "name": name,
        "endpoint": endpoint.map(|it| &it.id),
        "url": endpoint.map(|it| &it.url),
        "link": link(status),
        "target": target(status),
        "failure_clock": failure_clock(name, status.failing.as_ref()),
        "subscription": status.subscription.as_ref().map(|it| subscription(name, it)),
        "canary": status.canary.as_ref().map(|it| canary(name, it)),
        "unanswered": unanswered.map(|sent| self::unanswered(name, sent)).collect::<Value>(),
        "pending": status.pending,
        "paused": status.paused,
        "relay_head": status.relay_head,
        "cursor": status.cursor,
    })
}

/// The subscription that `listen --subscribe` keeps.
#[must_use]
pub fn subscription(name: &str, it: &SubscriptionStatus) -> Value {
    let mut value = json!({"type": "subscription", "name": name, "stranger": it.stranger});
    match &it.state {
        SubscriptionState::Checking => value["action"] = json!("checking"),
        SubscriptionState::Failing { code, reason } => {
            value["action"] = json!("failing");
            value["code"] = json!(code);
            value["reason"] = json!(reason);
        }
        SubscriptionState::Active {
            id,
            ends,
            action,
            replaced,
            disabled,
        } => {
            value["action"] = json!(action.unwrap_or("kept"));
            value["id"] = json!(id);
            value["expires_at"] = ends.map_or(Value::Null, time);
            value["replaced_because"] = json!(replaced);
            value["disabled_filters"] = json!(disabled);
        }
    }
    value
}

/// The target's health, when there is a target.
#[must_use]
pub fn target(status: &Status) -> Option<Value> {
    let target = status.target.as_ref()?;
    let mut value = json!({
        "type": "target", "name": status.name, "target": target.url, "forwards": target.forwards,
    });
    value["state"] = match &target.state {
        TargetState::Untried => json!("untried"),
        TargetState::Up => json!("up"),
        TargetState::Down { .. } => json!("down"),
    };
    if let TargetState::Down {
        reason, retry_at, ..
    } = &target.state
    {
        value["reason"] = json!(reason);
        value["retry_at"] = time(*retry_at);
    }
    value["pending"] = json!(status.pending);
    Some(value)
}

/// The difference of two events or answers, by their names.
#[must_use]
pub fn diff(names: &[String; 2], diff: &Diff) -> Value {
    let lines: Vec<Value> = diff
        .lines
        .iter()
        .map(|line| match line {
            Line::Same(line) => json!([" ", line]),
            Line::Removed(line) => json!(["-", line]),
            Line::Added(line) => json!(["+", line]),
            Line::Skipped(count) => json!(["…", count]),
        })
        .collect();
    json!({"type": "diff", "from": names[0], "to": names[1], "changes": diff.changes, "lines": lines, "not_compared": diff.not_compared})
}

/// The course of a call. `course` has its events in the order of arrival.
#[must_use]
pub fn timeline(timeline: &Timeline, course: &[EventRow]) -> Value {
    let steps: Vec<Value> = timeline.steps.iter().map(|step| {
        let row = course.get(step.arrival);
        let states: Vec<Value> = step.states.iter()
            .map(|state| json!({"party": state.party, "state": state.text, "changed": state.changed}))
            .collect();
        json!({
            "seq": row.map(|row| row.seq), "id": row.map(|row| row.id.to_string()),
            "sequence": step.sequence, "repeated": step.repeated, "late": step.late, "states": states,
        })
    }).collect();
    let parties: Vec<Value> = timeline
        .parties
        .iter()
        .map(|party| json!({"id": party.id, "label": party.label, "direction": party.direction}))
        .collect();
    json!({"type": "timeline", "session": timeline.session, "parties": parties, "steps": steps, "missing": timeline.missing})
}

/// What an error code means.
#[must_use]
pub fn explanation(code: &Code) -> Value {
    let (mut status, mut exit, mut verdict) = (None, None, None);
    match code.origin {
        Origin::RingCentral { status: it, .. } => status = it,
        Origin::Ringtail { exit: it } => exit = it.map(|exit| exit as u8),
        Origin::Verdict { word, .. } => verdict = Some(word),
    }
    json!({
        "type": "explanation",
        "code": code.id,
        "by": if code.is_own() { "ringtail" } else { "ringcentral" },
        "status": status,
        "exit": exit,
        "verdict": verdict,
        "message": code.message(),
        "meaning": code.meaning,
        "causes": code.causes,
        "next": code.steps().collect::<Vec<_>>(),
        "sections": code.sections,
    })
}

/// A duration in milliseconds, with what there is below them.
#[must_use]
pub fn duration(duration: Duration) -> Value {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    match (micros / 1000, micros % 1000) {
        (whole, 0) => json!(whole),
        #[expect(
            clippy::cast_precision_loss,
            reason = "an attempt's time has far fewer digits than a float keeps"
        )]
        _ => json!(micros as f64 / 1000.0),
    }
}

/// `[name, text]`, or `[name, null, base64]` when the value is not UTF-8.
fn headers(headers: &[Header]) -> Value {
    headers
        .iter()
        .map(|header| match std::str::from_utf8(&header.value) {
            Ok(text) => json!([header.name, text]),
            Err(_) => json!([header.name, null, STANDARD.encode(&header.value)]),
        })
        .collect()
}

fn put_body(value: &mut Value, body: &[u8]) {
    match std::str::from_utf8(body) {
        Ok(text) => value["body"] = json!(text),
        Err(_) => value["body_base64"] = json!(STANDARD.encode(body)),
    }
}

/// RFC 3339 in UTC with microseconds.
fn time(at: Timestamp) -> Value {
    match Instant::from_microsecond(at.0) {
        Ok(at) => json!(format!("{at:.6}")),
        // Out of the range of the calendar: only a broken relay says such a time.
        Err(_) => Value::Null,
    }
}

#[cfg(test)]
mod tests;
