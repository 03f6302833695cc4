//! What RingCentral writes around every platform event (docs/RINGCENTRAL.md 2.3), read with the tolerance that its
//! own samples need: any field may be missing, ids may be numbers, keys come in any order, and some telephony
//! events sit one level down under `pn_apns`.

use std::borrow::Cow;

use crate::json;

/// The envelope of a notification; nothing in it is guaranteed to be there.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Envelope<'a> {
    /// Notification id, opaque text; what duplicates are known by.
    pub uuid: Option<Cow<'a, str>>,
    /// URI of the event filter that matched, perhaps with a query.
    pub event: Option<Cow<'a, str>>,
    /// Subscription that the event belongs to.
    pub subscription_id: Option<Cow<'a, str>>,
    /// The event itself, as JSON. `None` for the legacy call events, whose fields are at the envelope's level.
    pub body: Option<Cow<'a, str>>,
}

impl<'a> Envelope<'a> {
    /// Reads the envelope of a request body. What is not there stays empty; of a body that breaks off the fields
    /// before the break are read.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        let level = |text| json::pick(text, NAMES).unwrap_or_default();
        let [uuid, event, subscription, body, wrapper] = level(text);
        let inner = wrapper.map(level).unwrap_or_default();
        let [inner_uuid, inner_event, inner_subscription, inner_body, _] = inner;
        let either = |outer: Option<&'a str>, inner: Option<&'a str>| {
            let outer = outer.and_then(json::scalar);
            outer.or_else(|| inner.and_then(json::scalar))
        };
        Self {
            uuid: either(uuid, inner_uuid),
            event: either(event, inner_event),
            subscription_id: either(subscription, inner_subscription),
            body: body.or(inner_body).map(Cow::Borrowed),
        }
    }

    /// Copies the borrowed parts.
    #[must_use]
    pub fn into_owned<'b>(self) -> Envelope<'b> {
        let own = |text: Option<Cow<'a, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Envelope {
            uuid: own(self.uuid),
            event: own(self.event),
            subscription_id: own(self.subscription_id),
            body: own(self.body),
        }
    }
}

const NAMES: [&str; 5] = ["uuid", "event", "subscriptionId", "body", "pn_apns"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_may_come_first_and_ids_may_be_numbers() {
        let envelope =
            Envelope::parse(r#"{"body":{"a":1},"subscriptionId":22,"event":"/x?y=z","uuid":1e3}"#);
        assert_eq!(envelope.uuid.as_deref(), Some("1e3"));
        assert_eq!(envelope.event.as_deref(), Some("/x?y=z"));
        assert_eq!(envelope.subscription_id.as_deref(), Some("22"));
        assert_eq!(envelope.body.as_deref(), Some(r#"{"a":1}"#));
    }

    #[test]
    fn plain_texts_are_borrowed_from_the_request() {
        let envelope = Envelope::parse(r#"{"uuid":"u","subscriptionId":7}"#);
        assert!(matches!(envelope.uuid, Some(Cow::Borrowed("u"))));
        assert!(matches!(envelope.subscription_id, Some(Cow::Borrowed("7"))));
    }

    #[test]
    fn push_wrapper_fills_what_the_outside_lacks() {
        let envelope =
            Envelope::parse(r#"{"uuid":"out","pn_apns":{"uuid":"in","event":"/e","body":{}}}"#);
        assert_eq!(envelope.uuid.as_deref(), Some("out"));
        assert_eq!(envelope.event.as_deref(), Some("/e"));
        assert_eq!(envelope.body.as_deref(), Some("{}"));
    }

    #[test]
    fn push_wrappers_are_opened_once() {
        let json = r#"{"pn_apns":"#.repeat(100_000) + r#"{"uuid":"deep"}"#;
        assert_eq!(Envelope::parse(&json).uuid, None);
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
            let Envelope {
                uuid,
                event,
                body: content,
                ..
            } = Envelope::parse(body);
            assert!(
                uuid.is_none() && event.is_none() && content.is_none(),
                "{body}"
            );
        }
    }

    #[test]
    fn broken_bodies_give_what_could_be_read() {
        let cut = Envelope::parse(r#"{"uuid":"u","event":"/e","body":{"text":"hal"#);
        assert_eq!(
            (cut.uuid.as_deref(), cut.event.as_deref()),
            (Some("u"), Some("/e"))
        );
        assert!(cut.body.is_none());
    }
}
