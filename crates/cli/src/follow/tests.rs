use ringtail_model::Cause;
use ringtail_model::RowId;
use ringtail_model::secrets::AllSecrets;
use ringtail_protocol::event::Event;
use ringtail_store::LEARN;
use ringtail_store::{Forwarding, Incoming, NewAttempt, testing};

use super::*;

const OURS: &str = testing::ENDPOINT;

fn event(seq: u64, body: usize) -> Event {
    testing::event(seq, &"x".repeat(body))
}

async fn store(history: &History, endpoint: &str, batch: Vec<Incoming>) {
    let stored = history.store(endpoint, "j", batch, Forwarding::Off).await;
    stored.unwrap();
}

async fn attempt(history: &History, event: EventId) {
    let attempt = NewAttempt {
        cause: Cause::Replay,
        ..testing::attempt(event)
    };
    history.record_attempt(attempt, false).await.unwrap();
}

/// Follows from a position, with a filter.
fn follow(history: &History, start: Watermarks, filter: Option<&str>) -> Follow {
    let search = filter.map(|text| {
        let filter = crate::command::search::filter(text).unwrap();
        ringtail_views::search(filter, AllSecrets::default())
    });
    Follow::new(
        history.clone(),
        start,
        Secrets::default(),
        Reveal::No,
        search,
    )
}

async fn all(follow: &mut Follow) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let page = follow.page(OURS).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page.iter().map(|item| match item {
            Item::Event(detail) => format!("event {}", detail.event.seq),
            Item::Attempt(_, seq) => format!("attempt of {seq}"),
            Item::Gap(gap) => format!("gap {}-{}", gap.first, gap.last),
            Item::NewFields(row) => format!("{}: {}", row.seq, row.new_fields),
        }));
    }
}

#[tokio::test]
async fn what_is_new_is_read_once_and_attempts_after_their_events() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(dir.path()).unwrap();
    let old = event(1, 1);
    store(&history, OURS, vec![Incoming::Event(old.clone())]).await;
    let start = *history.watermarks().borrow();
    let mut follow = follow(&history, start, None);
    assert!(all(&mut follow).await.is_empty());

    let new = event(5, 1);
    attempt(&history, new.id).await;
    attempt(&history, old.id).await;
    let batch = vec![
        Incoming::Gap { first: 2, last: 4 },
        Incoming::Event(new),
        Incoming::Event(event(6, 1)),
    ];
    store(&history, OURS, batch).await;
    let expected = [
        "gap 2-4",
        "event 5",
        "event 6",
        "attempt of 5",
        "attempt of 1",
    ];
    assert_eq!(all(&mut follow).await, expected);
    assert!(all(&mut follow).await.is_empty());
}

#[tokio::test]
async fn an_attempt_before_its_event_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(dir.path()).unwrap();
    for filter in [None, Some("status:200")] {
        let start = *history.watermarks().borrow();
        let mut follow = follow(&history, start, filter);
        let seq = start.events.0.unsigned_abs() + 1;
        let mut late = event(seq, 1);
        let mut request = late.request.decode().unwrap();
        request.body = r#"{"uuid":"u","event":"/e","subscriptionId":"s","body":{}}"#.into();
        late.request = request.encode().unwrap();
        attempt(&history, late.id).await;
        assert!(all(&mut follow).await.is_empty());
        store(&history, OURS, vec![Incoming::Event(late)]).await;
        let page = follow.page(OURS).await.unwrap();
        let [Item::Event(_), Item::Attempt(attempt, of)] = &page[..] else {
            panic!("{page:?}");
        };
        assert_eq!((*of, attempt.verdict.word()), (seq, "ok"));
        assert!(all(&mut follow).await.is_empty());
    }
}

#[tokio::test]
async fn other_endpoints_are_passed_over_without_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(dir.path()).unwrap();
    let mut follow = follow(&history, Watermarks::default(), None);
    let others: Vec<Event> = (1..=2 * PAGE_ROWS as u64)
        .map(|seq| event(seq, 1))
        .collect();
    let other = others[0].id;
    store(
        &history,
        "other-x2",
        others.into_iter().map(Incoming::Event).collect(),
    )
    .await;
    attempt(&history, other).await;
    store(&history, OURS, vec![Incoming::Event(event(1, 1))]).await;
    assert_eq!(all(&mut follow).await, ["event 1"]);
}

#[tokio::test]
async fn a_page_is_bounded_by_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(dir.path()).unwrap();
    let half = usize::try_from(PAGE_BYTES / 2).unwrap();
    let batch = (1..=3).map(|seq| Incoming::Event(event(seq, half)));
    store(&history, OURS, batch.collect()).await;
    let mut follow = follow(&history, Watermarks::default(), None);
    assert_eq!(follow.page(OURS).await.unwrap().len(), 2);
    assert_eq!(follow.page(OURS).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_new_in_an_event_follows_it_and_makes_it_meant() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(dir.path()).unwrap();
    let follow = |filter| follow(&history, Watermarks::default(), filter);
    let (mut other, mut only) = (follow(Some("seq:1")), follow(Some("new-field")));
    let last = u64::from(LEARN) + 1;
    let events = (1..=last).map(|seq| {
        let more = if seq == last { r#","foo":1"# } else { "" };
        let body = format!(r#"{{"uuid":"{seq}"{more}}}"#);
        let mut event = event(seq, 0);
        let mut request = event.request.decode().unwrap();
        request.body = body.into_bytes().into();
        event.request = request.encode().unwrap();
        Incoming::Event(event)
    });
    store(&history, OURS, events.collect()).await;
    assert_eq!(all(&mut other).await, ["event 1"]);
    let mut marks = history.watermarks();
    marks
        .wait_for(|marks| marks.new_fields > RowId(0))
        .await
        .unwrap();
    let event = format!("event {last}");
    let new_field = format!("{last}: new field foo (number)");
    assert_eq!(all(&mut only).await, [event, new_field.clone()]);
    assert!(all(&mut other).await.is_empty());
    let everything = all(&mut follow(None)).await;
    assert_eq!(everything.last(), Some(&new_field));
}

#[test]
fn what_is_known_is_bounded() {
    let mut known = KnownEvents::default();
    let first = EventId::from_bytes([0; 16]);
    known.insert(first, Belongs::Ours(1));
    for n in 1..=MAX_KNOWN as u128 {
        known.insert(EventId::from_bytes(n.to_be_bytes()), Belongs::Other);
    }
    assert_eq!(known.events.len(), MAX_KNOWN);
    assert!(!known.events.contains_key(&first));
}

#[tokio::test]
async fn only_what_is_meant_is_shown_when_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(dir.path()).unwrap();
    let only = |text| follow(&history, Watermarks::default(), Some(text));
    let events: Vec<_> = (1..=3).map(|seq| event(seq, 1)).collect();
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    let batch = events.into_iter().map(Incoming::Event).collect();
    store(&history, OURS, batch).await;
    let mut late = only("replayed seq:2..3");
    assert!(all(&mut late).await.is_empty());
    for id in [ids[0], ids[1], ids[1]] {
        attempt(&history, id).await;
    }
    // An attempt can make an event match; it is shown once.
    assert_eq!(
        all(&mut late).await,
        ["event 2", "attempt of 2", "attempt of 2"]
    );
    assert_eq!(all(&mut only("seq:1")).await, ["event 1", "attempt of 1"]);
}
