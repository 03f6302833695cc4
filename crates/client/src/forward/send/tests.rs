use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use http_body_util::StreamBody;
use hyper::body::Frame;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::forward::testing::{quick, sender, sender_to};
use ringtail_kit::app::{App, Port, listen, response, say};
use ringtail_model::{ForwardState, Outcome};
use ringtail_store::testing::request;

async fn deliver(sender: &Sender, body: &str) -> Delivery {
    let stored = StoredRequest {
        id: EventId::from_bytes([7; 16]),
        endpoint: "sms-x7".to_owned(),
        seq: 1,
        forward: ForwardState::Pending,
        edited_from: None,
        request: request(body),
    };
    sender.deliver(&stored, Cause::Forward, || ()).await
}

fn failure(delivery: &Delivery) -> (FailureKind, &str) {
    match &delivery.attempt.outcome {
        Outcome::Error { kind, message } => (*kind, message),
        Outcome::Status(status) => panic!("answered {status}"),
    }
}

#[tokio::test]
async fn the_app_gets_the_request_to_the_byte_and_its_answer_is_kept() {
    let app = App::start(async |_| {
        let mut response = response(201, "made");
        response
            .headers_mut()
            .append("x-twice", "1".parse().unwrap());
        response
            .headers_mut()
            .append("x-twice", "2".parse().unwrap());
        response
    });
    let target = format!("http://{}/base/?t=1", app.address);
    let delivery = deliver(&sender(&target, quick()), "{\"a\":\"\u{e9}\"}").await;
    let seen = app.seen().remove(0);
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.path, "/base/hook%2F1?t=1&a=1&a=2");
    assert_eq!(seen.body, "{\"a\":\"\u{e9}\"}".as_bytes());
    let header = |name: &str| -> Vec<&[u8]> {
        let values = seen.headers.get_all(name).iter();
        values.map(http::HeaderValue::as_bytes).collect()
    };
    assert_eq!(header("host"), [app.address.to_string().as_bytes()]);
    assert_eq!(header("x-twice"), [&b"1"[..], b"caf\xe9"]);
    assert_eq!(header("verification-token"), [b"secret"]);
    assert_eq!(header("content-length"), [b"10"]);
    assert_eq!(header("x-forwarded-for"), [b"192.0.2.7"]);
    assert_eq!(header("x-forwarded-host"), [b"relay.example"]);
    assert_eq!(header("x-forwarded-proto"), [b"https"]);
    assert_eq!(
        header("ringtail-event-id"),
        [b"07070707-0707-0707-0707-070707070707"]
    );
    assert!(header("connection").is_empty() && header("ringtail-replay").is_empty());

    let attempt = delivery.attempt;
    assert!(delivery.connected);
    assert_eq!(attempt.outcome, Outcome::Status(201));
    assert_eq!((&attempt.body[..], attempt.body_len), (&b"made"[..], 4));
    let twice = attempt
        .headers
        .iter()
        .filter(|header| header.name == "x-twice");
    assert_eq!(twice.count(), 2);
    assert_eq!(
        attempt.target,
        format!("http://{}/base/hook%2F1?t=1&a=1&a=2", app.address)
    );
    assert!(attempt.duration < Duration::from_secs(20));
}

#[tokio::test]
async fn large_answers_are_counted_to_the_end_and_kept_in_part() {
    let app = App::start(async |_| response(200, vec![b'x'; 10 * 1024 * 1024]));
    let attempt = deliver(&sender_to(&app), "{}").await.attempt;
    assert_eq!(attempt.outcome, Outcome::Status(200));
    assert_eq!(attempt.body_len, 10 * 1024 * 1024);
    assert_eq!(attempt.body.len(), KEPT_BODY_BYTES);
}

