use std::convert::Infallible;

use super::*;
use crate::forward::testing::sender_to;
use ringtail_kit::app::{App, response};
use ringtail_model::RowId;
use ringtail_store::BookmarkChange;
use ringtail_store::testing::{TestHistory, call};

async fn stored(test: &TestHistory, count: u64) -> Vec<EventRow> {
    test.receives((1..=count).map(|seq| call(seq, "s")).collect())
        .await;
    test.history.events_after(RowId(0), 100).await.unwrap()
}

fn run(test: &TestHistory, app: &App, rows: &[EventRow], options: Options) -> Run {
    let mut events = Events::default();
    for row in rows {
        let sender = |_: &str| Ok::<_, Infallible>(sender_to(app));
        events.add(row, sender).unwrap();
    }
    Run::new(test.history.clone(), AllSecrets::default(), events, options)
}

#[tokio::test]
async fn the_same_seed_sends_the_same_twice() {
    let test = TestHistory::open();
    let app = App::start(async |_| response(200, ""));
    let events = stored(&test, 20).await;
    let faults = Faults {
        reorder: 40,
        double: 30,
        drop: 20,
        delay_ms: 0,
    };
    let mut seen = Vec::new();
    for seed in [7, 7, 8] {
        let options = Options {
            faults,
            seed,
            ..Options::default()
        };
        let mut run = run(&test, &app, &events, options);
        let left_out = run.not_to_come(0, 100).await.unwrap();
        let left_out: Vec<u64> = left_out.iter().map(|event| event.seq).collect();
        assert_eq!(left_out.len(), run.left_out());
        assert_eq!(run.doubled() + events.len() - left_out.len(), run.left());
        let mut planned = Vec::new();
        for passed in (0..run.left()).step_by(7) {
            let page = run.to_come(passed, 7).await.unwrap();
            planned.extend(page.iter().map(|planned| planned.event.seq));
        }
        let mut sent = Vec::new();
        while let Some(step) = run.next().await.unwrap() {
            sent.push(step.event.seq);
        }
        assert_eq!(planned, sent);
        seen.push((left_out, sent));
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
    let (left_out, sent) = &seen[0];
    assert!(!left_out.is_empty() && left_out.iter().all(|seq| !sent.contains(seq)));
    assert!(!sent.is_sorted(), "{sent:?}");
}

#[tokio::test]
async fn a_run_that_is_stopped_sends_nothing_more() {
    let test = TestHistory::open();
    let app = App::start(async |_| response(200, ""));
    let events = stored(&test, 3).await;
    let stop = CancellationToken::new();
    let mut replays = run(&test, &app, &events, Options::default()).until(stop.clone());
    assert_eq!(replays.left(), 3);
    replays.next().await.unwrap().unwrap();
    stop.cancel();
    assert!(replays.next().await.unwrap().is_none());
    assert_eq!((replays.left(), app.seen().len()), (2, 1));
    // It does not wait for the time of the next one either.
    let mut events = events;
    events[1].received_at.0 += 3_600_000_000;
    let stop = CancellationToken::new();
    let options = Options {
        speed: Some(1.0),
        ..Options::default()
    };
    let mut replays = run(&test, &app, &events, options).until(stop.clone());
    replays.next().await.unwrap().unwrap();
    let (stopped, ()) = tokio::join!(replays.next(), async { stop.cancel() });
    assert!(stopped.unwrap().is_none());
}

#[tokio::test]
async fn answers_are_held_against_those_before_them() {
    let test = TestHistory::open();
    let app = App::start(async |seen| match seen.sequence() {
        2 => response(500, ""),
        _ => response(200, ""),
    });
    let well = App::start(async |_| response(200, ""));
    let options = Options {
        compare: Some(Noise::default()),
        ..Options::default()
    };
    let mut compared = Vec::new();
    for app in [&well, &app] {
        let events = stored(&test, 2).await;
        let mut run = run(&test, app, &events, options.clone());
        while let Some(step) = run.next().await.unwrap() {
            compared.push(step.compared.map(|found| (found.before, found.after)));
        }
    }
    let pair = |one: &str, other: &str| Some((one.to_owned(), other.to_owned()));
    assert_eq!(
        compared,
        [None, None, pair("200", "200"), pair("200", "500")]
    );
}

#[tokio::test]
async fn an_event_is_as_it_is_when_it_is_sent() {
    let test = TestHistory::open();
    let app = App::start(async |_| response(200, ""));
    let events = stored(&test, 2).await;
    let mut replays = run(&test, &app, &events, Options::default());
    let marked = test
        .history
        .set_bookmark(vec![events[0].id], BookmarkChange::Set);
    marked.await.unwrap();
    let planned = replays.to_come(0, 1).await.unwrap();
    assert!(planned[0].event.bookmark.is_some());
    let step = replays.next().await.unwrap().unwrap();
    assert!(step.event.bookmark.is_some());
}

#[tokio::test]
async fn a_run_goes_on_without_what_went_meanwhile() {
    let test = TestHistory::open();
    let app = App::start(async |_| response(200, ""));
    let mut events = stored(&test, 3).await;
    events[1].id = EventId::fresh();
    let mut replays = run(&test, &app, &events, Options::default());
    assert_eq!(replays.to_come(0, 9).await.unwrap().len(), 2);
    replays.next().await.unwrap().unwrap();
    let last = replays.next().await.unwrap().unwrap();
    assert_eq!((last.event.id, replays.gone()), (events[2].id, 1));
    assert!(replays.next().await.unwrap().is_none());
    assert_eq!(app.seen().len(), 2);
}
