use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{Empty, Full, Limited, StreamBody};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::*;
use crate::forward::SendOptions;
use crate::forward::testing::{quick, sender, sender_to};
use ringtail_kit::app::{App, AppBody, Port, Seen, response};
use ringtail_model::{AttemptDetail, Outcome, RowId};
use ringtail_store::testing::{ENDPOINT, TestHistory};

const PIECES: usize = 3;

struct Caller {
    test: TestHistory,
    passthrough: Passthrough,
    cancel: CancellationToken,
}

impl Caller {
    fn of(sender: Sender) -> Self {
        let test = TestHistory::open();
        let cancel = CancellationToken::new();
        let passthrough = Passthrough::new(
            test.history.clone(),
            sender,
            TaskTracker::new(),
            cancel.clone(),
            None,
        );
        Self {
            test,
            passthrough,
            cancel,
        }
    }

    async fn asks(
        &self,
        body: &'static str,
    ) -> Result<http::Response<PassthroughBody>, SendFailure> {
        let request = http::Request::builder()
            .method("PUT")
            .uri("/passthrough/ignored")
            .header("host", "relay.example")
            .header("content-length", body.len())
            .header("x-kept", "1")
            .header("ringtail-peer", "192.0.2.9:4711")
            .header("x-forwarded-for", "10.0.0.1")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        self.passthrough
            .passthrough(id(), ENDPOINT, "/cards?q=1", request)
            .await
    }

    async fn recorded(&self) -> AttemptDetail {
        let mut marks = self.test.history.watermarks();
        let recorded = marks.wait_for(|marks| marks.attempts == RowId(1));
        tokio::time::timeout(std::time::Duration::from_secs(20), recorded)
            .await
            .expect("an attempt in time")
            .unwrap();
        self.test.history.attempt(RowId(1)).await.unwrap().unwrap()
    }
}

fn id() -> EventId {
    EventId::from_bytes([9; 16])
}

#[tokio::test]
async fn requests_wait_for_a_history_that_falls_behind() {
    let app = App::start(async |seen: Seen| response(200, seen.body));
    let mut caller = Caller::of(sender_to(&app));
    caller.passthrough.unrecorded = Arc::new(Semaphore::new(3 * RESERVED_BYTES));
    let paused = caller.test.history.pause().await.unwrap();
    // Small ones give back most of what was reserved for them. They take a third of the room, and two large ones the rest.
    let small = vec![""; RESERVED_BYTES / ATTEMPT_BYTES];
    let large: &str = "x".repeat(KEPT_BODY_BYTES).leak();
    let bodies = [small, vec![large; 2]].concat();
    for body in &bodies {
        let answer = timeout(Duration::from_secs(20), caller.asks(body)).await;
        let answer = answer.expect("room for another").unwrap();
        answer.into_body().collect().await.unwrap();
    }
    let mut next = Box::pin(caller.asks(""));
    assert!(futures_util::poll!(next.as_mut()).is_pending());
    assert_eq!(
        caller.passthrough.tasks.len(),
        bodies.len(),
        "it is not sent"
    );
    drop(paused);
    assert_eq!(next.await.unwrap().status(), 200);
}

/// An app that sends a piece of its answer whenever it is allowed to.
fn piecewise(allowed: Arc<Semaphore>) -> App {
    App::start(move |_| {
        let allowed = allowed.clone();
        async move {
            let chunks = futures_util::stream::unfold(0, move |sent| {
                let allowed = allowed.clone();
                async move {
                    if sent == PIECES {
                        return None;
                    }
                    allowed.acquire().await.unwrap().forget();
                    Some((Ok(Frame::data(Bytes::from_static(b"piece"))), sent + 1))
                }
            });
            http::Response::new(StreamBody::new(chunks).boxed_unsync())
        }
    })
}