#[tokio::test]
async fn endless_answers_are_cut() {
    let app = App::start(async |_| {
        let piece = Bytes::from(vec![b'x'; 1024 * 1024]);
        let pieces = futures_util::stream::repeat_with(move || Ok(Frame::data(piece.clone())));
        http::Response::new(StreamBody::new(pieces).boxed_unsync())
    });
    let attempt = deliver(&sender_to(&app), "{}").await.attempt;
    assert_eq!(attempt.outcome, Outcome::Status(200));
    assert!(attempt.body_len >= MAX_READ_BYTES, "{}", attempt.body_len);
    assert!(
        attempt.body_len < MAX_READ_BYTES + 2 * 1024 * 1024,
        "{}",
        attempt.body_len
    );
}

#[tokio::test]
async fn an_app_that_breaks_off_has_reset() {
    let app =
        App::after_head(|stream| say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart"));
    let delivery = deliver(&sender_to(&app), "{}").await;
    let (kind, message) = failure(&delivery);
    assert_eq!(kind, FailureKind::Reset, "{message}");
    assert!(
        message.contains("after status 200 and 4 bytes"),
        "{message}"
    );
    assert!(delivery.connected);
    assert_eq!(delivery.attempt.body, "part");

    let app = App::after_head(async |stream| drop(stream));
    let delivery = deliver(&sender_to(&app), "{}").await;
    assert_eq!(failure(&delivery).0, FailureKind::Reset);
    assert!(delivery.connected);
}

#[tokio::test]
async fn an_app_that_speaks_something_else_is_not_http() {
    for text in [
        "SSH-2.0-OpenSSH_9.7\r\n",
        "\u{15}\u{3}\u{1}\0\u{2}\u{2}\n",
        "HTTP/7.9 200 OK\r\n\r\n",
    ] {
        let app = App::after_head(move |stream| say(stream, text));
        let delivery = deliver(&sender_to(&app), "{}").await;
        let (kind, message) = failure(&delivery);
        assert_eq!(kind, FailureKind::NotHttp, "{text:?}: {message}");
        assert!(message.contains("is not HTTP"), "{message}");
        assert!(delivery.connected);
    }
    let app = App::after_head(async |mut stream: tokio::net::TcpStream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n").await);
        let line = format!("x-large: {}\r\n", "x".repeat(60_000));
        while stream.write_all(line.as_bytes()).await.is_ok() {}
    });
    let delivery = deliver(&sender_to(&app), "{}").await;
    assert_eq!(failure(&delivery).0, FailureKind::NotHttp, "{delivery:?}");
}

#[tokio::test]
async fn a_malformed_response_is_told_by_what_is_malformed() {
    for (text, what) in [
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "header field"),
        ("HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n", "header field"),
        ("HTTP/1.1 200 OK\r\nX: a\0\r\n\r\n", "header field"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            "header field",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
            "chunk",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabcd",
            "chunk",
        ),
    ] {
        let app = App::after_head(move |stream| say(stream, text));
        let delivery = deliver(&sender_to(&app), "{}").await;
        let (kind, message) = failure(&delivery);
        assert_eq!(kind, FailureKind::NotHttp, "{text:?}: {message}");
        let wanted = format!("answered with a malformed {what}");
        assert!(message.contains(&wanted), "{text:?}: {message}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_gets_the_request_and_its_answer_is_kept() {
    use tokio::io::AsyncReadExt;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let app = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = String::new();
        while !seen.ends_with("{\"a\":1}") {
            seen.push(char::from(stream.read_u8().await.unwrap()));
        }
        let answer = b"HTTP/1.1 202 Taken\r\ncontent-length: 2\r\n\r\nok";
        stream.write_all(answer).await.unwrap();
        seen
    };
    let target = format!("unix:{}:/base", path.display());
    let socket = sender(&target, quick());
    let (seen, delivery) = tokio::join!(app, deliver(&socket, "{\"a\":1}"));
    assert!(
        seen.starts_with("POST /base/hook%2F1?a=1&a=2 HTTP/1.1\r\n"),
        "{seen}"
    );
    assert!(seen.to_lowercase().contains("\r\nhost: localhost\r\n"));
    assert_eq!(delivery.attempt.outcome, Outcome::Status(202));
    assert_eq!(delivery.attempt.body, "ok");
    assert!(delivery.attempt.target.starts_with(&target));

    drop(listener);
    for (change, words) in [
        (None, "connection refused"),
        (Some(&path), "no such socket"),
    ] {
        change.map_or(Ok(()), std::fs::remove_file).unwrap();
        let delivery = deliver(&socket, "{}").await;
        let (kind, message) = failure(&delivery);
        assert_eq!(kind, FailureKind::Refused);
        assert!(message.contains(words), "{message}");
        assert!(!delivery.connected);
    }
}

