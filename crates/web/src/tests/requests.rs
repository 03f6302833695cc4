//! Lists, masking, streams.

use ringtail_store::testing::{attempt, call, event};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{PATIENCE, Page};

#[tokio::test]
async fn a_list_has_pages_filters_and_errors_at_their_column() {
    let page = Page::open(false).await;
    page.kept
        .receives((1..=600).map(|seq| call(seq, "s")).collect())
        .await;
    let newest = page.get("/api/v1/events").await.json();
    let events = newest["events"].as_array().unwrap();
    assert_eq!((events.len(), &events[499]["seq"]), (500, &json!(600)));
    let older = page
        .get(&format!("/api/v1/events?before={}", newest["next"]))
        .await
        .json();
    assert_eq!(older["events"].as_array().unwrap().len(), 100);
    assert_eq!(older["next"], Value::Null);
    let two = page.get("/api/v1/events?filter=seq:7..8").await.json();
    assert_eq!(two["events"][1]["seq"], 8);
    let wrong = page.get("/api/v1/events?filter=seq:7%20kind:").await;
    assert_eq!(wrong.status, 400);
    assert_eq!(wrong.json()["error"]["column"], 12, "{}", wrong.body);
    assert_eq!(page.get("/api/v1/events/7000").await.status, 404);
    let alone = page.get("/api/v1/events/1/diff").await;
    assert_eq!(alone.status, 404);
    assert!(
        alone.body.contains("select two events with v"),
        "{}",
        alone.body
    );
    let offers = page.get("/api/v1/filter?text=seq:7%20ver").await.json();
    assert_eq!(offers["complete"], json!({"at": 6, "words": ["verdict:"]}));
}

#[tokio::test]
async fn masked_pages_never_show_what_is_masked() {
    const NUMBER: &str = "+16505550123";
    let sms = format!(
        r#"{{"uuid":"u","event":"/restapi/v1.0/account/1/extension/2/message-store/instant?type=SMS","body":{{"from":{{"phoneNumber":"{NUMBER}"}},"subject":"planted words"}}}}"#
    );
    for (started_masked, asked) in [(true, ""), (false, "?mask=true")] {
        let page = Page::open(started_masked).await;
        page.kept
            .receives(vec![event(1, &sms), event(2, &sms)])
            .await;
        for path in [
            "/events",
            "/events/1",
            "/events/1/body",
            "/events/2/diff",
            "/events/1/timeline",
            "/events/1/timeline.svg",
            "/events/1/share",
            "/export",
        ] {
            let answer = page.get(&format!("/api/v1{path}{asked}")).await;
            assert_eq!(answer.status, 200, "{path}");
            assert!(
                !answer.body.contains("6505550123") && !answer.body.contains("planted"),
                "{path}: {}",
                answer.body
            );
        }
        if started_masked {
            assert_eq!(page.get("/api/v1/events/1/text").await.status, 400);
            let mark = json!({"marked": true, "comment": "planted words"});
            page.post("/events/1/bookmark", &mark).await;
            let kept = page
                .post("/events/1/bookmark", &json!({"marked": true}))
                .await;
            assert_eq!(kept.json()["comment"], "");
        }
    }
}

#[tokio::test]
async fn secrets_are_hidden_until_they_are_revealed() {
    let page = Page::open(false).await;
    page.kept.receives(vec![event(1, "{}")]).await;
    let hidden = page.get("/api/v1/events/1").await.body;
    let shown = page.get("/api/v1/events/1?reveal=true").await.body;
    let export = page.get("/api/v1/export?as=raw").await.body;
    let share = page.get("/api/v1/events/1/share").await.body;
    let has = |text: &str| text.contains("secret");
    assert!(
        !has(&hidden) && has(&shown) && !has(&export) && !has(&share),
        "{hidden}\n{shown}"
    );
}

/// Reads server-sent events of an open stream.
pub(super) struct Events(TcpStream, String);

