//! The screen in three sizes.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ringtail_model::{
    Cause, FailureKind, LinkState, RowId, Status, Target, TargetState, Unanswered,
};
use ringtail_protocol::event::Timestamp;
use ringtail_ringcentral::verdict::Fault;
use ringtail_views::replayer::{OptionsCheck, ReplayReport, ReplayStep, ResultTable};

use super::view;
use crate::app::later;
use crate::msg::Msg;
use crate::testing::{Book, Draft, NOW, Stage};

/// Snapshots a state after some keys, in each size.
pub(super) fn screens(name: &str, book: &Book, script: &str) {
    for mut stage in Stage::in_sizes(book) {
        stage.press(script);
        insta::assert_snapshot!(format!("{name}_{}", stage.size()), stage.show());
    }
}

pub(super) fn in_seconds(seconds: u64) -> Timestamp {
    later(NOW, Duration::from_secs(seconds))
}

#[test]
fn nothing_yet() {
    screens("nothing_yet", &Book::new(), "");
}

#[test]
fn nothing_and_no_address() {
    let mut book = Book::new();
    book.status.endpoint = None;
    book.status.target = None;
    book.status.link = LinkState::Connecting;
    screens("no_address", &book, "");
}

#[test]
fn traffic() {
    screens("traffic", &Book::traffic(), "");
}

#[test]
fn detail_of_an_sms() {
    screens("sms_body", &Book::traffic(), "gj<Enter>");
}

#[test]
fn headers() {
    screens("headers", &Book::traffic(), "gj<Enter><Tab>");
}

#[test]
fn attempts_with_a_failed_verdict() {
    screens("attempts", &Book::traffic(), "gjjjj<Enter><Tab><Tab>");
}

#[test]
fn link_waits() {
    let mut book = Book::traffic();
    book.status.relay_head = 4217;
    book.status.link = LinkState::Waiting {
        code: "RT-302",
        reason: "cannot reach relay.example.com:443: connection refused".to_owned(),
        retry_at: in_seconds(4),
        failures: 3,
        since: in_seconds(0),
    };
    screens("link_waits", &book, "");
}

#[test]
fn target_down_with_pending_events() {
    let down = TargetState::Down {
        kind: ringtail_model::FailureKind::Refused,
        reason: "connection refused".to_owned(),
        retry_at: in_seconds(2),
    };
    let mut book = Book::traffic().target(down);
    for text in ["Are you there?", "Hello?", "Never mind"] {
        book.add(Draft::notification(
            "sms",
            &format!("SMS from +16505550123: {text}"),
        ));
    }
    screens("target_down", &book, "");
}

#[test]
fn gap() {
    let book = Book::new()
        .target(TargetState::Up)
        .with(Draft::sms().ok(12))
        .gap(5000)
        .with(Draft::sms().ok(10));
    screens("gap", &book, "k");
}

#[test]
fn an_event_without_a_response_is_told_by_its_age() {
    let mut book = Book::new()
        .target(TargetState::Up)
        .with(Draft::sms().ok(12))
        .with(Draft::sms());
    book.status.pending = 1;
    let sent_at = Timestamp(NOW.0 - 12_000_000);
    book.status.unanswered.push(Unanswered {
        row: RowId(2),
        seq: 2,
        sent_at,
    });
    screens("unanswered", &book, "");
}

// Windows has no Ctrl-Z.
#[cfg(unix)]
#[test]
fn help() {
    screens("help", &Book::traffic(), "?");
}

#[test]
fn replayed_just_now() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("gjjr");
    insta::assert_snapshot!("replayed", stage.show());
}

#[test]
fn a_small_terminal_says_what_it_lacks() {
    let mut stage = Stage::new(29, 6, Book::traffic());
    assert!(stage.show().contains("ringtail needs 30x7"));
    stage.resize(30, 7);
    assert!(stage.show().contains("target  ● up"), "{}", stage.show());
}

#[test]
fn addresses_and_errors_are_shown_in_full_if_they_fit() {
    let mut book = Book::new();
    book.status.target = None;
    book.status.link = LinkState::Refused {
        code: "RT-310",
        reason: "the token was revoked".to_owned(),
    };
    let shown = Stage::new(60, 16, book).show();
    for words in [
        "https://relay.example.com/dev-k3v9m2qx7c",
        "✗ refused: RT-310 the token was revoked",
        "none: events are kept and not forwarded",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
}

#[test]
fn nothing_from_the_network_reaches_the_terminal_unescaped() {
    let nasty = "\u{1b}[2J\u{7}\u{9b}31m\u{202e}evil\u{200b}\r\n";
    let mut draft = Draft::notification("x", nasty).body(nasty.as_bytes());
    draft = draft.ok(1);
    let mut book = Book::new().with(draft);
    book.events[0].event.path = format!("/{nasty}");
    book.events[0].event.method = nasty.to_owned();
    book.events[0].peer = nasty.to_owned();
    book.status.link = LinkState::Refused {
        code: "RT-310",
        reason: nasty.to_owned(),
    };
    for mut stage in Stage::in_sizes(&book) {
        for script in ["", "<Enter>", "<Tab>", "<Tab>"] {
            stage.press(script);
            let shown = stage.show();
            let bad = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200b}".contains(c);
            assert!(!shown.contains(bad), "{shown:?}");
        }
    }
}

