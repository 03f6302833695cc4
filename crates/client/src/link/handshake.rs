//! The WebSocket handshake with the relay.
//!
//! Done with hyper and not the WebSocket library, because a refusing relay gives its reason in the response body, which
//! must be read completely and with a limit.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ringtail_protocol::event::EventId;
use ringtail_protocol::path::LINK;
use ringtail_protocol::stream::{ByteStream, websocket_config};
use ringtail_protocol::version::SUBPROTOCOL;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};
use tokio_tungstenite::tungstenite::protocol::Role;

use super::refusal::Refusal;
use crate::config::Account;
use crate::relay_api::{ApiError, USER_AGENT, bearer};

/// Parameters of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkParams {
    /// The endpoint's id.
    pub(crate) endpoint: String,
    /// Whether passthrough requests may be handed to this client.
    pub(crate) forward: bool,
    /// The journal and the newest `seq` of it in the history, unless there is nothing yet.
    pub(crate) after: Option<(String, u64)>,
    /// The newest event up to there that the history still has.
    pub(crate) event: Option<(u64, EventId)>,
}

impl LinkParams {
    fn uri(&self) -> String {
        // `RelayApi` accepts only ids that need no escaping.
        let mut uri = format!("{LINK}?endpoint={}&forward={}", self.endpoint, self.forward);
        if let Some((journal, seq)) = &self.after {
            uri.push_str(&format!("&journal={journal}&after={seq}"));
            if let Some((seq, id)) = self.event {
                uri.push_str(&format!("&event={seq}.{id}"));
            }
        }
        uri
    }
}

/// Opens a link over a new connection.
pub(crate) async fn upgrade<S>(
    stream: S,
    account: &Account,
    params: &LinkParams,
) -> Result<ByteStream<S>, ApiError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let key = generate_key();
    let request = Request::builder()
        .uri(params.uri())
        .header(header::HOST, account.relay.authority())
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, &key)
        .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
        .header(header::AUTHORIZATION, bearer(account))
        .header(header::USER_AGENT, USER_AGENT)
        .body(Empty::<Bytes>::new())
        .expect("the parts are valid by their types");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async move {
        let response = sender.send_request(request).await?;
        accepted(response, &key).await
    };
    // An upgraded connection ends for HTTP and returns the stream.
    let connection = async { connection.without_shutdown().await.map_err(Into::into) };
    let ((), parts) = tokio::try_join!(answer, connection)?;
    let socket = WebSocketStream::from_partially_read(
        parts.io.into_inner(),
        parts.read_buf.into(),
        Role::Client,
        Some(websocket_config()),
    )
    .await;
    Ok(ByteStream::new(socket))
}

async fn accepted(response: Response<Incoming>, key: &str) -> Result<(), ApiError> {
    let (head, body) = response.into_parts();
    match head.status {
        StatusCode::SWITCHING_PROTOCOLS if is_link(&head.headers, key) => Ok(()),
        status @ StatusCode::SWITCHING_PROTOCOLS => Err(ApiError::NotARelay { status }),
        status => Err(ApiError::Refused(Refusal::read(status, body).await)),
    }
}

fn is_link(headers: &HeaderMap, key: &str) -> bool {
    let is = |name, expected: &str| {
        let mut values = headers.get_all(name).iter();
        let one = values.next().and_then(|value| value.to_str().ok());
        values.next().is_none() && one.is_some_and(|one| one.eq_ignore_ascii_case(expected))
    };
    let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT);
    is(header::UPGRADE, "websocket")
        && is(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
        && accept.is_some_and(|accept| accept == derive_accept_key(key.as_bytes()).as_str())
        && !headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_says_where_the_history_stands() {
        let mut params = LinkParams {
            endpoint: "demo-x1".into(),
            forward: true,
            after: None,
            event: None,
        };
        assert_eq!(
            params.uri(),
            "/_ringtail/v1/link?endpoint=demo-x1&forward=true"
        );
        params.forward = false;
        params.after = Some(("j1".into(), 42));
        assert_eq!(
            params.uri(),
            "/_ringtail/v1/link?endpoint=demo-x1&forward=false&journal=j1&after=42"
        );
    }

    #[test]
    fn only_the_answer_to_this_very_key_is_a_link() {
        let key = generate_key();
        let good: HeaderMap = [
            (header::UPGRADE, "WebSocket".to_owned()),
            (header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL.to_owned()),
            (
                header::SEC_WEBSOCKET_ACCEPT,
                derive_accept_key(key.as_bytes()),
            ),
        ]
        .into_iter()
        .map(|(name, value)| (name, value.parse().unwrap()))
        .collect();
        assert!(is_link(&good, &key));
        assert!(!is_link(&good, &generate_key()));
        for name in [
            header::UPGRADE,
            header::SEC_WEBSOCKET_PROTOCOL,
            header::SEC_WEBSOCKET_ACCEPT,
        ] {
            let mut without = good.clone();
            without.remove(&name);
            assert!(!is_link(&without, &key), "without {name}");
        }
        let mut other = good.clone();
        other.insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            "ringtail.v2".parse().unwrap(),
        );
        assert!(!is_link(&other, &key));
        let mut extended = good;
        extended.insert(
            header::SEC_WEBSOCKET_EXTENSIONS,
            "permessage-deflate".parse().unwrap(),
        );
        assert!(!is_link(&extended, &key));
    }
}
