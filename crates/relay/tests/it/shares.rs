//! What one owner holds leaves room for the others: memory, links, passthrough requests.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ringtail_kit::http2::{
    CANCEL, END_HEADERS, END_STREAM, HEAD, HEADERS, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    frame, head, hello, no_window, post,
};
use ringtail_protocol::http2;
use ringtail_protocol::path::ENDPOINTS;
use ringtail_relay::limits::{
    LINKS_PER_ACCOUNT, LINKS_PER_ENDPOINT, PASSTHROUGHS_PER_ADDRESS, REQUEST_BYTES,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

use crate::kit::{App, Caller, Conn, Dial, EVENT, TestRelay, name, post_head, soon, text_app};

/// A budget in which an address may hold 96 KiB, an account 256 KiB, and an account with up to 16 KiB finds room.
const BYTES: usize = 64 * 2 * REQUEST_BYTES;

/// Posts without the end of the body until the relay refuses one.
async fn stall(relay: &TestRelay, path: &str) -> Vec<Conn> {
    let mut held = Vec::new();
    soon("a refusal", async {
        loop {
            let mut conn = Conn::http2(relay).await;
            let mut wire = Vec::new();
            for stream in (1..).step_by(2).take(20) {
                wire.extend(frame(HEADERS, END_HEADERS, stream, &post(path)));
            }
            conn.write(&wire).await;
            held.push(conn);
            let refusals = if path == "/unknown" {
                "stray-bytes"
            } else {
                "buffered-bytes"
            };
            if relay.hits(refusals).await > 0 {
                break;
            }
        }
    })
    .await;
    held
}

#[tokio::test]
async fn who_knows_an_endpoint_leaves_memory_for_other_accounts() {
    let relay = TestRelay::with(|config| config.limits.buffered_bytes = BYTES).await;
    let flooded = relay.endpoint_named("flooded").await;
    let held = stall(&relay, &flooded.path("")).await;
    let berta = relay.accounts().add(&name("berta")).unwrap();
    let victim = relay.endpoint_of(&berta, "sms").await;
    // From the same address there is none; the victim's callers have another.
    let mut caller = Caller::http1_from(&relay, [127, 0, 0, 2]).await;
    assert_eq!(caller.post(&victim.path(""), EVENT).await.status, 200);
    drop(held);
    soon("the memory to be free", async {
        let mut caller = Caller::http1(&relay).await;
        while caller.post(&flooded.path(""), EVENT).await.status != 200 {}
    })
    .await;
}

#[tokio::test]
async fn strangers_leave_memory_for_accounts_and_events() {
    let relay = TestRelay::with(|config| config.limits.stray_bytes = BYTES).await;
    let endpoint = relay.endpoint().await;
    let _held = stall(&relay, "/unknown").await;
    let mut refused = Caller::http1(&relay).await;
    assert_eq!(refused.post("/unknown", EVENT).await.status, 503);
    let mut caller = Caller::http1(&relay).await;
    assert_eq!(caller.post(&endpoint.path(""), EVENT).await.status, 200);
    let login = Request::post(ENDPOINTS)
        .header("authorization", format!("Bearer {}", relay.token()))
        .body(Full::from(r#"{"name":"sms"}"#));
    assert_eq!(caller.send(login.unwrap()).await.status, 200);
    let mut other = Caller::http1_from(&relay, [127, 0, 0, 2]).await;
    assert_eq!(other.post("/unknown", EVENT).await.status, 404);
}

#[tokio::test]
async fn an_account_leaves_links_for_the_others() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let dial = Dial::to(&relay, &endpoint);
    let mut links = Vec::new();
    for _ in 0..LINKS_PER_ENDPOINT {
        links.push(dial.socket(&relay).await.unwrap());
    }
    let (status, refusal) = dial.socket(&relay).await.unwrap_err();
    assert_eq!((status, refusal.error.as_str()), (429, "unavailable"));
    let both =
        format!("an account may have {LINKS_PER_ACCOUNT}, and an endpoint {LINKS_PER_ENDPOINT};");
    assert!(refusal.message.contains(&both), "{}", refusal.message);
    let mut number = 0;
    while links.len() < LINKS_PER_ACCOUNT {
        number += 1;
        let another = relay.endpoint_named(&format!("calls-{number}")).await;
        let dial = Dial::to(&relay, &another);
        for _ in 0..LINKS_PER_ENDPOINT {
            links.push(dial.socket(&relay).await.unwrap());
        }
    }
    let last = relay.endpoint_named("last").await;
    let (status, _) = Dial::to(&relay, &last).socket(&relay).await.unwrap_err();
    assert_eq!(status, 429, "the account has {} links", links.len());
    relay.has_hit("link-places", 2).await;
    let berta = relay.accounts().add(&name("berta")).unwrap();
    let theirs = relay.endpoint_of(&berta, "sms").await;
    let mut other = Dial::to(&relay, &theirs);
    other.token = berta.expose().to_owned();
    let mut link = other.attach(&relay, text_app("")).await;
    assert_eq!(link.head().await, 0);
    drop(links.remove(0));
    soon("a place", async {
        while dial.socket(&relay).await.is_err() {}
    })
    .await;
}

#[tokio::test]
async fn a_link_that_takes_no_events_ends() {
    let relay =
        TestRelay::with(|config| config.limits.page_timeout = Duration::from_millis(200)).await;
    let endpoint = relay.endpoint().await;
    let body = format!(
        r#"{{"uuid":"u","event":"/e","body":"{}"}}"#,
        "x".repeat(500_000)
    );
    let mut caller = Caller::http1(&relay).await;
    assert_eq!(caller.post(&endpoint.path(""), body).await.status, 200);
    let mut socket = Dial::to(&relay, &endpoint).socket(&relay).await.unwrap();
    // It accepts the event stream, grants no window for it, and answers each PING.
    socket.send(Message::binary(no_window())).await.unwrap();
    // `:status 200` in HPACK's static table.
    let accepted = frame(HEADERS, END_HEADERS, 1, &[0x88]);
    soon("the end of the link", async {
        let mut told = false;
        while let Some(Ok(message)) = socket.next().await {
            if !told && message.is_binary() {
                told = true;
                drop(socket.send(Message::binary(accepted.clone())).await);
            }
        }
        assert!(told);
    })
    .await;
    relay.has_hit("links", 1).await;
}

#[tokio::test]
async fn callers_of_one_address_leave_passthrough_requests_for_others() {
    let relay =
        TestRelay::with(|config| config.limits.passthrough_wait = Duration::from_millis(20)).await;
    let endpoint = relay.endpoint().await;
    let app: App = std::sync::Arc::new(|request: Request<_>| {
        Box::pin(async move {
            if request.uri().path().ends_with("/stall") {
                std::future::pending::<()>().await;
            }
            http::Response::new(http_body_util::BodyExt::boxed(Full::<Bytes>::from("up")))
        })
    });
    let mut link = relay.attach(&endpoint, app).await;
    link.head().await;
    let mut conn = Conn::http2(&relay).await;
    let mut wire = Vec::new();
    for stream in (1..).step_by(2).take(http2::MAX_PASSTHROUGHS + 1) {
        wire.extend(frame(
            HEADERS,
            END_HEADERS | END_STREAM,
            stream,
            &post(&endpoint.path("/stall")),
        ));
    }
    conn.write(&wire).await;
    let refused = u64::try_from(http2::MAX_PASSTHROUGHS + 1 - PASSTHROUGHS_PER_ADDRESS).unwrap();
    relay.has_hit("passthroughs-per-link", refused).await;
    assert_eq!(relay.hits("passthroughs-per-link").await, refused);
    let same = Caller::http1(&relay).await.get(&endpoint.path("/")).await;
    assert_eq!(same.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(same.headers["retry-after"], "1");
    assert_eq!(same.body, "the app is busy\n");
    let mut other = Caller::http1_from(&relay, [127, 0, 0, 2]).await;
    assert_eq!(other.get(&endpoint.path("/")).await.body, "up");
}

#[tokio::test]
async fn heads_and_bodies_of_stalled_posts_are_counted_until_they_end() {
    let relay = TestRelay::with(|config| config.limits.buffered_bytes = BYTES).await;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    let body = "x".repeat(5 * 2 * REQUEST_BYTES);
    let fields = format!("Content-Length: {}\r\n", body.len() + 1);
    conn.write((post_head(&endpoint.path(""), &fields) + &body).as_bytes())
        .await;
    let mut caller = Caller::http1(&relay).await;
    let large = format!(r#"{{"uuid":"u","event":"/e","body":"{body}"}}"#);
    let refused = soon("the share to be taken", async {
        loop {
            let answer = caller.post(&endpoint.path(""), large.clone()).await;
            if answer.status != 200 {
                return answer;
            }
            caller = Caller::http1(&relay).await;
        }
    })
    .await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(refused.body, "the relay is busy\n");
    conn.write(b"x").await;
    conn.read_head().await;
    let mut caller = Caller::http1(&relay).await;
    assert_eq!(caller.post(&endpoint.path(""), large).await.status, 200);
}

/// An answer that has left the link still occupies the send buffer of a caller that does not read it.
#[tokio::test]
async fn unread_answers_are_counted_until_they_are_read() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let body = "x".repeat(60_000);
    let app: App = std::sync::Arc::new(move |_| {
        let body = body.clone();
        Box::pin(async move {
            http::Response::new(http_body_util::BodyExt::boxed(Full::<Bytes>::from(body)))
        })
    });
    let mut link = relay.attach(&endpoint, app).await;
    link.head().await;
    // They grant all that HTTP/2 allows and read nothing: more than the kernel's buffers take.
    let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 0x0f, 0xff, 0xff]);
    let update = frame(WINDOW_UPDATE, 0, 0, &0x3fff_ffff_u32.to_be_bytes());
    let mut wire = [PREFACE, &settings, &update].concat();
    for stream in (1..).step_by(2).take(128) {
        let path = post(&endpoint.path("/"));
        wire.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &path));
    }
    let mut unread = Vec::new();
    for _ in 0..4 {
        let mut conn = Conn::open(&relay, &["h2"]).await;
        conn.write(&wire).await;
        unread.push(conn);
    }
    // The share of an address is 24 MiB, and each of them holds 448 KiB.
    relay.has_hit("buffered-bytes", 10).await;
    drop(unread);
    soon("the memory to be free", async {
        let mut caller = Caller::http1(&relay).await;
        while caller.get(&endpoint.path("/")).await.status != 200 {
            caller = Caller::http1(&relay).await;
        }
    })
    .await;
}

