//! Tests that every journal must pass, independent of the back end.
//!
//! A back end implements [`Fixture`] and calls `journal_suite!(ItsFixture)` in its tests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use ringtail_protocol::event::{
    Disposition, EncodedRequest, Event, EventId, Header, Kind, Request, Timestamp,
};

use super::{AppendError, Appended, EndpointKey, Entry, Journal, Page};

/// A back end under test.
pub(crate) trait Fixture: Sized {
    /// Creates an empty journal that keeps events for `max_age`, up to `max_bytes`.
    async fn start(max_age: Duration, max_bytes: u64) -> Self;

    /// Creates an endpoint.
    fn endpoint(&mut self) -> EndpointKey;

    /// Returns the journal.
    fn journal(&self) -> Arc<dyn Journal>;

    /// Runs retention as of `now`.
    async fn retain(&self, now: Timestamp) {
        let retained = self.journal().retain(Some(now)).await;
        retained.expect("retention works");
    }

    /// Closes the journal and opens it again.
    async fn reopen(&mut self);

    /// Simulates a power loss, and opens the files on the disk.
    async fn crash(&mut self);
}

/// Creates a test of each case for a back end.
macro_rules! journal_suite {
    ($fixture:ty) => {
        $crate::journal::suite::journal_suite!(@ $fixture:
            an_empty_endpoint_has_no_events
            events_come_back_as_they_were_stored
            concurrent_appends_leave_no_gaps
            appends_of_one_caller_keep_their_order
            pages_keep_to_their_limits
            a_page_has_at_least_one_event
            a_request_that_exceeds_a_page_is_read_in_parts
            duplicates_are_marked_with_the_first
            duplicates_are_known_after_reopening
            a_uuid_of_another_endpoint_is_not_a_duplicate
            endpoints_are_independent
            an_unknown_endpoint_is_refused_alone
            the_head_moves_when_events_are_durable
            heads_survive_reopening
            a_detached_append_is_written
            acknowledged_events_survive_a_crash
            numbers_go_on_after_a_crash
            old_events_are_deleted_from_the_old_end
            one_sweep_deletes_the_old_events_of_many_steps
            the_largest_endpoint_loses_events_beyond_the_size
            deleted_events_are_not_originals
            an_unknown_kind_is_kept
            the_identity_is_that_of_the_journal
            bodies_of_the_largest_size_are_kept
        );
    };
    (@ $fixture:ty: $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::journal::suite::$case::<$fixture>().await;
            }
        )*
    };
}
pub(crate) use journal_suite;

/// A month.
pub(crate) const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// More than any test stores.
pub(crate) const PLENTY: u64 = 1 << 40;

const SECOND: i64 = 1_000_000;

async fn start<F: Fixture>() -> F {
    F::start(MONTH, PLENTY).await
}

/// Returns an entry.
pub(crate) fn entry(endpoint: EndpointKey, body: &[u8], second: i64) -> Entry {
    let request = Request {
        method: "POST".to_owned(),
        path: "/hook?a=1".to_owned(),
        peer: "192.0.2.1:4711".to_owned(),
        headers: vec![Header {
            name: "content-type".to_owned(),
            value: Bytes::from_static(b"\xff text"),
        }],
        body: Bytes::copy_from_slice(body),
    };
    Entry {
        within: Duration::ZERO,
        endpoint,
        id: EventId::fresh(),
        received_at: Timestamp(second * SECOND),
        kind: Kind::Notification,
        disposition: Disposition::Pending,
        identity: None,
        request: request.encode().expect("fits"),
    }
}

fn with_uuid(mut entry: Entry, uuid: &'static str) -> Entry {
    entry.identity = Some(Bytes::from_static(uuid.as_bytes()));
    entry
}

pub(crate) async fn append(journal: &Arc<dyn Journal>, entry: Entry) -> Appended {
    journal.append(entry).await.expect("the journal has room")
}

/// Reads all events of the endpoint, in pages of three.
pub(crate) async fn read_all(journal: &Arc<dyn Journal>, endpoint: EndpointKey) -> Vec<Event> {
    let mut events = Vec::new();
    let mut after = 0;
    loop {
        let page = journal
            .read(endpoint, after, 3, usize::MAX)
            .await
            .expect("readable");
        let Some(last) = page.events.last() else {
            return events;
        };
        after = last.seq;
        events.extend(page.events);
    }
}

