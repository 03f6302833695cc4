use std::time::Duration;

use super::*;
use crate::NewAttempt;
use crate::testing::{ENDPOINT, TestHistory, attempt, call, encoded, event, request};
use ringtail_model::{Cause, FailureKind, Outcome};

fn seqs(rows: &[EventRow]) -> Vec<u64> {
    rows.iter().map(|row| row.seq).collect()
}

#[tokio::test]
async fn pages_go_forward_and_backward() {
    let test = TestHistory::open();
    test.receives((1..=7).map(|seq| call(seq, "s")).collect())
        .await;
    let history = &test.history;
    let page = history.events_after(RowId(0), 3).await.unwrap();
    assert_eq!(seqs(&page), [1, 2, 3]);
    let page = history.events_after(page[2].row, 10).await.unwrap();
    assert_eq!(seqs(&page), [4, 5, 6, 7]);
    let page = history.events_before(RowId(i64::MAX), 3).await.unwrap();
    assert_eq!(seqs(&page), [7, 6, 5]);
    let page = history.events_before(page[2].row, 10).await.unwrap();
    assert_eq!(seqs(&page), [4, 3, 2, 1]);
    assert!(history.events_after(RowId(7), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_uuid_in_two_events_is_told() {
    let test = TestHistory::open();
    let with_uuid = |seq, uuid: &str| {
        let body = format!(r#"{{"uuid":"{uuid}","event":"/x","body":{{"n":{seq}}}}}"#);
        event(seq, &body)
    };
    let mut events: Vec<_> = ["u", "v", "u", "u"]
        .iter()
        .zip(1..)
        .map(|(uuid, seq)| with_uuid(seq, uuid))
        .collect();
    events[3].duplicate_of = Some(3);
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    test.receives(events).await;
    let mut found = Vec::new();
    for id in ids {
        found.push(test.history.event(id).await.unwrap().unwrap().uuid_of);
    }
    assert_eq!(found, [None, None, Some(1), None]);
}

#[tokio::test]
async fn pages_are_bounded() {
    let test = TestHistory::open();
    let events = (1..=MAX_PAGE as u64 + 5).map(|seq| call(seq, "s"));
    test.receives(events.collect()).await;
    let page = test
        .history
        .events_after(RowId(0), usize::MAX)
        .await
        .unwrap();
    assert_eq!(page.len(), MAX_PAGE);
    let pending = test.read(|reader| reader.pending(ENDPOINT, RowId(0), usize::MAX));
    assert_eq!(pending.len(), MAX_PAGE);
}

#[tokio::test]
async fn events_are_found_by_number_range_and_beginning_of_id() {
    let test = TestHistory::open();
    let events: Vec<_> = (1..=9).map(|seq| call(seq, "s")).collect();
    let id = events[4].id;
    test.receives(events).await;
    let find = async |endpoint, text: &str| {
        let selector = Selector::parse(text).unwrap();
        let found = test.history.find(endpoint, &selector, RowId(0), 100).await;
        seqs(&found.unwrap())
    };
    assert_eq!(find(None, "5").await, [5]);
    assert_eq!(find(Some(ENDPOINT), "3..6").await, [3, 4, 5, 6]);
    assert_eq!(find(Some("other"), "3..6").await, [0_u64; 0]);
    assert_eq!(find(None, &id.to_string()).await, [5]);
    let beginning = &id.to_string()[..13];
    assert!(find(None, beginning).await.contains(&5), "{beginning}");
    assert_eq!(find(None, "ffffffff-").await, [0_u64; 0]);
}

#[tokio::test]
async fn an_event_shows_its_newest_attempt_and_its_detail_all() {
    let test = TestHistory::open();
    let event = call(1, "s");
    let id = event.id;
    test.receives(vec![event]).await;
    let mut failed = attempt(id);
    failed.outcome = Outcome::Error {
        kind: FailureKind::Reset,
        message: "app broke off".to_owned(),
    };
    test.history.record_attempt(failed, false).await.unwrap();
    let mut replayed = attempt(id);
    replayed.cause = Cause::Replay;
    let row = test.history.record_attempt(replayed, false).await.unwrap();
    let page = test.history.events_after(RowId(0), 1).await.unwrap();
    let newest = page[0].last_attempt.as_ref().unwrap();
    assert_eq!((newest.row, newest.cause), (row, Cause::Replay));
    assert_eq!(newest.outcome, Outcome::Status(200));
    let detail = test.history.event(id).await.unwrap().unwrap();
    assert_eq!(detail.attempts.len(), 2);
    assert_eq!(detail.attempts[0].attempt.verdict.word(), "no-answer");
    assert_eq!(detail.attempts[1].attempt, *newest);
    assert_eq!(detail.attempts[1].headers, attempt(id).headers);
    assert_eq!(detail.attempts[1].body, attempt(id).body);
    assert_eq!(
        test.history.attempt(row).await.unwrap().unwrap(),
        detail.attempts[1]
    );
}

#[tokio::test]
async fn verdicts_follow_the_rules_of_the_events_callback() {
    let test = TestHistory::open();
    let event = call(1, "s");
    let id = event.id;
    // Until the event is stored, its rules are unknown.
    let mut early = attempt(id);
    early.cause = Cause::Passthrough;
    early.outcome = Outcome::Status(204);
    test.history.record_attempt(early, false).await.unwrap();
    let verdict = async || {
        let page = test.history.attempts_after(RowId(0), 10).await.unwrap();
        let words: Vec<_> = page.iter().map(|row| row.verdict.word()).collect();
        words
    };
    assert_eq!(verdict().await, ["unjudged"]);
    test.receives(vec![event]).await;
    assert_eq!(verdict().await, ["status"]);
    let mut late = attempt(id);
    late.duration = Duration::from_millis(3001);
    test.history.record_attempt(late, false).await.unwrap();
    let mut large = attempt(id);
    large.body_len = 1024;
    test.history.record_attempt(large, false).await.unwrap();
    for millis in [2999, 3000] {
        let mut timed_out = attempt(id);
        timed_out.duration = Duration::from_millis(millis);
        timed_out.outcome = Outcome::Error {
            kind: FailureKind::TimedOut,
            message: String::new(),
        };
        test.history.record_attempt(timed_out, false).await.unwrap();
    }
    test.history
        .record_attempt(attempt(id), false)
        .await
        .unwrap();
    let expected = ["status", "late", "size", "unjudged", "no-answer", "ok"];
    assert_eq!(verdict().await, expected);
}

#[tokio::test]
async fn a_validation_is_judged_by_the_token_that_came_back() {
    let test = TestHistory::open();
    let token = |value: &'static str| Header {
        name: "validation-token".to_owned(),
        value: Bytes::from_static(value.as_bytes()),
    };
    let mut asked = request("");
    asked.headers.push(token("aB-1"));
    let event = encoded(1, asked.encode().unwrap());
    let id = event.id;
    test.receives(vec![event]).await;
    for (status, headers) in [
        (200, vec![]),
        (200, vec![token("ab-1")]),
        (200, vec![token("aB-1")]),
        (404, vec![]),
    ] {
        let answered = NewAttempt {
            cause: Cause::Replay,
            outcome: Outcome::Status(status),
            headers,
            ..attempt(id)
        };
        test.history.record_attempt(answered, false).await.unwrap();
        let detail = test.history.event(id).await.unwrap().unwrap();
        let newest = &detail.attempts.last().unwrap().attempt;
        // List, attempts and detail agree.
        assert_eq!(detail.event.last_attempt.as_ref(), Some(newest));
    }
    let page = test.history.attempts_after(RowId(0), 10).await.unwrap();
    let words: Vec<_> = page.iter().map(|row| row.verdict.word()).collect();
    assert_eq!(words, ["token", "token", "ok", "status"]);
    assert!(
        page[1]
            .verdict
            .reason()
            .ends_with("is not the one that was sent")
    );
}

#[tokio::test]
async fn a_duplicate_is_compared_with_the_one_it_repeats() {
    let test = TestHistory::open();
    let mut events: Vec<_> = (1..=4).map(|seq| call(seq, "s")).collect();
    events[3].duplicate_of = Some(1);
    test.receives(events).await;
    let rows = test.history.events_after(RowId(0), 10).await.unwrap();
    let mut compared = Vec::new();
    for row in rows {
        let previous = test.history.previous(row.row).await.unwrap();
        compared.push(previous.map(|event| event.seq));
    }
    assert_eq!(compared, [None, Some(1), Some(2), Some(1)]);
}
