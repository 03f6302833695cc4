//! The status lines in three sizes.

use ringtail_model::subscription::{SubscriptionState, SubscriptionStatus};
use ringtail_model::{FailureKind, ForwardState, LinkState, TargetState};
use ringtail_protocol::event::Disposition;
use ringtail_ringcentral::verdict::Failing;

use super::super::tests::{in_seconds, screens};
use crate::testing::{Book, Draft, NOW, Stage};

/// A target that is down for a long reason, of an app that has been failing.
fn failing_and_down() -> Book {
    let mut book = Book::traffic().target(TargetState::Down {
        kind: FailureKind::Refused,
        reason: "nothing listens at localhost:3000 (connection refused)".to_owned(),
        retry_at: in_seconds(2),
    });
    book.status.failing = Some(Failing {
        since_ms: NOW.0 / 1000,
        blacklisted_ms: None,
        reason: "Webhook responses with code: [500]".to_owned(),
    });
    book
}

#[test]
fn a_target_that_is_down_is_named_at_every_size() {
    screens("target_down_and_failing", &failing_and_down(), "");
    for mut stage in Stage::in_sizes(&failing_and_down()) {
        let words = ["✗ down", "localhost:3000"];
        let paused = ["H resumes", "✗ down", "localhost:3000"];
        for (script, words) in [("", &words[..]), ("H", &paused)] {
            let shown = stage.then(script);
            let head: String = shown.lines().take(3).collect();
            assert!(words.iter().all(|word| head.contains(word)), "{shown}");
        }
        // Also with several endpoints.
        let mut engine = stage.app.engines[0].clone();
        engine.name = "bot-of-the-team".to_owned();
        stage.app.engines.push(engine);
        let shown = stage.show();
        let line = shown.lines().find(|line| line.contains("bot-of")).unwrap();
        let narrow = ["‖ ✗ localhost:3000", "H resumes"];
        let words = if stage.app.size.0 < 80 {
            &narrow[..]
        } else {
            &paused
        };
        assert!(words.iter().all(|word| line.contains(word)), "{shown}");
    }
}

#[test]
fn the_subscription_is_beside_the_link_and_its_trouble_at_every_endpoint() {
    let mut book = Book::traffic();
    let state = SubscriptionState::Active {
        id: "9e3779b1-1".to_owned(),
        ends: Some(in_seconds(518_400)),
        action: None,
        replaced: None,
        disabled: Vec::new(),
    };
    let subscription = SubscriptionStatus {
        state,
        stranger: None,
    };
    book.status.subscription = Some(Box::new(subscription));
    screens("subscription", &book, "");
    let mut stage = Stage::new(140, 40, book);
    assert!(stage.show().contains("sub ● active, 6 d left"));
    let mut engine = stage.app.engines[0].clone();
    engine.name = "bot".to_owned();
    let subscription = engine.subscription.as_mut().unwrap();
    subscription.state = SubscriptionState::Failing {
        code: "CMN-401",
        reason: "refused".to_owned(),
    };
    stage.app.engines.push(engine);
    let shown = stage.show();
    let line = shown.lines().find(|line| line.contains("bot")).unwrap();
    assert!(line.contains("sub ✗ failing: CMN-401 refused"), "{shown}");
}

#[test]
fn no_forward_is_shown() {
    let mut book = Book::new();
    book.status.target.as_mut().unwrap().forwards = false;
    screens("not_forwarded", &book, "");
    let mut stage = Stage::new(80, 24, book);
    assert!(
        stage
            .then("H")
            .contains("with --no-forward nothing is forwarded")
    );
    stage
        .book
        .add(Draft::passthrough("interactive", "Button pressed"));
    stage.book.add(Draft::notification("sms", "SMS"));
    for event in &mut stage.book.events {
        event.event.disposition = Disposition::Pending;
        event.event.forward = ForwardState::None;
    }
    stage.sync();
    let shown = stage.then("<Enter><BackTab>");
    assert!(
        shown.contains("for inspection and replay, not forwarded"),
        "{shown}"
    );
    let shown = stage.then("K");
    assert!(shown.contains("RingCentral sends it once"), "{shown}");
}

#[test]
fn counts_leave_the_link_and_its_reason() {
    let mut book = Book::traffic();
    book.status.endpoint.as_mut().unwrap().url += "-and-a-long-name-of-an-endpoint";
    book.status.link = LinkState::Waiting {
        code: "RT-302",
        reason: "nothing listens there".to_owned(),
        retry_at: in_seconds(2),
        failures: 5,
        since: in_seconds(0),
    };
    for (columns, lines, words) in [
        (40, 12, "○ waiting, next try in 2 s"),
        (80, 24, "RT-302 nothing listens there"),
    ] {
        let mut stage = Stage::new(columns, lines, book.clone());
        let shown = stage.show();
        assert!(shown.contains(words), "{shown}");
        // Also of several endpoints.
        let other = stage.app.engines[0].clone();
        stage.app.engines.push(other);
        let shown = stage.show();
        assert!(shown.contains(words), "{shown}");
        // Counts are there again with the link.
        stage.app.engines.pop();
        stage.app.engines[0].link = LinkState::Connected;
        stage.app.update_status();
        let shown = stage.show();
        assert!(
            shown.contains("● connected") && shown.contains("3 failed"),
            "{shown}"
        );
    }
}

