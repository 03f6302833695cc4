//! `GET` [`path::LINK`](ringtail_protocol::path::LINK): checks token, version and endpoint, and upgrades the connection
//! to a link.

use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use ringtail_protocol::path::code;
use ringtail_protocol::version;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::context::ApiContext;
use super::denied::Denied;
use crate::accounts::Account;
use crate::budget::Owner;
use crate::links::session::{self, LinkParams};
use crate::metrics::Limit;
use crate::net::proxies::Caller;
use crate::response::RelayResponse;

pub(super) async fn open(
    api: &ApiContext,
    caller: Caller,
    request: Request<Incoming>,
) -> Result<RelayResponse, Denied> {
    // The token first: strangers learn nothing else.
    let account = api
        .auth
        .authenticate(api.proxies.owner(caller), request.headers())
        .await?;
    let subprotocol = negotiate(request.headers())?;
    let mut response = create_response_with_body(&request, || Either::Left(Full::default()))
        .map_err(|_| {
            Denied::bad_request(
                "a link needs a WebSocket upgrade over HTTP/1.1: check the proxies between client and relay",
            )
        })?;
    let params = params(api, request.uri().query().unwrap_or_default(), account)?;
    session::spawn(api.links.clone(), request, params, caller);
    let subprotocol = HeaderValue::from_static(subprotocol);
    response
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
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

fn params(api: &ApiContext, query: &str, account: Account) -> Result<LinkParams, Denied> {
    let query = Query::parse(query)?;
    let table = api.links.accounts.table();
    let endpoint = table
        .find(&query.endpoint)
        .filter(|endpoint| endpoint.account == account.key)
        .ok_or_else(Denied::no_endpoint)?;
    let owners = [Owner::Account(account.key), Owner::Endpoint(endpoint.key)];
    let place = api.link_places.take(owners, 1).ok_or_else(|| {
        api.links.metrics.limits.hit(Limit::LinkPlaces);
        Denied::too_many_links()
    })?;
    let cursor = query
        .cursor
        .filter(|cursor| cursor.journal == api.links.journal.id());
    Ok(LinkParams {
        endpoint: endpoint.key,
        account,
        forwards: query.forward,
        cursor: cursor.map(|cursor| cursor.after),
        place,
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
