use std::error::Error;
use std::time::Instant;

use ringtail_protocol::event::Event;

use futures_util::FutureExt as _;
use ringtail_model::ForwardState;

use super::*;
use crate::testing::{ENDPOINT, JOURNAL, TestHistory, attempt, call, event};

fn batch(events: &[Event]) -> Vec<Incoming> {
    events.iter().cloned().map(Incoming::Event).collect()
}

#[tokio::test]
async fn watermarks_move_after_each_commit_and_before_the_answer() {
    let test = TestHistory::open();
    let mut watermarks = test.history.watermarks();
    assert_eq!(*watermarks.borrow_and_update(), Watermarks::default());
    let event = call(1, "s");
    let id = event.id;
    test.receives(vec![event, call(2, "s"), call(5, "s")]).await;
    assert!(watermarks.has_changed().unwrap());
    assert_eq!(watermarks.borrow_and_update().events, RowId(3));
    assert_eq!(watermarks.borrow().gaps, RowId(1));
    let row = test
        .history
        .record_attempt(attempt(id), true)
        .await
        .unwrap();
    assert_eq!(watermarks.borrow().attempts, row);
    watermarks.changed().await.unwrap();
    // Nothing new, so no receiver is woken.
    test.receives(vec![call(1, "s")]).await;
    assert!(!watermarks.has_changed().unwrap());
}

#[tokio::test]
async fn watermarks_that_move_often_wake_their_readers_at_intervals() {
    let test = TestHistory::open();
    let mut watermarks = test.history.watermarks();
    let (began, mut wakes) = (Instant::now(), 0);
    for seq in 1..=100 {
        test.receives(vec![call(seq, "s")]).await;
        assert_eq!(watermarks.borrow().events.0.unsigned_abs(), seq);
        wakes += u128::from(watermarks.has_changed().unwrap());
        watermarks.mark_unchanged();
    }
    let most = began.elapsed().as_millis() / writer::TICK.as_millis() + 1;
    assert!((1..=most).contains(&wakes), "{wakes}, {most}");
    // The last move is not forgotten.
    test.receives(vec![call(101, "s")]).await;
    watermarks.changed().await.unwrap();
}

#[tokio::test]
async fn only_a_pending_event_of_its_endpoint_wakes_a_forwarder() {
    let test = TestHistory::open();
    let mut grows = test.history.pending_grows(ENDPOINT);
    for (endpoint, forwarding, wakes) in [
        (ENDPOINT, Forwarding::Off, false),
        ("other", Forwarding::On, false),
        (ENDPOINT, Forwarding::On, true),
    ] {
        let seq = if endpoint == ENDPOINT && wakes { 2 } else { 1 };
        let events = batch(&[call(seq, "s")]);
        let stored = test.history.store(endpoint, JOURNAL, events, forwarding);
        assert_eq!(stored.await.unwrap().new, 1);
        assert_eq!(grows.has_changed().unwrap(), wakes, "{endpoint}");
    }
    grows.mark_unchanged();
    test.history
        .record_attempt(attempt(EventId::fresh()), true)
        .await
        .unwrap();
    assert!(!grows.has_changed().unwrap());
}

#[tokio::test]
async fn a_pending_event_that_came_alone_is_handed_on_from_memory() {
    let test = TestHistory::open();
    let removal = r#"{"uuid":"u","event":"/team-messaging/v1/posts","body":{"id":"26","eventType":"PostRemoved"}}"#;
    let fresh = |after| test.history.fresh_pending(ENDPOINT, RowId(after));
    test.receives(vec![call(1, "a")]).await;
    let _forwarder = test.history.pending_grows(ENDPOINT);
    test.receives(vec![call(2, "b")]).await;
    assert_eq!(fresh(1), None, "nobody knows what was pending before it");
    for (seq, event) in [(3, call(3, "c")), (4, call(4, "c"))] {
        test.receives(vec![event]).await;
        let (event, request) = fresh(seq - 1).unwrap();
        let pending = test.read(|reader| reader.pending(ENDPOINT, RowId(seq - 1), 10));
        assert_eq!(vec![event], pending);
        let read = test.read(|reader| reader.stored_request(pending[0].row));
        assert_eq!(Some(request), read);
        assert_eq!(fresh(seq - 1), None, "it was handed on");
    }
    test.receives(vec![call(5, "d")]).await;
    test.receives(vec![call(6, "d")]).await;
    assert_eq!(fresh(4), None, "the event between them is pending, too");
    test.receives(vec![call(7, "d")]).await;
    assert_eq!(fresh(7), None, "it has been loaded already");
    let many = vec![call(8, "d"), call(9, "d")];
    let large = vec![event(10, &" ".repeat(64 * 1024))];
    // Its key is that of the post, which is looked up as it is stored.
    let removal = vec![event(11, removal)];
    for events in [many, large, removal] {
        let before = events[0].seq - 1;
        test.receives(events).await;
        assert_eq!(fresh(before.cast_signed()), None);
    }
    test.receives(vec![call(12, "e")]).await;
    assert_eq!(fresh(11).unwrap().0.row, RowId(12));
}

