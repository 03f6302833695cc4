use ringtail_views::replayer::{OptionsCheck, ReplayReport, ReplayStep, ResultTable};

use super::*;
use crate::msg::Msg;
use crate::testing::{Book, Stage};

fn replays(stage: &Stage) -> Vec<u64> {
    let events = stage.book.events.iter();
    let replayed = events.filter(|event| event.attempts.len() > 1);
    replayed.map(|event| event.event.seq).collect()
}

#[test]
fn selected_events_are_replayed_one_after_the_other() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("gjvjvr");
    // The presence was replayed before.
    assert_eq!(replays(&stage), [2, 4, 5]);
    assert!(stage.app.progress.is_none());
    let shown = stage.show();
    assert!(shown.contains("✓ 2 replayed: 2 accepted, 0 not"), "{shown}");
}

#[test]
fn a_replay_shows_its_progress_and_is_stopped() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("gjvvv");
    assert_eq!(stage.begin("r").len(), 1);
    assert!(stage.show().contains("↻ preparing"));
    stage.msg(Msg::Step(ReplayStep::Begun(3)));
    assert!(stage.show().contains("↻ replaying 1 of 3"));
    // Another cannot begin meanwhile.
    assert_eq!(stage.begin("r"), []);
    stage.app.notice = None;
    assert_eq!(stage.begin("X"), [Effect::StopReplay]);
    assert!(stage.show().contains("↻ stopping"), "{}", stage.show());
    stage.msg(Msg::Step(ReplayStep::Sent { accepted: true }));
    let report = ReplayReport {
        sent: 1,
        accepted: 1,
        not_sent: 2,
        ..ReplayReport::default()
    };
    stage.msg(Msg::Replayed {
        name: "2".to_owned(),
        watched: true,
        result: Ok(Box::new(report)),
    });
    assert!(
        stage
            .show()
            .contains("1 replayed: 1 accepted, 0 not, 2 not sent")
    );
    assert_eq!(stage.begin("X"), []);
    assert!(stage.show().contains("there is no replay to stop"));
    stage.sync();
    assert!(stage.show().contains("there is no replay to stop"));
    assert!(!stage.then("H").contains("there is no replay to stop"));
}

#[test]
fn an_edited_event_is_named_by_its_endpoint_and_its_origin() {
    let mut book = Book::traffic();
    let origin = book.event_number(2).event.id;
    let copy = &mut book.events[6].event;
    (copy.edited_from, copy.seq) = (Some(origin), 1);
    copy.endpoint = "dev-edited".to_owned();
    let mut long = book.clone();
    long.events[6].event.endpoint = "default-edited".to_owned();
    let shown = Stage::new(60, 16, long).show();
    assert!(shown.contains("[…ault-edited] SMS"), "{shown}");
    let mut stage = Stage::new(80, 24, book);
    for (script, words) in [
        ("", "[dev-edited] SMS to"),
        ("<Enter>", "\"dev-edited 1  18:12:09"),
        ("", "edited copy of 2, notification"),
        ("<BackTab>", "You edited it from event 07070707-"),
        ("R", "replay dev-edited 1: "),
        ("<Esc>r", "event dev-edited 1 replayed"),
        ("y", "Copy event dev-edited 1"),
    ] {
        let shown = stage.then(script);
        assert!(shown.contains(words), "{words}\n{shown}");
    }
}

#[test]
fn events_of_several_endpoints_are_named_by_theirs() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    let mut other = stage.app.engines[0].clone();
    other.name = "bot".to_owned();
    stage.app.engines.push(other);
    assert!(stage.then("gjR").contains("replay dev 2: "));
    assert!(stage.then("<Esc>r").contains("event dev 2 replayed"));
    stage.book.notice(2, "body.foo");
    stage.app.notice = None;
    stage.sync();
    assert!(stage.show().contains("◆ dev #2 sms: "), "{}", stage.show());
    let mut bots = stage.book.event_number(2).event;
    bots.endpoint = "bot-x2".to_owned();
    let rows = [stage.book.event_number(5).event, bots];
    stage.msg(Msg::Replayed {
        name: "1".to_owned(),
        watched: true,
        result: Ok(Box::new(ReplayReport {
            table: Some(ResultTable {
                title: "2 would be sent".to_owned(),
                rows: rows.map(|event| (event, "→ app".to_owned())).into(),
            }),
            ..ReplayReport::default()
        })),
    });
    let shown = stage.show();
    assert!(shown.contains("  dev 5  → app"), "{shown}");
    assert!(shown.contains("  bot 2  → app"), "{shown}");
}

#[test]
fn typed_options_are_kept_for_the_next_replay() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.app.check_options = |line| OptionsCheck {
        error: line
            .contains("wrong")
            .then(|| "no such option; ".repeat(6) + "take another"),
        offers: match line.ends_with("--ta") {
            true => vec!["--target".to_owned()],
            false => Vec::new(),
        },
        edits: line.contains("--edit"),
        about: None,
    };
    stage.press("gjR--wrong");
    assert!(stage.show().contains("no such option"));
    assert!(stage.show().contains("take another"), "{}", stage.show());
    // A line with a mistake stays.
    assert_eq!(stage.begin("<Enter>"), []);
    stage.press("<Esc>R--ta<Tab>1");
    assert!(stage.show().contains("replay 2: --target 1"));
    let [
        Effect::Replay {
            options, watched, ..
        },
    ] = &stage.begin("<Enter>")[..]
    else {
        panic!("nothing is replayed");
    };
    assert_eq!((options.as_str(), *watched), ("--target 1", true));
    assert!(stage.app.prompt.is_none());
    stage.app.progress = None;
    stage.press("R");
    assert!(stage.show().contains("replay 2: --target 1"));
    let effects = stage.begin(" --edit<Enter>");
    assert!(matches!(effects[..], [Effect::Edit { .. }]), "{effects:?}");
}