/// What callers take back may reach a busy client in one piece with what they asked.
#[tokio::test]
async fn requests_that_are_taken_back_at_once_do_not_break_the_link() {
    let (mut relay, client) = tokio::io::duplex(1 << 20);
    let block = post("/passthrough");
    let flags = END_HEADERS | END_STREAM;
    let mut wire = hello();
    for stream in (1..).step_by(2).take(1000) {
        wire.extend(frame(HEADERS, flags, stream, &block));
        wire.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
    }
    wire.extend(frame(HEADERS, flags, 2001, &block));
    relay.write_all(&wire).await.unwrap();
    let service = service_fn(|_| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(Full::<Bytes>::default()))
    });
    let served = http2::server().serve_connection(TokioIo::new(client), service);
    let answered = async {
        loop {
            let mut start = [0; HEAD];
            relay.read_exact(&mut start).await.unwrap();
            let (length, kind, stream) = head(&start).unwrap();
            relay.read_exact(&mut vec![0; length]).await.unwrap();
            if (kind, stream) == (HEADERS, 2001) {
                return;
            }
        }
    };
    tokio::select! {
        ended = served => panic!("{ended:?}"),
        () = soon("the answer", answered) => {}
    }
}

/// A disk that stalls makes events wait; one account's must not take all the room.
#[tokio::test]
async fn an_account_leaves_room_for_events_that_wait_for_the_disk() {
    // An account may have 384 KiB, and one with up to 16 KiB finds room.
    let relay = TestRelay::with(|config| config.limits.queued_bytes = BYTES).await;
    let endpoint = relay.endpoint().await;
    let berta = relay.accounts().add(&name("berta")).unwrap();
    let victim = relay.endpoint_of(&berta, "sms").await;
    let disk = rusqlite::Connection::open(relay.dir().join("relay.db")).unwrap();
    disk.execute_batch("BEGIN IMMEDIATE").unwrap();
    let large = format!(
        r#"{{"uuid":"u","event":"/e","body":"{}"}}"#,
        "x".repeat(300_000)
    );
    let mut one = Caller::http1(&relay).await;
    let mut another = Caller::http1(&relay).await;
    let mut other = Caller::http1(&relay).await;
    let (path, other_path) = (endpoint.path(""), victim.path(""));
    let (one, another, stored, ()) = tokio::join!(
        one.post(&path, large.clone()),
        another.post(&path, large.clone()),
        other.post(&other_path, EVENT),
        async {
            let refused = async { while relay.hits("journal-queue").await == 0 {} };
            soon("a refusal", refused).await;
            disk.execute_batch("COMMIT").unwrap();
        },
    );
    let [kept, refused] = match one.status.as_u16() {
        200 => [one, another],
        _ => [another, one],
    };
    assert_eq!((kept.status.as_u16(), refused.status.as_u16()), (200, 503));
    assert_eq!(refused.body, "the relay cannot store events now\n");
    assert_eq!(stored.status, 200);
}