#[tokio::test]
async fn everything_is_kept_after_reopening() {
    let TestHistory { dir, history } = TestHistory::open();
    let event = call(1, "s");
    history
        .store(
            ENDPOINT,
            JOURNAL,
            batch(&[event.clone(), call(2, "s")]),
            Forwarding::On,
        )
        .await
        .unwrap();
    history
        .record_attempt(attempt(event.id), true)
        .await
        .unwrap();
    drop(history);
    let history = History::open(dir.path()).unwrap();
    assert_eq!(history.cursor(ENDPOINT, JOURNAL).await.unwrap(), Some(2));
    assert_eq!(
        *history.watermarks().borrow(),
        Watermarks {
            events: RowId(2),
            attempts: RowId(1),
            gaps: RowId(0),
            ..Watermarks::default()
        }
    );
    let rows = history.events_after(RowId(0), 10).await.unwrap();
    let states: Vec<_> = rows.iter().map(|row| row.forward).collect();
    assert_eq!(states, [ForwardState::Done, ForwardState::Pending]);
}

#[tokio::test]
async fn an_attempt_completes_a_pending_event_and_nothing_else() {
    let test = TestHistory::open();
    let pending = call(1, "s");
    let inspected = call(2, "s");
    test.receives(vec![pending.clone()]).await;
    test.history
        .store(
            ENDPOINT,
            JOURNAL,
            batch(std::slice::from_ref(&inspected)),
            Forwarding::Off,
        )
        .await
        .unwrap();
    test.history
        .record_attempt(attempt(pending.id), false)
        .await
        .unwrap();
    assert_eq!(test.history.count_pending(ENDPOINT).await.unwrap(), 1);
    test.history
        .record_attempt(attempt(pending.id), true)
        .await
        .unwrap();
    test.history
        .record_attempt(attempt(inspected.id), true)
        .await
        .unwrap();
    let rows = test.history.events_after(RowId(0), 10).await.unwrap();
    assert_eq!(rows[0].forward, ForwardState::Done);
    assert_eq!(rows[1].forward, ForwardState::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_endpoint_store_each_event_once() {
    let test = TestHistory::open();
    let other = History::open(test.dir.path()).unwrap();
    let events: Vec<Event> = (1..=300).map(|seq| call(seq, "s")).collect();
    let write = async |history: &History, step: usize| {
        for chunk in events.chunks(step) {
            let stored = history
                .store(ENDPOINT, JOURNAL, batch(chunk), Forwarding::On)
                .await
                .unwrap();
            assert!(stored.cursor >= chunk.last().unwrap().seq);
        }
    };
    tokio::join!(write(&test.history, 7), write(&other, 11));
    let counts = other.counts().await;
    assert_eq!((counts.events, counts.pending, counts.gaps), (300, 300, 0));
    let rows = test.history.events_after(RowId(0), 1000).await.unwrap();
    assert!(rows.iter().map(|row| row.seq).eq(1..=300));
}

#[tokio::test]
async fn one_operation_that_fails_fails_alone() {
    let test = TestHistory::open();
    rusqlite::Connection::open(test.dir.path().join(FILE_NAME))
        .unwrap()
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON event WHEN NEW.endpoint = 'bad' AND NEW.seq = 2
             BEGIN SELECT RAISE(ABORT, 'refused for the test'); END",
        )
        .unwrap();
    let store = |endpoint: &'static str| {
        let events = batch(&[call(1, "s"), call(2, "s")]);
        let history = test.history.clone();
        async move {
            history
                .store(endpoint, JOURNAL, events, Forwarding::On)
                .await
        }
    };
    let (good, bad, fine) = tokio::join!(store("good"), store("bad"), store("fine"));
    assert_eq!((good.unwrap().new, fine.unwrap().new), (2, 2));
    let error = bad.unwrap_err();
    let source = error.source().expect("SQLite's reason");
    assert!(
        source.to_string().contains("refused for the test"),
        "{source}"
    );
    // Nothing of the batch is stored, so the cursor has not moved either.
    assert_eq!(test.history.cursor("bad", JOURNAL).await.unwrap(), None);
    assert_eq!(test.history.counts().await.events, 4);
}

