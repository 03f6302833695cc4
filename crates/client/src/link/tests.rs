mod fake;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use ringtail_protocol::event::{Event, EventId};
use ringtail_protocol::frame::Down;
use ringtail_protocol::path::{EVENT_ID, NO_ANSWER, NOT_FORWARDING, UNREACHABLE, code};
use ringtail_protocol::stream::{ByteStream, websocket_config};
use tempfile::TempDir;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::task::TaskTracker;

use self::fake::{ENDPOINT, FakeRelay, RelayEnd, call, empty, event, open};
use super::*;
use crate::engine::{Engine, EngineConfig};
use crate::forward::SendOptions;
use ringtail_kit::app::Port;
use ringtail_model::RowId;
use ringtail_model::secrets::Secrets;
use ringtail_model::target::TargetUrl;
use ringtail_store::Retention;

/// An engine with a new history.
struct Client {
    engine: Engine,
    _dir: Option<TempDir>,
}

async fn engine(account: Account, data: &std::path::Path, target: Option<&str>) -> Engine {
    let config = EngineConfig {
        account,
        endpoint: "demo".into(),
        data: data.to_owned(),
        target: target.map(|text| TargetUrl::parse(text).unwrap()),
        send: SendOptions::default(),
        forward: true,
        secrets: Secrets::default(),
        signature_policy: None,
        retention: Retention::default(),
        canary: None,
    };
    Engine::spawn_all(vec![config]).await.unwrap().remove(0)
}

impl Client {
    async fn of(account: Account) -> Self {
        Self::with_target(account, None).await
    }

    async fn with_target(account: Account, target: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            engine: engine(account, dir.path(), target).await,
            _dir: Some(dir),
        }
    }

    async fn until(&self, wanted: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.engine.status();
        status.wait_for(wanted).await.unwrap().clone()
    }

    async fn stored(&self) -> Vec<u64> {
        let history = self.engine.history();
        let rows = history.events_after(RowId::default(), 1000).await.unwrap();
        rows.into_iter().map(|row| row.seq).collect()
    }

    async fn waiting(&self) -> LinkState {
        let waiting = |status: &Status| matches!(status.link, LinkState::Waiting { .. });
        self.until(waiting).await.link
    }

    /// The reason of the first wait.
    async fn waiting_for(&self) -> String {
        match self.waiting().await {
            LinkState::Waiting { reason, .. } => reason,
            _ => unreachable!("it was waited for"),
        }
    }

    async fn stop(self) {
        self.engine.shutdown();
        self.engine.join().await.unwrap();
        assert_eq!(self.engine.status().borrow().link, LinkState::Stopped);
    }
}

async fn linked(relay: &mut FakeRelay) -> (Client, RelayEnd) {
    let client = Client::of(relay.account()).await;
    let end = relay.dialled().await.open().await;
    (client, end)
}

#[tokio::test]
async fn events_are_stored_before_the_cursor_is_told() {
    let mut relay = FakeRelay::start().await;
    let (client, mut end) = linked(&mut relay).await;
    end.send(&[Down::Head { seq: 3 }, event(1), event(2)]).await;
    end.cursor(2).await;
    assert_eq!(client.stored().await, [1, 2]);
    end.send(&[event(3)]).await;
    end.cursor(3).await;
    assert_eq!(client.stored().await, [1, 2, 3]);
    let status = client.until(|status| status.cursor == 3).await;
    assert_eq!(status.link, LinkState::Connected);
    assert_eq!(status.relay_head, 3);
    assert_eq!(status.endpoint.unwrap().id, ENDPOINT);
    client.stop().await;
}

