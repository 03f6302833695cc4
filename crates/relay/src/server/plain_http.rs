//! The plain-HTTP listener, usually on port 80: it answers a certificate authority's HTTP-01 challenges, redirects
//! browsers to the relay's public URL, and accepts no events. One request for each connection.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::time;

use super::error::SpawnError;
use crate::hosts::Hosts;
use crate::limits::{
    HEADER_BYTES, PLAIN_CONNECTIONS, PLAIN_CONNECTIONS_PER_ADDRESS, PLAIN_TIMEOUT,
};
use crate::metrics::Metrics;
use crate::net::admission::{Admission, ConnectionSlot};
use crate::net::socket;
use crate::public_url::PublicUrl;
use crate::response::{self, RelayResponse};
use crate::shutdown::{Phase, Shutdown};
use crate::tls::acme::Challenges;
use crate::tls::{Certificate, HttpListen};

/// Where an authority requests tokens (RFC 8555, 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// Binds the listener of a relay that orders its certificates.
pub(super) fn bind(certificate: &Certificate) -> Result<Option<TcpListener>, SpawnError> {
    let Certificate::Acme(acme) = certificate else {
        return Ok(None);
    };
    let (HttpListen::At(address) | HttpListen::IfPossible(address)) = acme.http;
    match socket::bind(address) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if matches!(acme.http, HttpListen::IfPossible(_)) => {
            tracing::warn!(
                %address,
                %error,
                "could not listen for plain HTTP; certificates now depend on TLS-ALPN-01, which needs port 443 to lead here"
            );
            Ok(None)
        }
        Err(error) => {
            let hint = "name another address with --http-listen; port 80 must lead there";
            Err(SpawnError::bind(address, " for plain HTTP", hint)(error))
        }
    }
}

/// What the plain listener's connections share.
pub(super) struct PlainHttp {
    pub(super) hosts: Arc<Hosts>,
    pub(super) challenges: Arc<Challenges>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) shutdown: Shutdown,
}

/// Serves until the relay drains.
pub(super) async fn serve(listener: TcpListener, context: Arc<PlainHttp>) {
    // A separate count: filling it keeps no caller from the relay itself.
    let admission = Admission::new(
        PLAIN_CONNECTIONS,
        PLAIN_CONNECTIONS_PER_ADDRESS,
        Gauge::default(),
    );
    let shutdown = &context.shutdown;
    while let Some((socket, peer)) = socket::accept(&listener, shutdown).await {
        match admission.admit(Some(peer.ip())) {
            Ok(slot) => {
                let connection = connection(socket, context.clone(), slot);
                drop(shutdown.connections.spawn(connection));
            }
            Err(limit) => context.metrics.limits.hit(limit),
        }
    }
}

async fn connection(socket: TcpStream, context: Arc<PlainHttp>, slot: ConnectionSlot) {
    let service = service_fn(|request| {
        let response = respond(&request, &context.challenges, context.hosts.public_url());
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PLAIN_TIMEOUT)
        .max_header_size(HEADER_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(socket), service);
    tokio::select! {
        biased;
        () = context.shutdown.reached(Phase::Quiet) => {}
        () = slot.activity().evicted() => {}
        ended = time::timeout(PLAIN_TIMEOUT, connection) => {
            if !matches!(ended, Ok(Ok(()))) {
                tracing::debug!("plain connection ended early");
            }
        }
    }
}

fn respond<B>(
    request: &Request<B>,
    challenges: &Challenges,
    public_url: &PublicUrl,
) -> RelayResponse {
    let path = request.uri().path();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if let Some(token) = path.strip_prefix(CHALLENGES) {
        return match challenges.text(token) {
            Some(text) if is_read => plain(StatusCode::OK, text),
            _ => plain(StatusCode::NOT_FOUND, "no such challenge\n"),
        };
    }
    // To the public URL, never to a host that the request names.
    let rest = request
        .uri()
        .path_and_query()
        .map_or("/", |rest| rest.as_str());
    let location = format!("{}{rest}", public_url.as_str());
    match HeaderValue::try_from(location) {
        Ok(location) if is_read => {
            let mut response = plain(StatusCode::PERMANENT_REDIRECT, "use https\n");
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        // No redirect for webhooks: RingCentral counts it as a failure, and what was sent in the clear is exposed anyway.
        _ => {
            let line = format!("use https: {}\n", public_url.as_str());
            let mut response = plain(StatusCode::UPGRADE_REQUIRED, line);
            let upgrade = HeaderValue::from_static("TLS/1.2, HTTP/1.1");
            response.headers_mut().insert(header::UPGRADE, upgrade);
            response
        }
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> RelayResponse {
    response::with_body(status, "text/plain", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(method: &str, uri: &str) -> (u16, Option<String>) {
        let url = PublicUrl::parse("https://hooks.example.com").unwrap();
        let request = Request::builder().method(method).uri(uri);
        let request = request.header("host", "evil.test").body(()).unwrap();
        let response = respond(&request, &Challenges::default(), &url);
        let location = response.headers().get(header::LOCATION);
        let location = location.map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), location)
    }

    #[test]
    fn reads_are_redirected_and_posts_refused() {
        let there = |path: &str| Some(format!("https://hooks.example.com{path}"));
        assert_eq!(response("GET", "/a/b?c=d"), (308, there("/a/b?c=d")));
        assert_eq!(response("GET", "http://evil.test/a"), (308, there("/a")));
        assert_eq!(
            response("GET", "//evil.test/a"),
            (308, there("//evil.test/a"))
        );
        assert_eq!(response("POST", "/hook"), (426, None));
        assert_eq!(
            response("GET", "/.well-known/acme-challenge/x"),
            (404, None)
        );
        assert_eq!(
            response("POST", "/.well-known/acme-challenge/x"),
            (404, None)
        );
    }
}