#[test]
fn wide_characters_do_not_break_columns() {
    let book = Book::new()
        .target(TargetState::Up)
        .with(Draft::notification("sms", &"山田太郎からの不在着信".repeat(9)).ok(3))
        .with(Draft::notification("sms", &"👩\u{200d}🚀 שלום e\u{301} ".repeat(9)).ok(3))
        .with(Draft::notification("sms", &"plain ".repeat(30)).ok(3));
    for mut stage in Stage::in_sizes(&book) {
        let shown = stage.show();
        let places: Vec<usize> = shown
            .lines()
            .filter_map(|line| Some(crate::text::width(line.split_once("200  ")?.0)))
            .collect();
        assert_eq!(places.len(), 3, "{shown}");
        assert!(places.iter().all(|place| *place == places[0]), "{shown}");
    }
}

#[test]
fn an_event_of_an_endpoint_without_an_engine_is_pending() {
    let mut book = Book::new()
        .target(TargetState::Up)
        .with(Draft::sms())
        .with(Draft::sms());
    book.events[0].event.endpoint = "staging-777knpqwa17x".to_owned();
    let shown = Stage::new(80, 24, book).show();
    let rows = shown.lines().filter(|row| row.contains("SMS from"));
    assert_eq!(
        rows.filter(|row| row.contains("pending")).count(),
        2,
        "{shown}"
    );
}

#[test]
fn events_of_another_endpoint_say_so() {
    let mut book = Book::new()
        .with(Draft::sms().ok(1))
        .with(Draft::sms().ok(1));
    book.events[0].event.endpoint = "staging-777knpqwa17x".to_owned();
    let shown = Stage::new(80, 24, book).show();
    assert_eq!(
        shown.matches("[staging-777…] SMS from").count(),
        1,
        "{shown}"
    );
    assert_eq!(shown.matches("SMS from").count(), 2, "{shown}");
}

#[test]
fn failures_are_counted_among_listed_rows() {
    let late = |ms| {
        Draft::sms().answer(
            Cause::Forward,
            500,
            ms,
            vec![Fault::WrongStatus { status: 500 }],
        )
    };
    let book = (0..600).fold(Book::new(), |book, ms| book.with(late(ms)));
    let mut stage = Stage::new(80, 24, book);
    assert!(
        stage
            .show()
            .contains("600 received · 500 listed · 500 failed")
    );
    stage.press("g");
    assert!(
        stage
            .show()
            .contains("600 received · 500 listed · 500 failed")
    );
    stage.press(&"<PgDn>".repeat(40));
    assert!(stage.show().contains("600 events · 600 failed"));
}

