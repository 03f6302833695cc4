//! Shutdown.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use ringtail_relay::server::Stopped;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::kit::{App, Caller, Conn, Dial, TestRelay, soon, text_app};

/// An app that reports each request and answers when told to.
fn held(asked: mpsc::Sender<()>, go: Arc<Notify>) -> App {
    Arc::new(move |_| {
        let (asked, go) = (asked.clone(), go.clone());
        Box::pin(async move {
            asked.send(()).await.unwrap();
            go.notified().await;
            Response::new(Full::from("late").boxed())
        })
    })
}

#[tokio::test]
async fn an_idle_relay_stops_and_ends_links() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut client = relay.attach(&endpoint, text_app("up")).await;
    client.head().await;
    let port = relay.port();
    let mut idle = Conn::open(&relay, &["http/1.1"]).await;
    let _idle = Caller::http2(&relay).await;
    let (stopped, _dir) = relay.shutdown().await;
    assert_eq!(stopped, Stopped::Drained);
    client.ended().await;
    idle.read_to_end().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn a_passthrough_in_flight_is_finished() {
    let mut relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let (asked, mut was_asked) = mpsc::channel(1);
    let go = Arc::new(Notify::new());
    let first = relay.attach(&endpoint, text_app("up")).await;
    relay.attached(&endpoint, "up").await;
    let _client = relay.attach(&endpoint, held(asked, go.clone())).await;
    first.kill();
    let mut caller = Caller::http1(&relay).await;
    let answered = async {
        loop {
            let answer = caller.get(&endpoint.path("/")).await;
            if answer.body != "up" && answer.status != 503 {
                return answer;
            }
        }
    };
    let server = relay.take_server();
    let stopping = async {
        soon("the app to be asked", was_asked.recv()).await;
        let (stopped, ()) = tokio::join!(server.shutdown(), async { go.notify_one() });
        stopped
    };
    let (answer, stopped) = tokio::join!(answered, stopping);
    assert_eq!(answer.body, "late");
    assert_eq!(stopped, Stopped::Drained);
}

#[tokio::test]
async fn requests_over_the_deadline_are_cut_off() {
    for http2 in [false, true] {
        cut_off(http2).await;
    }
}

async fn cut_off(http2: bool) {
    let relay =
        TestRelay::with(|config| config.limits.drain_timeout = Duration::from_millis(50)).await;
    let endpoint = relay.endpoint().await;
    let (asked, mut was_asked) = mpsc::channel(1);
    let first = relay.attach(&endpoint, text_app("up")).await;
    relay.attached(&endpoint, "up").await;
    let client = Dial::to(&relay, &endpoint)
        .attach(&relay, held(asked, Arc::new(Notify::new())))
        .await;
    first.kill();
    let mut caller = if http2 {
        Caller::http2(&relay).await
    } else {
        Caller::http1(&relay).await
    };
    let lost = async {
        loop {
            let request = Request::get(endpoint.path("/")).body(Full::default());
            match caller.begin(request.unwrap()).await {
                Ok(answer) => {
                    let status = answer.status();
                    let body = answer.into_body().collect().await.unwrap().to_bytes();
                    if body == "the relay is restarting\n" {
                        return status;
                    }
                }
                Err(error) => panic!("cut off without an answer: {error}"),
            }
        }
    };
    let stopping = async {
        soon("the app to be asked", was_asked.recv()).await;
        relay.shutdown().await.0
    };
    let (status, stopped) = tokio::join!(lost, stopping);
    assert_eq!(status, 503);
    assert_eq!(stopped, Stopped::CutOff);
    client.ended().await;
}

/// RingCentral keeps connections open and may be sending a request when the relay stops.
#[tokio::test]
async fn a_request_in_transit_is_answered() {
    let mut relay = TestRelay::with(|config| config.limits.linger = Duration::from_secs(60)).await;
    let endpoint = relay.endpoint().await;
    let notification = || {
        Request::post(endpoint.path("/"))
            .header("verification-token", "example")
            .header("content-type", "application/json")
            .body(Full::from(
                r#"{"uuid":"1","event":"/restapi/v1.0/x","body":{}}"#,
            ))
            .unwrap()
    };
    let mut kept = Caller::http1(&relay).await;
    assert_eq!(kept.send(notification()).await.status, 200);
    let mut first = Caller::http2(&relay).await;
    let port = relay.port();
    let server = relay.take_server();
    let late = async {
        soon("the port to close", async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {}
        })
        .await;
        let answer = kept.send(notification()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["connection"], "close");
        assert_eq!(first.send(notification()).await.status, 200);
        drop(first);
    };
    let (stopped, ()) = tokio::join!(server.shutdown(), late);
    assert_eq!(stopped, Stopped::Drained);
}