#[test]
fn only_an_edited_event_is_replayed() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    let id = stage.book.event_number(2).event.id;
    let edited = |id| Msg::Edited {
        id,
        options: "--edit".to_owned(),
    };
    stage.msg(edited(Ok(None)));
    assert!(stage.show().contains("nothing was changed"));
    stage.msg(edited(Err("the editor ended with 1".to_owned())));
    assert!(stage.show().contains("✗ the editor ended with 1"));
    stage.msg(edited(Ok(Some(id))));
    let shown = stage.show();
    assert!(
        shown.contains("✓ the edited event replayed: 200"),
        "{shown}"
    );
}

#[test]
fn a_masked_event_is_not_edited() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.app.check_options = |line| OptionsCheck {
        edits: line == "--edit",
        ..OptionsCheck::default()
    };
    stage.press("gjP");
    assert_eq!(stage.begin("E"), []);
    let shown = stage.show();
    assert!(shown.contains("not edited while personal data"), "{shown}");
    stage.press("P");
    let effects = stage.begin("E");
    assert!(matches!(effects[..], [Effect::Edit { .. }]), "{effects:?}");
}

#[test]
fn the_table_of_changed_answers_opens_events() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    let told = |stage: &mut Stage, masked: bool| {
        let event = stage.book.event_number(5).event;
        let report = ReplayReport {
            sent: 2,
            accepted: 1,
            table: Some(ResultTable {
                title: "1 of 2 answers changed".to_owned(),
                rows: vec![(event, "200 → 500".to_owned())],
            }),
            ..ReplayReport::default()
        };
        stage.app.progress = Some(ReplayProgress {
            masked,
            ..ReplayProgress::default()
        });
        stage.msg(Msg::Replayed {
            name: "1".to_owned(),
            watched: true,
            result: Ok(Box::new(report)),
        });
    };
    told(&mut stage, false);
    let shown = stage.show();
    assert!(shown.contains("1 of 2 answers changed"), "{shown}");
    assert!(shown.contains("#5  200 → 500"), "{shown}");
    stage.press("<Enter>");
    assert_eq!(stage.chosen(), 5);
    // The screen was masked meanwhile.
    stage.press("P");
    told(&mut stage, false);
    assert!(stage.app.panel.is_none());
}

#[test]
fn a_replay_needs_a_target() {
    let mut book = Book::traffic();
    book.status.target = None;
    let mut stage = Stage::new(80, 24, book);
    stage.press("r");
    assert_eq!(stage.app.replays, 0);
    let shown = stage.show();
    assert!(shown.contains("ringtail listen 3000"), "{shown}");
    assert!(shown.contains("--target 3000"), "the end, too\n{shown}");
    assert_eq!(stage.begin("R--target 1<Enter>").len(), 1);
}

#[test]
fn replays_are_bounded_and_their_errors_are_told() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.app.replays = MAX_REPLAYS;
    assert_eq!(stage.begin("r"), []);
    let ended = |watched| Msg::Replayed {
        name: "7".to_owned(),
        watched,
        result: Err("the history is closed".to_owned()),
    };
    stage.msg(ended(false));
    assert_eq!(stage.app.replays, MAX_REPLAYS - 1);
    assert!(
        stage
            .show()
            .contains("✗ event 7 not replayed: the history is closed")
    );
    stage.app.progress = Some(ReplayProgress::default());
    stage.msg(Msg::Step(ReplayStep::Sent { accepted: true }));
    stage.msg(ended(true));
    assert!(
        stage
            .show()
            .contains("✗ 1 replayed, then: the history is closed")
    );
}

#[test]
fn a_failed_replay_is_reported_as_bad() {
    let attempt = |seq| {
        let event = Book::traffic().event_number(seq);
        event.attempts[0].attempt.clone()
    };
    let (style, words) = attempt_summary("event 5", &attempt(5));
    assert_eq!(style, BAD);
    assert_eq!(
        words,
        "✗ event 5 replayed: 500 in 31 ms, not accepted by RingCentral"
    );
    let (style, words) = attempt_summary("event 7", &attempt(7));
    assert_eq!(style, BAD);
    assert_eq!(
        words,
        "✗ event 7 replayed, no answer after 2 ms: connection reset by peer"
    );
}

#[test]
fn the_report_counts_what_was_not_sent() {
    let report = ReplayReport {
        sent: 5,
        accepted: 4,
        left_out: 2,
        gone: 3,
        seed: Some(17),
        ..ReplayReport::default()
    };
    let (style, words) = summary(&report, "the event");
    assert_eq!(style, BAD);
    assert_eq!(
        words,
        "✗ 5 replayed: 4 accepted, 1 not, 2 left out, 3 deleted meanwhile; --seed 17"
    );
}