#[tokio::test]
async fn an_app_that_is_silent_times_out() {
    let app = App::start(async |_| pending().await);
    let options = SendOptions {
        answer_timeout: Duration::from_millis(150),
        ..quick()
    };
    let silent = sender(&app.address.to_string(), options);
    let delivery = deliver(&silent, "{}").await;
    assert_eq!(failure(&delivery).0, FailureKind::TimedOut);
    assert!(delivery.connected);
    assert!(delivery.attempt.duration >= Duration::from_millis(150));
}

#[tokio::test(start_paused = true)]
async fn an_app_that_falls_silent_inside_of_its_answer_times_out() {
    let begins = futures_util::stream::iter([Ok::<_, io::Error>(Frame::data("a".into()))]);
    let body = StreamBody::new(begins.chain(futures_util::stream::pending()));
    let id = EventId::from_bytes([7; 16]);
    let draft = Draft::new(id, Cause::Forward, "app".to_owned());
    let sender = sender("3000", quick());
    let delivery = sender.read(draft, http::Response::new(body)).await;
    let (kind, message) = failure(&delivery);
    assert_eq!(kind, FailureKind::TimedOut);
    assert_eq!(
        message,
        "no whole answer from localhost:3000 within 20000 ms (after status 200 and 1 bytes)"
    );
    assert_eq!(delivery.attempt.duration, quick().answer_timeout);
}

#[tokio::test]
async fn a_target_where_nothing_listens_refuses() {
    let place = Port::reserve();
    let address = place.address;
    let delivery = deliver(&sender(&address.to_string(), quick()), "{}").await;
    let (kind, message) = failure(&delivery);
    assert_eq!(kind, FailureKind::Refused);
    assert_eq!(
        message,
        format!("nothing listens at {address} (connection refused)")
    );
    assert!(!delivery.connected);
    let delivery = deliver(
        &sender(&format!("localhost:{}", address.port()), quick()),
        "{}",
    )
    .await;
    assert_eq!(failure(&delivery).0, FailureKind::Refused);
}

#[tokio::test]
async fn a_name_without_an_address_is_unreachable() {
    let delivery = deliver(&sender("http://no.such.name.invalid:1", quick()), "{}").await;
    let (kind, message) = failure(&delivery);
    assert_eq!(kind, FailureKind::Unreachable, "{message}");
    assert!(!delivery.connected);
}

/// Linux leaves calls unanswered when more wait to be accepted than the listener has places.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_target_that_does_not_take_the_connection_is_unreachable() {
    const PLACES: u32 = 1;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(PLACES).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    // One more is let in.
    for _ in 0..=PLACES {
        waiting.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let options = SendOptions {
        connect_timeout: Duration::from_millis(100),
        ..quick()
    };
    let delivery = deliver(&sender(&address.to_string(), options), "{}").await;
    assert_eq!(
        failure(&delivery).0,
        FailureKind::Unreachable,
        "{delivery:?}"
    );
    assert!(!delivery.connected);
}

