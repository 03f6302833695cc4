//! An event that a test adds to its history.

use bytes::Bytes;
use ringtail_model::{Cause, EventDetail, EventRow, FailureKind, ForwardState, Outcome, RowId};
use ringtail_protocol::event::{Disposition, EventId, Header, Kind};
use ringtail_ringcentral::verdict::{Fault, NoAnswer, Verdict};

use super::book::NOW;

/// An event to be added.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(super) detail: EventDetail,
    pub(super) answers: Vec<(Cause, Outcome, u64, Verdict, &'static str)>,
}

impl Draft {
    fn new(kind: Kind, disposition: Disposition, topic: &str, summary: &str) -> Self {
        let sms = ringtail_model::testing::sms("");
        let event = EventRow {
            row: RowId(0),
            endpoint: "dev-k3v9m2qx7c".to_owned(),
            seq: 0,
            id: id(0),
            kind,
            disposition,
            received_at: NOW,
            path: "/ringcentral/events?team=blue".to_owned(),
            topic: topic.to_owned(),
            summary: summary.to_owned(),
            forward: match disposition {
                Disposition::Pending => ForwardState::Pending,
                _ => ForwardState::None,
            },
            ..sms.event
        };
        Self {
            detail: EventDetail {
                event,
                peer: "203.0.113.7".to_owned(),
                headers: vec![
                    header("content-type", "application/json;charset=UTF-8"),
                    header("validation-token", "1f7a-fictional-4c0e"),
                    header("user-agent", "RingCentral-WebHook/8.4"),
                    header("x-repeated", "first"),
                    header("x-repeated", "second \u{1b}[31m"),
                    header(
                        "x-long",
                        "a value that is longer than a narrow terminal has columns, to see how it goes on below",
                    ),
                ],
                ..sms
            },
            answers: Vec::new(),
        }
    }

    pub(crate) fn validation() -> Self {
        Self::new(
            Kind::Validation,
            Disposition::Answered,
            "validation",
            "Validation",
        )
    }

    pub(crate) fn notification(topic: &str, summary: &str) -> Self {
        Self::new(Kind::Notification, Disposition::Pending, topic, summary)
    }

    pub(crate) fn passthrough(topic: &str, summary: &str) -> Self {
        Self::new(Kind::Passthrough, Disposition::Passed, topic, summary)
    }

    pub(crate) fn sms() -> Self {
        Self::notification("sms", "SMS from +1650224XXXX: Hi advisor, I'd like to ...").body(
            include_bytes!("../../../ringcentral/payloads/sms-instant-inbound.json"),
        )
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.detail.event.body_len = body.len() as u64;
        self.detail.body = Bytes::copy_from_slice(body);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.detail.headers.push(header(name, value));
        self
    }

    pub(crate) fn rejected(mut self) -> Self {
        self.detail.event.forward = ForwardState::Rejected;
        self
    }

    pub(crate) fn duplicate_of(mut self, seq: u64) -> Self {
        self.detail.event.duplicate_of = Some(seq);
        self
    }

    pub(crate) fn ok(self, ms: u64) -> Self {
        self.answer(Cause::Forward, 200, ms, vec![])
    }

    pub(crate) fn answer(mut self, cause: Cause, status: u16, ms: u64, faults: Vec<Fault>) -> Self {
        let (verdict, body) = if faults.is_empty() {
            (Verdict::Accepted { notes: vec![] }, "")
        } else {
            (
                Verdict::Failed { faults },
                "{\"error\":\"no such advisor\"}",
            )
        };
        self.answers
            .push((cause, Outcome::Status(status), ms, verdict, body));
        self
    }

    pub(crate) fn fails(mut self, kind: FailureKind, words: &str, reason: NoAnswer) -> Self {
        let outcome = Outcome::Error {
            kind,
            message: words.to_owned(),
        };
        let faults = vec![Fault::NoAnswer { reason }];
        self.answers
            .push((Cause::Forward, outcome, 2, Verdict::Failed { faults }, ""));
        self
    }
}

/// Returns the id of the event with this number.
pub(super) fn id(seq: u64) -> EventId {
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&seq.to_be_bytes());
    EventId::from_bytes(bytes)
}

pub(super) fn header(name: &str, value: &str) -> Header {
    Header {
        name: name.to_owned(),
        value: Bytes::copy_from_slice(value.as_bytes()),
    }
}
