//! Requests that the app answers, and the relay's responses in its place.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use ringtail_protocol::event::{Disposition, Kind};
use ringtail_protocol::path;
use tokio::sync::mpsc;

use crate::kit::{App, Caller, Conn, Dial, TestRelay, soon, text_app};

/// A bot's installation, which RingCentral sends once (docs/RINGCENTRAL.md 7.6).
const INSTALL: &str = r#"{"access_token":"t","creator_extension_id":"1","creator_account_id":"2"}"#;

fn app<F: Future<Output = Response<BoxBody<Bytes, Infallible>>> + Send + 'static>(
    answer: impl Fn(Request<Incoming>) -> F + Send + Sync + 'static,
) -> App {
    Arc::new(move |request| Box::pin(answer(request)) as BoxFuture<'static, _>)
}

fn no_answer(reason: &'static str) -> App {
    app(move |_| async move {
        Response::builder()
            .header(path::NO_ANSWER, reason)
            .body(Full::default().boxed())
            .unwrap()
    })
}

#[tokio::test]
async fn request_and_response_pass_through_unchanged() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let echo = app(|request| async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut answer = Response::builder()
            .status(201)
            .header("x-path", head.uri.path_and_query().unwrap().as_str())
            .header("x-event", &head.headers[path::EVENT_ID])
            .header("x-peer", &head.headers[path::PEER])
            .header(
                "x-names",
                head.headers
                    .get(path::FIELD_NAMES)
                    .map_or("", |it| it.to_str().unwrap()),
            )
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("clear-site-data", "\"*\"")
            .header("service-worker-allowed", "/");
        for value in head.headers.get_all("x-twice") {
            answer = answer.header("x-back", value);
        }
        for value in head.headers.get_all("cookie") {
            answer = answer.header("x-cookie", value);
        }
        assert!(!head.headers.contains_key("expect"));
        answer.body(Full::new(body).boxed()).unwrap()
    });
    let mut client = relay.attach(&endpoint, echo).await;
    client.head().await;
    let binary: Vec<u8> = (0..=255).cycle().take(700_000).collect();
    let callers = [
        (
            Caller::http1(&relay).await,
            "x-twice,x-twice,ringtail-event-id,ringtail-peer,",
            &[&b"a=1"[..], b"b=2"][..],
        ),
        (Caller::http2(&relay).await, "", &[&b"a=1; b=2"[..]]),
    ];
    for (mut caller, names, cookies) in callers {
        let request = Request::put(endpoint.path("/a%20b//c?q=1&q=%2F"))
            .header("x-twice", "1")
            .header("x-twice", http::HeaderValue::from_bytes(b"\xff").unwrap())
            .header(path::EVENT_ID, "forged")
            .header(path::PEER, "forged")
            .header(path::FIELD_NAMES, "forged")
            .header("expect", "100-continue")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .body(Full::from(binary.clone()))
            .unwrap();
        let answer = caller.send(request).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        assert_eq!(answer.headers["x-path"], "/passthrough/a%20b//c?q=1&q=%2F");
        let got = answer.headers["x-names"].to_str().unwrap();
        assert!(
            got.starts_with(names) && got.is_empty() == names.is_empty(),
            "{got}"
        );
        let peer = answer.headers["x-peer"].to_str().unwrap();
        assert!(peer.starts_with("127.0.0.1:"), "{peer}");
        let all = |name| -> Vec<&[u8]> {
            let values = answer.headers.get_all(name).iter();
            values.map(http::HeaderValue::as_bytes).collect()
        };
        assert_eq!(all("x-back"), [&b"1"[..], b"\xff"]);
        assert_eq!(all("x-cookie"), cookies);
        assert_eq!(all("set-cookie"), [&b"a=1"[..], b"b=2"]);
        // They would act on other endpoints of the same host.
        for name in ["clear-site-data", "service-worker-allowed"] {
            assert!(!answer.headers.contains_key(name), "{name}");
        }
        assert_eq!(answer.body, binary);
        let (event, _) = client.event().await;
        assert_eq!(
            (event.kind, event.disposition),
            (Kind::Passthrough, Disposition::Passed)
        );
        assert_eq!(answer.headers["x-event"], event.id.to_string().as_str());
    }
}

