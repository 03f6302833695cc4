mod patterns;

use std::collections::HashSet;
use std::path::Path;

use jiff::Zoned;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ringtail_filter::testing::any_filter;
use ringtail_model::secrets::Secrets;
use ringtail_model::{Cause, FailureKind, Outcome};
use ringtail_protocol::event::{Event, Header, Timestamp};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::indexer::tests::index_all;
use super::*;
use crate::testing::{
    ENDPOINT, JOURNAL, TestHistory, attempt, call, encoded, event, request, store, unmarked,
};
use crate::{
    BookmarkChange, Comment, Forwarding, Incoming, NewAttempt, attempts, bookmark, schema,
};

fn context() -> Context {
    let now: Zoned = jiff::Timestamp::from_second(1_700_040_000)
        .unwrap()
        .to_zoned(TimeZone::get("Europe/Berlin").unwrap());
    Context::new(now, |_| Secrets::default())
}

fn search(text: &str) -> Arc<Search> {
    Arc::new(Search::new(Filter::parse(text).unwrap(), context()))
}

/// The bytes of a text as UTF-16.
fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Events of many kinds, some of them odd in ways that the index has to know.
fn mixed() -> Vec<Event> {
    let party = |code: &str, from: &str, name: &str| {
        format!(
            r#"{{"uuid":"4044-{from}","event":"/restapi/v1.0/account/1/extension/101/telephony/sessions","body":{{
            "telephonySessionId":"s-718","n":17,"parties":[{{"status":{{"code":"Setup"}}}},{{"status":{{"code":"{code}"}},
            "from":{{"phoneNumber":"{from}","name":"{name}"}},"to":{{"extensionId":101}}}}]}}}}"#
        )
    };
    let sms = |text: &str| {
        format!(
            r#"{{"uuid":"u","event":"/restapi/v1.0/account/~/extension/2/message-store/instant?type=SMS","body":{{
            "from":{{"phoneNumber":"+16505550100"}},"to":[{{"phoneNumber":"+16575550100"}}],"subject":"{text}"}}}}"#
        )
    };
    let bodies = [
        party("Answered", "+16505550100", "Pat Agent"),
        party("ANSWERED", "+16570000", "W\\u00f6rld \\u0050at"),
        party("\\u0041nswered", "x", "K\u{212a}elvin"),
        sms("Hello a/b"),
        sms("w\u{f6}rld \u{1d4d0} a\\/b"),
        sms(&format!("{} Hello at the end", "x".repeat(70_000))),
        "Hello=1&from=%2B1650".to_owned(),
        String::new(),
        "{\"body\":{\"n\":1.50,\"from\":\"pat\",\"not\":true}}".to_owned(),
        "[[1],{\"not\":null,\"a.b\":\"Answered".to_owned(),
        "{\"pn_apns\":{\"body\":{\"parties\":[{\"status\":{\"code\":\"Answered\"}}]}}}".to_owned(),
        "\u{0}Hello\u{0}wo".to_owned(),
    ];
    let mut events: Vec<_> = (1..)
        .zip(bodies)
        .map(|(seq, body)| unmarked(seq, &body))
        .collect();
    events.push(unmarked(20, "after a gap"));
    events[1].duplicate_of = Some(1);
    for (hour, event) in (0_i64..).zip(&mut events) {
        event.received_at = Timestamp((1_700_040_000 - hour * 7_200) * 1_000_000);
    }
    events
}

fn tried(test: &rusqlite::Connection, events: &[Event]) {
    let outcomes = [
        (200, 12, Cause::Forward),
        (500, 12, Cause::Forward),
        (200, 3100, Cause::Forward),
        (404, 700, Cause::Replay),
        (200, 12, Cause::Forward),
    ];
    for (event, (status, ms, cause)) in events
        .iter()
        .zip(outcomes.into_iter().cycle())
        .skip(1)
        .step_by(2)
    {
        let mut attempt = attempt(event.id);
        attempt.outcome = Outcome::Status(status);
        attempt.duration = Duration::from_millis(ms);
        attempt.cause = cause;
        attempts::record(test, &attempt, true).unwrap();
    }
    for (event, comment) in events.iter().zip(["", "Hello", "pat said so"]) {
        let comment = BookmarkChange::Comment(Comment::parse(comment).unwrap());
        bookmark::change(test, &[event.id], &comment).unwrap();
    }
    // The newest attempt is what counts, except for whether it was ever replayed.
    if let Some(event) = events.get(3) {
        attempts::record(test, &attempt(event.id), true).unwrap();
    }
}

