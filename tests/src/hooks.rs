//! Notifications made to measure. Names and numbers are fictional.

use bytes::Bytes;
use memchr::memmem;
use ringtail_kit::app::App;
use ringtail_properties::payloads;
use serde_json::{Value, json};
use uuid::Uuid;

/// The subscription that every notification here belongs to.
pub const SUBSCRIPTION: &str = "7e4a7486-8df9-4195-8aef-b8d81d3345f6";

/// Returns the time as RingCentral writes it.
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

/// Returns one text message of a conversation.
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

/// Returns every notification of one answered call, in RingCentral's order, with a fresh session id.
#[must_use]
pub fn answered_call() -> Vec<Value> {
    let session = format!("s-a{}", Uuid::now_v7().simple());
    let mut call = payloads::list("telephony-sessions-stream-pstn-to-rc");
    for notification in &mut call {
        renew(notification);
        notification["body"]["telephonySessionId"] = json!(session);
        notification["body"]["eventTime"] = json!(now());
    }
    call
}

/// Returns a voicemail.
#[must_use]
pub fn voicemail() -> Value {
    let mut notification = payloads::list("voicemail").remove(0);
    renew(&mut notification);
    let body = &mut notification["body"];
    body["from"] = json!({"phoneNumber": "+16505550142", "name": "Robin Fictional"});
    body["creationTime"] = json!(now());
    body["lastModifiedTime"] = json!(now());
    notification
}

/// Returns a reminder to renew the subscription.
#[must_use]
pub fn renewal_reminder() -> Value {
    let mut notification = payloads::list("derived-subscription-renewal-reminder").remove(0);
    renew(&mut notification);
    notification
}

fn renew(notification: &mut Value) {
    notification["uuid"] = json!(fresh_uuid());
    notification["timestamp"] = json!(now());
    notification["subscriptionId"] = json!(SUBSCRIPTION);
}

const NUMBER: &str = "number ";

/// Returns a notification of about a kilobyte with a number that [`number_of`] finds again.
#[must_use]
pub fn numbered(conversation: usize, number: u64) -> Bytes {
    let text = format!("{NUMBER}{number:016} {}", "lorem ".repeat(64));
    payloads::compact(&sms(&format!("16382337985{conversation:05}"), 0, &text))
}

/// Finds the number that [`numbered`] put into a body.
#[must_use]
pub fn number_of(body: &[u8]) -> Option<u64> {
    let at = memmem::find(body, NUMBER.as_bytes())? + NUMBER.len();
    str::from_utf8(body.get(at..at + 16)?).ok()?.parse().ok()
}

/// Returns the numbers of all that an app received, in order.
#[must_use]
pub fn numbers(app: &App) -> Vec<u64> {
    let seen = app.seen();
    let numbers = seen.iter().map(|request| number_of(&request.body));
    numbers.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_again() {
        let body = numbered(3, 12_345);
        assert_eq!(number_of(&body), Some(12_345));
        assert!((900..1200).contains(&body.len()), "{}", body.len());
        assert_eq!(number_of(b"{}"), None);
    }
}