pub(crate) async fn seqs(journal: &Arc<dyn Journal>, endpoint: EndpointKey) -> Vec<u64> {
    let events = read_all(journal, endpoint).await;
    events.iter().map(|event| event.seq).collect()
}

fn stored(entry: &Entry, appended: Appended) -> Event {
    Event {
        seq: appended.seq,
        id: entry.id,
        received_at: entry.received_at,
        kind: entry.kind,
        disposition: entry.disposition,
        duplicate_of: appended.duplicate_of,
        request: entry.request.clone(),
    }
}

pub(crate) async fn an_empty_endpoint_has_no_events<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    let empty = Page::default();
    for after in [0, 7, u64::MAX] {
        let page = journal.read(endpoint, after, 10, 1000).await.expect("page");
        assert_eq!(page, empty);
    }
    assert_eq!(*journal.head(endpoint).borrow(), 0);
}

pub(crate) async fn events_come_back_as_they_were_stored<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    let mut expected = Vec::new();
    let kinds = [
        (Kind::Validation, Disposition::Answered),
        (Kind::Notification, Disposition::Pending),
        (Kind::Passthrough, Disposition::Passed),
    ];
    for (second, (kind, disposition)) in (1..).zip(kinds) {
        let mut entry = entry(endpoint, b"\0\xff\r\nbody", second);
        entry.kind = kind;
        entry.disposition = disposition;
        let appended = append(&journal, entry.clone()).await;
        assert_eq!(appended.duplicate_of, None);
        expected.push(stored(&entry, appended));
    }
    assert_eq!(read_all(&journal, endpoint).await, expected);
    let last = journal.read(endpoint, 2, 10, 1000).await.expect("page");
    assert_eq!((last.events, last.head), (expected.split_off(2), 3));
}

pub(crate) async fn concurrent_appends_leave_no_gaps<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoints = [fixture.endpoint(), fixture.endpoint()];
    let journal = fixture.journal();
    let appends = (0..400).map(|n| {
        let endpoint = if n % 2 == 0 {
            endpoints[0]
        } else {
            endpoints[1]
        };
        journal.append(entry(endpoint, b"body", n))
    });
    let given: Vec<u64> = join_all(appends)
        .await
        .into_iter()
        .map(|answer| answer.expect("stored").seq)
        .collect();
    for (endpoint, which) in endpoints.into_iter().zip([0, 1]) {
        let of_endpoint: BTreeSet<u64> = given.iter().skip(which).step_by(2).copied().collect();
        assert!(of_endpoint.iter().copied().eq(1..=200));
        assert!(seqs(&journal, endpoint).await.into_iter().eq(1..=200));
    }
}

pub(crate) async fn appends_of_one_caller_keep_their_order<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    // The call queues the entry; the order of awaits does not matter.
    let first = journal.append(entry(endpoint, b"first", 1));
    let second = journal.append(entry(endpoint, b"second", 2));
    assert_eq!(second.await.expect("stored").seq, 2);
    assert_eq!(first.await.expect("stored").seq, 1);
}

pub(crate) async fn pages_keep_to_their_limits<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    for second in 1..=10 {
        append(&journal, entry(endpoint, &[b'x'; 100], second)).await;
    }
    let size = read_all(&journal, endpoint).await[0].encoded_len();
    for (after, max_events, max_bytes, expected) in [
        (0, 4, usize::MAX, 1..=4),
        (4, 4, usize::MAX, 5..=8),
        (8, 4, usize::MAX, 9..=10),
        (0, 100, 3 * size, 1..=3),
        (0, 100, 3 * size + 1, 1..=3),
        (0, 100, 4 * size - 1, 1..=3),
        (3, 2, 3 * size, 4..=5),
    ] {
        let page = journal
            .read(endpoint, after, max_events, max_bytes)
            .await
            .expect("page");
        let got: Vec<u64> = page.events.iter().map(|event| event.seq).collect();
        assert!(
            got.iter().copied().eq(expected.clone()),
            "after {after}, {max_events} events, {max_bytes} bytes: {got:?}, not {expected:?}"
        );
        assert_eq!(page.head, 10);
    }
}

pub(crate) async fn a_page_has_at_least_one_event<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    append(&journal, entry(endpoint, &[b'x'; 5000], 1)).await;
    append(&journal, entry(endpoint, b"", 2)).await;
    for (max_events, max_bytes) in [(10, 1), (10, 0), (0, 10_000)] {
        let page = journal
            .read(endpoint, 0, max_events, max_bytes)
            .await
            .expect("page");
        assert_eq!(
            page.events.len(),
            1,
            "{max_events} events, {max_bytes} bytes"
        );
    }
}