#[tokio::test]
async fn the_answer_reaches_the_caller_and_the_history() {
    let app = App::start(async |_: Seen| -> http::Response<AppBody> {
        let mut response = response(201, "{\"type\":\"dialog\"}");
        let headers = response.headers_mut();
        headers.insert("content-type", "application/json".parse().unwrap());
        headers.insert("connection", "close".parse().unwrap());
        response
    });
    let caller = Caller::of(sender_to(&app));
    let response = caller.asks("card").await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(!response.headers().contains_key("connection"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "{\"type\":\"dialog\"}");

    let seen = app.seen().remove(0);
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("PUT", "/cards?q=1")
    );
    assert_eq!(seen.body, "card");
    assert_eq!(seen.headers["x-kept"], "1");
    assert_eq!(seen.headers["content-length"], "4");
    assert_eq!(seen.headers["host"], app.address.to_string());
    assert_eq!(seen.headers["x-forwarded-for"], "10.0.0.1, 192.0.2.9");
    assert_eq!(seen.headers["x-forwarded-prefix"], format!("/{ENDPOINT}"));
    assert!(!seen.headers.contains_key("ringtail-peer"));
    assert_eq!(seen.headers["ringtail-event-id"], id().to_string());

    let detail = caller.recorded().await;
    assert_eq!(detail.attempt.event, id());
    assert_eq!(detail.attempt.cause, Cause::Passthrough);
    assert_eq!(detail.attempt.outcome, Outcome::Status(201));
    assert_eq!(
        detail.attempt.target,
        format!("http://{}/cards?q=1", app.address)
    );
    assert_eq!(detail.body, body);
}

#[tokio::test]
async fn the_answer_streams_piece_by_piece() {
    let allowed = Arc::new(Semaphore::new(0));
    let app = piecewise(allowed.clone());
    let caller = Caller::of(sender_to(&app));
    let mut body = caller.asks("").await.unwrap().into_body();
    for _ in 0..PIECES {
        // The app sends the next only after this one is here.
        allowed.add_permits(1);
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "piece");
    }
    assert!(body.frame().await.is_none());
    assert_eq!(caller.recorded().await.body_len, 15);
}

#[tokio::test]
async fn an_answer_of_known_length_ends_with_its_last_byte() {
    let app = App::start(async |_| response(200, "four"));
    let caller = Caller::of(sender_to(&app));
    let mut body = caller.asks("").await.unwrap().into_body();
    assert!(!body.is_end_stream());
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.data_ref().unwrap(), "four");
    assert!(body.is_end_stream(), "no end follows");
}

#[tokio::test]
async fn an_answer_is_recorded_to_its_end_when_the_caller_leaves_in_the_middle() {
    let allowed = Arc::new(Semaphore::new(1));
    let app = piecewise(allowed.clone());
    let caller = Caller::of(sender_to(&app));
    let mut body = caller.asks("").await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    allowed.add_permits(PIECES);
    let detail = caller.recorded().await;
    assert_eq!(detail.attempt.outcome, Outcome::Status(200));
    assert_eq!(detail.body, "piecepiecepiece");
}