/// A history of which the first events are indexed, and a reader of it.
struct Stored {
    connection: Connection,
    rows: i64,
    dir: tempfile::TempDir,
}

fn stored(count: usize) -> Stored {
    let events = mixed();
    indexed_of(&events, count)
}

fn indexed(events: &[Event]) -> Stored {
    indexed_of(events, events.len())
}

fn indexed_of(events: &[Event], indexed: usize) -> Stored {
    let dir = tempfile::tempdir().unwrap();
    let opened = schema::open_writer(dir.path()).unwrap();
    let put = |events: &[Event]| {
        let batch = events.iter().cloned().map(Incoming::Event).collect();
        store(
            &opened.connection,
            ENDPOINT,
            JOURNAL,
            batch,
            &Forwarding::On,
        );
        tried(&opened.connection, events);
    };
    put(&events[..indexed]);
    if indexed > 0 {
        index_all(dir.path());
    }
    put(&events[indexed..]);
    Stored::open(dir, events.len())
}

impl Stored {
    fn open(dir: tempfile::TempDir, rows: usize) -> Self {
        let path = dir.path().join(crate::FILE_NAME);
        Self {
            connection: schema::HISTORY.open_reader(&path).unwrap(),
            rows: rows as i64,
            dir,
        }
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(&self.connection)
    }

    /// Searches to the end.
    fn found(&self, search: &Search, direction: Direction, limit: usize) -> Vec<i64> {
        let mut at = match direction {
            Direction::Older => RowId(i64::MAX),
            Direction::Newer => RowId(0),
        };
        let (mut rows, mut span) = (Vec::new(), 3);
        loop {
            let step = self
                .reader()
                .search(search, direction, at, limit, &mut span)
                .unwrap()
                .0;
            assert!(step.rows.len() <= limit);
            rows.extend(step.rows.iter().map(|event| event.row.0));
            match step.next {
                Some(next) => at = next,
                None => return rows,
            }
        }
    }

    /// Asks the filter about every event.
    fn looked_through(&self, search: &Search) -> Vec<i64> {
        let matches = |row: &i64| {
            let event = self.reader().event_at(*row).unwrap().unwrap();
            let more = self.reader().more(RowId(*row)).unwrap();
            search
                .filter
                .matches(&event, more.as_ref(), &search.context)
                .unwrap()
        };
        (1..=self.rows).filter(matches).collect()
    }
}

#[test]
fn a_search_finds_what_a_scan_of_every_event_finds() {
    let histories = [0, 5, 13].map(stored);
    let found_something = std::cell::Cell::new(0);
    let config = Config {
        cases: 300,
        ..Config::default()
    };
    let checked = TestRunner::new(config).run(&(any_filter(), 1..5_usize), |(filter, limit)| {
        let text = filter.to_string();
        let search = Search::new(filter, context());
        for history in &histories {
            let mut expected = history.looked_through(&search);
            found_something.set(found_something.get() + usize::from(!expected.is_empty()));
            prop_assert_eq!(
                history.found(&search, Direction::Newer, limit),
                expected.clone(),
                "{}",
                text
            );
            expected.reverse();
            prop_assert_eq!(
                history.found(&search, Direction::Older, limit),
                expected,
                "{}",
                text
            );
        }
        Ok(())
    });
    checked.unwrap();
    assert!(
        found_something.get() > 100,
        "the filters match these events"
    );
}