pub(crate) async fn a_request_that_exceeds_a_page_is_read_in_parts<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    let large: Vec<u8> = (0..5000).map(|n: i32| n.to_le_bytes()[0]).collect();
    append(&journal, entry(endpoint, b"small", 1)).await;
    append(&journal, entry(endpoint, &large, 2)).await;
    append(&journal, entry(endpoint, b"small", 3)).await;
    let whole = read_all(&journal, endpoint).await[1].request.clone();
    // A small event first: the large one waits for its own page.
    let page = journal.read(endpoint, 0, 10, 1000).await.expect("page");
    assert_eq!((page.events.len(), page.missing), (1, 0));
    let page = journal.read(endpoint, 1, 10, 1000).await.expect("page");
    assert_eq!(
        (page.events.len(), page.missing),
        (1, whole.as_bytes().len() - 1000)
    );
    let mut read = page.events[0].request.as_bytes().to_vec();
    while read.len() < whole.as_bytes().len() {
        let part = journal.read_part(endpoint, 2, read.len(), 1000).await;
        read.extend(part.expect("part"));
    }
    assert!(read == whole.as_bytes()[..], "the parts are the whole");
    for (seq, offset) in [(2, read.len()), (4, 0)] {
        let part = journal.read_part(endpoint, seq, offset, 1000).await;
        assert_eq!(part.expect("part"), Bytes::new());
    }
}

pub(crate) async fn duplicates_are_marked_with_the_first<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    // Together, so that they share a transaction.
    let appends = ["a", "b", "a", "a", "b"]
        .map(|uuid| journal.append(with_uuid(entry(endpoint, b"", 1), uuid)));
    let marks: Vec<Option<u64>> = join_all(appends)
        .await
        .into_iter()
        .map(|answer| answer.expect("stored").duplicate_of)
        .collect();
    assert_eq!(marks, [None, None, Some(1), Some(1), Some(2)]);
    let events = read_all(&journal, endpoint).await;
    assert!(events.iter().map(|event| event.duplicate_of).eq(marks));
    // An event without uuid is never a duplicate.
    for _ in 0..2 {
        assert_eq!(
            append(&journal, entry(endpoint, b"", 1)).await.duplicate_of,
            None
        );
    }
}

pub(crate) async fn duplicates_are_known_after_reopening<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    append(&fixture.journal(), with_uuid(entry(endpoint, b"", 1), "a")).await;
    fixture.reopen().await;
    let again = append(&fixture.journal(), with_uuid(entry(endpoint, b"", 2), "a")).await;
    assert_eq!(again.duplicate_of, Some(1));
    fixture.crash().await;
    let again = append(&fixture.journal(), with_uuid(entry(endpoint, b"", 3), "a")).await;
    assert_eq!(again.duplicate_of, Some(1));
}

pub(crate) async fn a_uuid_of_another_endpoint_is_not_a_duplicate<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let journal = fixture.journal();
    for endpoint in [fixture.endpoint(), fixture.endpoint()] {
        let appended = append(&journal, with_uuid(entry(endpoint, b"", 1), "a")).await;
        assert_eq!(appended.duplicate_of, None);
    }
}

pub(crate) async fn endpoints_are_independent<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let (one, other) = (fixture.endpoint(), fixture.endpoint());
    let journal = fixture.journal();
    for second in 1..=3 {
        append(&journal, entry(one, b"one", second)).await;
    }
    assert_eq!(append(&journal, entry(other, b"other", 4)).await.seq, 1);
    assert_eq!(seqs(&journal, one).await, [1, 2, 3]);
    assert_eq!(seqs(&journal, other).await, [1]);
    assert_eq!(*journal.head(one).borrow(), 3);
    assert_eq!(*journal.head(other).borrow(), 1);
}

