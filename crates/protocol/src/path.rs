//! Paths and header names that both ends agree on.

/// Prefix of everything on the relay that is not an endpoint. No endpoint's name starts with `_`.
pub const RESERVED: &str = "/_ringtail/";

/// `GET`, WebSocket upgrade, bearer token: opens a link. Query: `endpoint` (its id), `forward` (`true` when the
/// client has a target, so that exchanges may be handed to it), and `journal` with `after` (where the client's
/// history stands) unless it has nothing yet.
pub const LINK: &str = "/_ringtail/v1/link";

/// `POST`, bearer token, JSON `{"name": …}`: makes the endpoint of that name, or finds it. Answers with
/// [`EndpointInfo`].
pub const ENDPOINTS: &str = "/_ringtail/v1/endpoints";

/// On the link: the event stream, a `POST` that the relay makes once.
pub const EVENTS: &str = "/events";

/// On the link: prefix of an exchange, followed by the path below the endpoint.
pub const EXCHANGE: &str = "/exchange";

/// Header on an exchange: the id of its event, so that the client can file the attempt under it.
pub const EVENT_ID: &str = "ringtail-event-id";

/// Header on the client's answer to an exchange, set when the answer is not the app's: one of
/// [`NOT_FORWARDING`], [`UNREACHABLE`], [`FAILED`]. The relay then answers in words of its own.
pub const NO_ANSWER: &str = "ringtail-no-answer";

/// Value of [`NO_ANSWER`]: the client has no target.
pub const NOT_FORWARDING: &str = "not-forwarding";

/// Value of [`NO_ANSWER`]: nothing listens at the target.
pub const UNREACHABLE: &str = "unreachable";

/// Value of [`NO_ANSWER`]: the target broke off, or answered with something that is not HTTP.
pub const FAILED: &str = "failed";

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

/// What the relay says when it refuses a call of its own API or a link.
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

/// Says whether a field concerns one hop only: by its name, or because `Connection` names it.
#[must_use]
pub fn is_hop_by_hop(headers: &http::HeaderMap, name: &http::HeaderName) -> bool {
    HOP_BY_HOP.contains(&name.as_str())
        || headers
            .get_all(http::header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|named| named.trim().eq_ignore_ascii_case(name.as_str()))
}

/// Removes the fields that concern one hop only, those that `Connection` names among them.
pub fn strip_hop_by_hop(headers: &mut http::HeaderMap) {
    let hop_by_hop: Vec<http::HeaderName> = headers
        .keys()
        .filter(|name| is_hop_by_hop(headers, name))
        .cloned()
        .collect();
    for name in hop_by_hop {
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
}
