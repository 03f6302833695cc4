//! The MAC by which an account's clients know each other's canaries.

use memchr::memmem;
use ringtail_protocol::event::{Event, EventId};
use ringtail_ringcentral::signature::{self, Scheme, same_secret};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::config::Account;

/// Carries the MAC of a canary's body.
pub(crate) const HEADER: &str = "ringtail-canary";

/// Larger events are no canaries.
const MAX_BYTES: usize = 4096;

/// Makes and recognises an account's canaries.
#[derive(Debug, Clone)]
pub(crate) struct CanaryKey(SecretString);

impl CanaryKey {
    /// Takes the key of an account.
    pub(crate) fn of(account: &Account) -> Self {
        Self(account.token.clone())
    }

    #[cfg(test)]
    pub(crate) fn test() -> Self {
        Self("test".into())
    }

    /// Returns the id of a canary that an account's client sent; `None` for any other event.
    pub(crate) fn recognise(&self, event: &Event) -> Option<EventId> {
        let bytes = event.request.as_bytes();
        if bytes.len() > MAX_BYTES || memmem::find(bytes, HEADER.as_bytes()).is_none() {
            return None;
        }
        let request = event.request.decode().ok()?;
        let mut headers = request.headers.iter();
        let mac = headers.find(|header| header.name.eq_ignore_ascii_case(HEADER))?;
        if !same_secret(&self.mac(&request.body), &mac.value) {
            return None;
        }
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        EventId::parse(body["uuid"].as_str()?)
    }

    pub(crate) fn mac(&self, body: &[u8]) -> Vec<u8> {
        // The scheme is HMAC-SHA512 in hexadecimal digits.
        signature::sign(Scheme::SourceSdk, self.0.expose_secret().as_bytes(), body)
    }
}

#[cfg(test)]
mod tests {
    use ringtail_protocol::event::{Disposition, Kind};

    use ringtail_protocol::event::{Header, Request, Timestamp};
    use serde_json::json;

    use super::*;

    fn key(token: &str) -> CanaryKey {
        CanaryKey(token.into())
    }

    fn event(mac: Vec<u8>, body: &[u8]) -> Event {
        let request = Request {
            method: "POST".into(),
            path: String::new(),
            peer: "192.0.2.1:4".into(),
            headers: vec![Header {
                name: HEADER.into(),
                value: mac.into(),
            }],
            body: body.to_vec().into(),
        };
        Event {
            seq: 1,
            id: EventId::fresh(),
            received_at: Timestamp(1),
            kind: Kind::Notification,
            disposition: Disposition::Pending,
            duplicate_of: None,
            request: request.encode().unwrap(),
        }
    }

    #[test]
    fn only_the_account_makes_canaries() {
        let (ours, other) = (key("ours"), key("other"));
        let id = EventId::fresh();
        let body = json!({ "uuid": id.to_string() }).to_string().into_bytes();
        let mac = ours.mac(&body);
        assert_eq!(ours.recognise(&event(mac.clone(), &body)), Some(id));
        assert_eq!(other.recognise(&event(mac.clone(), &body)), None);
        assert_eq!(ours.recognise(&event(mac.clone(), b"{}")), None);
        assert_eq!(ours.recognise(&event(Vec::new(), &body)), None);
        let padded = [&body[..], &[b' '; MAX_BYTES]].concat();
        assert_eq!(ours.recognise(&event(ours.mac(&padded), &padded)), None);
    }
}