#[tokio::test]
async fn a_tls_handshake_that_never_ends_is_no_connection() {
    let app = App::on_connect(|stream| async move {
        pending::<()>().await;
        drop(stream);
    });
    let options = SendOptions {
        connect_timeout: Duration::from_millis(100),
        insecure: true,
        ..quick()
    };
    let target = format!("https://{}", app.address);
    let delivery = deliver(&sender(&target, options), "{}").await;
    let (kind, message) = failure(&delivery);
    assert_eq!(kind, FailureKind::Unreachable);
    assert!(message.contains("no connection within 100 ms"), "{message}");
    assert!(!delivery.connected);
}

#[tokio::test]
async fn localhost_is_tried_on_both_of_its_addresses() {
    for (address, needed) in [("127.0.0.1:0", true), ("[::1]:0", false)] {
        if !needed && tokio::net::TcpListener::bind(address).await.is_err() {
            continue; // This machine has no IPv6.
        }
        let app = App::start_on(listen(address), async |_| response(200, ""));
        let target = format!("localhost:{}", app.address.port());
        let delivery = deliver(&sender(&target, quick()), "{}").await;
        assert_eq!(delivery.attempt.outcome, Outcome::Status(200), "{address}");
    }
}

/// An app that answers the given number of requests of each connection and then does what it likes with it. Counts the
/// connections.
fn counting<F>(
    requests: usize,
    then: impl Fn(tokio::net::TcpStream) -> F + Send + Sync + Clone + 'static,
) -> (App, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let app = App::on_connect(move |mut stream: tokio::net::TcpStream| {
        count.fetch_add(1, Ordering::SeqCst);
        let then = then.clone();
        async move {
            let mut buffer = [0; 4096];
            for _ in 0..requests {
                let Ok(1..) = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await else {
                    return;
                };
                let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(ok).await.unwrap();
            }
            then(stream).await;
        }
    });
    (app, connections)
}

/// Reads a request and answers nothing.
async fn hang_up(mut stream: tokio::net::TcpStream) {
    drop(tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await);
}

async fn outcomes(sender: &Sender, requests: usize) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for _ in 0..requests {
        outcomes.push(deliver(sender, "").await.attempt.outcome);
    }
    outcomes
}

const ANSWERED: Outcome = Outcome::Status(200);

