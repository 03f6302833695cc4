//! Inputs of the `edge` target to begin with.

use ringtail_kit::http2;
use ringtail_protocol::path::{ENDPOINTS, LINK};
use ringtail_protocol::version::SUBPROTOCOL;
use ringtail_simulate::SimRequest;

use super::{ENDPOINT, TOKEN};
use crate::request;
use crate::seeds::{Seed, requests};

/// Every template's request over HTTP/1.1 and some over HTTP/2, what a proxy puts before, and calls of the relay's own
/// API.
#[must_use]
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (number, (name, request)) in requests().enumerate() {
        seeds.push(Seed::new(&name, over_http1(&request, number % 4 == 3)));
        if number % 8 == 0 {
            let proxied = [PROXIED, &over_http1(&request, false)].concat();
            seeds.push(Seed::new(format!("{name}-proxied"), proxied));
            let http2 = [http2::hello(), over_http2(&request)].concat();
            seeds.push(Seed::new(format!("{name}-http2"), http2));
        }
    }
    let body = r#"{"uuid":"1","event":"/a"}"#;
    let length = body.len();
    for (name, text) in [
        (
            "two",
            format!(
                "POST /{ENDPOINT} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .repeat(2),
        ),
        (
            "get",
            format!(
                "GET /{ENDPOINT}/a/../b?c=%20 HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 1.2.3.4, ::1\r\n\r\n"
            ),
        ),
        (
            "head",
            format!("HEAD /{ENDPOINT} HTTP/1.1\r\nhost: a\r\nvalidation-token: t\r\n\r\n"),
        ),
        (
            "absolute",
            format!(
                "POST https://relay/{ENDPOINT} HTTP/1.1\r\nconnection: x-a, close\r\nx-a: 1\r\n\r\n"
            ),
        ),
        (
            "expect",
            format!(
                "POST /{ENDPOINT} HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n{body}"
            ),
        ),
        (
            "old",
            format!("POST /{ENDPOINT} HTTP/1.0\r\nvalidation-token: t\r\n\r\n"),
        ),
        (
            "connect",
            "CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        ),
        (
            "trailer",
            format!(
                "POST /{ENDPOINT} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n1;e=f\r\n{{\r\n0\r\nx: y\r\n\r\n"
            ),
        ),
        (
            "challenge",
            format!(
                "GET /{ENDPOINT}?hub.mode=subscribe&hub.challenge=c&hub.verify_token=verify HTTP/1.1\r\nhost: a\r\n\r\n"
            ),
        ),
        (
            "health",
            "GET /_ringtail/health HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        ),
        (
            "name",
            format!(
                "POST {ENDPOINTS} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: 14\r\n\r\n{{\"name\":\"sms\"}}"
            ),
        ),
    ] {
        seeds.push(Seed::new(name, text));
    }
    let dial = format!(
        "GET {LINK}?endpoint={ENDPOINT}&forward=true HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\n\
         connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: {SUBPROTOCOL}\r\n\r\n"
    );
    // A message under a mask that changes nothing: the settings with which HTTP/2 begins here.
    let settings = b"\x82\x89\0\0\0\0\0\0\0\x04\0\0\0\0\0";
    seeds.push(Seed::new("link", [dial.as_bytes(), settings].concat()));
    seeds
}

/// The header by which a proxy says that 192.0.2.1 calls.
const PROXIED: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\x7f\0\0\x01\xc3\x50\x01\xbb";

fn over_http1(request: &SimRequest, chunked: bool) -> Vec<u8> {
    let length = request.body.len();
    let (framing, body) = if chunked && length > 0 {
        let size = format!("{length:x}\r\n").into_bytes();
        let body = [&size, &request.body[..], b"\r\n0\r\n\r\n"].concat();
        ("transfer-encoding: chunked".to_owned(), body)
    } else {
        (format!("content-length: {length}"), request.body.clone())
    };
    let first = format!(
        "{} /{ENDPOINT}{} HTTP/1.1\r\nhost: relay\r\n{framing}",
        request.method, request.below
    );
    let head = SimRequest {
        body,
        ..request.clone()
    };
    request::write(&head, &first, "\r\n")
}

fn over_http2(request: &SimRequest) -> Vec<u8> {
    let path = format!("/{ENDPOINT}{}", request.below);
    let mut fields: Vec<(&str, &[u8])> = vec![
        (":method", request.method.as_str().as_bytes()),
        (":scheme", b"https"),
        (":path", path.as_bytes()),
        (":authority", b"relay"),
    ];
    let headers = request.headers.iter();
    fields.extend(headers.map(|(name, value)| (name.as_str(), value.as_bytes())));
    http2::request(1, &fields, &request.body)
}