#[tokio::test]
async fn responses_are_streamed() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let (send, chunks) = mpsc::channel::<Bytes>(1);
    let chunks = Arc::new(std::sync::Mutex::new(Some(chunks)));
    let stream = app(move |_| {
        let mut chunks = chunks.lock().unwrap().take().unwrap();
        async move {
            let frames = futures_util::stream::poll_fn(move |cx| {
                chunks
                    .poll_recv(cx)
                    .map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes))))
            });
            Response::new(StreamBody::new(frames).boxed())
        }
    });
    let mut client = relay.attach(&endpoint, stream).await;
    client.head().await;
    let mut caller = Caller::http1(&relay).await;
    let request = Request::get(endpoint.path("/"))
        .body(Full::default())
        .unwrap();
    let mut answer = caller.begin(request).await.unwrap().into_body();
    for chunk in ["one", "two"] {
        send.send(chunk.into()).await.unwrap();
        let frame = soon("a chunk", answer.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), chunk);
    }
    drop(send);
    assert!(soon("the end", answer.frame()).await.is_none());
}

#[tokio::test]
async fn without_a_client_an_install_stays_pending() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut caller = Caller::http1(&relay).await;
    let answer = caller.post(&endpoint.path("/oauth"), INSTALL).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"{}"[..]));
    let refused = caller.get(&endpoint.path("/page")).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers["retry-after"], "1");

    let mut client = relay.attach(&endpoint, text_app("")).await;
    client.head().await;
    let (install, request) = client.event().await;
    assert_eq!(
        (install.kind, install.disposition),
        (Kind::Passthrough, Disposition::Pending)
    );
    assert_eq!(request.body, INSTALL);
    let (page, _) = client.event().await;
    assert_eq!(
        (page.kind, page.disposition),
        (Kind::Passthrough, Disposition::Answered)
    );
}

/// Installs a bot, and returns the response and the only event that comes of it.
async fn install(app: App) -> (StatusCode, Bytes) {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut client = relay.attach(&endpoint, app).await;
    client.head().await;
    let mut caller = Caller::http1(&relay).await;
    let answer = caller.post(&endpoint.path("/oauth"), INSTALL).await;
    let (event, request) = client.event().await;
    assert_eq!(
        (event.seq, event.kind, event.disposition),
        (1, Kind::Passthrough, Disposition::Pending)
    );
    assert_eq!(request.body, INSTALL);
    // What comes next is another request.
    caller.get(&endpoint.path("/page")).await;
    let (next, request) = client.event().await;
    assert_eq!((next.seq, &*request.path), (2, "/page"));
    (answer.status, answer.body)
}

#[tokio::test]
async fn an_install_is_one_pending_event_whatever_the_client_says() {
    let accepted = (StatusCode::OK, Bytes::from("{}"));
    for reason in [
        path::UNREACHABLE,
        path::NOT_FORWARDING,
        path::FAILED,
        path::TIMED_OUT,
        path::HEAD_TOO_LARGE,
        "of a newer client",
    ] {
        assert_eq!(install(no_answer(reason)).await, accepted, "{reason}");
    }
    let old = app(|_| async move {
        let answer = Response::builder().status(404);
        answer.body(Full::default().boxed()).unwrap()
    });
    assert_eq!(install(old).await, accepted);
}

#[tokio::test]
async fn an_install_gets_the_apps_response_if_it_comes() {
    let app = app(|request| async move {
        let is_install = request.uri().path() == path::RESPONSE;
        assert!(!is_install || request.method() == http::Method::GET);
        Response::builder()
            .status(if is_install { 202 } else { 200 })
            .header(path::EVENT_ID, &request.headers()[path::EVENT_ID])
            .body(Full::from("installed").boxed())
            .unwrap()
    });
    let expected = (StatusCode::ACCEPTED, Bytes::from("installed"));
    assert_eq!(install(app).await, expected);
}

#[tokio::test]
async fn an_install_whose_client_hangs_or_dies_is_answered_200() {
    let relay = TestRelay::with(|config| {
        config.limits.passthrough_deadline = Duration::from_millis(200);
    })
    .await;
    let endpoint = relay.endpoint().await;
    let (asked, mut asks) = mpsc::channel(1);
    let silent = app(move |_| {
        let asked = asked.clone();
        async move {
            asked.send(()).await.unwrap();
            std::future::pending().await
        }
    });
    let mut client = relay.attach(&endpoint, silent).await;
    client.head().await;
    let mut caller = Caller::http1(&relay).await;
    let answer = caller.post(&endpoint.path("/oauth"), INSTALL).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"{}"[..]));
    asks.recv().await.unwrap();
    let path = endpoint.path("/oauth");
    let (answer, ()) = tokio::join!(caller.post(&path, INSTALL), async {
        asks.recv().await.unwrap();
        client.kill();
    });
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"{}"[..]));
}

