//! Stopping.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use ringtail_relay::server::Stopped;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::kit::{App, Caller, Conn, Dial, TestRelay, soon, text_app};

/// An app that says when it is asked, and answers when it is let.
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
async fn an_idle_relay_stops_at_once_and_ends_links() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut client = Dial::to(&relay, &endpoint)
        .attach(&relay, text_app("up"))
        .await;
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
async fn an_exchange_in_flight_is_finished() {
    let mut relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let (asked, mut was_asked) = mpsc::channel(1);
    let go = Arc::new(Notify::new());
    let first = Dial::to(&relay, &endpoint)
        .attach(&relay, text_app("up"))
        .await;
    relay.attached(&endpoint, "up").await;
    let _client = Dial::to(&relay, &endpoint)
        .attach(&relay, held(asked, go.clone()))
        .await;
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
async fn what_does_not_end_is_cut_off_and_said_so() {
    for http2 in [false, true] {
        cut_off(http2).await;
    }
}

async fn cut_off(http2: bool) {
    let relay =
        TestRelay::with(|config| config.limits.drain_timeout = Duration::from_millis(50)).await;
    let endpoint = relay.endpoint().await;
    let (asked, mut was_asked) = mpsc::channel(1);
    let first = Dial::to(&relay, &endpoint)
        .attach(&relay, text_app("up"))
        .await;
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
                Ok(answer) => drop(answer.into_body().collect().await),
                Err(error) => return error,
            }
        }
    };
    let stopping = async {
        soon("the app to be asked", was_asked.recv()).await;
        relay.shutdown().await.0
    };
    let (_, stopped) = tokio::join!(lost, stopping);
    assert_eq!(stopped, Stopped::CutOff);
    client.ended().await;
}