#[tokio::test]
async fn a_late_answer_is_recorded_when_the_caller_left_before_it() {
    let (arrived, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let app = App::start({
        let (arrived, go) = (arrived.clone(), go.clone());
        move |_| {
            let (arrived, go) = (arrived.clone(), go.clone());
            async move {
                arrived.add_permits(1);
                go.acquire().await.unwrap().forget();
                response(200, "late")
            }
        }
    });
    let caller = Caller::of(sender_to(&app));
    tokio::select! {
        _ = caller.asks("") => panic!("answered"),
        permit = arrived.acquire() => permit.unwrap().forget(),
    }
    go.add_permits(1);
    assert_eq!(caller.recorded().await.body, "late");
}

#[tokio::test]
async fn a_target_that_does_not_answer_is_told_and_recorded() {
    let place = Port::reserve();
    let caller = Caller::of(sender(&place.address.to_string(), quick()));
    let failure = caller.asks("").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(!failure.connected);
    let Outcome::Error { kind, message } = caller.recorded().await.attempt.outcome else {
        panic!("answered");
    };
    assert_eq!((kind, message), (failure.kind, failure.message));
}

#[tokio::test]
async fn a_part_of_an_answer_is_not_taken_for_the_whole() {
    let app = App::after_head(|stream| {
        ringtail_kit::app::say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart")
    });
    let caller = Caller::of(sender_to(&app));
    let response = caller.asks("").await.unwrap();
    let failure = response.into_body().collect().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Reset);
    assert!(
        failure.message.contains("closed the connection"),
        "{failure}"
    );
    let detail = caller.recorded().await;
    assert_eq!(detail.body, "part");
    assert!(matches!(detail.attempt.outcome, Outcome::Error { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_stops_reading_misses_the_end_and_is_told() {
    let chunks = std::iter::repeat_with(|| Ok::<_, std::io::Error>(Frame::data("piece".into())));
    let answer = StreamBody::new(futures_util::stream::iter(chunks.take(3 * ANSWER_QUEUE)));
    let (piece, chunks) = mpsc::channel(ANSWER_QUEUE);
    let body = PassthroughBody {
        chunks,
        left: None,
        ended: false,
    };
    let mut draft = Draft::new(id(), Cause::Passthrough, "app".to_owned());
    draft.answered(&http::Response::new(()).into_parts().0);
    let sender = sender("3000", SendOptions::default());
    let began = Instant::now();
    let delivery = pump(draft, answer, piece, &sender, &CancellationToken::new()).await;
    // The app is not blocked: its response is read to the end and recorded.
    assert_eq!(began.elapsed(), SendOptions::default().answer_timeout);
    assert_eq!(delivery.attempt.outcome, Outcome::Status(200));
    assert_eq!(delivery.attempt.body, "piece".repeat(3 * ANSWER_QUEUE));
    body.collect().await.unwrap_err();
}

#[tokio::test]
async fn a_stop_ends_what_is_going_on_and_records_it() {
    let allowed = Arc::new(Semaphore::new(1));
    let app = piecewise(allowed.clone());
    let caller = Caller::of(sender_to(&app));
    let mut body = caller.asks("").await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    caller.cancel.cancel();
    let failure = body.frame().await.unwrap().unwrap_err();
    assert!(failure.message.contains("was stopped"), "{failure}");
    assert_eq!(caller.recorded().await.body, "piece");
}

#[tokio::test]
async fn a_caller_that_breaks_off_its_request_is_not_the_apps_fault() {
    let app = App::start(async |_| response(200, ""));
    let caller = Caller::of(sender_to(&app));
    let chunks = futures_util::stream::iter([
        Ok(Frame::data(Bytes::from_static(b"half"))),
        Err(std::io::Error::other("gone")),
    ]);
    let request = http::Request::post("/")
        .body(StreamBody::new(chunks))
        .unwrap();
    let failure = caller
        .passthrough
        .passthrough(id(), ENDPOINT, "/", request)
        .await
        .unwrap_err();
    assert!(failure.message.contains("caller disconnected"), "{failure}");
    caller.recorded().await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_too_slow_is_not_the_apps_fault() {
    let caller = Caller::of(sender("3000", quick()));
    let body = StreamBody::new(futures_util::stream::pending::<
        Result<Frame<Bytes>, Infallible>,
    >());
    let request = http::Request::new(Limited::new(body, 5));
    let asked = caller.passthrough.passthrough(id(), ENDPOINT, "/", request);
    let failure = asked.await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut);
    assert!(
        failure.message.starts_with("the caller did not send"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_is_recorded() {
    let app = App::start(async |_| response(200, ""));
    let caller = Caller::of(sender_to(&app));
    let request = http::Request::new(Empty::<Bytes>::new());
    let failure = caller
        .passthrough
        .passthrough(id(), ENDPOINT, "/a b", request)
        .await
        .unwrap_err();
    assert!(failure.message.contains("cannot be sent"), "{failure}");
    caller.recorded().await;
}

#[tokio::test]
async fn an_app_that_switches_protocols_has_not_answered() {
    let app = App::after_head(|stream| {
        ringtail_kit::app::say(
            stream,
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        )
    });
    let caller = Caller::of(sender_to(&app));
    let failure = caller.asks("").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotHttp);
    assert!(failure.connected);
    let Outcome::Error { kind, message } = caller.recorded().await.attempt.outcome else {
        panic!("answered");
    };
    assert_eq!((kind, message), (failure.kind, failure.message));
}

#[tokio::test]
async fn the_length_of_an_answer_is_stated_once_and_where_it_may_be() {
    for (answer, length, body) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
            Some("1"),
            "x",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n",
            None,
            "xy",
        ),
        (
            "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n",
            None,
            "",
        ),
        (
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
            Some("5"),
            "",
        ),
    ] {
        let app = App::after_head(move |stream| ringtail_kit::app::say(stream, answer));
        let caller = Caller::of(sender_to(&app));
        let (head, passed_on) = caller.asks("").await.unwrap().into_parts();
        let lengths: Vec<_> = head.headers.get_all("content-length").iter().collect();
        assert_eq!(lengths, length.into_iter().collect::<Vec<_>>(), "{answer}");
        let passed_on = passed_on.collect().await.unwrap().to_bytes();
        assert_eq!(passed_on, body, "{answer}");
    }
}
