//! Apps that stop.

use super::*;

/// An event that stops the app is sent a limited number of times.
#[tokio::test]
async fn an_event_that_stops_the_app_is_sent_a_few_times() {
    let test = TestHistory::open();
    let stops = Arc::new(Notify::new());
    let mut app = App::down({
        let stops = Arc::clone(&stops);
        move |seen| {
            if seen.sequence() == 1 {
                stops.notify_one();
                return Reply::status(200).after(Duration::from_secs(60));
            }
            Reply::status(200)
        }
    });
    test.receives(vec![call(1, "a"), call(2, "b")]).await;
    let running = Running::with(&test.history, sender_to(&app), one_at_a_time());
    for _ in 0..MAX_LOST {
        app.up();
        stops.notified().await;
        running
            .state(|state| target(state) == &TargetState::Up)
            .await;
        app.go_down().await;
        running.state(is_down).await;
    }
    app.up();
    let rows = attempts(&test, 2).await;
    assert!(matches!(rows[0].outcome, Outcome::Error { .. }), "{rows:?}");
    assert_eq!(app.seen().len(), usize::from(MAX_LOST) + 1);
    running.stop().await;
}

/// Events that are in flight when another one stops the app are not the cause.
#[tokio::test]
async fn an_event_that_stops_the_app_takes_no_other_with_it() {
    let test = TestHistory::open();
    let stops = Arc::new(Notify::new());
    let mut app = App::down({
        let stops = Arc::clone(&stops);
        move |seen| {
            if seen.sequence() == 2 {
                stops.notify_one();
                return Reply::status(200).after(Duration::from_secs(60));
            }
            Reply::status(200).after(Duration::from_millis(300))
        }
    });
    let events = (1..=6).map(|seq| call(seq, &seq.to_string()));
    test.receives(events.collect()).await;
    let running = Running::with(&test.history, sender_to(&app), eager());
    // Once with the others, and then alone.
    for _ in 0..=MAX_LOST {
        app.up();
        let stopped = tokio::time::timeout(Duration::from_secs(20), stops.notified());
        stopped.await.expect("the event is sent once more");
        app.go_down().await;
        // The probes, each later than the one before, end after the second tries of what was in flight.
        let mut last = running.state(is_down).await;
        for _ in 0..5 {
            let later = |state: &Status| is_down(state) && target(state) != target(&last);
            last = running.state(later).await;
        }
    }
    app.up();
    let rows = attempts(&test, 6).await;
    running.stop().await;
    let failed: Vec<_> = rows
        .iter()
        .filter(|row| row.outcome != Outcome::Status(200))
        .collect();
    let [failed] = failed[..] else {
        panic!("{failed:?}")
    };
    // What became of its connection, and not that the app was down afterwards.
    assert!(
        matches!(
            failed.outcome,
            Outcome::Error {
                kind: FailureKind::Reset,
                ..
            }
        ),
        "{failed:?}"
    );
}

/// So that nothing is in flight any more when the target is known to be down.
fn one_at_a_time() -> ForwardOptions {
    let mut options = eager();
    options.limits.in_flight = 1;
    options
}

/// The app is killed while a request is on a kept or a new connection, or in its backlog.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_restarts_under_load_loses_nothing() {
    const RESTARTS: u64 = 200;
    const EACH: u64 = 10;
    let test = TestHistory::open();
    let mut app = App::down(|_| Reply::status(200));
    let running = Running::with(&test.history, sender_to(&app), one_at_a_time());
    let mut events = (1..).map(|seq| call(seq, &format!("{}", seq % 31)));
    for _ in 0..RESTARTS {
        let before = test.history.counts().await.attempts;
        app.up();
        test.receives(events.by_ref().take(EACH as usize - 1).collect())
            .await;
        running
            .state(|state| target(state) == &TargetState::Up)
            .await;
        attempts(&test, before + 1).await;
        app.go_down().await;
        test.receives(events.by_ref().take(1).collect()).await;
        running.state(is_down).await;
    }
    app.up();
    let rows = attempts(&test, RESTARTS * EACH).await;
    running.stop().await;
    let id = |seen: &Seen| seen.header("ringtail-event-id")[0].to_vec();
    let seen: HashSet<Vec<u8>> = app.seen().iter().map(id).collect();
    let failed = |row: &&AttemptRow| row.outcome != Outcome::Status(200);
    let failed: Vec<_> = rows.iter().filter(failed).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(rows.len(), seen.len());
}