#[tokio::test]
async fn front_ends_are_told_of_several_events_at_once_and_of_the_last() {
    let mut relay = FakeRelay::start().await;
    let (client, mut end) = linked(&mut relay).await;
    end.send(&[Down::Head { seq: 0 }]).await;
    client
        .until(|status| status.link == LinkState::Connected)
        .await;
    let mut status = client.engine.status();
    let began = Instant::now();
    let (mut told, mut wakes) = (0, 0);
    let mut events = Box::pin(async {
        for seq in 1..=100 {
            end.send(&[event(seq)]).await;
            end.cursor(seq).await;
        }
        end
    });
    let _end = loop {
        tokio::select! {
            biased;
            Ok(()) = status.changed() => {
                wakes += 1;
                told = status.borrow_and_update().cursor;
            }
            end = &mut events => break end,
        }
    };
    // Plus one that is late, and the change of the link's state.
    let most = began.elapsed().as_millis() / events::TELL.as_millis() + 3;
    assert!(wakes <= most, "{wakes}, {most}");
    while told < 100 {
        status.changed().await.unwrap();
        told = status.borrow_and_update().cursor;
    }
    client.stop().await;
}

#[tokio::test]
async fn a_new_link_goes_on_where_the_history_stands() {
    let mut relay = FakeRelay::start().await;
    let client = Client::of(relay.account()).await;
    let first = relay.dialled().await;
    assert_eq!(first.query, "endpoint=demo-x1&forward=false");
    let mut end = first.open().await;
    let seventh = event(7);
    let Down::Event(Event { id, .. }) = &seventh else {
        unreachable!()
    };
    let expected = format!("endpoint=demo-x1&forward=false&journal=j1&after=7&event=7.{id}");
    end.send(&[event(1), Down::Gap { first: 2, last: 6 }, seventh])
        .await;
    end.cursor(7).await;
    drop(end);
    let second = relay.dialled().await;
    assert_eq!(second.query, expected);
    let mut end = second.open().await;
    // Known events are ignored.
    end.send(&[event(7), event(8)]).await;
    end.cursor(8).await;
    assert_eq!(client.stored().await, [1, 7, 8]);
    client.stop().await;
}

#[tokio::test]
async fn a_relay_with_another_journal_is_asked_from_its_beginning() {
    let mut relay = FakeRelay::start().await;
    let (client, mut end) = linked(&mut relay).await;
    end.send(&[event(5)]).await;
    end.cursor(5).await;
    relay.journal("j2");
    drop(end);
    let second = relay.dialled().await;
    assert_eq!(second.query, "endpoint=demo-x1&forward=false");
    let mut end = second.open().await;
    end.send(&[event(1)]).await;
    end.cursor(1).await;
    assert_eq!(client.stored().await, [5, 1]);
    client.stop().await;
}

#[tokio::test]
async fn whole_events_of_a_link_that_breaks_are_kept() {
    let mut relay = FakeRelay::start().await;
    let (client, end) = linked(&mut relay).await;
    let mut bytes = bytes::BytesMut::new();
    event(1).encode(&mut bytes);
    let whole = bytes.len();
    event(2).encode(&mut bytes);
    end.send_raw(bytes.freeze().slice(..whole + 9)).await;
    client.until(|status| status.cursor == 1).await;
    drop(end);
    let query = relay.dialled().await.query;
    assert!(query.contains("after=1&event=1."), "{query}");
}

#[tokio::test]
async fn a_link_that_breaks_while_the_disk_is_full_skips_no_event() {
    let mut relay = FakeRelay::start().await;
    let (client, end) = linked(&mut relay).await;
    let history = client.engine.history().clone();
    history.fill_disk(true).await;
    // More than one batch.
    let events: Vec<Down> = (1..=600).map(event).collect();
    end.send(&events).await;
    client
        .until(|status| status.link == LinkState::DiskFull)
        .await;
    history.fill_disk(false).await;
    drop(end);
    let mut end = relay.dialled().await.open().await;
    end.send(&events).await;
    end.cursor(600).await;
    assert_eq!(client.stored().await, Vec::from_iter(1..=600));
    client.stop().await;
}

