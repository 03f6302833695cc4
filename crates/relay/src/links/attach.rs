//! The call that opens a link: who calls, for which endpoint, in which version, and the switch to a WebSocket.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version, header};
use hyper::body::Incoming;
use ringtail_protocol::path::code;
use ringtail_protocol::version;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::Instrument as _;

use super::LinkId;
use super::session::{self, LinkError, Terms};
use crate::accounts::Account;
use crate::answer::{self, Answer};
use crate::api::Denied;
use crate::metrics::Limit;
use crate::proxies::Caller;
use crate::relay::Relay;
use crate::server::progress::Progress;

/// Answers the call. On success the link's task waits for the connection to switch.
pub(crate) async fn attach(
    relay: &Arc<Relay>,
    caller: Caller,
    request: Request<Incoming>,
) -> Result<Answer, Denied> {
    // Who calls comes first: a stranger learns nothing else.
    let account = relay.authenticate(caller, request.headers()).await?;
    let subprotocol = negotiate(request.headers())?;
    let accept = accept_key(&request)?;
    let terms = terms(relay, request.uri().query().unwrap_or_default(), account)?;
    let mut answer = answer::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(subprotocol),
    );
    let span = tracing::info_span!(
        "link",
        link = %terms.id,
        account = %terms.account.name,
        %caller,
        cursor = tracing::field::Empty
    );
    if let Some(progress) = request.extensions().get::<Progress>() {
        progress.keep();
    }
    let relay_of_task = relay.clone();
    relay
        .link_tasks
        .spawn(serve(relay_of_task, request, terms).instrument(span));
    Ok(answer)
}

async fn serve(relay: Arc<Relay>, request: Request<Incoming>, terms: Terms) {
    let upgraded = tokio::select! {
        biased;
        () = relay.end_links.cancelled() => return,
        () = relay.abort.cancelled() => return,
        upgraded = tokio::time::timeout(relay.limits.link_timeout, hyper::upgrade::on(request)) => upgraded,
    };
    let Ok(Ok(upgraded)) = upgraded else {
        tracing::debug!("the connection ended before it became a link");
        return;
    };
    let end = tokio::select! {
        biased;
        () = relay.abort.cancelled() => return,
        end = session::run(&relay, upgraded, terms) => end,
    };
    if end.is_the_clients() {
        relay.metrics.limits.hit(Limit::Links);
    }
    match &end {
        LinkError::Events(error) => {
            tracing::error!(error = error as &dyn std::error::Error, "link ended");
        }
        end => tracing::info!(reason = %end, "link ended"),
    }
}

fn negotiate(headers: &HeaderMap) -> Result<&'static str, Denied> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|offered| offered.to_str().ok())
        .find_map(|offered| version::negotiate(offered).ok())
        .ok_or_else(|| {
            Denied::new(
                StatusCode::UPGRADE_REQUIRED,
                code::VERSION,
                version::VersionMismatch.to_string(),
            )
        })
}

/// Checks that the call is a WebSocket's opening (RFC 6455, 4.2.1), and computes what proves that it was understood.
fn accept_key(request: &Request<Incoming>) -> Result<HeaderValue, Denied> {
    let headers = request.headers();
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let key = key.filter(|key| STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16));
    let websocket = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && names(headers, header::CONNECTION, "upgrade")
        && names(headers, header::UPGRADE, "websocket")
        && headers
            .get(header::SEC_WEBSOCKET_VERSION)
            .is_some_and(|version| version == "13");
    key.filter(|_| websocket)
        .and_then(|key| HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok())
        .ok_or_else(|| {
            Denied::bad_request(
                "a link is opened as a WebSocket over HTTP/1.1: check what stands between client and relay",
            )
        })
}

fn names(headers: &HeaderMap, field: header::HeaderName, token: &str) -> bool {
    headers
        .get_all(field)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|named| named.trim().eq_ignore_ascii_case(token))
}

fn terms(relay: &Relay, query: &str, account: Account) -> Result<Terms, Denied> {
    let query = Query::parse(query)?;
    let endpoint = relay
        .accounts
        .table()
        .find(&query.endpoint)
        .filter(|endpoint| endpoint.account == account.key)
        .ok_or_else(Denied::no_endpoint)?;
    let cursor = query
        .cursor
        .filter(|cursor| cursor.journal == relay.journal.id());
    Ok(Terms {
        id: LinkId::fresh(),
        endpoint: endpoint.key,
        account,
        forwards: query.forward,
        cursor: cursor.map(|cursor| cursor.after),
    })
}

/// The query of [`ringtail_protocol::path::LINK`].
#[derive(Debug, PartialEq, Eq)]
struct Query {
    endpoint: String,
    forward: bool,
    cursor: Option<Cursor>,
}

#[derive(Debug, PartialEq, Eq)]
struct Cursor {
    journal: String,
    after: u64,
}

impl Query {
    /// Unknown parameters are passed over: a newer client may have more to say.
    fn parse(query: &str) -> Result<Self, Denied> {
        let (mut endpoint, mut forward, mut journal, mut after) = (None, None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "endpoint" => endpoint = Some(value.into_owned()),
                "forward" => forward = Some(value.into_owned()),
                "journal" => journal = Some(value.into_owned()),
                "after" => after = Some(value.into_owned()),
                _ => {}
            }
        }
        let endpoint = endpoint.ok_or_else(|| Denied::bad_request("the query lacks `endpoint`"))?;
        let forward = match forward.as_deref() {
            Some("true") => true,
            Some("false") => false,
            _ => return Err(Denied::bad_request("`forward` must be `true` or `false`")),
        };
        let cursor = match (journal, after) {
            (Some(journal), Some(after)) => {
                let after = after
                    .parse()
                    .map_err(|_| Denied::bad_request("`after` must be a number"))?;
                Some(Cursor { journal, after })
            }
            (None, None) => None,
            _ => return Err(Denied::bad_request("`journal` and `after` come together")),
        };
        Ok(Self {
            endpoint,
            forward,
            cursor,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_or_refused() {
        let whole = Query::parse("endpoint=sms-x&forward=true&journal=j&after=7&new=1").unwrap();
        assert_eq!(
            whole,
            Query {
                endpoint: "sms-x".to_owned(),
                forward: true,
                cursor: Some(Cursor {
                    journal: "j".to_owned(),
                    after: 7
                }),
            }
        );
        let fresh = Query::parse("forward=false&endpoint=sms-x").unwrap();
        assert_eq!(fresh.cursor, None);
        for bad in [
            "",
            "forward=true",
            "endpoint=x",
            "endpoint=x&forward=maybe",
            "endpoint=x&forward=true&after=7",
            "endpoint=x&forward=true&journal=j",
            "endpoint=x&forward=true&journal=j&after=-1",
            "endpoint=x&forward=true&journal=j&after=99999999999999999999",
        ] {
            let denied = Query::parse(bad).unwrap_err();
            assert_eq!(denied.status(), StatusCode::BAD_REQUEST, "{bad}");
        }
    }
}