#[test]
fn every_kind_of_event_is_found_by_an_index() {
    let history = stored(13);
    for (text, expected) in [
        ("kind:telephony", vec![1, 2, 3]),
        ("event:telephony from:agent", vec![1]),
        ("to:1657", vec![4, 5, 6]),
        ("session:s-7 or kind:sms", vec![1, 2, 3, 4, 5, 6]),
        ("\"hello a\"", vec![4, 6]),
        ("hello", vec![4, 6, 7, 12]),
        ("body.parties[*].status.code = Answered", vec![1, 2, 3, 11]),
        ("~answ(ered|x)", vec![1, 2, 10, 11]),
        ("body.parties[*].status.code ~ ^answ", vec![1, 2, 3, 11]),
        ("body.subject = a/b or \"at the end\"", vec![6]),
        ("status:5xx", vec![2, 12]),
        ("verdict:late", vec![]),
        ("replayed", vec![4]),
        ("gap", vec![13]),
        ("bookmarked", vec![1, 2, 3]),
        ("comment:SAID", vec![3]),
        ("ext:101 not status:5xx", vec![1, 3]),
    ] {
        let search = Search::new(Filter::parse(text).unwrap(), context());
        assert!(search.plan.is_driven(), "{text}");
        assert_eq!(
            history.found(&search, Direction::Newer, 100),
            expected,
            "{text}"
        );
    }
}

#[test]
fn an_answer_of_200_is_found_by_its_verdict() {
    let mut events: Vec<_> = (1..=5).map(|seq| call(seq, "s")).collect();
    let mut validation = request("");
    validation.headers.push(Header {
        name: "validation-token".to_owned(),
        value: "aB-1".into(),
    });
    // Both are answered 200: the validation in time without its token, the last one late.
    events.push(encoded(6, validation.encode().unwrap()));
    events.extend([call(7, "s"), unmarked(8, "nobody knows what")]);
    let history = indexed(&events);
    let opened = schema::open_writer(history.dir.path()).unwrap();
    let given_up = NewAttempt {
        outcome: Outcome::Error {
            kind: FailureKind::TimedOut,
            message: String::new(),
        },
        ..attempt(events[6].id)
    };
    attempts::record(&opened.connection, &given_up, true).unwrap();
    for (text, expected) in [
        ("verdict:token", vec![6]),
        ("verdict:unjudged", vec![7, 8]),
        ("verdict:token or verdict:unjudged", vec![6, 7, 8]),
        ("verdict:late", vec![]),
    ] {
        let search = Search::new(Filter::parse(text).unwrap(), context());
        let found = history.found(&search, Direction::Newer, 100);
        assert_eq!(found, expected, "{text}");
    }
}

#[tokio::test]
async fn a_search_goes_on_where_it_ended() {
    let test = TestHistory::open();
    let events = (1..=9000).map(|seq| call(seq, if seq % 3000 == 1 { "rare" } else { "s" }));
    test.receives(events.collect()).await;
    let found = async |text: &str, direction, from, limit, patience| {
        let search = search(text);
        let found = test
            .history
            .search(&search, direction, RowId(from), limit, patience);
        let found = found.await.unwrap();
        let rows: Vec<_> = found.rows.iter().map(|event| event.row.0).collect();
        (rows, found.next.map(|row| row.0))
    };
    let (long, none) = (Duration::from_secs(600), Duration::ZERO);
    let all = (vec![6001, 3001, 1], None);
    assert_eq!(
        found("session:rare", Direction::Older, i64::MAX, 10, long).await,
        all
    );
    let (rows, next) = found("session:rare", Direction::Older, i64::MAX, 2, long).await;
    assert_eq!(rows, [6001, 3001]);
    let rest = found("session:rare", Direction::Older, next.unwrap(), 10, long).await;
    assert_eq!(rest, (vec![1], None));
    // Without patience a step is made all the same.
    let (rows, next) = found("not kind:telephony", Direction::Older, i64::MAX, 10, none).await;
    assert!(rows.is_empty() && next.is_some_and(|next| next < 9000));
    assert_eq!(found("seq:1..2", Direction::Newer, 0, 1, long).await.0, [1]);
    // Indexed or not, the same is found.
    test.is_indexed().await;
    assert_eq!(
        found("session:rare", Direction::Older, i64::MAX, 10, long).await,
        all
    );
    let newer = found("session:rare", Direction::Newer, 1, 10, long).await;
    assert_eq!(newer, (vec![3001, 6001], None));
}