#[tokio::test]
async fn garbage_ends_the_link_and_another_is_made() {
    let mut relay = FakeRelay::start().await;
    let (client, end) = linked(&mut relay).await;
    end.send(&[event(1)]).await;
    client.until(|status| status.cursor == 1).await;
    end.send_raw(Bytes::from_static(b"\xff\xff\xff\xff garbage"))
        .await;
    let reason = client.waiting_for().await;
    assert!(
        reason.starts_with("the relay sent something that is not a frame"),
        "{reason}"
    );
    let _end = relay.dialled().await.open().await;
    client
        .until(|status| status.link == LinkState::Connected)
        .await;
    assert_eq!(client.stored().await, [1]);
    client.stop().await;
}

#[tokio::test]
async fn a_relay_that_stops_is_said_to_have_closed_the_link() {
    let mut relay = FakeRelay::start().await;
    let (client, end) = linked(&mut relay).await;
    end.goodbye().await;
    assert_eq!(client.waiting_for().await, "the relay closed the link");
    client.stop().await;
}

#[tokio::test]
async fn a_refusal_that_stays_ends_the_engine() {
    for (code, status, explained) in [
        (code::UNAUTHORIZED, StatusCode::UNAUTHORIZED, "RT-310"),
        (code::BAD_NAME, StatusCode::BAD_REQUEST, "RT-312"),
    ] {
        let relay = FakeRelay::start().await;
        relay.refuse_api(status, code);
        let client = Client::of(relay.account()).await;
        let refusal = client.engine.join().await.unwrap_err();
        assert_eq!((refusal.code.as_str(), refusal.status), (code, status));
        let reason = format!("said {code}");
        let link = client.engine.status().borrow().link.clone();
        assert_eq!(
            link,
            LinkState::Refused {
                code: explained,
                reason
            }
        );
        assert_eq!(relay.asked(), 1);
    }
}

#[tokio::test]
async fn a_relay_that_speaks_no_common_version_is_left_alone() {
    for (code, status) in [
        (code::VERSION, StatusCode::UPGRADE_REQUIRED),
        (code::NO_ENDPOINT, StatusCode::NOT_FOUND),
    ] {
        let relay = FakeRelay::start().await;
        relay.refuse_link(status, code);
        let client = Client::of(relay.account()).await;
        let refusal = client.engine.join().await.unwrap_err();
        assert_eq!(refusal.code, code);
    }
}

#[tokio::test]
async fn a_relay_that_cannot_now_is_asked_again() {
    let mut relay = FakeRelay::start().await;
    relay.refuse_api(StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE);
    relay.refuse_link(StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE);
    let (client, _end) = linked(&mut relay).await;
    client
        .until(|status| status.link == LinkState::Connected)
        .await;
    assert_eq!(relay.asked(), 5, "refused, told, refused, told, linked");
    client.stop().await;
}

#[tokio::test]
async fn the_event_stream_is_opened_once_and_other_paths_do_not_exist() {
    let mut relay = FakeRelay::start().await;
    let (client, mut end) = linked(&mut relay).await;
    for (method, path, status) in [
        (Method::POST, "/events", StatusCode::CONFLICT),
        (Method::GET, "/events", StatusCode::NOT_FOUND),
        (Method::GET, "/", StatusCode::NOT_FOUND),
        (Method::GET, "/passthroughs", StatusCode::NOT_FOUND),
    ] {
        let answer = end.send.send_request(call(method, path, empty())).await;
        assert_eq!(answer.unwrap().status(), status, "{path}");
    }
    end.send(&[event(1)]).await;
    end.cursor(1).await;
    client.stop().await;
}

#[tokio::test]
async fn passthroughs_without_an_app_are_told_so() {
    let place = Port::reserve();
    let target = place.address.to_string();
    for (target, reason) in [(None, NOT_FORWARDING), (Some(target.as_str()), UNREACHABLE)] {
        let mut relay = FakeRelay::start().await;
        let client = Client::with_target(relay.account(), target).await;
        let dialled = relay.dialled().await;
        let query = format!("endpoint=demo-x1&forward={}", target.is_some());
        assert_eq!(dialled.query, query);
        let mut end = dialled.open().await;
        let mut request = call(Method::GET, "/passthrough/oauth?code=1", empty());
        let id = EventId::fresh().to_string().parse().unwrap();
        request.headers_mut().insert(EVENT_ID, id);
        let answer = end.send.send_request(request).await.unwrap();
        assert_eq!(answer.headers()[NO_ANSWER], reason);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(body.is_empty(), "the relay finds the words");
        client.stop().await;
    }
}

