//! `GET` [`path::LINK`](ringtail_protocol::path::LINK): checks token, version and endpoint, and upgrades the connection
//! to a link.

use std::collections::HashMap;

use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use ringtail_protocol::event::EventId;
use ringtail_protocol::path::code;
use ringtail_protocol::version::SUBPROTOCOL;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::ApiContext;
use super::denied::Denied;
use crate::accounts::Account;
use crate::budget::Owner;
use crate::journal::{EndpointKey, Journal};
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
    if !speaks_version(request.headers()) {
        let version = env!("CARGO_PKG_VERSION");
        let text = format!(
            "this relay speaks {SUBPROTOCOL} and the client does not: install ringtail {version}"
        );
        return Err(Denied::new(
            StatusCode::UPGRADE_REQUIRED,
            code::VERSION,
            text,
        ));
    }
    let mut response = create_response_with_body(&request, || Either::Left(Full::default()))
        .map_err(|_| {
            Denied::bad_request(
                "a link needs a WebSocket upgrade over HTTP/1.1: check the proxies between client and relay",
            )
        })?;
    let query = Query::parse(request.uri().query().unwrap_or_default())?;
    let params = params(api, query, account).await?;
    session::spawn(api.links.clone(), request, params, caller);
    let subprotocol = HeaderValue::from_static(SUBPROTOCOL);
    response
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    Ok(response)
}

/// Returns true if the client offers this version of the link, perhaps among others.
fn speaks_version(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|offered| offered.to_str().ok())
        .flat_map(|offered| offered.split(','))
        .any(|name| name.trim() == SUBPROTOCOL)
}

async fn params(api: &ApiContext, query: Query, account: Account) -> Result<LinkParams, Denied> {
    let endpoint = api.links.accounts.find(&query.endpoint).await;
    let endpoint = endpoint
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
    if let Some(cursor) = &cursor
        && is_set_back(&*api.links.journal, endpoint.key, cursor).await?
    {
        tracing::warn!(
            account = %account.name,
            after = cursor.after,
            "the journal is older than a client's cursor: was an older state of the disk restored? Acknowledged events may be lost"
        );
        return Err(Denied::set_back());
    }
    Ok(LinkParams {
        endpoint: endpoint.key,
        account,
        forwards: query.forward,
        cursor: cursor.map(|cursor| cursor.after),
        place,
    })
}

/// Returns true if a cursor is of another course of the journal: it is beyond the newest event, or the client has another
/// event of the same number.
async fn is_set_back(
    journal: &dyn Journal,
    endpoint: EndpointKey,
    cursor: &Cursor,
) -> Result<bool, Denied> {
    let before = cursor
        .event
        .map_or(cursor.after, |(seq, _)| seq.saturating_sub(1));
    // Only the database knows the newest event: another relay may have stored some that this one has not heard of, and a
    // failover may have lost some that it has.
    let page = journal.read(endpoint, before, 1, 0).await;
    let page = page.map_err(|error| {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, "could not compare a client's cursor");
        Denied::unavailable()
    })?;
    // Retention may have deleted the client's event.
    let is_other = |(seq, id)| {
        let stored = page.events.first().filter(|event| event.seq == seq);
        stored.is_some_and(|event| event.id != id)
    };
    Ok(page.head < cursor.after || cursor.event.is_some_and(is_other))
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
    /// An event up to there that the client has.
    event: Option<(u64, EventId)>,
}