#[test]
fn a_body_of_utf_16_is_found_by_its_text() {
    let mut wide = request("");
    wide.body = utf16(r#"{"body":{"status":"Answered"}}"#).into();
    let history = indexed(&[call(1, "s"), encoded(2, wide.encode().unwrap())]);
    for text in ["body.status = answered", "has:body.status"] {
        let found = history.found(&search(text), Direction::Newer, 9);
        assert_eq!(found, [2], "{text}");
    }
}

#[test]
fn plans_use_the_indexes() {
    let history = stored(13);
    assert_eq!(index::usable(&history.connection), Some(13));
    let plan = |text: &str| {
        let search = Search::new(Filter::parse(text).unwrap(), context());
        let (sql, own) = search.plan.candidates(true);
        let mut statement = history
            .connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let mut values = vec![
            (":low".to_owned(), Value::from(0)),
            (":high".to_owned(), Value::from(1)),
        ];
        values.extend(own.iter().cloned());
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| (&**name, value))
            .collect();
        let rows = statement.query_map(&values[..], |row| row.get::<_, String>(3));
        let lines: HashSet<String> = rows.unwrap().collect::<rusqlite::Result<_>>().unwrap();
        lines
    };
    for text in [
        "kind:sms hello",
        "status:5xx or pending",
        "pending",
        "gap",
        "bookmarked kind:sms",
        "body.a = Answered",
        "~(hello|world)",
    ] {
        for line in plan(text) {
            let small = [
                "VIRTUAL TABLE",
                "SCAN gap",
                "SCAN g ",
                "SCAN g",
                "SCAN bookmark",
                "SCAN (",
                "SCAN queue",
            ];
            let is_small = small.iter().any(|scan| line.contains(scan));
            assert!(!line.starts_with("SCAN") || is_small, "{text}: {line}");
        }
    }
    // Through the queue alone: going through a span of events row by row is a SEARCH, too.
    let pending = plan("pending");
    let of_events = pending
        .iter()
        .filter(|line| line.contains("event") || line.contains(" e "));
    let mut of_events = of_events.peekable();
    assert!(of_events.peek().is_some());
    for line in of_events {
        assert!(line.contains("COVERING INDEX event_pending"), "{line}");
    }
}

#[test]
fn pending_events_are_found_on_every_endpoint() {
    let dir = tempfile::tempdir().unwrap();
    let opened = schema::open_writer(dir.path()).unwrap();
    for endpoint in ["a-x1", "b-x1", "c-x1", "d-x1"] {
        let batch = (1..=3).map(|seq| Incoming::Event(call(seq, "s"))).collect();
        let forwarding = match endpoint {
            "b-x1" => Forwarding::Off,
            _ => Forwarding::On,
        };
        store(&opened.connection, endpoint, JOURNAL, batch, &forwarding);
    }
    let done = "UPDATE event SET forward = 2 WHERE endpoint = 'c-x1' AND seq <> 2";
    opened.connection.execute(done, []).unwrap();
    let stored = Stored::open(dir, 12);
    let found = stored.found(&search("pending"), Direction::Newer, 100);
    assert_eq!(found, [1, 2, 3, 8, 10, 11, 12]);
}