#[tokio::test]
async fn an_unknown_authority_is_told_with_what_to_do() {
    let relay = FakeRelay::start().await;
    let other = FakeRelay::start().await;
    let account = Account {
        trust: other.account().trust,
        ..relay.account()
    };
    let client = Client::of(account).await;
    let reason = client.waiting_for().await;
    let begins = format!("TLS with {} failed: its certificate ", relay.url);
    assert!(reason.starts_with(&begins), "{reason}");
    assert!(reason.contains("RINGTAIL_CA"), "{reason}");
    client.stop().await;
}

#[tokio::test]
async fn a_client_that_starts_without_a_relay_knows_its_endpoint() {
    let mut relay = FakeRelay::start().await;
    let dir = tempfile::tempdir().unwrap();
    let account = relay.account();
    let first = Client {
        engine: engine(account.clone(), dir.path(), None).await,
        _dir: None,
    };
    relay.dialled().await.open().await;
    let known = first
        .until(|status| status.endpoint.is_some())
        .await
        .endpoint;
    first.stop().await;
    drop(relay);
    let second = Client {
        engine: engine(account, dir.path(), None).await,
        _dir: None,
    };
    assert_eq!(second.engine.status().borrow().endpoint, known);
    let reason = second.waiting_for().await;
    assert!(reason.starts_with("nothing listens at"), "{reason}");
    second.stop().await;
}

