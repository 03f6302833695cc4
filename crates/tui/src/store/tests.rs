//! Queries to a real history.

use ringtail_filter::Filter;
use ringtail_model::secrets::AllSecrets;
use ringtail_model::signature::Reveal;
use ringtail_model::{EventRow, RowId};
use ringtail_protocol::event::EventId;
use ringtail_store::testing::{ENDPOINT, TestHistory, attempt, call, event};
use ringtail_store::{BookmarkChange, Comment, Found};
use ringtail_views::copy::CopyFormat;
use ringtail_views::replayer::ResultTable;
use ringtail_views::{PAGE, PagePosition, Updates};

use super::*;
use crate::effect::{PanelKey, PanelKind};

const SMS: &str = r#"{"uuid":"u","event":"/restapi/v1.0/account/1/extension/2/message-store/instant?type=SMS","body":{"from":{"phoneNumber":"+16505550123"},"subject":"Hello"}}"#;

struct Fixture {
    history: TestHistory,
    source: StoreSource,
}

impl Fixture {
    async fn new(bodies: &[&str]) -> Self {
        let history = TestHistory::open();
        let events = (1..).zip(bodies).map(|(seq, body)| event(seq, body));
        history.receives(events.collect()).await;
        let store = Store::new(
            Vec::new(),
            history.history.clone(),
            history.dir.path().to_owned(),
            Reveal::No,
            AllSecrets::default(),
        );
        let source = StoreSource::new(store, TimeZone::UTC);
        Self { history, source }
    }

    async fn ask(&self, ask: Ask, filter: &str, masked: bool) -> Msg {
        let filter = Filter::parse(filter).unwrap();
        let query = Query {
            ask,
            filter,
            masked,
        };
        self.source.answer(query).await
    }

    async fn page(&self, position: PagePosition, filter: &str, masked: bool) -> Found {
        match self.ask(Ask::Page(position), filter, masked).await {
            Msg::Page { found, .. } => found,
            other => panic!("{other:?}"),
        }
    }

    async fn rows(&self) -> Vec<EventRow> {
        self.page(PagePosition::Newest, "", false).await.rows
    }

    async fn updates(&self, ask: Ask, filter: &str, masked: bool) -> Updates {
        match self.ask(ask, filter, masked).await {
            Msg::Updates(updates) => updates,
            other => panic!("{other:?}"),
        }
    }
}

