//! Notifications that look like RingCentral's, made to measure. Names and numbers are fictional.

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::payloads;

/// Time of sending as RingCentral writes it.
#[must_use]
pub fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}

/// Returns a fresh notification id.
#[must_use]
pub fn fresh_uuid() -> String {
    Uuid::now_v7().to_string()
}

/// One text message of a conversation.
#[must_use]
pub fn sms(conversation: &str, number: usize, text: &str) -> Value {
    let mine = number % 2 == 1;
    let (me, guest) = ("+16505550100", "+16505550142");
    let (from, to) = if mine { (me, guest) } else { (guest, me) };
    json!({
        "uuid": fresh_uuid(),
        "event": "/restapi/v1.0/account/400100001/extension/400100002/message-store/instant?type=SMS",
        "timestamp": now(),
        "subscriptionId": SUBSCRIPTION,
        "ownerId": "400100002",
        "body": {
            "id": format!("{}", 3_062_991_514_000_u64 + number as u64),
            "to": [{"phoneNumber": to}],
            "from": {"phoneNumber": from, "location": "Belmont, CA"},
            "type": "SMS",
            "creationTime": now(),
            "lastModifiedTime": now(),
            "readStatus": "Unread",
            "priority": "Normal",
            "direction": if mine { "Outbound" } else { "Inbound" },
            "availability": "Alive",
            "subject": text,
            "messageStatus": if mine { "Sent" } else { "Received" },
            "conversation": {"id": conversation}
        }
    })
}

/// A notification of the subscription that everything here belongs to.
pub const SUBSCRIPTION: &str = "7e4a7486-8df9-4195-8aef-b8d81d3345f6";

/// Every notification of one answered call, in RingCentral's order, with a session of its own.
///
/// # Errors
/// When the payload is missing.
pub fn answered_call() -> anyhow::Result<Vec<Value>> {
    let mut stream = payloads::stream("telephony-sessions-stream-pstn-to-rc")?;
    let session = format!("s-a{}", Uuid::now_v7().simple());
    for notification in &mut stream {
        renew(notification);
        if let Some(body) = notification.get_mut("body") {
            set(body, "telephonySessionId", &session);
            set(body, "eventTime", &now());
        }
    }
    Ok(stream)
}

/// A voicemail.
///
/// # Errors
/// When the payload is missing.
pub fn voicemail() -> anyhow::Result<Value> {
    let mut notification = payloads::one("voicemail")?;
    renew(&mut notification);
    if let Some(body) = notification.get_mut("body") {
        let caller = json!({"phoneNumber": "+16505550142", "name": "Robin Fictional"});
        if let Some(body) = body.as_object_mut() {
            body.insert("from".into(), caller);
        }
        set(body, "creationTime", &now());
        set(body, "lastModifiedTime", &now());
    }
    Ok(notification)
}

/// A reminder that the subscription wants to be renewed.
///
/// # Errors
/// When the payload is missing.
pub fn renewal_reminder() -> anyhow::Result<Value> {
    let mut notification = payloads::one("derived-subscription-renewal-reminder")?;
    renew(&mut notification);
    Ok(notification)
}

/// A notification of about a kilobyte for a conversation, with an id and a number that can be found again in
/// whatever the other end got: see [`mark_of`].
#[must_use]
pub fn marked(conversation: usize, mark: u64) -> Bytes {
    let mut notification = sms(&format!("16382337985{conversation:05}"), 0, "");
    if let Some(body) = notification.get_mut("body") {
        set(
            body,
            "subject",
            &format!("{MARK}{mark:016} {}", "lorem ".repeat(64)),
        );
    }
    payloads::compact(&notification)
}

const MARK: &str = "mark ";

/// Finds the number that [`marked`] put into a body.
#[must_use]
pub fn mark_of(body: &[u8]) -> Option<u64> {
    let at = crate::http1::find(body, MARK.as_bytes())? + MARK.len();
    std::str::from_utf8(body.get(at..at + 16)?)
        .ok()?
        .parse()
        .ok()
}

fn renew(notification: &mut Value) {
    set(notification, "uuid", &fresh_uuid());
    set(notification, "timestamp", &now());
    set(notification, "subscriptionId", SUBSCRIPTION);
}

fn set(object: &mut Value, name: &str, value: &str) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), Value::from(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_again() {
        let body = marked(3, 12_345);
        assert_eq!(mark_of(&body), Some(12_345));
        assert!((900..1200).contains(&body.len()), "{}", body.len());
        assert_eq!(mark_of(b"{}"), None);
    }

    #[test]
    fn a_call_keeps_its_order_and_gets_a_session_of_its_own() {
        let (one, other) = (answered_call().unwrap(), answered_call().unwrap());
        let sessions = |call: &[Value]| -> Vec<Value> {
            let mut sessions: Vec<Value> = call
                .iter()
                .map(|hook| hook["body"]["telephonySessionId"].clone())
                .collect();
            sessions.dedup();
            sessions
        };
        assert_eq!(sessions(&one).len(), 1);
        assert_ne!(sessions(&one), sessions(&other));
    }
}