/// A session over a pipe that stands still, and is not closed, once events flow. Time jumps to the next timer.
async fn session(
    give_up: &Notify,
    relay: impl AsyncFnOnce(ByteStream<tokio::io::DuplexStream>),
) -> (SessionEnd, Duration) {
    let dir = tempfile::tempdir().unwrap();
    let frozen = CancellationToken::new();
    let (ours, mut near) = tokio::io::duplex(1 << 16);
    let (mut far, theirs) = tokio::io::duplex(1 << 16);
    let config = Some(websocket_config());
    let ours = WebSocketStream::from_raw_socket(ours, Role::Client, config).await;
    let theirs = WebSocketStream::from_raw_socket(theirs, Role::Server, config).await;
    let sink = EventSink {
        canary: CanaryKey::test(),
        endpoint: ENDPOINT.into(),
        journal: "j1".into(),
        forwarding: Forwarding::Off,
        history: History::open(dir.path()).unwrap(),
        status: watch::channel(Status::new("demo")).0,
    };
    let wire = async {
        tokio::select! {
            biased;
            () = frozen.cancelled() => {}
            copied = tokio::io::copy_bidirectional(&mut near, &mut far) => drop(copied),
        }
        std::future::pending::<()>().await;
    };
    let cancel = CancellationToken::new();
    let began = tokio::time::Instant::now();
    let served = async {
        let freeze = || frozen.cancel();
        let end = session::serve(ByteStream::new(ours), sink, None, &cancel, give_up, freeze).await;
        (end, began.elapsed())
    };
    tokio::select! {
        (served, ()) = async { tokio::join!(served, relay(ByteStream::new(theirs))) } => served,
        () = wire => unreachable!("a wire does not end"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_is_gone_but_looks_alive_is_noticed_within_30_s() {
    let (end, after) = session(&Notify::new(), async |stream| {
        let relay = open(stream).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(relay);
    })
    .await;
    assert!(matches!(end, SessionEnd::Broken(_)), "{end}");
    assert!(after < Duration::from_secs(30), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_given_up_ends_at_once() {
    let give_up = Notify::new();
    let (end, after) = session(&give_up, async |stream| {
        let relay = open(stream).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        give_up.notify_waiters();
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(relay);
    })
    .await;
    assert!(matches!(end, SessionEnd::Silent), "{end}");
    assert_eq!(after, Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_does_not_begin_is_left() {
    let (end, after) = session(&Notify::new(), async |stream| {
        let silent = ringtail_protocol::http2::client()
            .handshake::<_, fake::RequestBody>(hyper_util::rt::TokioIo::new(stream))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(silent);
    })
    .await;
    assert!(matches!(end, SessionEnd::NotBegun), "{end}");
    assert_eq!(after, Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_accepts_and_says_nothing_is_left() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let relay = FakeRelay::start().await;
    let error = dial::dial(&url.parse().unwrap(), &relay.account())
        .await
        .unwrap_err();
    assert_eq!(
        ringtail_text::chain(&error),
        format!("{url} did not answer within 10 s")
    );
}

#[tokio::test]
async fn a_link_ends_the_failures_in_a_row() {
    let mut relay = FakeRelay::start().await;
    let (client, mut end) = linked(&mut relay).await;
    for _ in 0..2 {
        client
            .until(|status| status.link == LinkState::Connected)
            .await;
        let (shown, ()) = tokio::join!(client.waiting(), end.goodbye());
        assert!(matches!(shown, LinkState::Waiting { failures: 1, .. }));
        end = relay.dialled().await.open().await;
    }
    client.stop().await;
}

#[tokio::test]
async fn a_link_that_was_given_up_had_ended_the_failures_before_it() {
    let mut relay = FakeRelay::start().await;
    let (account, dir) = (relay.account(), tempfile::tempdir().unwrap());
    let give_up = Arc::new(Notify::new());
    let (status, mut seen) = watch::channel(Status::new("demo"));
    let cancel = CancellationToken::new();
    let linker = LinkSupervisor {
        cache: EndpointCache::new(dir.path(), &account.relay, "demo", None),
        account,
        name: "demo".into(),
        history: History::open(dir.path()).unwrap(),
        status,
        endpoint: watch::channel(None).0,
        digital_verify_token: None,
        passthrough: None,
        forwarding: Forwarding::Off,
        give_up: Arc::clone(&give_up),
        cancel: cancel.clone(),
    };
    let mut failed = {
        let mut seen = seen.clone();
        async move || {
            let waiting = |status: &Status| matches!(status.link, LinkState::Waiting { .. });
            match seen.wait_for(waiting).await.unwrap().link {
                LinkState::Waiting { failures, .. } => failures,
                _ => unreachable!("it was waited for"),
            }
        }
    };
    let unavailable = (StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE);
    relay.refuse_link(unavailable.0, unavailable.1);
    let tasks = TaskTracker::new();
    let linking = tasks.spawn(linker.run());
    assert_eq!(failed().await, 1);
    let _end = relay.dialled().await.open().await;
    let connected = |status: &Status| status.link == LinkState::Connected;
    drop(seen.wait_for(connected).await.unwrap());
    relay.refuse_link(unavailable.0, unavailable.1);
    give_up.notify_waiters();
    assert_eq!(failed().await, 1);
    cancel.cancel();
    linking.await.unwrap().unwrap();
}

#[test]
fn errors_say_their_causes_and_what_to_do() {
    let error = ApiError::from(DialError::Resolve {
        host: "relay.example".into(),
        source: std::io::Error::other("no such name"),
    });
    let error = LinkError::from(error);
    assert_eq!(
        error.in_words(),
        "the name relay.example does not resolve: no such name (check the relay's name and this machine's network)"
    );
    let error = ringtail_store::StoreError::Closed;
    let error = LinkError::Session(SessionEnd::Events(error.into()));
    assert_eq!(error.code().id, "RT-405");
    let words =
        "the history is closed (free space in the data directory, or choose another with --data)";
    assert_eq!(error.in_words(), words);
}
