#[cfg(target_os = "linux")]
mod few_ports;
mod stopping;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{Barrier, Notify, Semaphore};

use super::testing::{pass, quick, sender, sender_to};
use super::*;
use ringtail_kit::app::{App, Port, Reply, Seen, response};
use ringtail_model::{AttemptRow, FailureKind, Target};
use ringtail_store::testing::{ENDPOINT, TestHistory, attempt, call};

/// A forwarder that a test owns.
struct Running {
    status: watch::Receiver<Status>,
    paused: watch::Sender<bool>,
    given_up: Arc<Mutex<Vec<Unanswered>>>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Running {
    fn start(history: &History, sender: Sender) -> Self {
        Self::with(history, sender, ForwardOptions::default())
    }

    fn with(history: &History, sender: Sender, options: ForwardOptions) -> Self {
        let (forwarder, status, paused) = forwarder(history, sender, options);
        let tasks = TaskTracker::new();
        let cancel = CancellationToken::new();
        forwarder.spawn(ENDPOINT, &tasks, cancel.clone());
        Self {
            status,
            paused,
            given_up: forwarder.given_up,
            tasks,
            cancel,
        }
    }

    async fn state(&self, wanted: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.status.clone();
        let reached = status.wait_for(wanted);
        let reached = tokio::time::timeout(Duration::from_secs(20), reached).await;
        match reached {
            Ok(status) => status.unwrap().clone(),
            Err(_) => panic!("it is still {:?}", self.status.borrow()),
        }
    }

    async fn stop(self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn forwarder(
    history: &History,
    sender: Sender,
    options: ForwardOptions,
) -> (Forwarder, watch::Receiver<Status>, watch::Sender<bool>) {
    let (paused, wanted) = watch::channel(false);
    let (publish, status) = watch::channel(Status {
        target: Some(Target {
            url: sender.target().to_string(),
            forwards: true,
            state: TargetState::Untried,
        }),
        ..Status::new("demo")
    });
    let forwarder = Forwarder {
        given_up: Arc::default(),
        history: history.clone(),
        sender,
        options,
        status: publish,
        paused: wanted,
    };
    (forwarder, status, paused)
}

/// Waits until this number of attempts is recorded, and returns them.
async fn attempts(test: &TestHistory, count: u64) -> Vec<AttemptRow> {
    let mut marks = test.history.watermarks();
    while marks.borrow_and_update().attempts.0.unsigned_abs() < count {
        tokio::time::timeout(Duration::from_secs(20), marks.changed())
            .await
            .expect("another attempt in time")
            .unwrap();
    }
    let mut rows: Vec<AttemptRow> = Vec::new();
    loop {
        let after = rows.last().map_or(RowId(0), |last| last.row);
        let page = test.history.attempts_after(after, 1000).await.unwrap();
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}

fn is_down(status: &Status) -> bool {
    matches!(target(status), TargetState::Down { .. })
}

fn target(status: &Status) -> &TargetState {
    &status.target.as_ref().unwrap().state
}

fn to(address: SocketAddr) -> Sender {
    sender(&address.to_string(), quick())
}

/// Probes so often that a test need not wait, and gives up on nothing.
fn eager() -> ForwardOptions {
    ForwardOptions {
        backoff: Backoff {
            first: Duration::from_millis(5),
            longest: Duration::from_millis(20),
        },
        ..ForwardOptions::default()
    }
}

#[tokio::test]
async fn nothing_is_published_once_it_is_cancelled() {
    let test = TestHistory::open();
    let of_another = Status {
        pending: 7,
        ..Status::new("demo")
    };
    let (status, seen) = watch::channel(of_another);
    let forwarder = Forwarder {
        given_up: Arc::default(),
        history: test.history.clone(),
        sender: to("127.0.0.1:9".parse().unwrap()),
        options: ForwardOptions::default(),
        status,
        paused: watch::channel(true).1,
    };
    let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
    cancel.cancel();
    forwarder.spawn(ENDPOINT, &tasks, cancel);
    tasks.close();
    tasks.wait().await;
    assert!(!seen.has_changed().unwrap());
    assert_eq!(seen.borrow().pending, 7);
}

#[tokio::test]
async fn what_is_pending_and_what_comes_in_is_forwarded_and_done() {
    let test = TestHistory::open();
    test.receives(vec![call(1, "a"), call(2, "b")]).await;
    let app = App::start(async |_| response(200, ""));
    let running = Running::start(&test.history, sender_to(&app));
    attempts(&test, 2).await;
    test.receives(vec![call(3, "c")]).await;
    let rows = attempts(&test, 3).await;
    assert!(rows.iter().all(|row| row.outcome == Outcome::Status(200)));
    assert!(
        rows.iter()
            .all(|row| row.verdict.is_accepted() && row.cause == Cause::Forward)
    );
    let state = running.state(|state| state.pending == 0).await;
    assert_eq!(target(&state), &TargetState::Up);
    assert_eq!(test.history.count_pending(ENDPOINT).await.unwrap(), 0);
    running.stop().await;
    assert_eq!(app.seen().len(), 3);
}

#[tokio::test]
async fn an_app_that_does_not_answer_gets_the_next_event_and_its_answer_is_still_recorded() {
    let test = TestHistory::open();
    test.receives(vec![call(1, "a"), call(2, "a")]).await;
    let second = Arc::new(Notify::new());
    let app = App::start({
        let (second, count) = (second.clone(), AtomicUsize::new(0));
        move |_| {
            let second = second.clone();
            let is_first = count.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                match is_first {
                    true => second.notified().await,
                    false => second.notify_one(),
                }
                response(200, "")
            }
        }
    });
    let running = Running::start(&test.history, sender_to(&app));
    let state = running.state(|state| !state.unanswered.is_empty()).await;
    assert_eq!(state.unanswered[0].seq, 1);
    let rows = attempts(&test, 2).await;
    let mut verdicts: Vec<_> = rows.iter().map(|row| row.verdict.word()).collect();
    verdicts.sort_unstable();
    assert_eq!(verdicts, ["late", "ok"]);
    running
        .state(|state| state.unanswered.is_empty() && state.pending == 0)
        .await;
    running.stop().await;
}

#[tokio::test]
async fn what_comes_in_while_it_is_paused_waits_until_it_is_not() {
    let test = TestHistory::open();
    test.receives(vec![call(1, "a")]).await;
    let app = App::start(async |_| response(200, ""));
    let running = Running::start(&test.history, sender_to(&app));
    attempts(&test, 1).await;
    running.paused.send_replace(true);
    test.receives(vec![call(2, "a"), call(3, "b")]).await;
    running.state(|state| state.pending == 2).await;
    assert_eq!(app.seen().len(), 1);
    running.paused.send_replace(false);
    attempts(&test, 3).await;
    running.state(|state| state.pending == 0).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_is_kept_within_a_key_and_keys_run_side_by_side() {
    let test = TestHistory::open();
    let keys = ["a", "b", "c", "d", "e"];
    let events = (1..=200_u64).map(|seq| call(seq, keys[seq as usize * 7 % keys.len()]));
    test.receives(events.collect()).await;
    let busy = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let same_key = Arc::new(Mutex::new(HashMap::<String, usize>::new()));
    let each_key = Arc::new(Barrier::new(keys.len()));
    let app = App::start({
        let (busy, most, same_key) = (busy.clone(), most.clone(), same_key.clone());
        move |seen: Seen| {
            let (busy, most, same_key) = (busy.clone(), most.clone(), same_key.clone());
            let each_key = each_key.clone();
            async move {
                let now = busy.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                let key = session(&seen);
                let first = *same_key
                    .lock()
                    .unwrap()
                    .entry(key.clone())
                    .and_modify(|n| *n += 1)
                    .or_insert(1);
                assert_eq!(first, 1, "two of one key at once");
                // The first of each key meet.
                if seen.sequence() <= keys.len() as u64 {
                    each_key.wait().await;
                }
                for _ in 0..seen.sequence() % 5 {
                    tokio::task::yield_now().await;
                }
                *same_key.lock().unwrap().get_mut(&key).unwrap() -= 1;
                busy.fetch_sub(1, Ordering::SeqCst);
                response(200, "")
            }
        }
    });
    let running = Running::start(&test.history, sender_to(&app));
    attempts(&test, 200).await;
    running.stop().await;
    let mut newest = HashMap::new();
    for seen in app.seen() {
        let before = newest.insert(session(&seen), seen.sequence()).unwrap_or(0);
        assert!(
            before < seen.sequence(),
            "{before} before {}",
            seen.sequence()
        );
    }
    assert_eq!(app.seen().len(), 200);
    assert_eq!(most.load(Ordering::SeqCst), keys.len());
}

fn session(seen: &Seen) -> String {
    let json: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    json["body"]["telephonySessionId"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn errors_and_time_outs_are_recorded_and_block_nothing() {
    let test = TestHistory::open();
    let silent = Arc::new(Notify::new());
    let app = App::start({
        let silent = silent.clone();
        move |seen: Seen| {
            let silent = silent.clone();
            async move {
                match seen.sequence() {
                    1 => response(500, "broken"),
                    2 => response(404, ""),
                    3 => {
                        silent.notify_one();
                        std::future::pending().await
                    }
                    _ => response(200, ""),
                }
            }
        }
    });
    // One key, so each waits for the one before.
    test.receives((1..=4).map(|seq| call(seq, "s")).collect())
        .await;
    let running = Running::start(&test.history, sender_to(&app));
    silent.notified().await;
    // The sender's patience begins when it sees the connection, which may be later.
    while test.history.watermarks().borrow().attempts < RowId(3) {
        pass(quick().answer_timeout).await;
    }
    let rows = attempts(&test, 4).await;
    assert_eq!(rows[0].outcome, Outcome::Status(500));
    assert_eq!(rows[1].outcome, Outcome::Status(404));
    let Outcome::Error { kind, .. } = rows[2].outcome else {
        panic!("no answer");
    };
    assert_eq!(kind, FailureKind::TimedOut);
    assert_eq!(rows[3].outcome, Outcome::Status(200));
    let words: Vec<_> = rows.iter().map(|row| row.verdict.word()).collect();
    assert_eq!(words, ["status", "status", "no-answer", "ok"]);
    running.state(|state| state.pending == 0).await;
    running.stop().await;
}

#[tokio::test]
async fn a_target_that_is_down_holds_its_events_and_drains_in_order_when_it_is_back() {
    let test = TestHistory::open();
    let place = Port::reserve();
    let address = place.address;
    test.receives((1..=30).map(|seq| call(seq, "s")).collect())
        .await;
    let running = Running::with(&test.history, to(address), eager());
    let state = running
        .state(|state| is_down(state) && state.pending == 30)
        .await;
    let TargetState::Down { reason, .. } = target(&state) else {
        panic!("down");
    };
    assert!(reason.contains("nothing listens"), "{reason}");
    // Nothing was recorded: the app has not seen anything.
    assert_eq!(test.history.counts().await.attempts, 0);
    let app = App::start_on(place.listen(), async |_| response(200, ""));
    attempts(&test, 30).await;
    running
        .state(|state| target(state) == &TargetState::Up && state.pending == 0)
        .await;
    assert!(app.seen().iter().map(Seen::sequence).eq(1..=30));
    // And away again, in the middle of the day.
    app.stop().await;
    test.receives(vec![call(31, "s")]).await;
    running
        .state(|state| is_down(state) && state.pending == 1)
        .await;
    let app = App::start_on(place.listen(), async |_| response(200, ""));
    attempts(&test, 31).await;
    assert_eq!(app.seen().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_starts_again_goes_on_with_what_is_owed() {
    let TestHistory { dir, history } = TestHistory::open();
    let test = TestHistory { dir, history };
    let place = Port::reserve();
    let address = place.address;
    test.receives((1..=5).map(|seq| call(seq, "s")).collect())
        .await;
    let running = Running::with(&test.history, to(address), eager());
    running.state(is_down).await;
    running.stop().await;
    let TestHistory { dir, history } = test;
    drop(history);
    let history = History::open(dir.path()).unwrap();
    let test = TestHistory { dir, history };
    assert_eq!(test.history.count_pending(ENDPOINT).await.unwrap(), 5);
    let app = App::start_on(place.listen(), async |_| response(200, ""));
    let running = Running::start(&test.history, to(address));
    attempts(&test, 5).await;
    assert!(app.seen().iter().map(Seen::sequence).eq(1..=5));
    running.stop().await;
}

#[tokio::test]
async fn requests_in_flight_may_end_when_the_forwarder_is_stopped() {
    let test = TestHistory::open();
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let app = App::start({
        let (arrived, go) = (arrived.clone(), go.clone());
        move |_| {
            let (arrived, go) = (arrived.clone(), go.clone());
            async move {
                arrived.notify_one();
                go.acquire().await.unwrap().forget();
                response(200, "")
            }
        }
    });
    test.receives(vec![call(1, "s"), call(2, "s")]).await;
    let running = Running::with(
        &test.history,
        sender_to(&app),
        ForwardOptions {
            grace: Duration::from_secs(20),
            ..ForwardOptions::default()
        },
    );
    arrived.notified().await;
    running.cancel.cancel();
    go.add_permits(2);
    running.stop().await;
    // The second one was not begun.
    assert_eq!(app.seen().len(), 1);
    assert_eq!(test.history.count_pending(ENDPOINT).await.unwrap(), 1);
    assert_eq!(attempts(&test, 1).await.len(), 1);
}

#[tokio::test]
async fn what_does_not_end_in_time_stays_pending() {
    let test = TestHistory::open();
    let arrived = Arc::new(Notify::new());
    let app = App::start({
        let arrived = arrived.clone();
        move |_| {
            arrived.notify_one();
            std::future::pending()
        }
    });
    test.receives(vec![call(1, "s"), call(2, "s")]).await;
    let running = Running::with(
        &test.history,
        sender_to(&app),
        ForwardOptions {
            grace: Duration::from_millis(20),
            ..ForwardOptions::default()
        },
    );
    arrived.notified().await;
    let given_up = Arc::clone(&running.given_up);
    running.stop().await;
    assert_eq!(test.history.count_pending(ENDPOINT).await.unwrap(), 2);
    let numbers: Vec<_> = given_up.lock().unwrap().iter().map(|it| it.seq).collect();
    assert_eq!(numbers, [1], "the app has not had the second one");
    assert_eq!(test.history.counts().await.attempts, 0);
}

#[tokio::test]
async fn what_another_process_has_settled_is_not_sent() {
    let test = TestHistory::open();
    let events: Vec<_> = (1..=3).map(|seq| call(seq, "s")).collect();
    test.receives(events.clone()).await;
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let app = App::start({
        let (arrived, go) = (arrived.clone(), go.clone());
        move |_| {
            let (arrived, go) = (arrived.clone(), go.clone());
            async move {
                arrived.notify_one();
                go.acquire().await.unwrap().forget();
                response(200, "")
            }
        }
    });
    let running = Running::start(&test.history, sender_to(&app));
    // While the first is in flight, the second waits for it and is known already.
    arrived.notified().await;
    let other = History::open(test.dir.path()).unwrap();
    let settled = attempt(events[1].id);
    other.record_attempt(settled, true).await.unwrap();
    go.add_permits(3);
    attempts(&test, 3).await;
    running.state(|state| state.pending == 0).await;
    assert!(app.seen().iter().map(Seen::sequence).eq([1, 3]));
    running.stop().await;
}

#[tokio::test]
async fn more_than_the_window_is_pending_and_gets_through() {
    let test = TestHistory::open();
    test.receives(
        (1..=100)
            .map(|seq| call(seq, &format!("s{}", seq % 3)))
            .collect(),
    )
    .await;
    let app = App::start(async |_| response(200, ""));
    let options = ForwardOptions {
        limits: Limits {
            in_flight: 2,
            late: 4,
            window: 8,
            page: 4,
        },
        ..ForwardOptions::default()
    };
    let running = Running::with(&test.history, sender_to(&app), options);
    attempts(&test, 100).await;
    running.state(|state| state.pending == 0).await;
    assert_eq!(app.seen().len(), 100);
    running.stop().await;
}

#[tokio::test]
async fn a_panic_ends_neither_loading_nor_counting() {
    let test = TestHistory::open();
    test.receives(vec![call(1, "a")]).await;
    let nowhere = sender("3000", quick());
    let (forwarder, _status, _paused) = forwarder(&test.history, nowhere, Default::default());
    let mut run = forwarder.forwarding(ENDPOINT, CancellationToken::new());
    let (after, limit) = (RowId(0), 9);
    run.begin(Task::Load { after, limit }, async { panic!("on purpose") });
    let ended = run.running.join_next_with_id().await.unwrap();
    assert!(run.done(ended).is_none());
    tokio::time::pause();
    let ended = run.running.join_next_with_id().await.unwrap();
    assert!(matches!(run.done(ended), Some(Input::Loaded(rows)) if rows.len() == 1));
    run.count.running = true;
    run.begin(Task::Count, async { panic!("on purpose") });
    let ended = run.running.join_next_with_id().await.unwrap();
    assert!(run.done(ended).is_none() && !run.count.running);
}
