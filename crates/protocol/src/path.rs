//! Paths and header names that both ends agree on.

use std::collections::HashSet;

use http::{HeaderMap, HeaderName, header};

/// Prefix of everything on the relay that is not an endpoint. No endpoint's name starts with `_`.
pub const RESERVED: &str = "/_ringtail/";

/// `GET`, WebSocket upgrade, bearer token: opens a link. Query: `endpoint` (its id), `forward` (`true` when the
/// client has a target, so that passthrough requests may be handed to it), and `journal` with `after` (where the client's
/// history stands) unless it has nothing yet. `event` is the newest event up to there that the history still has, as its seq,
/// a dot and its id: if the relay has another one of that seq, it answers [`code::SET_BACK`].
pub const LINK: &str = "/_ringtail/v1/link";

/// `POST`, bearer token, JSON `{"name": …}`: makes the endpoint of that name, or finds it; with `"create": false` it only finds
/// it. Answers with [`EndpointAnswer`].
pub const ENDPOINTS: &str = "/_ringtail/v1/endpoints";

/// `GET`, without a token: answers that the relay is up.
pub const HEALTH: &str = "/_ringtail/health";

/// On the link: the event stream, a `POST` that the relay makes once.
pub const EVENTS: &str = "/events";

/// On the link: prefix of a passthrough request, followed by the path below the endpoint.
pub const PASSTHROUGH: &str = "/passthrough";

/// On the link: a `GET` for the app's response to the pending event that [`EVENT_ID`] names. The event itself comes on the
/// event stream and is delivered like any other. The client answers once it has been, with the same [`EVENT_ID`].
pub const RESPONSE: &str = "/response";

/// Header on a passthrough request: the id of its event, so that the client can file the attempt under it.
pub const EVENT_ID: &str = "ringtail-event-id";

/// Header on a passthrough request: the address of the caller, as the relay saw it.
pub const PEER: &str = "ringtail-peer";

/// Header on a passthrough request that came over HTTP/1.1: the names of its fields as sent, in order, with commas
/// between them. HTTP/2 carries names in lower case only.
pub const FIELD_NAMES: &str = "ringtail-field-names";

/// Header on the app's response to a passthrough request: its reason phrase, which HTTP/2 has no place for.
pub const REASON: &str = "ringtail-reason";

/// Header on the client's answer to a passthrough request, set when the answer is not the app's: one of
/// [`NOT_FORWARDING`], [`UNREACHABLE`], [`FAILED`], [`TIMED_OUT`], [`HEAD_TOO_LARGE`]. The relay then writes its own
/// response.
pub const NO_ANSWER: &str = "ringtail-no-answer";

/// Value of [`NO_ANSWER`]: the client has no target.
pub const NOT_FORWARDING: &str = "not-forwarding";

/// Value of [`NO_ANSWER`]: nothing listens at the target.
pub const UNREACHABLE: &str = "unreachable";

/// Value of [`NO_ANSWER`]: the target broke off, or answered with something that is not HTTP.
pub const FAILED: &str = "failed";

/// Value of [`NO_ANSWER`]: the target took the request and did not answer in time.
pub const TIMED_OUT: &str = "timed-out";

/// Value of [`NO_ANSWER`]: the app answered, with a head of more than [`crate::http2::MAX_HEADER_LIST`] bytes.
pub const HEAD_TOO_LARGE: &str = "head-too-large";

/// An endpoint as the relay describes it to its account.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EndpointInfo {
    /// The endpoint's id: its name, a hyphen and an unguessable part.
    pub endpoint: String,
    /// Its public URL, without a slash at the end.
    pub url: String,
    /// Identity of the journal: a cursor taken from another journal means nothing here.
    pub journal: String,
}

/// The relay's answer about an endpoint: what it is, and what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EndpointAnswer {
    /// The endpoint.
    #[serde(flatten)]
    pub info: EndpointInfo,
    /// The newest validation request to it since the relay started.
    #[serde(default)]
    pub last_validation: Option<LastValidation>,
    /// Whether other relays serve the endpoint, too, and may have seen a newer one.
    #[serde(default)]
    pub has_other_relays: bool,
}

/// A validation request, and how the relay answered it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LastValidation {
    /// When it arrived, by the relay's clock, in microseconds since 1970.
    pub received_at: i64,
    /// Microseconds from then to this answer. The clock of the client may show another time.
    pub age_us: u64,
    /// Status of the response.
    pub status: u16,
    /// Microseconds from the request's head to the response.
    pub took_us: u64,
    /// Bytes of the response over HTTP/1.1.
    pub bytes: u64,
}

/// The relay's refusal of an API call or a link.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Refusal {
    /// Stable code, for programs: see [`code`].
    pub error: String,
    /// What happened and what to do next, for people.
    pub message: String,
}

/// Values of [`Refusal::error`].
pub mod code {
    /// The token is missing, unknown or revoked.
    pub const UNAUTHORIZED: &str = "unauthorized";
    /// The endpoint does not exist or belongs to another account.
    pub const NO_ENDPOINT: &str = "no-endpoint";
    /// The name cannot be an endpoint's name.
    pub const BAD_NAME: &str = "bad-name";
    /// The peer speaks another version of the link.
    pub const VERSION: &str = "version";
    /// The request is not one that this path takes.
    pub const BAD_REQUEST: &str = "bad-request";
    /// The journal is in an earlier state than the client knows, or continued from one: a snapshot of the relay's disk was
    /// restored. The client asks again, without a cursor.
    pub const SET_BACK: &str = "set-back";
    /// The relay cannot do it now.
    pub const UNAVAILABLE: &str = "unavailable";
}

/// Fields that concern one hop only (RFC 9110, 7.6.1).
const HOP_BY_HOP: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The fields of one message that concern one hop only: the known ones, and those that its `Connection` names.
///
/// Gathered once, because `Connection` may name as many as fit a head, and a message may have as many.
#[derive(Debug)]
pub struct HopByHop {
    named: HashSet<HeaderName>,
}

impl HopByHop {
    /// Gathers the fields of a message.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let named = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
            .collect();
        Self { named }
    }

    /// Returns true if a field is one of them.
    #[must_use]
    pub fn has(&self, name: &HeaderName) -> bool {
        HOP_BY_HOP.contains(&name.as_str()) || self.named.contains(name)
    }
}

/// Removes the fields that concern one hop only.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let hop = HopByHop::of(headers);
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| hop.has(name))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hop_by_hop_fields_and_those_named_by_connection_go() {
        let mut headers = http::HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("x-kept", "a"),
            ("x-kept", "b"),
        ] {
            headers.append(name, http::HeaderValue::from_static(value));
        }
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers.len(), 2);
        assert_eq!(headers.get_all("x-kept").iter().count(), 2);
    }

    /// Looked up one by one these would be four thousand million comparisons.
    #[test]
    fn many_names_and_many_fields_are_gathered_in_one_pass() {
        let mut headers = HeaderMap::new();
        let names = "x-1, no-field, ".repeat(200_000);
        headers.append("connection", names.parse().unwrap());
        for number in 0..10_000 {
            let name: HeaderName = format!("x-{number}").parse().unwrap();
            headers.append(name, http::HeaderValue::from_static("1"));
        }
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers.len(), 9_999);
        assert!(!headers.contains_key("x-1"));
    }
}
