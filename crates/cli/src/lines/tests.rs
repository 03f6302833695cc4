use ringtail_model::subscription::SubscriptionState;
use ringtail_model::{Endpoint, Target};
use ringtail_protocol::event::Timestamp;

use super::*;

fn status(link: LinkState, target: Option<TargetState>, pending: u64) -> Status {
    Status {
        endpoint: Some(Endpoint {
            id: "demo-x1".into(),
            url: "https://relay.example/demo-x1".into(),
        }),
        link,
        target: target.map(|state| Target {
            url: "http://localhost:3000".into(),
            forwards: true,
            state,
        }),
        pending,
        ..Status::new("demo")
    }
}

fn down(reason: &str, retry_at: i64) -> Option<TargetState> {
    Some(TargetState::Down {
        kind: ringtail_model::FailureKind::Refused,
        reason: reason.into(),
        retry_at: Timestamp(retry_at),
    })
}

/// Types and states of the lines that a series of statuses prints.
fn printed(statuses: &[Status]) -> Vec<String> {
    let mut printed = LastPrinted::default();
    let mut out = Vec::new();
    for status in statuses {
        printed.changes(&LineFormat::Json, status, &mut out);
    }
    String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let state = value["state"].as_str().unwrap_or_default();
            let pending = value.get("pending").map(|pending| format!(" {pending}"));
            let kind = value["type"].as_str().unwrap();
            format!("{kind} {state}{}", pending.unwrap_or_default())
        })
        .collect()
}

#[test]
fn ready_is_said_once_and_before_events_flow() {
    let lines = printed(&[
        status(LinkState::Connecting, None, 0),
        status(LinkState::Connected, None, 0),
        status(LinkState::Connected, None, 0),
        status(LinkState::Connecting, None, 0),
        status(LinkState::Connected, None, 0),
    ]);
    let expected = [
        "link connecting",
        "ready ",
        "link connected",
        "link connecting",
        "link connected",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn probes_of_a_target_that_is_down_are_no_news_and_what_it_holds_is() {
    let at = |target, pending| status(LinkState::Connected, target, pending);
    let lines = printed(&[
        at(Some(TargetState::Untried), 0),
        at(down("refused", 1), 0),
        at(down("refused", 2), 0),
        at(down("refused", 3), 2),
        at(down("no route", 4), 3),
        at(Some(TargetState::Up), 3),
        at(Some(TargetState::Up), 1),
        at(Some(TargetState::Up), 0),
        at(Some(TargetState::Up), 1),
        at(Some(TargetState::Up), 0),
    ]);
    let expected = [
        "ready ",
        "link connected",
        "target untried 0",
        "target down 0",
        "target down 2",
        "target down 3",
        "target up 3",
        "target up 0",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_subscription_is_said_when_it_changes() {
    let with = |state: SubscriptionState| Status {
        subscription: Some(Box::new(SubscriptionStatus {
            state,
            stranger: None,
        })),
        ..status(LinkState::Connected, None, 0)
    };
    let failing = SubscriptionState::Failing {
        code: "CMN-401",
        reason: "refused".to_owned(),
    };
    let lines = printed(&[
        with(SubscriptionState::Checking),
        with(failing.clone()),
        with(failing),
    ]);
    let expected = ["ready ", "link connected", "subscription ", "subscription "];
    assert_eq!(lines, expected);
}
