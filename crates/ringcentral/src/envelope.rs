//! What RingCentral writes around every platform event (RINGCENTRAL.md 2.3), read with the tolerance that its
//! own samples need: any field may be missing, ids may be numbers, keys come in any order, and some telephony
//! events sit one level down under `pn_apns`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json;

/// The envelope of a notification; nothing in it is guaranteed to be there.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Envelope<'a> {
    /// Notification id, opaque text; what duplicates are known by.
    pub uuid: Option<Cow<'a, str>>,
    /// URI of the event filter that matched, perhaps with a query.
    pub event: Option<Cow<'a, str>>,
    /// Time of sending, as written.
    pub timestamp: Option<Cow<'a, str>>,
    /// Subscription that the event belongs to.
    pub subscription_id: Option<Cow<'a, str>>,
    /// Extension that owns the subscription.
    pub owner_id: Option<Cow<'a, str>>,
    /// The event itself. `None` for the legacy call events, whose fields sit beside the envelope, and for
    /// requests that are not UTF-8.
    pub body: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// Reads the envelope of a request body; `None` if it is not a JSON object or has no envelope field.
    ///
    /// A body that breaks off or is not UTF-8 gives the fields that could be read.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        if !json::starts_object(body) {
            return None;
        }
        match str::from_utf8(body) {
            Ok(text) => Self::read(text),
            Err(_) => Envelope::read(&String::from_utf8_lossy(body)).map(Envelope::without_body),
        }
    }

    /// Reads the envelope of a request body that is known to be UTF-8.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let (outer, wrapper) = Self::read_level(text)?;
        let inner = wrapper
            .and_then(|raw| Self::read_level(raw.get()))
            .map_or_else(Self::default, |(inner, _)| inner);
        let envelope = Self {
            uuid: outer.uuid.or(inner.uuid),
            event: outer.event.or(inner.event),
            timestamp: outer.timestamp.or(inner.timestamp),
            subscription_id: outer.subscription_id.or(inner.subscription_id),
            owner_id: outer.owner_id.or(inner.owner_id),
            body: outer.body.or(inner.body),
        };
        (!envelope.is_empty()).then_some(envelope)
    }

    /// Reads one level, and hands back what `pn_apns` holds.
    fn read_level(text: &'a str) -> Option<(Self, Option<&'a RawValue>)> {
        let [
            uuid,
            event,
            timestamp,
            subscription_id,
            owner_id,
            body,
            wrapper,
        ] = json::pick(text, NAMES)?;
        let envelope = Self {
            uuid: uuid.and_then(json::scalar),
            event: event.and_then(json::scalar),
            timestamp: timestamp.and_then(json::scalar),
            subscription_id: subscription_id.and_then(json::scalar),
            owner_id: owner_id.and_then(json::scalar),
            body,
        };
        Some((envelope, wrapper))
    }

    fn is_empty(&self) -> bool {
        self.uuid.is_none()
            && self.event.is_none()
            && self.timestamp.is_none()
            && self.subscription_id.is_none()
            && self.owner_id.is_none()
            && self.body.is_none()
    }

    /// Cuts the envelope loose from a text that does not live as long as the request.
    fn without_body<'b>(self) -> Envelope<'b> {
        let own = |text: Option<Cow<'a, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Envelope {
            uuid: own(self.uuid),
            event: own(self.event),
            timestamp: own(self.timestamp),
            subscription_id: own(self.subscription_id),
            owner_id: own(self.owner_id),
            body: None,
        }
    }
}

const NAMES: [&str; 7] = [
    "uuid",
    "event",
    "timestamp",
    "subscriptionId",
    "ownerId",
    "body",
    "pn_apns",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_may_come_first_and_ids_may_be_numbers() {
        let envelope = Envelope::parse(
            br#"{"body":{"a":1},"ownerId":22,"event":"/x?y=z","timestamp":1e3,"uuid":"u","subscriptionId":"s"}"#,
        )
        .unwrap();
        assert_eq!(envelope.uuid.as_deref(), Some("u"));
        assert_eq!(envelope.event.as_deref(), Some("/x?y=z"));
        assert_eq!(envelope.timestamp.as_deref(), Some("1e3"));
        assert_eq!(envelope.subscription_id.as_deref(), Some("s"));
        assert_eq!(envelope.owner_id.as_deref(), Some("22"));
        assert_eq!(envelope.body.map(RawValue::get), Some(r#"{"a":1}"#));
    }

    #[test]
    fn plain_texts_are_borrowed_from_the_request() {
        let envelope = Envelope::parse(br#"{"uuid":"u","ownerId":7}"#).unwrap();
        assert!(matches!(envelope.uuid, Some(Cow::Borrowed("u"))));
        assert!(matches!(envelope.owner_id, Some(Cow::Borrowed("7"))));
    }

    #[test]
    fn push_wrapper_fills_what_the_outside_lacks() {
        let envelope =
            Envelope::parse(br#"{"uuid":"out","pn_apns":{"uuid":"in","event":"/e","body":{}}}"#)
                .unwrap();
        assert_eq!(envelope.uuid.as_deref(), Some("out"));
        assert_eq!(envelope.event.as_deref(), Some("/e"));
        assert_eq!(envelope.body.map(RawValue::get), Some("{}"));
    }

    #[test]
    fn push_wrappers_are_opened_once() {
        let json = r#"{"pn_apns":"#.repeat(100_000) + r#"{"uuid":"deep"}"#;
        assert!(Envelope::parse(json.as_bytes()).is_none());
    }

    #[test]
    fn other_bodies_have_no_envelope() {
        for body in [
            "",
            "[]",
            "[{\"uuid\":1}]",
            "uuid=1",
            "{}",
            "{\"a\":1}",
            "{\"uuid\":null}",
        ] {
            assert!(Envelope::parse(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn broken_bodies_give_what_could_be_read() {
        let cut = Envelope::parse(br#"{"uuid":"u","event":"/e","body":{"text":"hal"#).unwrap();
        assert_eq!(
            (cut.uuid.as_deref(), cut.event.as_deref()),
            (Some("u"), Some("/e"))
        );
        assert!(cut.body.is_none());

        let latin = Envelope::parse(b"{\"body\":{\"text\":\"caf\xe9\"},\"uuid\":\"u\"}").unwrap();
        assert_eq!(latin.uuid.as_deref(), Some("u"));
        assert!(latin.body.is_none());
    }
}