impl Query {
    /// Ignores unknown parameters, which a newer client may send.
    fn parse(query: &str) -> Result<Self, Denied> {
        let mut query: HashMap<_, _> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let endpoint = query.remove("endpoint");
        let endpoint =
            endpoint.ok_or_else(|| Denied::bad_request("`endpoint` is missing in the query"))?;
        let forward = match query.get("forward").map(String::as_str) {
            Some("true") => true,
            Some("false") => false,
            _ => return Err(Denied::bad_request("`forward` must be `true` or `false`")),
        };
        let cursor = match (query.remove("journal"), query.remove("after")) {
            (Some(journal), Some(after)) => {
                let after = after
                    .parse()
                    .map_err(|_| Denied::bad_request("`after` must be a number"))?;
                let event = query.get("event").map(|it| parse_event(it)).transpose()?;
                Some(Cursor {
                    journal,
                    after,
                    event,
                })
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

fn parse_event(text: &str) -> Result<(u64, EventId), Denied> {
    text.split_once('.')
        .and_then(|(seq, id)| Some((seq.parse().ok()?, EventId::parse(id)?)))
        .ok_or_else(|| Denied::bad_request("`event` must be a number, a dot and an id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_offered_versions_must_be_this_one() {
        for (offered, expected) in [
            (&["ringtail.v1"][..], true),
            (&["ringtail.v9, ringtail.v1"], true),
            (&["ringtail.v9", "ringtail.v1"], true),
            (&["", "ringtail.v2", "ringtail.v10,xringtail.v1"], false),
            (&[], false),
        ] {
            let name = header::SEC_WEBSOCKET_PROTOCOL;
            let fields = offered
                .iter()
                .map(|it| (name.clone(), HeaderValue::from_static(it)));
            assert_eq!(speaks_version(&fields.collect()), expected, "{offered:?}");
        }
    }

    /// A relay that dies between its commit and its notification leaves events that others have not heard of.
    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_database_and_not_what_this_relay_has_heard_of_sets_a_cursor_back() {
        use ringtail_kit::postgres::PostgresServer;
        use ringtail_kit::wait::soon;

        use crate::journal::Retention;
        use crate::journal::postgres::PostgresJournal;
        use crate::metrics::JournalMetrics;
        use crate::postgres::{self, DatabaseUrl};

        ringtail_kit::tls::install();
        let server = PostgresServer::shared();
        let url = server.database();
        let postgres = postgres::open(&DatabaseUrl::parse(&url).unwrap()).unwrap();
        let journal = PostgresJournal::open(
            &postgres,
            None,
            Retention::default(),
            JournalMetrics::default(),
        )
        .unwrap();
        server.sql(
            &url,
            "INSERT INTO ringtail.account (key, name, created_at, changed_at) VALUES (1, 'anna', 0, 0);
             INSERT INTO ringtail.endpoint (key, account, name, id, created_at, next_seq)
             VALUES (1, 1, 'sms', 'sms-1', 0, 6)",
        );
        let is_set_back = async |after| {
            let cursor = Cursor {
                journal: journal.id().to_owned(),
                after,
                event: None,
            };
            super::is_set_back(&journal, EndpointKey(1), &cursor)
                .await
                .ok()
        };
        // Most likely it has not heard of them yet.
        assert_eq!(is_set_back(5).await, Some(false));
        assert_eq!(is_set_back(6).await, Some(true));
        // It hears of them, and then a failover loses the last one.
        let mut head = journal.head(EndpointKey(1));
        let heard = soon("the head", head.wait_for(|head| *head == 5)).await;
        assert!(heard.is_ok(), "the journal lives");
        server.sql(&url, "UPDATE ringtail.endpoint SET next_seq = 5");
        assert_eq!(is_set_back(4).await, Some(false));
        assert_eq!(is_set_back(5).await, Some(true));
    }

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
                    after: 7,
                    event: None,
                }),
            }
        );
        let id = EventId::fresh();
        let known = format!("endpoint=x&forward=true&journal=j&after=7&event=6.{id}");
        let known = Query::parse(&known).unwrap().cursor.unwrap();
        assert_eq!(known.event, Some((6, id)));
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
            "endpoint=x&forward=true&journal=j&after=7&event=7",
            "endpoint=x&forward=true&journal=j&after=7&event=7.x",
            "endpoint=x&forward=true&journal=j&after=99999999999999999999",
        ] {
            let denied = Query::parse(bad).unwrap_err();
            assert_eq!(denied.status(), StatusCode::BAD_REQUEST, "{bad}");
        }
    }
}