#[test]
fn a_filter_of_many_alternatives_is_searched_by_the_index() {
    let history = stored(13);
    let letters = (b'a'..=b'z').flat_map(|one| (b'a'..=b'z').map(move |two| [one, two]));
    let texts = letters.map(|[one, two]| format!("x{}{}", char::from(one), char::from(two)));
    let texts: Vec<String> = texts.take(500).collect();
    for text in [
        format!("Hello|{}", texts.join("|")),
        format!("{}kind:sms", "replayed|pending|gap|".repeat(190)),
        format!("Hello {}", "pending ".repeat(500)),
    ] {
        let search = search(&text);
        assert!(search.plan.is_driven());
        assert_eq!(index::usable(&history.connection), Some(13));
        let step = history.reader().search_step(
            &search,
            Direction::Newer,
            RowId(0),
            100,
            &mut { SPAN },
            13,
        );
        let found: Vec<_> = step.unwrap().rows.iter().map(|event| event.row.0).collect();
        let expected = history.looked_through(&search);
        assert!(!expected.is_empty() && expected == found, "{found:?}");
    }
}

#[test]
fn only_an_error_of_the_file_is_damage() {
    let history = stored(13);
    index::usable(&history.connection);
    let is_damage = |sql: &str| {
        let prepared = history.connection.prepare(sql);
        let found = prepared.and_then(|mut statement| statement.query([])?.next().map(|_| ()));
        index::is_damage_to_search(&found.unwrap_err())
    };
    let many = vec!["SELECT 1"; 600].join(" UNION ");
    let deep = format!(
        "SELECT rowid FROM search.text_index WHERE text_index MATCH '{}abc{}'",
        "(".repeat(200),
        ")".repeat(200)
    );
    for (sql, expected) in [
        (&*many, false),
        (&*deep, false),
        ("SELECT row FROM search.gone", true),
        ("SELECT gone FROM search.text_partial", true),
    ] {
        assert_eq!(is_damage(sql), expected, "{sql:.60}");
    }
    spoil(history.dir.path(), "DROP TABLE text_index_config");
    assert!(is_damage(
        "SELECT rowid FROM search.text_index WHERE text_index MATCH 'abc'"
    ));
}

/// Changes the index's file while the indexer has it.
fn spoil(dir: &Path, sql: &str) {
    let index = Connection::open(dir.join(INDEX_FILE_NAME)).unwrap();
    index.execute_batch(sql).unwrap();
}

#[test]
fn a_damaged_index_makes_a_search_slower_and_not_wrong() {
    for sql in [
        "UPDATE text_index_data SET block = x'ff' WHERE id > 10;
         UPDATE fact_index_data SET block = x'ff' WHERE id > 10",
        "DROP TABLE text_index; DROP TABLE fact_index",
        "DROP TABLE progress",
        "PRAGMA application_id = 7",
    ] {
        let history = stored(13);
        spoil(history.dir.path(), sql);
        for (text, expected) in [
            ("hello", vec![4, 6, 7, 12]),
            ("kind:telephony", vec![1, 2, 3]),
        ] {
            let found = history.found(&search(text), Direction::Newer, 100);
            assert_eq!(found, expected, "{text} after {sql}");
        }
    }
}

#[tokio::test]
async fn an_index_that_a_search_finds_damaged_is_rebuilt() {
    let test = TestHistory::open();
    test.receives((1..=3).map(|seq| call(seq, "rare")).collect())
        .await;
    test.is_indexed().await;
    spoil(
        test.dir.path(),
        "UPDATE fact_index_data SET block = x'ff' WHERE id > 10",
    );
    let rare = search("session:rare");
    let find = async || {
        let from = RowId(i64::MAX);
        let found = test
            .history
            .search(&rare, Direction::Older, from, 9, Duration::MAX);
        found.await.unwrap().rows.len()
    };
    assert_eq!(find().await, 3);
    // The rebuilt index begins from nothing and gets there again.
    let intact = || {
        let index = Connection::open(test.dir.path().join(INDEX_FILE_NAME)).unwrap();
        let sql = "SELECT count(*) FROM fact_index WHERE fact_index MATCH 's_rare'";
        index.query_row(sql, [], |row| row.get::<_, i64>(0)).ok() == Some(3)
    };
    while !intact() {
        tokio::task::yield_now().await;
    }
    assert_eq!(find().await, 3);
}