#[tokio::test]
async fn requests_that_follow_each_other_share_a_connection() {
    let (app, connections) = counting(5, hang_up);
    assert_eq!(outcomes(&sender_to(&app), 5).await, [ANSWERED; 5]);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_is_idle_for_long_is_closed() {
    let (closed, mut is_closed) = tokio::sync::mpsc::channel(1);
    let (app, _) = counting(1, move |mut stream| {
        let closed = closed.clone();
        async move {
            let read = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 16]).await;
            closed.send(read.unwrap()).await.unwrap();
        }
    });
    assert_eq!(outcomes(&sender_to(&app), 1).await, [ANSWERED]);
    let closed = tokio::time::timeout(Duration::from_secs(20), is_closed.recv());
    assert_eq!(closed.await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_request_that_a_kept_connection_lost_is_sent_again() {
    for (end, requests) in [(0, 3), (1, 6)] {
        // Closes each connection after a number of answers: at once, or with the next request.
        let (app, connections) = match end {
            0 => counting(1, async |stream| drop(stream)),
            _ => counting(2, hang_up),
        };
        let outcomes = outcomes(&sender_to(&app), requests).await;
        assert_eq!(outcomes, vec![ANSWERED; requests]);
        assert_eq!(connections.load(Ordering::SeqCst), 3, "{end}");
    }
}

#[tokio::test]
async fn a_request_that_new_connections_lose_is_sent_twice() {
    for resets in [false, true] {
        let (app, connections) = counting(0, move |stream: tokio::net::TcpStream| async move {
            stream.readable().await.unwrap();
            if resets {
                stream.set_zero_linger().unwrap();
            } else {
                hang_up(stream).await;
            }
        });
        let delivery = deliver(&sender_to(&app), "").await;
        assert_eq!(failure(&delivery).0, FailureKind::Reset);
        assert!(delivery.connected);
        assert_eq!(connections.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn a_request_that_every_connection_loses_is_sent_three_times() {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let app = App::on_connect(move |mut stream: tokio::net::TcpStream| {
        let count = Arc::clone(&count);
        async move {
            let mut buffer = [0; 4096];
            while let Ok(1..) = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await {
                if count.fetch_add(1, Ordering::SeqCst) > 0 {
                    return;
                }
                let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(ok).await.unwrap();
            }
        }
    });
    let sender = sender_to(&app);
    assert_eq!(outcomes(&sender, 1).await, [ANSWERED]);
    let delivery = deliver(&sender, "").await;
    assert_eq!(failure(&delivery).0, FailureKind::Reset);
    assert_eq!(requests.load(Ordering::SeqCst), 1 + 3);
}

#[tokio::test]
async fn a_request_whose_response_has_begun_is_not_sent_again() {
    let (app, connections) = counting(1, |mut stream: tokio::net::TcpStream| async move {
        drop(tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await);
        stream.write_all(b"H").await.unwrap();
    });
    let sender = sender_to(&app);
    assert_eq!(outcomes(&sender, 1).await, [ANSWERED]);
    let delivery = deliver(&sender, "").await;
    assert_eq!(failure(&delivery).0, FailureKind::Reset);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_kept_connection_to_an_app_that_is_down_is_no_connection() {
    let mut app = App::replying(|_| ringtail_kit::app::Reply::status(200));
    let sender = sender_to(&app);
    assert_eq!(outcomes(&sender, 1).await, [ANSWERED]);
    app.go_down().await;
    let delivery = deliver(&sender, "").await;
    assert_eq!(failure(&delivery).0, FailureKind::Refused);
    assert!(!delivery.connected);
}

/// Starts an https app with an untrusted certificate.
fn secure_app() -> App {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    App::on_connect(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut buffer = [0; 4096];
            while let Ok(1..) = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await {
                drop(
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                        .await,
                );
            }
        }
    })
}

#[tokio::test]
async fn https_targets_must_be_trusted_unless_told_otherwise() {
    let app = secure_app();
    let target = format!("https://localhost:{}", app.address.port());
    let insecure = SendOptions {
        insecure: true,
        ..quick()
    };
    let delivery = deliver(&sender(&target, insecure), "{}").await;
    assert_eq!(delivery.attempt.outcome, Outcome::Status(200));

    let delivery = deliver(&sender(&target, quick()), "{}").await;
    let (kind, message) = failure(&delivery);
    assert_eq!(kind, FailureKind::Tls, "{message}");
    let host = target.trim_start_matches("https://");
    assert_eq!(
        message,
        format!(
            "the certificate of {host} is not trusted: it is self-signed, issued by an untrusted authority, \
             or sent without its intermediate certificates; if it is your app's own, give --insecure"
        )
    );
    assert!(!delivery.connected);
}

#[tokio::test]
async fn http_and_https_mixed_up_is_said_in_words() {
    // Closed with bytes that it did not read, a connection is reset, and under wine its answer is lost.
    let app = App::on_connect(|mut stream| async move {
        let mut hello = [0; 4096];
        assert_ne!(stream.read(&mut hello).await.unwrap(), 0);
        say(stream, "HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let insecure = SendOptions {
        insecure: true,
        ..quick()
    };
    let target = format!("https://{}", app.address);
    let delivery = deliver(&sender(&target, insecure), "{}").await;
    let (kind, message) = failure(&delivery);
    assert_eq!(kind, FailureKind::Tls, "{message}");
    assert!(message.contains("does not speak TLS"), "{message}");

    let app = secure_app();
    let delivery = deliver(&sender(&app.address.to_string(), quick()), "{}").await;
    let kind = failure(&delivery).0;
    assert!(
        matches!(kind, FailureKind::NotHttp | FailureKind::Reset),
        "{kind:?}"
    );
}
