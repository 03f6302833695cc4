//! The plain listener, usually on port 80: it answers an authority's HTTP-01 challenge, sends browsers to the relay's
//! real address, and takes nothing from anybody. One request for each connection.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::time;

use super::accept;
use super::admission::{Admission, Admitted};
use crate::config::{Certificate, HttpListen, PublicUrl};
use crate::limits::{
    HEADER_BYTES, PLAIN_CONNECTIONS, PLAIN_CONNECTIONS_PER_ADDRESS, PLAIN_TIMEOUT,
};
use crate::relay::Relay;
use crate::tls::acme::Challenges;

/// Where tokens are asked for (RFC 8555, 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// Binds the listener of a relay that gets its own certificates.
pub(super) fn bind(
    certificate: &Certificate,
) -> Result<Option<TcpListener>, (SocketAddr, io::Error)> {
    let Certificate::Acme(acme) = certificate else {
        return Ok(None);
    };
    match acme.http {
        HttpListen::At(address) => match accept::bind(address) {
            Ok(listener) => Ok(Some(listener)),
            Err(error) => Err((address, error)),
        },
        HttpListen::IfPossible(address) => match accept::bind(address) {
            Ok(listener) => Ok(Some(listener)),
            Err(error) => {
                tracing::warn!(
                    %address,
                    %error,
                    "no plain listener: certificates depend on TLS-ALPN-01 alone, which needs port 443 to lead here"
                );
                Ok(None)
            }
        },
    }
}

/// Answers until the relay drains.
pub(super) async fn serve(listener: TcpListener, relay: Arc<Relay>, challenges: Arc<Challenges>) {
    // Their own count: whoever fills it keeps nobody from the relay itself.
    let admission = Admission::new(
        PLAIN_CONNECTIONS,
        PLAIN_CONNECTIONS_PER_ADDRESS,
        Gauge::default(),
    );
    loop {
        let accepted = tokio::select! {
            biased;
            () = relay.drain.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((socket, peer)) = accepted else {
            tokio::select! {
                biased;
                () = relay.drain.cancelled() => return,
                () = time::sleep(relay.limits.accept_pause) => continue,
            }
        };
        match admission.admit(Some(peer.ip())) {
            Ok(admitted) => {
                let one = connection(socket, relay.clone(), challenges.clone(), admitted);
                drop(relay.connection_tasks.spawn(one));
            }
            Err(limit) => relay.metrics.limits.hit(limit),
        }
    }
}

async fn connection(
    socket: TcpStream,
    relay: Arc<Relay>,
    challenges: Arc<Challenges>,
    admitted: Admitted,
) {
    let lost = admitted.progress().lost();
    let service = service_fn(|request| {
        let answer = answer(&request, &challenges, relay.hosts.public_url());
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PLAIN_TIMEOUT)
        .max_header_size(HEADER_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(socket), service);
    tokio::select! {
        biased;
        // A relay that stops does not wait for whoever says nothing here, nor one that is dropped.
        () = relay.quiet.cancelled() => {}
        () = relay.abort.cancelled() => {}
        () = lost => {}
        ended = time::timeout(PLAIN_TIMEOUT, connection) => {
            if !matches!(ended, Ok(Ok(()))) {
                tracing::debug!("plain connection ended early");
            }
        }
    }
}

fn answer<B>(
    request: &Request<B>,
    challenges: &Challenges,
    public_url: &PublicUrl,
) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if let Some(token) = path.strip_prefix(CHALLENGES) {
        return match challenges.text(token) {
            Some(text) if reads => plain(StatusCode::OK, text),
            _ => plain(StatusCode::NOT_FOUND, "no such challenge\n"),
        };
    }
    // To the relay's own address, never to one that the request names.
    let rest = request
        .uri()
        .path_and_query()
        .map_or("/", |rest| rest.as_str());
    let location = format!("{}{rest}", public_url.as_str());
    match HeaderValue::try_from(location) {
        Ok(location) if reads => {
            let mut answer = plain(StatusCode::PERMANENT_REDIRECT, "over https only\n");
            answer.headers_mut().insert(header::LOCATION, location);
            answer
        }
        // A webhook must not be led along: RingCentral takes a redirect for a failure, and what it sent in the clear
        // has been read already.
        _ => {
            let line = format!("over https only: {}\n", public_url.as_str());
            let mut answer = plain(StatusCode::UPGRADE_REQUIRED, line);
            let upgrade = HeaderValue::from_static("TLS/1.2, HTTP/1.1");
            answer.headers_mut().insert(header::UPGRADE, upgrade);
            answer
        }
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(method: &str, uri: &str) -> (u16, Option<String>) {
        let url = PublicUrl::parse("https://hooks.example.com").unwrap();
        let request = Request::builder().method(method).uri(uri);
        let request = request.header("host", "evil.test").body(()).unwrap();
        let answer = answer(&request, &Challenges::default(), &url);
        let location = answer.headers().get(header::LOCATION);
        let location = location.map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location)
    }

    #[test]
    fn readers_are_sent_to_the_relay_and_senders_refused() {
        let there = |path: &str| Some(format!("https://hooks.example.com{path}"));
        assert_eq!(answered("GET", "/a/b?c=d"), (308, there("/a/b?c=d")));
        assert_eq!(answered("GET", "http://evil.test/a"), (308, there("/a")));
        assert_eq!(
            answered("GET", "//evil.test/a"),
            (308, there("//evil.test/a"))
        );
        assert_eq!(answered("POST", "/hook"), (426, None));
        assert_eq!(
            answered("GET", "/.well-known/acme-challenge/x"),
            (404, None)
        );
        assert_eq!(
            answered("POST", "/.well-known/acme-challenge/x"),
            (404, None)
        );
    }
}