#[tokio::test]
async fn a_caller_that_goes_away_changes_nothing() {
    let test = TestHistory::open();
    let mut watermarks = test.history.watermarks();
    let events = batch(&[call(1, "s")]);
    let store = test
        .history
        .store(ENDPOINT, JOURNAL, events, Forwarding::On);
    tokio::select! {
        biased;
        _ = store => {}
        () = std::future::ready(()) => {}
    }
    watermarks
        .wait_for(|marks| marks.events == RowId(1))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_failed_commit_is_reported_to_its_callers() {
    let test = TestHistory::open();
    let blocker = rusqlite::Connection::open(test.dir.path().join(FILE_NAME)).unwrap();
    blocker.execute_batch("DROP TABLE answer").unwrap();
    let error = test
        .history
        .record_attempt(attempt(call(1, "s").id), false)
        .await;
    let error = error.unwrap_err();
    let cause = std::error::Error::source(&error).expect("SQLite's reason");
    assert!(matches!(error, StoreError::Database(_)));
    assert!(cause.source().is_none(), "SQLite says it once: {cause}");
    // The thread continues.
    test.receives(vec![call(1, "s")]).await;
}

/// A search while typing left a query behind with each letter, each with its thread and connection.
#[tokio::test]
async fn regression_abandoned_queries_count_until_they_end() {
    let test = TestHistory::open();
    let gate = Arc::new(tokio::sync::Mutex::new(()));
    let shut = gate.lock().await;
    for _ in 0..READERS {
        let gate = Arc::clone(&gate);
        let query = test.history.read(move |_| {
            drop(gate.blocking_lock());
            Ok(())
        });
        assert!(futures_util::poll!(std::pin::pin!(query)).is_pending());
    }
    let mut next = std::pin::pin!(test.history.read(|_| Ok(())));
    assert!(futures_util::poll!(next.as_mut()).is_pending());
    drop(shut);
    next.await.unwrap();
}

/// A process that was suspended while it indexed kept the others from indexing until it was killed.
#[tokio::test]
async fn regression_while_one_is_paused_another_indexes() {
    let first = TestHistory::open();
    first.receives(vec![call(1, "s")]).await;
    first.is_indexed().await;

    let paused = first.history.pause().await.unwrap();
    let second = History::open(first.dir.path()).unwrap();
    let stored = second.store(ENDPOINT, JOURNAL, batch(&[call(2, "s")]), Forwarding::On);
    stored.await.unwrap();
    let mut indexed = second.indexed();
    indexed.wait_for(|row| *row >= RowId(2)).await.unwrap();

    // The first writes what waits when the pause ends.
    let events = batch(&[call(3, "s")]);
    let stored = first
        .history
        .store(ENDPOINT, JOURNAL, events, Forwarding::On);
    let mut stored = Box::pin(stored);
    assert!(stored.as_mut().now_or_never().is_none());
    assert_eq!(first.history.counts().await.events, 2);
    drop(paused);
    stored.await.unwrap();
    assert_eq!(second.counts().await.events, 3);
}

#[tokio::test]
async fn an_abandoned_pause_ends() {
    let test = TestHistory::open();
    drop(test.history.pause().now_or_never());
    drop(test.history.pause().await.unwrap());
    test.receives(vec![call(1, "s")]).await;
}
