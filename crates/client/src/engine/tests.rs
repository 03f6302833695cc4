use super::*;
use crate::forward::testing::sender_to;
use ringtail_kit::app::{App, response};
use ringtail_model::RowId;
use ringtail_store::testing::{ENDPOINT, TestHistory, call};

#[tokio::test]
async fn another_endpoint_gets_another_forwarder() {
    let test = TestHistory::open();
    test.receives(vec![call(1, "a")]).await;
    let app = App::start(async |_| response(200, ""));
    let info = |endpoint: &str| {
        Some(EndpointInfo {
            endpoint: endpoint.to_owned(),
            url: format!("https://relay.example/{endpoint}"),
            journal: "j".to_owned(),
        })
    };
    let (status, mut seen) = watch::channel(Status {
        target: Some(Target {
            url: app.address.to_string(),
            forwards: true,
            state: TargetState::Untried,
        }),
        ..Status::new("demo")
    });
    let (endpoint, known) = watch::channel(None);
    let (_paused, wanted) = watch::channel(false);
    let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
    let forwarder = Forwarder {
        given_up: Default::default(),
        history: test.history.clone(),
        sender: sender_to(&app),
        options: ForwardOptions::default(),
        status,
        paused: wanted,
    };
    tasks.spawn(forward(forwarder, known, tasks.clone(), cancel.clone()));
    let mut reaches = async |wanted: TargetState| {
        let reached = seen.wait_for(|status| status.target.as_ref().unwrap().state == wanted);
        let reached = tokio::time::timeout(Duration::from_secs(20), reached).await;
        drop(reached.expect("in time").unwrap());
    };
    let marks = test.history.watermarks();
    let has_sent = async |count: i64| {
        let mut marks = marks.clone();
        let reached = marks.wait_for(|marks| marks.attempts == RowId(count));
        let reached = tokio::time::timeout(Duration::from_secs(20), reached).await;
        drop(reached.expect("in time").unwrap());
    };
    endpoint.send_replace(info(ENDPOINT));
    reaches(TargetState::Up).await;
    has_sent(1).await;
    endpoint.send_replace(info("another-1"));
    reaches(TargetState::Untried).await;
    test.receives(vec![call(2, "a")]).await;
    endpoint.send_replace(info(ENDPOINT));
    reaches(TargetState::Up).await;
    has_sent(2).await;
    cancel.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn a_task_that_panics_stops_the_others() {
    let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
    tasks.spawn(ending(cancel.clone(), async { panic!("on purpose") }));
    cancel.cancelled().await;
}
