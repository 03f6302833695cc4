use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use ringtail_protocol::event::{Disposition, EncodedRequest, EventId, Kind};

use ringtail_model::{ForwardState, RowId, UNDECODABLE};

use super::*;
use crate::schema::open_writer;
use crate::testing::{self, ENDPOINT, JOURNAL, TestHistory, call, encoded, event, request};
use crate::{Forwarding, StoreError};

async fn gaps(test: &TestHistory) -> Vec<(u64, u64)> {
    let gaps = test.history.gaps_after(RowId(0), 10).await.unwrap();
    gaps.iter().map(|gap| (gap.first, gap.last)).collect()
}

async fn store(test: &TestHistory, batch: Vec<Incoming>) -> Stored {
    test.history
        .store(ENDPOINT, JOURNAL, batch, Forwarding::On)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_event_comes_back_as_it_was_received() {
    let test = TestHistory::open();
    let mut event = call(1, "s-1");
    event.duplicate_of = Some(7);
    let stored = store(&test, vec![Incoming::Event(event.clone())]).await;
    assert_eq!(
        stored,
        Stored {
            cursor: 1,
            new: 1,
            pending: Some(RowId(1))
        }
    );
    let detail = test.history.event(event.id).await.unwrap().unwrap();
    let request = event.request.decode().unwrap();
    assert_eq!(detail.headers, request.headers);
    assert_eq!(detail.body, request.body);
    assert_eq!(detail.peer, request.peer);
    assert!(detail.attempts.is_empty());
    let row = detail.event;
    assert_eq!((row.row, row.seq, row.id), (RowId(1), 1, event.id));
    assert_eq!(row.endpoint, ENDPOINT);
    assert_eq!((row.kind, row.disposition), (event.kind, event.disposition));
    assert_eq!(row.duplicate_of, Some(7));
    assert_eq!(row.received_at, event.received_at);
    assert_eq!((row.method, row.path), (request.method, request.path));
    assert_eq!(row.body_len, request.body.len() as u64);
    assert_eq!(row.forward, ForwardState::Pending);
    assert!(!row.topic.is_empty() && !row.summary.is_empty());
    let stored = test.history.stored_request(row.row).await.unwrap().unwrap();
    assert_eq!(stored.request, event.request.decode().unwrap());
    let pending = test.read(|reader| reader.pending(ENDPOINT, RowId(0), 10));
    assert_eq!(pending[0].key, "telephony:s-1");
}

#[tokio::test]
async fn what_removes_a_post_stays_behind_the_post() {
    let test = TestHistory::open();
    let post = |seq, fields: &str| {
        let body = format!(
            r#"{{"uuid":"u{seq}","event":"/team-messaging/v1/posts","body":{{{fields}}}}}"#
        );
        Incoming::Event(event(seq, &body))
    };
    let batch = vec![
        post(1, r#""id":"26","groupId":"7","eventType":"PostAdded""#),
        post(2, r#""id":"27","groupId":"8","eventType":"PostAdded""#),
        post(3, r#""id":"26","eventType":"PostRemoved""#),
        post(4, r#""id":"99","eventType":"PostRemoved""#),
    ];
    store(&test, batch).await;
    let pending = test.read(|reader| reader.pending(ENDPOINT, RowId(0), 10));
    let keys: Vec<&str> = pending.iter().map(|event| event.key.as_str()).collect();
    assert_eq!(keys, ["chat:7", "chat:8", "chat:7", "post:99"]);
    let course = test.history.course(RowId(1), 10).await.unwrap();
    assert_eq!(course.len(), 2);
}

#[tokio::test]
async fn an_event_is_stored_once_however_often_it_comes() {
    let test = TestHistory::open();
    let events: Vec<_> = (1..=3).map(|seq| Incoming::Event(call(seq, "s"))).collect();
    assert_eq!(store(&test, events.clone()).await.new, 3);
    let again = store(&test, events).await;
    assert_eq!(
        again,
        Stored {
            cursor: 3,
            new: 0,
            pending: None
        }
    );
    // The same event under another journal: a relay that was restored.
    let mut known = call(1, "s");
    known.id = test.history.events_after(RowId(0), 1).await.unwrap()[0].id;
    let stored = test
        .history
        .store(ENDPOINT, "j2", vec![Incoming::Event(known)], Forwarding::On)
        .await
        .unwrap();
    assert_eq!((stored.new, stored.cursor), (0, 1));
    assert_eq!(test.history.counts().await.events, 3);
}

/// A relay whose disk was set back uses numbers again, for other events.
#[tokio::test]
async fn a_forgotten_journal_may_use_its_numbers_again() {
    let test = TestHistory::open();
    let old: Vec<_> = (1..=3).map(|seq| call(seq, "old")).collect();
    let batch = |events: &[Event]| events.iter().cloned().map(Incoming::Event).collect();
    store(&test, batch(&old)).await;
    let newest = test.history.newest(ENDPOINT, JOURNAL).await.unwrap();
    assert_eq!(newest, Some((3, old[2].id)));
    test.history
        .forget_journal(ENDPOINT, JOURNAL)
        .await
        .unwrap();
    assert_eq!(test.history.cursor(ENDPOINT, JOURNAL).await.unwrap(), None);
    assert_eq!(test.history.newest(ENDPOINT, JOURNAL).await.unwrap(), None);
    let new = [old[0].clone(), call(2, "new"), call(3, "new")];
    assert_eq!(
        store(&test, batch(&new)).await,
        Stored {
            cursor: 3,
            new: 2,
            pending: Some(RowId(6))
        }
    );
    test.history
        .forget_journal(ENDPOINT, JOURNAL)
        .await
        .unwrap();
    assert_eq!(store(&test, batch(&old)).await.new, 0);
    assert!(gaps(&test).await.is_empty());
}

#[tokio::test]
async fn cursors_are_per_endpoint_and_journal() {
    let test = TestHistory::open();
    assert_eq!(test.history.cursor(ENDPOINT, JOURNAL).await.unwrap(), None);
    store(&test, vec![Incoming::Event(call(5, "s"))]).await;
    assert_eq!(
        test.history.cursor(ENDPOINT, JOURNAL).await.unwrap(),
        Some(5)
    );
    assert_eq!(test.history.cursor(ENDPOINT, "j2").await.unwrap(), None);
    assert_eq!(test.history.cursor("other", JOURNAL).await.unwrap(), None);
}

#[tokio::test]
async fn gaps_are_kept_and_move_the_cursor() {
    let test = TestHistory::open();
    let gap = |first, last| Incoming::Gap { first, last };
    store(&test, vec![Incoming::Event(call(1, "s"))]).await;
    let stored = store(&test, vec![gap(2, 5), Incoming::Event(call(6, "s"))]).await;
    assert_eq!(
        stored,
        Stored {
            cursor: 6,
            new: 1,
            pending: Some(RowId(2))
        }
    );
    // Again, overlapping, or turned around.
    let stored = store(&test, vec![gap(2, 5), gap(4, 8), gap(20, 10)]).await;
    assert_eq!(stored.cursor, 8);
    assert_eq!(gaps(&test).await, [(2, 5), (7, 8)]);
}

/// A relay may send as many gaps as it likes.
#[tokio::test]
async fn gaps_that_follow_each_other_are_one() {
    let test = TestHistory::open();
    store(&test, vec![Incoming::Event(call(1, "s"))]).await;
    for hundred in 0..30 {
        let gaps = (0..100).map(|number| 2 + 3 * (100 * hundred + number));
        let gap = |first| Incoming::Gap {
            first,
            last: first + 1,
        };
        store(&test, gaps.map(gap).collect()).await;
    }
    assert_eq!(gaps(&test).await, [(2, 9000)]);
    // Not with those of another journal.
    let other = vec![Incoming::Gap {
        first: 9001,
        last: 9002,
    }];
    let stored = test.history.store(ENDPOINT, "j2", other, Forwarding::On);
    assert_eq!(stored.await.unwrap().cursor, 9002);
    assert_eq!(gaps(&test).await, [(2, 9000), (9001, 9002)]);
}

#[tokio::test]
async fn a_jump_of_the_numbers_is_a_gap_even_if_the_relay_reports_none() {
    let test = TestHistory::open();
    // The first event that comes from a journal may have any number.
    let stored = store(
        &test,
        vec![Incoming::Event(call(4, "s")), Incoming::Event(call(9, "s"))],
    )
    .await;
    assert_eq!(
        stored,
        Stored {
            cursor: 9,
            new: 2,
            pending: Some(RowId(2))
        }
    );
    assert_eq!(gaps(&test).await, [(5, 8)]);
}

#[tokio::test]
async fn events_missing_on_an_endpoint_that_was_empty_are_a_gap() {
    let test = TestHistory::open();
    assert_eq!(store(&test, vec![Incoming::Start]).await.cursor, 0);
    assert_eq!(
        test.history.cursor(ENDPOINT, JOURNAL).await.unwrap(),
        Some(0)
    );
    let stored = store(&test, vec![Incoming::Event(call(4, "s"))]).await;
    assert_eq!(stored.cursor, 4);
    assert_eq!(gaps(&test).await, [(1, 3)]);
    // From a relay that was given an older journal, it changes nothing.
    assert_eq!(store(&test, vec![Incoming::Start]).await.cursor, 4);
}

#[tokio::test]
async fn only_pending_events_become_pending_and_only_with_a_target() {
    let test = TestHistory::open();
    let mut answered = call(2, "s");
    answered.disposition = Disposition::Answered;
    answered.kind = Kind::Validation;
    let mut passed = call(3, "s");
    passed.disposition = Disposition::Passed;
    let mut strange = call(4, "s");
    strange.disposition = Disposition::Unknown(9);
    let batch = [call(1, "s"), answered, passed, strange];
    store(&test, batch.map(Incoming::Event).to_vec()).await;
    test.history
        .store(
            ENDPOINT,
            JOURNAL,
            vec![Incoming::Event(call(5, "s"))],
            Forwarding::Off,
        )
        .await
        .unwrap();
    let rows = test.history.events_after(RowId(0), 10).await.unwrap();
    let states: Vec<_> = rows.iter().map(|row| row.forward).collect();
    use ForwardState::{None, Pending};
    assert_eq!(states, [Pending, None, None, None, None]);
    assert_eq!(rows[3].disposition, Disposition::Unknown(9));
    assert_eq!(test.history.count_pending(ENDPOINT).await.unwrap(), 1);
}

#[tokio::test]
async fn an_unreadable_request_is_kept_and_does_not_stop_the_cursor() {
    let test = TestHistory::open();
    let mut bad = vec![EncodedRequest::from_stored(Bytes::from_static(b"\xff\xff"))];
    let mut strange = request("{}");
    strange.method = "NOT A METHOD".into();
    bad.push(strange.encode().unwrap());
    for path in ["no-slash", "/a b", &format!("/{}", "a".repeat(70_000))] {
        let mut strange = request("{}");
        strange.path = path.to_owned();
        bad.push(strange.encode().unwrap());
    }
    let count = bad.len();
    let batch = (1..)
        .zip(bad)
        .map(|(seq, raw)| Incoming::Event(encoded(seq, raw)));
    let stored = store(&test, batch.collect()).await;
    assert_eq!((stored.cursor, stored.new), (count as u64, count));
    let rows = test.history.events_after(RowId(0), 10).await.unwrap();
    assert!(rows.iter().all(|row| row.topic == UNDECODABLE));
    assert!(rows.iter().all(|row| row.forward == ForwardState::None));
    assert!(
        rows[0].summary.contains("cannot be read"),
        "{}",
        rows[0].summary
    );
    let detail = test.history.event(rows[0].id).await.unwrap().unwrap();
    assert_eq!(detail.body, &b"\xff\xff"[..]);
}

#[tokio::test]
async fn a_number_that_no_journal_can_have_is_an_error() {
    let test = TestHistory::open();
    let seq = u64::MAX;
    for incoming in [
        Incoming::Event(call(seq, "s")),
        Incoming::Gap {
            first: 1,
            last: seq,
        },
    ] {
        let stored = test
            .history
            .store(ENDPOINT, JOURNAL, vec![incoming], Forwarding::On)
            .await;
        assert!(
            matches!(stored, Err(StoreError::Number { .. })),
            "{stored:?}"
        );
    }
    assert_eq!(test.history.cursor(ENDPOINT, JOURNAL).await.unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever a relay sends and wherever the link breaks: every number is stored once or is in one gap.
    #[test]
    fn every_number_up_to_the_cursor_is_stored_or_in_a_gap(
        batches in prop::collection::vec(prop::collection::vec((1_u64..30, 0_u64..4, any::<bool>()), 0..6), 1..8)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let connection = open_writer(dir.path()).unwrap().connection;
        let mut start = None;
        for batch in batches {
            let batch: Vec<Incoming> = batch
                .into_iter()
                .map(|(seq, more, gap)| if gap {
                    Incoming::Gap { first: seq, last: seq + more }
                } else {
                    let mut event = event(seq, "{}");
                    event.id = EventId::from_bytes([u8::try_from(seq).unwrap(); 16]);
                    Incoming::Event(event)
                })
                .collect();
            start = start.or_else(|| batch.first().map(|first| match first {
                Incoming::Event(event) => event.seq,
                Incoming::Gap { first, .. } => *first,
                Incoming::Canary { seq, .. } => *seq,
                Incoming::Start => 0,
            }));
            let stored = testing::store(&connection, ENDPOINT, JOURNAL, batch, &Forwarding::On);
            prop_assert_eq!(Some(stored.cursor), cursor(&connection, ENDPOINT, JOURNAL).unwrap().or(Some(0)));
        }
        let Some(start) = start else { return Ok(()) };
        let reach = cursor(&connection, ENDPOINT, JOURNAL).unwrap().unwrap();
        for seq in start..=reach {
            let count: i64 = connection.query_row(
                "SELECT (SELECT count(*) FROM event WHERE seq = :seq)
                   + (SELECT count(*) FROM gap WHERE :seq BETWEEN first AND last)",
                named_params! {":seq": codes::seq(seq)},
                |row| row.get(0),
            ).unwrap();
            prop_assert_eq!(count, 1, "{}", seq);
        }
    }

    #[test]
    fn no_bytes_stop_the_history(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        let dir = tempfile::tempdir().unwrap();
        let connection = open_writer(dir.path()).unwrap().connection;
        let mut bytes = BytesMut::new();
        bytes.put_slice(&raw);
        let event = encoded(1, EncodedRequest::from_stored(bytes.freeze()));
        let stored = testing::store(&connection, ENDPOINT, JOURNAL, vec![Incoming::Event(event)], &Forwarding::On);
        prop_assert_eq!((stored.cursor, stored.new), (1, 1));
    }
}