pub(crate) async fn an_unknown_endpoint_is_refused_alone<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    let nowhere = EndpointKey(endpoint.0 + 1000);
    let journal = fixture.journal();
    let answers = join_all(
        [endpoint, nowhere, endpoint, nowhere]
            .map(|endpoint| journal.append(entry(endpoint, b"", 1))),
    )
    .await;
    let told: Vec<Result<u64, bool>> = answers
        .into_iter()
        .map(|answer| match answer {
            Ok(appended) => Ok(appended.seq),
            Err(error) => Err(matches!(error, AppendError::NoEndpoint)),
        })
        .collect();
    assert_eq!(told, [Ok(1), Err(true), Ok(2), Err(true)]);
    assert_eq!(seqs(&journal, endpoint).await, [1, 2]);
    assert_eq!(*journal.head(nowhere).borrow(), 0);
}

pub(crate) async fn the_head_moves_when_events_are_durable<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    let mut early = journal.head(endpoint);
    for seq in 1..=20 {
        let appended = append(&journal, entry(endpoint, b"", 1)).await;
        assert_eq!(appended.seq, seq);
        // Visible at once, to earlier and later subscribers.
        assert_eq!(*journal.head(endpoint).borrow(), seq);
        early.changed().await.expect("the journal lives");
        assert_eq!(*early.borrow_and_update(), seq);
    }
}

pub(crate) async fn heads_survive_reopening<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    append(&fixture.journal(), entry(endpoint, b"", 1)).await;
    append(&fixture.journal(), entry(endpoint, b"", 2)).await;
    fixture.reopen().await;
    let journal = fixture.journal();
    assert_eq!(*journal.head(endpoint).borrow(), 2);
    assert_eq!(append(&journal, entry(endpoint, b"", 3)).await.seq, 3);
    assert_eq!(seqs(&journal, endpoint).await, [1, 2, 3]);
}

pub(crate) async fn a_detached_append_is_written<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    let mut head = journal.head(endpoint);
    drop(journal.append(entry(endpoint, b"noted", 1)));
    head.wait_for(|head| *head == 1)
        .await
        .expect("it is written");
    // Closing writes queued entries.
    drop(journal.append(entry(endpoint, b"noted", 2)));
    drop(journal);
    fixture.reopen().await;
    assert_eq!(seqs(&fixture.journal(), endpoint).await, [1, 2]);
}

pub(crate) async fn acknowledged_events_survive_a_crash<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    let appends: Vec<Entry> = (1..=50)
        .map(|n| entry(endpoint, format!("body {n}").as_bytes(), n))
        .collect();
    let answers = join_all(appends.iter().map(|entry| journal.append(entry.clone()))).await;
    let mut expected: Vec<Event> = appends
        .iter()
        .zip(answers)
        .map(|(entry, answer)| stored(entry, answer.expect("stored")))
        .collect();
    expected.sort_by_key(|event| event.seq);
    drop(journal);
    fixture.crash().await;
    assert_eq!(read_all(&fixture.journal(), endpoint).await, expected);
}

pub(crate) async fn numbers_go_on_after_a_crash<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    for expected in 1..=3 {
        let appended = append(&fixture.journal(), entry(endpoint, b"", 1)).await;
        assert_eq!(appended.seq, expected);
        fixture.crash().await;
        assert_eq!(*fixture.journal().head(endpoint).borrow(), expected);
    }
}

pub(crate) async fn old_events_are_deleted_from_the_old_end<F: Fixture>() {
    let mut fixture = F::start(Duration::from_secs(100), PLENTY).await;
    let (endpoint, quiet) = (fixture.endpoint(), fixture.endpoint());
    let journal = fixture.journal();
    // The third is older because the clock was set back. It stays: deleting it would leave a gap.
    for second in [1, 50, 200, 10, 300] {
        append(&journal, entry(endpoint, b"", second)).await;
    }
    append(&journal, entry(quiet, b"", 1)).await;

    fixture.retain(Timestamp(101 * SECOND)).await;
    assert_eq!(seqs(&journal, endpoint).await, [1, 2, 3, 4, 5]);

    fixture.retain(Timestamp(200 * SECOND)).await;
    let page = journal
        .read(endpoint, 0, 10, usize::MAX)
        .await
        .expect("page");
    let left: Vec<u64> = page.events.iter().map(|event| event.seq).collect();
    assert_eq!((left, page.head), (vec![3, 4, 5], 5));

    // An empty endpoint keeps counting.
    fixture.retain(Timestamp(10_000 * SECOND)).await;
    let page = journal
        .read(endpoint, 0, 10, usize::MAX)
        .await
        .expect("page");
    assert_eq!((page.events, page.head), (Vec::new(), 5));
    assert_eq!(append(&journal, entry(endpoint, b"", 10_000)).await.seq, 6);
    assert_eq!(append(&journal, entry(quiet, b"", 10_000)).await.seq, 2);
    fixture.reopen().await;
    assert_eq!(seqs(&fixture.journal(), endpoint).await, [6]);
}