impl Events {
    pub(super) async fn open(page: &Page, path: &str, more: &str) -> Self {
        let mut stream = TcpStream::connect(page.server.address).await.unwrap();
        let (host, bearer) = (page.host(), page.bearer());
        let head =
            format!("GET /api/v1/stream{path} HTTP/1.1\r\nhost: {host}\r\n{bearer}\r\n{more}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        Self(stream, String::new())
    }

    /// Returns id and data of the next message of a kind.
    pub(super) async fn next(&mut self, kind: &str) -> (String, Value) {
        let read = async {
            loop {
                while let Some((message, rest)) = self.1.split_once("\n\n") {
                    let (message, rest) = (message.to_owned(), rest.to_owned());
                    self.1 = rest;
                    let field = |name: &str| {
                        let lines = message.lines();
                        lines
                            .filter_map(|line| line.strip_prefix(name))
                            .next_back()
                            .map(str::to_owned)
                    };
                    if field("event: ").as_deref() == Some(kind) {
                        let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
                        return (field("id: ").unwrap_or_default(), data);
                    }
                }
                let mut bytes = [0; 4096];
                let count = self.0.read(&mut bytes).await.unwrap();
                assert!(count > 0, "the stream ended");
                self.1 += &String::from_utf8_lossy(&bytes[..count]);
            }
        };
        tokio::time::timeout(PATIENCE, read)
            .await
            .expect("a message in time")
    }
}

#[tokio::test]
async fn a_stream_goes_on_where_a_list_or_an_earlier_stream_ended() {
    let page = Page::open(false).await;
    page.kept.receives(vec![call(1, "s")]).await;
    let position = page.get("/api/v1/events").await.json()["position"]
        .as_str()
        .unwrap()
        .to_owned();
    // Stored between list and stream.
    page.kept.receives(vec![call(2, "s")]).await;
    let mut stream = Events::open(&page, &format!("?since={position}"), "").await;
    assert_eq!(stream.next("status").await.1["engines"], json!([]));
    let (id, first) = stream.next("updates").await;
    assert_eq!(
        (
            first["events"].as_array().unwrap().len(),
            &first["events"][0]["seq"]
        ),
        (1, &json!(2))
    );
    drop(stream);
    let third = call(3, "s");
    page.kept.receives(vec![third.clone()]).await;
    page.kept
        .history
        .record_attempt(attempt(third.id), true)
        .await
        .unwrap();
    let mut again = Events::open(
        &page,
        &format!("?since={position}"),
        &format!("last-event-id: {id}\r\n"),
    )
    .await;
    let (_, more) = again.next("updates").await;
    assert_eq!(
        (
            more["events"].as_array().unwrap().len(),
            &more["events"][0]["seq"]
        ),
        (1, &json!(3))
    );
    assert_eq!(more["attempts"][0]["event_id"], third.id.to_string());
    // With a filter, an older event comes once it matches.
    let newest = page.get("/api/v1/events").await.json()["position"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut filtered = Events::open(&page, &format!("?filter=bookmarked&since={newest}"), "").await;
    filtered.next("status").await;
    let change = ringtail_store::BookmarkChange::Set;
    page.kept
        .history
        .set_bookmark(vec![third.id], change)
        .await
        .unwrap();
    let (_, marked) = filtered.next("updates").await;
    assert_eq!(marked["matching"][0]["seq"], 3);
    assert_eq!(marked["bookmarks"][0]["comment"], "");
}

#[tokio::test]
async fn wrong_options_are_refused_before_anything_is_stored() {
    let page = Page::open(false).await;
    page.kept.receives(vec![event(1, "{}")]).await;
    for options in ["--wrong", "--edit"] {
        let edited = json!({"text": "POST / HTTP/1.1\n\nnew", "options": options});
        let replay = json!({"events": ["1"], "options": options});
        for (path, body) in [("/events/1/edited", edited), ("/replay", replay)] {
            let answer = page.post(path, &body).await;
            assert_eq!(answer.status, 400, "{path} {options}: {}", answer.body);
        }
    }
    let stored = page.get("/api/v1/events").await.json();
    assert_eq!(stored["events"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn where_nothing_is_forwarded_nothing_is_paused() {
    let page = Page::open(false).await;
    let answer = page.post("/pause", &json!({"paused": true})).await;
    let error = answer.json()["error"]["message"].to_string();
    assert_eq!(answer.status, 400, "{error}");
    assert!(error.contains("`ringtail listen`"), "{error}");
}

/// The steps of a replay are not read here, and it ends all the same.
#[tokio::test]
async fn a_replay_is_answered_with_its_report() {
    let page = Page::open(false).await;
    page.kept.receives(vec![event(1, "{}")]).await;
    let asked = json!({"events": ["1"], "options": "--target 3001"});
    let report = page.post("/replay", &asked).await.json();
    assert_eq!(
        (&report["sent"], &report["accepted"]),
        (&json!(3), &json!(2))
    );
}
