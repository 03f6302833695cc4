//! The request that the app receives: the caller's, with forwarding headers.

use std::net::SocketAddr;

use http::header::{CONTENT_LENGTH, EXPECT, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use ringtail_protocol::event::EventId;
use ringtail_protocol::path::{EVENT_ID, strip_hop_by_hop};

use ringtail_model::Cause;
use ringtail_model::target::TargetUrl;

/// Header of replays, with the event's id.
pub const REPLAY: &str = "ringtail-replay";

/// Header of replayed edited copies, with the id of the original event.
pub const EDITED_FROM: &str = "ringtail-edited-from";

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Where a request comes from.
#[derive(Debug)]
pub(super) struct Origin<'a> {
    pub(super) event: EventId,
    /// Id of the endpoint.
    pub(super) endpoint: &'a str,
    /// Address of the caller; empty if unknown.
    pub(super) peer: &'a str,
    pub(super) cause: Cause,
}

/// Rewrites the caller's fields for the app. All other fields stay unchanged, repeated ones included.
pub(super) fn rewrite(
    headers: &mut HeaderMap,
    target: &TargetUrl,
    keep_host: bool,
    origin: &Origin<'_>,
) {
    strip_hop_by_hop(headers);
    // The edge has already read the body, so no caller waits for `100 Continue`.
    headers.remove(EXPECT);
    if let Some(prefix) = prefix(headers, origin.endpoint) {
        headers.insert(X_FORWARDED_PREFIX, prefix);
    }
    if let Some(host) = headers.get(HOST).cloned() {
        headers.insert(X_FORWARDED_HOST, host);
    }
    if !keep_host || !headers.contains_key(HOST) {
        // A parsed authority is a valid header value.
        if let Ok(host) = HeaderValue::from_str(target.host_field()) {
            headers.insert(HOST, host);
        }
    }
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("https"));
    if !origin.peer.is_empty() {
        forwarded_for(headers, origin.peer);
    }
    if let Ok(id) = HeaderValue::from_str(&origin.event.to_string()) {
        if origin.cause == Cause::Replay {
            headers.insert(HeaderName::from_static(REPLAY), id.clone());
        }
        headers.insert(HeaderName::from_static(EVENT_ID), id);
    }
}

/// Returns the part of the public path that the app does not see: the endpoint's id, unless the endpoint has its own host.
fn prefix(headers: &HeaderMap, endpoint: &str) -> Option<HeaderValue> {
    let host = headers.get(HOST).map_or(&b""[..], HeaderValue::as_bytes);
    let label = host.split(|byte| *byte == b'.').next().unwrap_or_default();
    let own_host = label.eq_ignore_ascii_case(endpoint.as_bytes());
    let known = !endpoint.is_empty() && !own_host;
    known.then(|| HeaderValue::try_from(format!("/{endpoint}")).ok())?
}

/// Appends the peer's address, without its port, to what the caller claims.
fn forwarded_for(headers: &mut HeaderMap, peer: &str) {
    let address = peer
        .parse::<SocketAddr>()
        .map_or_else(|_| peer.to_owned(), |peer| peer.ip().to_string());
    let mut list = Vec::new();
    for value in headers.get_all(&X_FORWARDED_FOR) {
        list.extend_from_slice(value.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(address.as_bytes());
    // The relay sends the peer as text, which may be invalid.
    if let Ok(value) = HeaderValue::from_bytes(&list) {
        headers.insert(X_FORWARDED_FOR, value);
    }
}

/// Sets `Content-Length` for a complete body. A request without a body gets none unless it had one or its method
/// expects a body.
pub(super) fn state_length(headers: &mut HeaderMap, method: &Method, len: usize) {
    let had = headers.remove(CONTENT_LENGTH).is_some();
    let usual = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
    if len > 0 || had || usual {
        headers.insert(CONTENT_LENGTH, len.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(
        fields: &[(&'static str, &'static [u8])],
        keep_host: bool,
        replay: bool,
    ) -> Vec<(String, Vec<u8>)> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        let target = TargetUrl::parse("app.test:8080/base").unwrap();
        rewrite(
            &mut headers,
            &target,
            keep_host,
            &Origin {
                event: EventId::from_bytes([7; 16]),
                endpoint: "sms-x7",
                peer: "192.0.2.1:4711",
                cause: if replay {
                    Cause::Replay
                } else {
                    Cause::Forward
                },
            },
        );
        let mut fields: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect();
        fields.sort();
        fields
    }

    fn expected(fields: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
        fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect()
    }

    const ID: &[u8] = b"07070707-0707-0707-0707-070707070707";

    #[test]
    fn the_app_gets_the_fields_and_forwarding_headers() {
        let fields = rewritten(
            &[
                ("host", b"relay.example"),
                ("x-twice", b"a"),
                ("x-twice", b"caf\xe9"),
                ("connection", b"x-hop"),
                ("x-hop", b"1"),
                ("expect", b"100-continue"),
                ("x-forwarded-for", b"10.0.0.1"),
                ("x-forwarded-for", b"10.0.0.2"),
                ("ringtail-event-id", b"forged"),
            ],
            false,
            false,
        );
        assert_eq!(
            fields,
            expected(&[
                ("host", b"app.test:8080"),
                ("ringtail-event-id", ID),
                ("x-forwarded-for", b"10.0.0.1, 10.0.0.2, 192.0.2.1"),
                ("x-forwarded-host", b"relay.example"),
                ("x-forwarded-prefix", b"/sms-x7"),
                ("x-forwarded-proto", b"https"),
                ("x-twice", b"a"),
                ("x-twice", b"caf\xe9"),
            ])
        );
    }

    #[test]
    fn host_is_kept_when_asked_for_and_replays_say_so() {
        let fields = rewritten(&[("host", b"relay.example")], true, true);
        assert_eq!(
            fields,
            expected(&[
                ("host", b"relay.example"),
                ("ringtail-event-id", ID),
                ("ringtail-replay", ID),
                ("x-forwarded-for", b"192.0.2.1"),
                ("x-forwarded-host", b"relay.example"),
                ("x-forwarded-prefix", b"/sms-x7"),
                ("x-forwarded-proto", b"https"),
            ])
        );
    }

    #[test]
    fn an_endpoint_with_its_own_host_has_no_prefix() {
        let fields = rewritten(&[("host", b"SMS-x7.hooks.example:443")], true, false);
        assert!(!fields.iter().any(|(name, _)| name == "x-forwarded-prefix"));
        let fields = rewritten(&[("x-forwarded-prefix", b"/forged")], true, false);
        assert!(fields.contains(&("x-forwarded-prefix".to_owned(), b"/sms-x7".to_vec())));
    }

    #[test]
    fn length_is_stated_where_a_body_is_expected() {
        let state = |method: Method, had: bool, len: usize| {
            let mut headers = HeaderMap::new();
            if had {
                headers.insert(CONTENT_LENGTH, HeaderValue::from_static("999"));
            }
            state_length(&mut headers, &method, len);
            headers
                .get(CONTENT_LENGTH)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(state(Method::POST, false, 0).as_deref(), Some("0"));
        assert_eq!(state(Method::POST, true, 5).as_deref(), Some("5"));
        assert_eq!(state(Method::GET, false, 0), None);
        assert_eq!(state(Method::GET, true, 0).as_deref(), Some("0"));
        assert_eq!(state(Method::GET, false, 5).as_deref(), Some("5"));
    }
}