pub(crate) async fn one_sweep_deletes_the_old_events_of_many_steps<F: Fixture>() {
    let mut fixture = F::start(Duration::from_secs(100), PLENTY).await;
    let (endpoint, journal) = (fixture.endpoint(), fixture.journal());
    let old = (0..700).map(|_| journal.append(entry(endpoint, b"", 1)));
    assert!(join_all(old).await.iter().all(Result::is_ok));
    append(&journal, entry(endpoint, b"", 200)).await;
    fixture.retain(Timestamp(200 * SECOND)).await;
    assert_eq!(seqs(&journal, endpoint).await, [701]);
}

pub(crate) async fn the_largest_endpoint_loses_events_beyond_the_size<F: Fixture>() {
    let mut fixture = F::start(MONTH, 100_000).await;
    let (flooded, quiet) = (fixture.endpoint(), fixture.endpoint());
    let journal = fixture.journal();
    append(&journal, entry(quiet, &[b'q'; 1000], 1)).await;
    for second in 2..=201 {
        append(&journal, entry(flooded, &[b'f'; 1000], second)).await;
    }
    fixture.retain(Timestamp(201 * SECOND)).await;
    assert_eq!(seqs(&journal, quiet).await, [1]);
    let left = seqs(&journal, flooded).await;
    assert_eq!(left.last(), Some(&200));
    let first = *left.first().expect("not all go");
    assert!(left.iter().copied().eq(first..=200));
    // Each body has 1000 bytes; back ends may count a little more.
    assert!(
        (80..=100).contains(&left.len()),
        "{} events are left",
        left.len()
    );

    // Within the limit, nothing is deleted.
    fixture.retain(Timestamp(201 * SECOND)).await;
    assert_eq!(seqs(&journal, flooded).await, left);
}

pub(crate) async fn deleted_events_are_not_originals<F: Fixture>() {
    let mut fixture = F::start(Duration::from_secs(100), PLENTY).await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    append(&journal, with_uuid(entry(endpoint, b"", 1), "a")).await;
    let second = append(&journal, with_uuid(entry(endpoint, b"", 300), "a")).await;
    assert_eq!(second.duplicate_of, Some(1));
    fixture.retain(Timestamp(200 * SECOND)).await;
    let third = append(&journal, with_uuid(entry(endpoint, b"", 301), "a")).await;
    assert_eq!(third.duplicate_of, Some(2));
}

pub(crate) async fn an_unknown_kind_is_kept<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    let mut entry = entry(endpoint, b"", 1);
    entry.kind = Kind::Unknown(200);
    entry.disposition = Disposition::Unknown(255);
    // Unknown codes are stored as they are.
    entry.request = EncodedRequest::from_stored(Bytes::new());
    let appended = append(&journal, entry.clone()).await;
    assert_eq!(
        read_all(&journal, endpoint).await,
        [stored(&entry, appended)]
    );
}

pub(crate) async fn the_identity_is_that_of_the_journal<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let id = fixture.journal().id().to_owned();
    assert!(id.len() >= 16, "{id}");
    fixture.reopen().await;
    assert_eq!(fixture.journal().id(), id);
    assert_ne!(start::<F>().await.journal().id(), id);
}

pub(crate) async fn bodies_of_the_largest_size_are_kept<F: Fixture>() {
    let mut fixture = start::<F>().await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    let body: Vec<u8> = (0..ringtail_protocol::frame::MAX_BODY_BYTES)
        .map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[2])
        .collect();
    let entry = entry(endpoint, &body, 1);
    let appends = [(); 3].map(|()| {
        let id = EventId::fresh();
        journal.append(Entry {
            id,
            ..entry.clone()
        })
    });
    for answer in join_all(appends).await {
        answer.expect("stored");
    }
    fixture.crash().await;
    let page = fixture
        .journal()
        .read(endpoint, 1, 1, usize::MAX)
        .await
        .expect("page");
    let bodies: Vec<Bytes> = page
        .events
        .iter()
        .map(|event| event.request.decode().expect("decodes").body)
        .collect();
    assert!(bodies == [body], "one event, as it was stored");
}