#[test]
fn the_detail_shows_the_signature_check() {
    use ringtail_model::Proof;
    use ringtail_ringcentral::signature::{Outcome, Scheme};
    let mut book = Book::new().with(Draft::sms().ok(12));
    for (outcome, words) in [
        (
            Outcome::NotConfigured,
            "from 203.0.113.7, X-Glip-Signature not checked",
        ),
        (Outcome::Valid, "X-Glip-Signature ✓ valid, notification"),
        (Outcome::Missing, "X-Glip-Signature ✗ missing, notification"),
        (Outcome::Wrong, "X-Glip-Signature ✗ wrong, notification"),
    ] {
        let scheme = Scheme::Glip;
        book.events[0].proof = Some(Proof { scheme, outcome });
        let mut stage = Stage::new(100, 24, book.clone());
        stage.press("<Enter>");
        let shown = stage.show();
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    let mut stage = Stage::new(80, 24, book);
    stage.press("<Enter>");
    insta::assert_snapshot!("signature", stage.show());
}

#[test]
fn a_failing_app_is_warned() {
    use ringtail_ringcentral::verdict::Failing;
    let mut book = Book::traffic().target(TargetState::Up);
    book.status.failing = Some(Failing {
        since_ms: NOW.0 / 1000 - 7 * 60_000,
        blacklisted_ms: None,
        reason: "Webhook responses with code: [500]".to_owned(),
    });
    screens("failing", &book, "");
    screens("explanation", &book, "gjjjjje");
}

#[test]
fn filter_with_a_mistake() {
    screens(
        "filter_mistake",
        &Book::traffic(),
        "/kind:sms (status:5yy or pending)",
    );
}

#[test]
fn filtered_list_and_offers() {
    screens("filtered", &Book::traffic(), "/kind:sms<Enter>");
    screens("filter_offers", &Book::traffic(), "/not kind:te");
}

#[test]
fn filter_language() {
    screens("filter_language", &Book::traffic(), "/<F1>");
}

#[test]
fn call_timeline() {
    screens("timeline", &Book::call(), "gjjt");
}

#[test]
fn conversation() {
    screens("conversation", &Book::traffic(), "gjt");
}

#[test]
fn difference_of_two_events() {
    screens("diff", &Book::call(), "gjjd");
    screens("diff_none_before", &Book::traffic(), "gd");
}

#[test]
fn differences_of_two_answers() {
    screens("diff_answers", &Book::traffic(), "gjjjjD");
}

#[test]
fn masked_for_a_shared_screen() {
    screens("masked", &Book::traffic(), "P");
    screens("masked_detail", &Book::traffic(), "gj<Enter>P");
}

#[test]
fn masking_keeps_kind_and_size_of_other_bodies() {
    let text = "Dear Pat, ".repeat(600);
    let text = Draft::notification("other", "POST /text, 6000 bytes").body(text.as_bytes());
    let body = b"{\"event\":\"/restapi/v1.0/presence\xff\"}";
    let presence = Draft::notification("presence", "Presence changed").body(body);
    let mut book = Book::new().with(text).with(presence);
    book.events[0].headers.clear();
    let shown = Stage::new(80, 24, book).then("P");
    assert!(shown.contains(", 6000 bytes"), "{shown}");
    let told = format!("presence, {} bytes", body.len());
    assert!(shown.contains(&told), "{shown}");
}

#[test]
fn replay_in_progress() {
    for mut stage in Stage::in_sizes(&Book::traffic()) {
        stage.press("gvvvv");
        insta::assert_snapshot!(format!("selected_{}", stage.size()), stage.show());
        stage.begin("r");
        stage.msg(Msg::Step(ReplayStep::Begun(4)));
        stage.msg(Msg::Step(ReplayStep::Sent { accepted: false }));
        insta::assert_snapshot!(format!("replaying_{}", stage.size()), stage.show());
    }
}

#[test]
fn options_of_a_replay() {
    for (name, line) in [("offers", "--"), ("mistake", "--speed 2")] {
        for mut stage in Stage::in_sizes(&Book::traffic()) {
            stage.app.check_options = |line| OptionsCheck {
                offers: match line.ends_with("--") {
                    true => [
                        "--edit",
                        "--dry-run",
                        "--target",
                        "--sign",
                        "--compare",
                        "--timing",
                        "--speed",
                    ]
                    .map(str::to_owned)
                    .to_vec(),
                    false => Vec::new(),
                },
                error: Some("--timing is missing".to_owned()),
                ..OptionsCheck::default()
            };
            stage.press("gvvR");
            stage.press(line);
            insta::assert_snapshot!(format!("replay_{name}_{}", stage.size()), stage.show());
        }
    }
}

#[test]
fn answers_that_changed() {
    for mut stage in Stage::in_sizes(&Book::traffic()) {
        let told = [
            "200 → 500",
            "204, 3 lines",
            "200 → connection reset by peer",
        ];
        let rows = [2, 5, 7].into_iter().zip(told);
        let rows = rows.map(|(seq, told)| (stage.book.event_number(seq).event, told.to_owned()));
        let table = ResultTable {
            title: "3 of 7 answers changed".to_owned(),
            rows: rows.collect(),
        };
        stage.msg(Msg::Replayed {
            name: "1".to_owned(),
            watched: true,
            result: Ok(Box::new(ReplayReport {
                sent: 7,
                accepted: 5,
                table: Some(table),
                ..ReplayReport::default()
            })),
        });
        insta::assert_snapshot!(format!("compared_{}", stage.size()), stage.show());
    }
}

#[test]
fn forwarding_paused() {
    let mut book = Book::traffic().target(TargetState::Up);
    book.status.paused = true;
    book.add(Draft::notification("sms", "SMS from +16505550123: Hello?"));
    screens("paused", &book, "");
}

#[test]
fn folded_json() {
    screens("folded", &Book::traffic(), "gj<Enter>O");
}

#[test]
fn body_in_hex_and_as_it_is() {
    screens("hex", &Book::traffic(), "gj<Enter>xx");
}

// Windows has no Ctrl-Z.
#[cfg(unix)]
#[test]
fn palette() {
    screens("palette", &Book::traffic(), ":");
}

#[test]
fn palette_found() {
    screens("palette_found", &Book::traffic(), ":dif");
}

#[test]
fn new_field() {
    let mut book = Book::traffic();
    book.notice(2, "body.to[*].target");
    screens("new_field", &book, "gj");
    screens("new_field_in_the_detail", &book, "gj<Enter>");
}

/// Events and answers with pauses between them.
fn busy() -> Stage {
    let mut stage = Stage::new(80, 24, Book::traffic());
    for (events, ms, pause) in [(1, 8, 5), (4, 38, 15), (2, 1200, 5), (9, 12, 10), (1, 3, 0)] {
        for _ in 0..events {
            stage.book.add(Draft::sms().ok(ms));
        }
        stage.sync();
        stage.pass(pause * 1000);
    }
    stage
}

#[test]
fn names_that_are_not_compared() {
    let book = Book::call();
    screens("names_that_are_not_compared", &book, "gjjjdi code");
}

#[test]
fn rate_and_answer_times() {
    let mut stage = busy();
    for (columns, lines) in [(60, 16), (80, 24), (140, 40)] {
        stage.resize(columns, lines);
        let shown = stage.show();
        let status = shown.lines().take(3).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(format!("rate_and_answer_times_{}", stage.size()), status);
    }
    stage.pass(130_000);
    assert!(!stage.show().contains("/min"), "{}", stage.show());
}

#[test]
fn forms_of_a_copy() {
    screens("copy", &Book::traffic(), "y");
}

#[test]
fn wide_and_right_to_left_names_keep_the_columns_of_a_timeline() {
    let party = |name: &str, code: &str, sequence: u64| {
        serde_json::json!({"uuid": "u", "event": "/restapi/v1.0/account/1/telephony/sessions", "body": {
            "telephonySessionId": "s-1", "sequence": sequence,
            "parties": [{"id": name, "direction": "Inbound", "to": {"name": name}, "status": {"code": code}}],
        }})
        .to_string()
    };
    let mut book = Book::new();
    for (sequence, name) in (1..).zip([
        "山田 太郎 さん とても ながい なまえ",
        "محمد علي",
        "שלום",
        "Pat",
    ]) {
        let body = party(name, "Answered", sequence);
        book.add(
            Draft::notification("telephony", "Call")
                .body(body.as_bytes())
                .ok(3),
        );
    }
    let shown = Stage::new(100, 24, book.clone()).then("t");
    let places: Vec<usize> = shown
        .lines()
        .filter_map(|line| Some(crate::text::width(line.split_once("answered")?.0)))
        .collect();
    assert_eq!(places.len(), 4, "{shown}");
    assert!(places.iter().all(|place| *place == places[0]), "{shown}");
}

#[test]
fn several_endpoints() {
    for mut stage in Stage::in_sizes(&Book::traffic().target(TargetState::Up)) {
        let first = stage.app.engines[0].clone();
        let waits = Status {
            name: "shop".into(),
            endpoint: None,
            link: LinkState::Waiting {
                code: "RT-302",
                reason: "nothing listens at relay.example:443".into(),
                retry_at: in_seconds(4),
                failures: 2,
                since: in_seconds(0),
            },
            ..first.clone()
        };
        let pending = Status {
            name: "bot-of-the-team".into(),
            pending: 12,
            target: Some(Target {
                url: "http://localhost:4000".into(),
                forwards: true,
                state: TargetState::Down {
                    kind: FailureKind::Refused,
                    reason: "connection refused".into(),
                    retry_at: in_seconds(1),
                },
            }),
            ..first.clone()
        };
        let others = (1..=4).map(|number| Status {
            name: format!("other-{number}"),
            ..first.clone()
        });
        stage.app.engines = [first.clone(), waits, pending].into_iter().collect();
        insta::assert_snapshot!(format!("endpoints_{}", stage.size()), stage.show());
        stage.app.engines.extend(others);
        stage.press("k");
        insta::assert_snapshot!(format!("many_endpoints_{}", stage.size()), stage.show());
    }
}

#[test]
fn a_frame_of_another_size_than_the_layout_stays_empty() {
    let mut stage = Stage::new(190, 50, Book::traffic());
    stage.app.traffic.events(500);
    stage.app.traffic.answer(Duration::from_millis(20));
    let mut terminal = Terminal::new(TestBackend::new(105, 50)).unwrap();
    terminal.draw(|frame| view(&stage.app, frame)).unwrap();
    let empty = Buffer::empty(Rect::new(0, 0, 105, 50));
    terminal.backend().assert_buffer(&empty);
}