#[test]
fn the_time_until_a_blacklisting_is_whole() {
    for (columns, lines) in [(60, 16), (80, 24), (120, 30)] {
        let mut book = failing_and_down();
        let shown = Stage::new(columns.max(80), lines, book.clone()).show();
        assert!(shown.contains("! blacklisted in 10 min"), "{shown}");
        book.status.target.as_mut().unwrap().state = TargetState::Up;
        let shown = Stage::new(columns, lines, book).show();
        assert!(shown.contains("blacklisted in 10 min"), "{shown}");
    }
}

#[test]
fn names_of_endpoints_have_room_in_a_wide_window() {
    let name = "a-rather-long-endpoint-name";
    let mut stage = Stage::new(300, 12, Book::traffic());
    stage.app.engines[0].name = name.to_owned();
    for other in ["bot", "shop"] {
        let mut engine = stage.app.engines[0].clone();
        engine.name = other.to_owned();
        stage.app.engines.push(engine);
    }
    let shown = stage.show();
    assert!(shown.contains(name) && shown.contains("\"shop"), "{shown}");
    assert!(!shown.contains("more"), "{shown}");
}

#[test]
fn counts_are_those_of_the_list() {
    let mut book = Book::traffic();
    // They were imported, not received.
    (book.status.cursor, book.status.relay_head) = (0, 0);
    let mut stage = Stage::new(80, 24, book);
    assert!(stage.show().contains("7 events · 3 failed"));
    assert!(
        stage
            .then("/kind:sms<Enter>")
            .contains("2 found · 1 failed")
    );
}

#[test]
fn addresses_of_several_endpoints() {
    let mut book = Book::new();
    book.status.name = "shop".to_owned();
    for mut stage in Stage::in_sizes(&book) {
        for name in ["bot", "look"] {
            let mut engine = stage.app.engines[0].clone();
            engine.name = name.to_owned();
            let endpoint = engine.endpoint.as_mut().unwrap();
            endpoint.id = format!("{name}-k3v9m2qx7c");
            endpoint.url = format!("https://relay.example.com/{name}-k3v9m2qx7c");
            stage.app.engines.push(engine);
        }
        stage.app.engines[2].endpoint = None;
        insta::assert_snapshot!(format!("addresses_{}", stage.size()), stage.show());
        // Each is copied in turn.
        let copied = |stage: &mut Stage| {
            stage.press("a");
            stage.clip.take()
        };
        let url = |name: &str| Some(format!("https://relay.example.com/{name}-k3v9m2qx7c"));
        assert_eq!(copied(&mut stage), url("dev"));
        assert_eq!(copied(&mut stage), url("bot"));
        assert_eq!(copied(&mut stage), None);
        assert!(
            stage
                .show()
                .contains("the address of look is not known yet")
        );
        assert_eq!(copied(&mut stage), url("dev"));
        stage.pass(10_000);
        assert_eq!(copied(&mut stage), url("dev"));
        // Not after another action, whose notice is another one.
        stage.press("X");
        assert_eq!(copied(&mut stage), url("dev"));
    }
}

#[test]
fn targets_stay_in_sight_beside_long_counts() {
    for (received, state, sign) in [
        (7, TargetState::Up, "●"),
        (1_204_118, TargetState::Up, "●"),
        (1_204_118, TargetState::Untried, "◌"),
        (
            1_204_118,
            TargetState::Down {
                kind: FailureKind::Refused,
                reason: "connection refused".to_owned(),
                retry_at: in_seconds(2),
            },
            "✗",
        ),
    ] {
        let mut stage = Stage::new(60, 16, Book::traffic().target(state));
        stage.app.list.at_start = received == 7;
        let mut other = stage.app.engines[0].clone();
        stage.app.engines[0].cursor = received;
        other.name = "bot-of-the-team".to_owned();
        stage.app.engines.push(other);
        let shown = stage.show();
        for line in shown.lines().skip(1).take(2) {
            assert!(
                line.contains("localhost:3000") && line.contains(sign),
                "{shown}"
            );
        }
        assert!(shown.contains("3 failed"), "{shown}");
    }
}

#[test]
fn one_of_several_endpoints_without_a_target_says_so() {
    for mut stage in Stage::in_sizes(&Book::traffic()) {
        let mut without = stage.app.engines[0].clone();
        without.name = "look".to_owned();
        without.target = None;
        stage.app.engines.push(without);
        let shown = stage.show();
        assert!(shown.contains("target – none: events are kept"), "{shown}");
    }
}

#[test]
fn the_page_is_told_where_the_screen_hides_what_was_printed() {
    let url = "http://127.0.0.1:4055/?token=t";
    let mut stage = Stage::new(80, 24, Book::new());
    stage.app.page = Some(url.to_owned());
    let shown = stage.show();
    assert!(shown.contains(url), "{shown}");
    stage.press("a");
    assert_eq!(
        stage.clip.take(),
        stage.app.engines[0].endpoint.clone().map(|it| it.url)
    );
    stage.press("a");
    assert_eq!(stage.clip.take().as_deref(), Some(url));
}