fn seqs(rows: &[EventRow]) -> Vec<u64> {
    rows.iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn pages_are_oldest_first_in_both_directions() {
    let bodies = vec![SMS; PAGE + 2];
    let fixture = Fixture::new(&bodies).await;
    let newest = fixture.page(PagePosition::Newest, "", false).await;
    assert_eq!(seqs(&newest.rows), (3..=502).collect::<Vec<_>>());
    let next = newest.next.unwrap();
    let older = fixture.page(PagePosition::Before(next), "", false).await;
    assert_eq!((seqs(&older.rows), older.next), (vec![1, 2], None));
    let oldest = fixture.page(PagePosition::Oldest, "seq:2..3", false).await;
    assert_eq!(seqs(&oldest.rows), [2, 3]);
}

#[tokio::test]
async fn updates_hold_events_that_came_to_match() {
    let fixture = Fixture::new(&[SMS, SMS]).await;
    let id = fixture.rows().await[0].id;
    let history = &fixture.history.history;
    history.record_attempt(attempt(id), true).await.unwrap();
    let comment = Comment::parse("from Pat").unwrap();
    let change = BookmarkChange::Comment(comment);
    let set = fixture.ask(Ask::Bookmark { id, change }, "", false).await;
    assert!(
        matches!(
            set,
            Msg::Bookmarked {
                bookmark: Some(_),
                ..
            }
        ),
        "{set:?}"
    );
    let ask = || Ask::Updates {
        since: Watermarks::default(),
        events: false,
        bookmarks: Some((RowId(0), RowId(i64::MAX))),
    };
    let updates = fixture.updates(ask(), "status:200", false).await;
    assert!(updates.events.rows.is_empty());
    assert_eq!(seqs(&updates.matching), [1]);
    assert_eq!(updates.attempts.len(), 1);
    assert_eq!(updates.bookmarks.unwrap()[0].bookmark.comment, "from Pat");
    let masked = fixture.updates(ask(), "status:500", true).await;
    assert!(masked.matching.is_empty());
    assert_eq!(masked.bookmarks.unwrap()[0].bookmark.comment, "");
}

#[tokio::test]
async fn secrets_are_revealed_only_by_a_key_and_never_while_masked() {
    let fixture = Fixture::new(&[SMS]).await;
    let id = fixture.rows().await[0].id;
    for (reveal, masked, secret, number) in [
        (false, false, false, true),
        (true, false, true, true),
        (true, true, false, false),
    ] {
        let detail = fixture.ask(Ask::Detail { id, reveal }, "", masked).await;
        let Msg::Detail {
            detail: Some(detail),
            ..
        } = detail
        else {
            panic!("{detail:?}");
        };
        let shown = detail
            .headers
            .iter()
            .any(|header| &header.value[..] == b"secret");
        let body = std::str::from_utf8(&detail.body).unwrap();
        assert_eq!(
            (shown, body.contains("+1650555")),
            (secret, number),
            "{reveal} {masked}"
        );
    }
    let masked = fixture.page(PagePosition::Newest, "", true).await;
    assert!(!masked.rows[0].summary.contains("Hello"), "{masked:?}");
}

#[tokio::test]
async fn panels_read_calls_and_differences() {
    let fixture = Fixture::new(&[SMS]).await;
    fixture
        .history
        .receives(vec![call(2, "s1"), call(3, "s2"), call(4, "s1")])
        .await;
    let rows = fixture.rows().await;
    let (id, row) = (rows[3].id, rows[3].row);
    let diff = |id, row| PanelKind::Diff {
        id,
        row,
        other: None,
    };
    for (kind, shown) in [
        (
            PanelKind::Timeline { id, row },
            Ok("Call s1: 0 parties, 2 events"),
        ),
        (diff(id, row), Ok("+++ #4 ")),
        (diff(rows[0].id, rows[0].row), Err(panel::NOTHING_BEFORE)),
        (
            PanelKind::Answers { id, row },
            Err("the app has never answered event 4; r replays it"),
        ),
    ] {
        let key = PanelKey {
            kind,
            masked: false,
            noise: Arc::default(),
        };
        let Msg::Panel { rows, .. } = fixture.ask(Ask::Panel(key), "", false).await else {
            panic!("a panel has rows or none");
        };
        match (rows, shown) {
            (Ok(rows), Ok(line)) => {
                let mut lines = rows.iter().map(|row| row.line.to_string());
                assert!(
                    lines.any(|shown| shown.starts_with(line)),
                    "{line}\n{rows:?}"
                );
            }
            (rows, shown) => assert_eq!(rows.map(drop), shown.map(drop).map_err(str::to_owned)),
        }
    }
}

#[tokio::test]
async fn copies_are_in_order_and_without_secrets() {
    let fixture = Fixture::new(&[SMS, SMS]).await;
    let mut ids: Vec<EventId> = fixture.rows().await.iter().map(|row| row.id).collect();
    for (format, words) in [
        (CopyFormat::Json, r#""seq":2,"#),
        (CopyFormat::Curl, "http://localhost:3000/hook%2F1?a=1&a=2"),
        (CopyFormat::Raw, "POST /hook%2F1?a=1&a=2 HTTP/1.1\r\n"),
    ] {
        let file = None;
        let ask = Ask::Copy {
            ids: ids.clone(),
            format,
            file,
        };
        let Msg::Clip(text) = fixture.ask(ask, "", false).await else {
            panic!("a copy goes to the clipboard");
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(text.contains(words) && !text.contains(": secret"), "{text}");
    }
    ids.fill(EventId::fresh());
    let ask = Ask::Copy {
        ids,
        format: CopyFormat::Json,
        file: None,
    };
    let gone = fixture.ask(ask, "", false).await;
    assert!(matches!(gone, Msg::Done(Err(_))), "{gone:?}");
    assert_eq!(fixture.rows().await[0].endpoint, ENDPOINT);
}

#[tokio::test]
async fn a_masked_report_keeps_results_beside_their_events() {
    let fixture = Fixture::new(&[SMS, SMS, SMS]).await;
    let mut rows = fixture.rows().await;
    // An event that retention deleted.
    rows[1].id = EventId::fresh();
    let table = ResultTable {
        title: "3 changed".to_owned(),
        rows: rows
            .into_iter()
            .zip(["a", "b", "c"].map(str::to_owned))
            .collect(),
    };
    let report = ReplayReport {
        table: Some(table),
        ..ReplayReport::default()
    };
    let report = fixture.source.redact(report, true).await.unwrap();
    let rows = report.table.unwrap().rows;
    let results: Vec<_> = rows
        .iter()
        .map(|(event, result)| (event.seq, result.as_str()))
        .collect();
    assert_eq!(results, [(1, "a"), (3, "c")]);
    assert!(!rows[0].0.summary.contains("Hello"), "{rows:?}");
}