#[tokio::test]
async fn the_apps_reason_phrase_is_the_callers_and_there_is_no_other() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let phrases = app(|request| async move {
        let mut answer = Response::builder().status(419);
        if let Some(reason) = request.headers().get("x-wanted") {
            answer = answer.header(path::REASON, reason);
        }
        answer.body(Full::default().boxed()).unwrap()
    });
    let mut client = relay.attach(&endpoint, phrases).await;
    client.head().await;
    for (wanted, line) in [
        (
            "x-wanted: unknown status\r\n",
            "HTTP/1.1 419 unknown status\r\n",
        ),
        ("x-wanted: \u{e9}\r\n", "HTTP/1.1 419 \u{e9}\r\n"),
        ("", "HTTP/1.1 419 \r\n"),
    ] {
        let mut conn = Conn::open(&relay, &["http/1.1"]).await;
        let head = format!(
            "GET {} HTTP/1.1\r\nhost: relay.test\r\n{wanted}\r\n",
            endpoint.path("/")
        );
        conn.write(head.as_bytes()).await;
        let head = conn.read_head().await;
        assert!(head.starts_with(line.as_bytes()), "{}", head.escape_ascii());
        assert!(!head.windows(15).any(|part| part == b"ringtail-reason"));
    }
}

#[tokio::test]
async fn a_client_without_a_target_gets_no_passthrough_requests() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut inspecting = Dial::to(&relay, &endpoint)
        .inspecting()
        .attach(&relay, text_app("never"))
        .await;
    inspecting.head().await;
    let mut caller = Caller::http1(&relay).await;
    assert_eq!(caller.get(&endpoint.path("/")).await.status, 503);
    assert_eq!(
        inspecting.event().await.0.disposition,
        Disposition::Answered
    );
}

#[tokio::test]
async fn the_newest_client_answers_and_an_older_one_takes_over() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let dial = Dial::to(&relay, &endpoint);
    let mut first = dial.clone().attach(&relay, text_app("first")).await;
    first.head().await;
    let mut caller = Caller::http1(&relay).await;
    relay.attached(&endpoint, "first").await;
    let second = dial.clone().attach(&relay, text_app("second")).await;
    relay.attached(&endpoint, "second").await;
    second.kill();
    relay.attached(&endpoint, "first").await;
    assert_eq!(caller.get(&endpoint.path("/")).await.body, "first");
}

#[tokio::test]
async fn a_client_that_refuses_is_skipped() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let dial = Dial::to(&relay, &endpoint);
    let first = dial.clone().attach(&relay, text_app("first")).await;
    relay.attached(&endpoint, "first").await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let refusing = app(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async {
            Response::builder()
                .header(path::NO_ANSWER, path::NOT_FORWARDING)
                .body(Full::default().boxed())
                .unwrap()
        }
    });
    let _second = dial.clone().attach(&relay, refusing).await;
    let mut caller = Caller::http1(&relay).await;
    soon("the second to be asked", async {
        while calls.load(Ordering::SeqCst) == 0 {
            assert_eq!(caller.get(&endpoint.path("/")).await.body, "first");
        }
    })
    .await;
    first.kill();
    soon("nobody to forward", async {
        while caller.get(&endpoint.path("/")).await.status != 503 {}
    })
    .await;
    let install = caller.post(&endpoint.path("/"), INSTALL).await;
    assert_eq!(install.status, StatusCode::OK);
}

#[tokio::test]
async fn a_clients_reason_becomes_a_502() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut caller = Caller::http1(&relay).await;
    for (reason, words) in [
        (path::UNREACHABLE, "nothing listens at the app's address\n"),
        (path::FAILED, "the app did not send an HTTP response\n"),
        (
            path::HEAD_TOO_LARGE,
            "the app's answer has more than 64 KiB of header fields\n",
        ),
        (
            "of-a-newer-client",
            "the app did not send an HTTP response\n",
        ),
    ] {
        let client = relay.attach(&endpoint, no_answer(reason)).await;
        soon("the client's word", async {
            loop {
                let answer = caller.get(&endpoint.path("/")).await;
                if answer.status == StatusCode::BAD_GATEWAY {
                    assert_eq!(answer.body, words);
                    assert!(!answer.headers.contains_key(path::NO_ANSWER));
                    break;
                }
            }
        })
        .await;
        client.kill();
        soon("the client to be gone", async {
            while caller.get(&endpoint.path("/")).await.status != 503 {}
        })
        .await;
    }
    relay.has_hit("answer-head-bytes", 1).await;
}

