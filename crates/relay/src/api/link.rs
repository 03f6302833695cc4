//! `GET` [`path::LINK`](ringtail_protocol::path::LINK): checks token, version and endpoint, and upgrades the connection
//! to a link.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version, header};
use hyper::body::Incoming;
use ringtail_protocol::path::code;
use ringtail_protocol::version;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::context::ApiContext;
use super::denied::Denied;
use crate::accounts::Account;
use crate::links::session::{self, LinkParams};
use crate::net::activity::ConnectionActivity;
use crate::net::proxies::Caller;
use crate::response::{self, RelayResponse};

pub(super) async fn open(
    api: &ApiContext,
    caller: Caller,
    request: Request<Incoming>,
) -> Result<RelayResponse, Denied> {
    // The token first: strangers learn nothing else.
    let account = api.auth.authenticate(caller, request.headers()).await?;
    let subprotocol = negotiate(request.headers())?;
    let accept = accept_key(&request)?;
    let params = params(api, request.uri().query().unwrap_or_default(), account)?;
    if let Some(activity) = request.extensions().get::<ConnectionActivity>() {
        activity.pin();
    }
    session::spawn(api.links.clone(), request, params, caller);
    let mut response = response::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    let subprotocol = HeaderValue::from_static(subprotocol);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    Ok(response)
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

/// Checks that the request opens a WebSocket (RFC 6455, 4.2.1), and returns its `Sec-WebSocket-Accept`.
fn accept_key(request: &Request<Incoming>) -> Result<HeaderValue, Denied> {
    let headers = request.headers();
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let key = key.filter(|key| STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16));
    let is_websocket = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && lists(headers, header::CONNECTION, "upgrade")
        && lists(headers, header::UPGRADE, "websocket")
        && headers
            .get(header::SEC_WEBSOCKET_VERSION)
            .is_some_and(|version| version == "13");
    key.filter(|_| is_websocket)
        .and_then(|key| HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok())
        .ok_or_else(|| {
            Denied::bad_request(
                "a link needs a WebSocket upgrade over HTTP/1.1: check the proxies between client and relay",
            )
        })
}

fn lists(headers: &HeaderMap, field: header::HeaderName, token: &str) -> bool {
    headers
        .get_all(field)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|listed| listed.trim().eq_ignore_ascii_case(token))
}

fn params(api: &ApiContext, query: &str, account: Account) -> Result<LinkParams, Denied> {
    let query = Query::parse(query)?;
    let table = api.links.accounts.table();
    let endpoint = table
        .find(&query.endpoint)
        .filter(|endpoint| endpoint.account == account.key)
        .ok_or_else(Denied::no_endpoint)?;
    let cursor = query
        .cursor
        .filter(|cursor| cursor.journal == api.links.journal.id());
    Ok(LinkParams {
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
    /// Ignores unknown parameters, which a newer client may send.
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
        let endpoint =
            endpoint.ok_or_else(|| Denied::bad_request("`endpoint` is missing in the query"))?;
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
            _ => {
                return Err(Denied::bad_request(
                    "`journal` and `after` must come together",
                ));
            }
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
    fn queries_parse_or_are_refused() {
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
