//! Schemas of the results. Objects may have more fields, as every line of docs/OUTPUT.md may.

use serde_json::{Map, Value, json};

/// Types of a field.
fn one(kind: &str) -> Value {
    json!({"type": kind})
}

fn or_null(kind: &str) -> Value {
    nullable(one(kind))
}

/// A value or null. A list of types would be shorter, but clients with one type for a field refuse it.
fn nullable(schema: Value) -> Value {
    let mut either = json!({"anyOf": [one("null")]});
    if let Some(Value::Array(schemas)) = either.get_mut("anyOf") {
        schemas.insert(0, schema);
    }
    either
}

fn list(items: Value) -> Value {
    let mut schema = one("array");
    schema["items"] = items;
    schema
}

/// An object of these fields. A `?` after the name marks a field that may be missing.
fn object(fields: Value) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    if let Value::Object(fields) = fields {
        for (name, schema) in fields {
            let optional = name.strip_suffix('?').map(str::to_owned);
            if optional.is_none() {
                required.push(name.clone());
            }
            properties.insert(optional.unwrap_or(name), schema);
        }
    }
    json!({"type": "object", "required": required, "properties": properties})
}

fn word(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

fn truth() -> Value {
    json!({"const": true})
}

/// What did not fit, in words.
fn left_out() -> Value {
    list(one("string"))
}

/// An `attempt` line of docs/OUTPUT.md.
fn attempt() -> Value {
    object(json!({
        "type": {"const": "attempt"},
        "event_id": one("string"),
        "cause": word(&["forward", "passthrough", "replay"]),
        "target": one("string"),
        "started_at?": or_null("string"),
        "status?": one("integer"),
        "error?": one("string"),
        "error_kind?": one("string"),
        "duration_ms": one("number"),
        "verdict": one("string"),
        "verdict_reason?": one("string"),
        "code": or_null("string"),
    }))
}

/// Header fields in order: name and text, or name, null and base64.
fn headers() -> Value {
    list(list(or_null("string")))
}

fn body(fields: &mut Value) {
    fields["body"] = one("string");
    fields["body_base64"] = one("string");
    fields["body_beginning"] = one("string");
    fields["body_outline"] = outline();
}

fn outline() -> Value {
    list(object(json!({
        "path": one("string"),
        "type": one("string"),
        "values": one("integer"),
        "longest?": one("integer"),
    })))
}

/// An attempt with the app's answer.
fn answered() -> Value {
    let mut schema = attempt();
    let mut answer =
        object(json!({"untrusted": truth(), "headers": headers(), "body_len": one("integer")}));
    body(&mut answer["properties"]);
    schema["properties"]["answer"] = answer;
    schema
}

/// An `event` line of docs/OUTPUT.md.
fn event_line() -> Value {
    object(json!({
        "type": {"const": "event"},
        "untrusted": truth(),
        "endpoint": one("string"),
        "seq": one("integer"),
        "position": one("integer"),
        "id": one("string"),
        "kind?": one("string"),
        "disposition?": one("string"),
        "duplicate_of?": or_null("integer"),
        "subscription_id?": or_null("string"),
        "stranger?": one("boolean"),
        "method?": one("string"),
        "path?": one("string"),
        "received_at?": or_null("string"),
        "topic": one("string"),
        "summary": one("string"),
        "body_len?": one("integer"),
        "forward?": word(&["none", "pending", "done", "rejected"]),
        "marked?": one("boolean"),
        "comment?": or_null("string"),
        "edited_from?": or_null("string"),
        "new?": list(object(json!({"path": one("string"), "type": one("string"), "was": list(one("string"))}))),
        "last_attempt": nullable(attempt()),
    }))
}

pub(super) fn status() -> Value {
    object(json!({
        "type": {"const": "status"},
        "version": one("string"),
        "endpoints": list(object(json!({
                "endpoint": one("string"),
                "name": one("string"),
                "url": or_null("string"),
                "listening": one("boolean"),
                "link": nullable(object(json!({
                        "state": one("string"),
                        "code?": one("string"),
                        "reason?": one("string"),
                        "retry_at?": or_null("string"),
                        "failures?": one("integer"),
                        "since?": or_null("string"),
                    }))),
                "target_state": or_null("string"),
                "paused": one("boolean"),
                "target": or_null("string"),
                "pending": one("integer"),
                "failure_clock": object(json!({
                        "state": word(&["ok", "failing", "blacklisted"]),
                        "since?": or_null("string"),
                        "blacklisted_from?": or_null("string"),
                        "blacklisted_at?": or_null("string"),
                        "reason?": one("string"),
                    })),
            }))),
        "endpoints_in_all?": one("integer"),
        "last_event?": nullable(event_line()),
        "last_event_seconds_ago?": or_null("integer"),
        "pseudonyms": one("boolean"),
        "may_send": one("boolean"),
        "cursor": one("string"),
        "left_out?": left_out(),
    }))
}

pub(super) fn events() -> Value {
    object(json!({
        "events": list(event_line()),
        "next": nullable(object(json!({"before?": one("integer"), "after?": one("integer")}))),
        "gaps": list(object(json!({
                "endpoint": one("string"),
                "first": one("integer"),
                "last": one("integer"),
                "noticed_at?": or_null("string"),
            }))),
        "cursor": one("string"),
        "left_out?": left_out(),
    }))
}

pub(super) fn event() -> Value {
    let mut whole = event_line();
    let fields = &mut whole["properties"];
    fields["peer"] = one("string");
    fields["uuid_of"] = or_null("integer");
    fields["signatures"] = list(object(
        json!({"scheme": one("string"), "outcome": one("string")}),
    ));
    fields["headers"] = headers();
    body(fields);
    object(json!({
        "event": whole,
        "untrusted?": truth(),
        "values?": list(object(json!({
                "path": one("string"),
                "found": one("integer"),
                "values": list(object(json!({
                        "json?": one("string"),
                        "bytes?": one("integer"),
                        "outline?": outline(),
                        "more?": one("boolean"),
                    }))),
            }))),
        "attempts?": list(answered()),
        "attempts_in_all": one("integer"),
        "left_out?": left_out(),
    }))
}

pub(super) fn wait() -> Value {
    object(json!({
        "status": word(&["arrived", "pending"]),
        "events": list(event_line()),
        "cursor": one("string"),
        "listening": one("boolean"),
        "left_out?": left_out(),
    }))
}

pub(super) fn explanation() -> Value {
    object(json!({
        "explanations": list(object(json!({
                "type": {"const": "explanation"},
                "code": one("string"),
                "by": word(&["ringcentral", "ringtail"]),
                "status?": or_null("integer"),
                "exit?": or_null("integer"),
                "verdict?": or_null("string"),
                "message?": or_null("string"),
                "meaning": one("string"),
                "causes": list(one("string")),
                "next": list(one("string")),
                "sections?": list(one("string")),
            }))),
        "left_out?": left_out(),
    }))
}

pub(super) fn diff() -> Value {
    object(json!({
        "same": one("boolean"),
        "untrusted": truth(),
        "from": one("string"),
        "to": one("string"),
        "changes": changes(),
        "ignored": list(one("string")),
        "left_out?": left_out(),
    }))
}

fn changes() -> Value {
    list(object(
        json!({"path": one("string"), "from": or_null("string"), "to": or_null("string")}),
    ))
}

pub(super) fn timeline() -> Value {
    object(json!({
        "type": word(&["timeline", "conversation"]),
        "untrusted": truth(),
        "session?": or_null("string"),
        "parties?": list(object(json!({"id": one("string"), "label": one("string"), "direction": one("string")}))),
        "steps?": list(object(json!({
                "seq": or_null("integer"),
                "id?": or_null("string"),
                "sequence": or_null("integer"),
                "repeated": one("boolean"),
                "late": one("boolean"),
                "states": list(object(json!({"party": one("integer"), "state": one("string"), "changed": one("boolean")}))),
            }))),
        "missing?": list(list(one("integer"))),
        "repeated?": one("integer"),
        "late?": one("integer"),
        "events?": list(event_line()),
        "left_out?": left_out(),
    }))
}

pub(super) fn types() -> Value {
    object(json!({
        "types": list(object(json!({"kind": one("string"), "events": one("integer"), "text": one("string")}))),
        "events": one("integer"),
        "untrusted": truth(),
        "new_fields": list(object(json!({"seq": one("integer"), "paths": list(one("string"))}))),
        "left_out?": left_out(),
    }))
}

pub(super) fn scenarios() -> Value {
    let named = || {
        object(
            json!({"name": one("string"), "about": one("string"), "default?": or_null("string")}),
        )
    };
    object(json!({
        "scenarios?": list(named()),
        "kinds?": list(named()),
        "values?": list(named()),
        "name?": one("string"),
        "about?": one("string"),
        "requests?": list(object(json!({
                "name": one("string"),
                "at_ms": one("integer"),
                "method": one("string"),
                "path": one("string"),
                "headers": headers(),
                "body": one("string"),
            }))),
        "left_out?": left_out(),
    }))
}

pub(super) fn address_check() -> Value {
    object(json!({
        "type": {"const": "check"},
        "untrusted": truth(),
        "url": one("string"),
        "accepted": or_null("boolean"),
        "code?": or_null("string"),
        "set_aside?": list(one("string")),
        "verdict": one("string"),
        "rows": list(object(json!({
                "requirement": one("string"),
                "outcome": one("string"),
                "seen": one("string"),
                "code": or_null("string"),
                "message?": or_null("string"),
                "recorded?": or_null("string"),
                "fix": or_null("string"),
                "set_aside?": one("boolean"),
            }))),
        "tries?": list(one("object")),
        "left_out?": left_out(),
    }))
}

pub(super) fn subscriptions() -> Value {
    object(json!({
        "untrusted": truth(),
        "subscriptions": list(object(json!({
                "type": {"const": "subscription"},
                "id": one("string"),
                "status": one("string"),
                "address": one("string"),
                "event_filters": list(one("string")),
                "disabled_filters?": list(object(json!({"filter": one("string"), "reason": one("string")}))),
                "created_at?": or_null("string"),
                "expires_at": or_null("string"),
                "blacklisted": nullable(object(json!({"at?": or_null("string"), "reason?": one("string")}))),
            }))),
        "left_out?": left_out(),
    }))
}

pub(super) fn canary() -> Value {
    object(json!({
        "type": {"const": "canary"},
        "name": one("string"),
        "sent_at?": or_null("string"),
        "state": word(&["arrived", "lost"]),
        "duration_ms?": one("number"),
        "hop?": one("string"),
        "code?": one("string"),
        "reason?": one("string"),
        "relay_ms?": or_null("number"),
        "history_ms?": or_null("number"),
        "app_ms?": or_null("number"),
    }))
}

pub(super) fn replay() -> Value {
    let mut attempt = answered();
    attempt["properties"]["seq"] = one("integer");
    let mut planned = event_line();
    planned["properties"]["target"] = one("string");
    planned["properties"]["again"] = one("boolean");
    object(json!({
        "dry_run": one("boolean"),
        "would_send?": one("integer"),
        "events?": list(planned),
        "attempts": list(attempt),
        "changed": list(object(json!({
                "endpoint": one("string"),
                "seq": one("integer"),
                "event_id": one("string"),
                "before": one("string"),
                "after": one("string"),
                "changes": one("integer"),
            }))),
        "unsent": one("integer"),
        "dropped": one("integer"),
        "seed": one("integer"),
        "left_out?": left_out(),
    }))
}

pub(super) fn simulated() -> Value {
    object(json!({
        "type": {"const": "simulation"},
        "untrusted": truth(),
        "scenario": one("string"),
        "seed": one("integer"),
        "sent": one("integer"),
        "failed": one("integer"),
        "dropped?": one("integer"),
        "end": word(&["done", "refused", "blacklisted", "stopped"]),
        "reason?": or_null("string"),
        "answers": list(object(json!({
                "name": one("string"),
                "at_ms?": one("integer"),
                "again?": one("boolean"),
                "status?": one("integer"),
                "error?": one("string"),
                "duration_ms?": one("integer"),
                "verdict": one("string"),
                "verdict_reason?": one("string"),
                "problems?": list(one("string")),
                "as_expected": one("boolean"),
            }))),
        "events": list(one("integer")),
        "left_out?": left_out(),
    }))
}

pub(super) fn mark() -> Value {
    object(json!({"event": event_line(), "left_out?": left_out()}))
}