#[tokio::test]
async fn a_slow_app_is_a_504() {
    let relay =
        TestRelay::with(|config| config.limits.passthrough_deadline = Duration::from_millis(50))
            .await;
    let endpoint = relay.endpoint().await;
    let silent = app(|_| std::future::pending());
    let mut client = relay.attach(&endpoint, silent).await;
    client.head().await;
    let mut caller = Caller::http1(&relay).await;
    soon("the deadline", async {
        while caller.get(&endpoint.path("/")).await.status != 504 {}
    })
    .await;
    relay.has_hit("passthrough-time", 1).await;
}

#[tokio::test]
async fn a_response_that_stalls_breaks_off() {
    let relay =
        TestRelay::with(|config| config.limits.answer_idle_timeout = Duration::from_millis(50))
            .await;
    let endpoint = relay.endpoint().await;
    let half = app(|_| async {
        let frames = futures_util::stream::poll_fn({
            let mut first = Some(Ok(Frame::data(Bytes::from_static(b"half"))));
            move |_| match first.take() {
                Some(frame) => std::task::Poll::Ready(Some(frame)),
                None => std::task::Poll::Pending,
            }
        });
        Response::new(StreamBody::new(frames).boxed())
    });
    let client = relay.attach(&endpoint, half).await;
    let mut caller = Caller::http1(&relay).await;
    let answer = soon("an answer", async {
        loop {
            let request = Request::get(endpoint.path("/")).body(Full::default());
            let answer = caller.begin(request.unwrap()).await.unwrap();
            if answer.status() == StatusCode::OK {
                return answer;
            }
            drop(answer.into_body().collect().await);
        }
    })
    .await;
    assert!(
        soon("the break", answer.into_body().collect())
            .await
            .is_err()
    );
    drop(client);
}

#[tokio::test]
async fn a_link_that_dies_is_a_502_and_the_request_is_not_sent_twice() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let (asked, mut was_asked) = mpsc::channel(8);
    let never = |asked: mpsc::Sender<()>| {
        app(move |_| {
            let asked = asked.clone();
            async move {
                asked.send(()).await.unwrap();
                std::future::pending().await
            }
        })
    };
    let dial = Dial::to(&relay, &endpoint);
    let other = dial.clone().attach(&relay, text_app("other")).await;
    relay.attached(&endpoint, "other").await;
    let dying = dial.clone().attach(&relay, never(asked)).await;
    let mut caller = Caller::http1(&relay).await;
    let ask = async {
        loop {
            let answer = caller.get(&endpoint.path("/")).await;
            if answer.body != "other" {
                return answer;
            }
        }
    };
    let kill = async {
        soon("the app to be asked", was_asked.recv()).await;
        dying.kill();
        was_asked
    };
    let (answer, mut was_asked) = tokio::join!(ask, kill);
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(
        answer.body,
        "the connection to the app was lost before it answered\n"
    );
    assert!(was_asked.recv().await.is_none());
    drop(other);
}

#[tokio::test]
async fn a_request_waiting_for_a_link_that_ends_moves_to_another() {
    let relay = TestRelay::with(|config| {
        config.limits.passthrough_wait = Duration::from_secs(600);
        config.limits.passthrough_deadline = Duration::from_secs(600);
    })
    .await;
    let endpoint = relay.endpoint().await;
    let older = relay.attach(&endpoint, text_app("older")).await;
    relay.attached(&endpoint, "older").await;
    let (asked, mut was_asked) = mpsc::channel(64);
    let silent = app(move |_| {
        let asked = asked.clone();
        async move {
            asked.send(()).await.unwrap();
            std::future::pending().await
        }
    });
    let newer = relay.attach(&endpoint, silent).await;
    let full = ringtail_relay::limits::PASSTHROUGHS_PER_ADDRESS;
    // One connection for each: until the newer client is attached the older one answers.
    let asking = |count: usize| {
        let (relay, endpoint) = (&relay, &endpoint);
        futures_util::future::join_all((0..count).map(move |_| async move {
            let mut caller = Caller::http2(relay).await;
            caller.get(&endpoint.path("/")).await
        }))
    };
    let fill = async {
        let mut caller = Caller::http1(&relay).await;
        while caller.get(&endpoint.path("/")).await.body == "older" {}
    };
    let waiting = async {
        soon("the first", was_asked.recv()).await;
        let others = asking(full + 7);
        let kill = async {
            for _ in 1..full {
                soon("the link to be full", was_asked.recv()).await;
            }
            newer.kill();
        };
        tokio::join!(others, kill).0
    };
    let (_, answers) = tokio::join!(fill, waiting);
    let (moved, lost): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.body == "older");
    assert_eq!(moved.len(), 8);
    assert!(
        lost.iter()
            .all(|answer| answer.status == StatusCode::BAD_GATEWAY)
    );
    drop(older);
}
