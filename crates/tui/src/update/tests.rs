use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;
use ringtail_model::{Cause, FailureKind, LinkState, TargetState, Watermarks};
use ringtail_ringcentral::verdict::Fault;
use ringtail_store::{BookmarkChange, Comment};

use super::*;

use crate::app::Entry;
use crate::format::Tab;
use crate::testing::{Book, Draft, NOW, Stage, keys};

fn many(count: usize) -> Book {
    (0..count).fold(Book::new().target(TargetState::Up), |book, index| {
        book.with(Draft::notification("sms", &format!("text {index}")).ok(3))
    })
}

#[test]
fn the_newest_event_is_followed_until_the_user_moves() {
    let mut stage = Stage::new(80, 24, many(30));
    assert_eq!(stage.chosen(), 30);
    stage.book.add(Draft::sms().ok(1));
    stage.sync();
    assert_eq!(stage.chosen(), 31);
    stage.press("k");
    stage.book.add(Draft::sms().ok(1));
    stage.sync();
    assert_eq!((stage.chosen(), stage.app.list.follow), (30, false));
    assert!(stage.show().contains("▼ 2 newer"));
    stage.press("jj");
    assert!(stage.app.list.follow);
    stage.book.add(Draft::sms().ok(1));
    stage.sync();
    assert_eq!(stage.chosen(), 33);
}

/// Without columns, each character of a large body became a line: seconds and a hundred megabytes.
#[test]
fn regression_hidden_panes_are_not_wrapped() {
    let body = format!("[\"{}\"]", "ahoy ".repeat(100_000));
    let large = Draft::notification("other", "A large one").body(body.as_bytes());
    let mut stage = Stage::new(80, 24, Book::new().with(large));
    stage.press("<Enter>");
    let lines = |stage: &Stage| {
        stage
            .app
            .detail
            .shown
            .as_ref()
            .map(|shown| shown.lines.len())
    };
    let open = lines(&stage);
    assert!(open.is_some_and(|lines| lines > 10), "{open:?}");
    stage.press("<Esc>");
    assert_eq!(lines(&stage), open);
    stage.press("<Enter>");
    stage.resize(1, 5);
    assert_eq!(lines(&stage), open);
}

#[test]
fn follow_can_be_stopped_and_resumed_by_its_key() {
    let mut stage = Stage::new(80, 24, many(3));
    stage.press("f");
    stage.book.add(Draft::sms().ok(1));
    stage.sync();
    assert_eq!(stage.chosen(), 3);
    stage.press("f");
    assert_eq!((stage.chosen(), stage.app.list.follow), (4, true));
}

#[test]
fn an_event_without_an_answer_appears_after_its_grace() {
    let mut stage = Stage::new(80, 24, many(1));
    stage.book.add(Draft::notification("sms", "slow"));
    stage.sync();
    stage.pass(99);
    assert!(!stage.show().contains("slow"));
    stage.pass(1);
    assert!(has_row(&stage.show(), "slow", "pending"));
    stage.book.answered(2);
    stage.sync();
    assert!(!has_row(&stage.show(), "slow", "pending"));
}

/// Returns true if one row of the screen has both texts.
fn has_row(shown: &str, one: &str, other: &str) -> bool {
    let mut rows = shown.lines();
    rows.any(|row| row.contains(one) && row.contains(other))
}

#[test]
fn an_event_answered_within_its_grace_appears_at_once() {
    let mut stage = Stage::new(80, 24, many(1));
    stage.book.add(Draft::notification("sms", "fast"));
    stage.sync();
    assert!(!stage.show().contains("fast"));
    stage.book.answered(2);
    stage.sync();
    let shown = stage.show();
    assert!(
        shown.contains("fast") && !has_row(&shown, "fast", "pending"),
        "{shown}"
    );
}

#[test]
fn events_keep_their_order_while_one_waits_for_its_grace() {
    let mut stage = Stage::new(80, 24, many(0));
    stage.book.add(Draft::notification("sms", "first"));
    stage.book.add(Draft::notification("sms", "second").ok(1));
    stage.sync();
    assert!(!stage.show().contains("second"));
    stage.pass(100);
    assert_eq!(stage.seqs(), [1, 2]);
}

#[test]
fn the_window_moves_over_a_long_history_and_stays_bounded() {
    let mut stage = Stage::new(80, 24, many(5000));
    let mut seen = Vec::new();
    while stage.chosen() > 1 {
        stage.press("<PgUp>");
        assert!(stage.app.list.entries().len() <= 2000);
        seen.push(stage.chosen());
    }
    assert!(
        seen.windows(2)
            .all(|pair| pair[0] > pair[1] && pair[0] - pair[1] <= 20)
    );
    assert!(stage.show().contains("▼ more, G newest"));
    while stage.chosen() < 5000 {
        stage.press("<PgDn>");
        assert!(stage.app.list.entries().len() <= 2000);
    }
    assert!(stage.app.list.follow);
    stage.press("g");
    assert_eq!(stage.chosen(), 1);
    stage.press("G");
    assert_eq!((stage.chosen(), stage.app.list.follow), (5000, true));
}

#[test]
fn a_reader_keeps_the_rows_when_more_come_in_than_are_kept() {
    let mut stage = Stage::new(80, 24, many(10));
    stage.press("gjj");
    let before = stage.show();
    for _ in 0..3000 {
        stage.book.add(Draft::sms().ok(1));
    }
    stage.sync();
    assert_eq!(stage.chosen(), 3);
    assert!(!stage.app.list.at_end);
    assert!(stage.app.list.entries().len() <= 2000);
    assert_eq!(before.lines().nth(6), stage.show().lines().nth(6));
    stage.press("G");
    assert_eq!(stage.chosen(), 3010);
}

#[test]
fn events_that_arrive_while_reading_are_listed_once() {
    let mut stage = Stage::new(80, 24, Book::new());
    for round in 0..40 {
        for _ in 0..35 {
            stage.book.add(Draft::sms().ok(1));
        }
        stage.sync();
        stage.press(if round % 3 == 0 { "<PgUp>" } else { "G" });
        stage.pass(10);
    }
    stage.press("G");
    assert_eq!(stage.seqs(), (1..=1400).collect::<Vec<u64>>());
}

#[test]
fn reading_backwards_loses_no_event_that_waits_for_its_grace() {
    let mut stage = Stage::new(80, 24, many(700));
    stage.press(&"<PgUp>".repeat(25));
    stage.book.add(Draft::notification("sms", "slow"));
    stage.sync();
    // The last page up reads an older page while the event waits.
    stage.press("<PgUp><PgUp><PgUp>");
    assert!(stage.app.list.at_start);
    stage.pass(100);
    assert_eq!(stage.app.list.events().count(), 701);
}

#[test]
fn a_gap_is_listed_before_the_next_event() {
    let book = many(2).gap(100).with(Draft::sms().ok(1));
    let mut stage = Stage::new(80, 24, book);
    let rows: Vec<String> = stage
        .app
        .list
        .entries()
        .iter()
        .map(|entry| match entry {
            Entry::Event(event) => event.seq.to_string(),
            Entry::Gap(gap) => format!("{}-{}", gap.first, gap.last),
        })
        .collect();
    assert_eq!(rows, ["1", "2", "3-102", "103"]);
    // A gap has nothing to open or to replay.
    stage.press("k<Enter>r");
    assert_eq!(stage.app.focus, Focus::List);
    assert_eq!(stage.app.replays, 0);
}

#[test]
fn an_open_event_stays_while_others_come_in() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("<Enter>");
    stage.book.add(Draft::sms().ok(1));
    stage.sync();
    assert_eq!(stage.chosen(), 7);
    assert!(stage.show().contains("On my way"));
    stage.press("J");
    assert_eq!(stage.chosen(), 8);
    assert!(stage.show().contains("Hi advisor"));
    stage.press("<Esc>");
    assert_eq!(stage.app.focus, Focus::List);
}

#[test]
fn a_replay_shows_up_in_the_open_event() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("<Enter><BackTab>r");
    stage.sync();
    let shown = stage.show();
    assert_eq!(stage.app.detail.tab, Tab::Attempts);
    assert!(shown.contains("Attempts 2"), "{shown}");
    assert!(shown.contains("Attempt 2 · replay"), "{shown}");
    assert!(shown.contains("✓ event 7 replayed: 200 in 5 ms"), "{shown}");
    stage.pass(6000);
    assert!(stage.app.notice.is_none());
}

#[test]
fn an_unreadable_history_is_reported_and_read_again_later() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.book.broken = Some("disk I/O error");
    stage.book.add(Draft::sms().ok(1));
    stage.sync();
    assert!(
        stage
            .show()
            .contains("✗ cannot read the history: disk I/O error")
    );
    stage.press("<Enter>");
    stage.book.broken = None;
    assert_eq!(stage.app.list.events().count(), 7);
    stage.pass(1000);
    assert_eq!(stage.app.list.events().count(), 8);
}

#[test]
fn an_event_deleted_by_retention_is_reported() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.book.events.pop();
    stage.press("<Enter>");
    assert!(
        stage
            .show()
            .contains("the history no longer has this event")
    );
}

#[test]
fn rows_deleted_by_retention_are_not_queried_again() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    let watermarks = Watermarks {
        events: RowId(99),
        attempts: RowId(99),
        gaps: RowId(99),
        new_fields: RowId(99),
        bookmarks: 99,
    };
    stage.msg(Msg::Watermarks(watermarks));
    assert_eq!(stage.app.reading.seen, watermarks);
}

#[test]
fn new_fields_are_marked_and_noticed() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    assert!(!stage.show().contains('◆'));
    stage.book.notice(2, "body.foo");
    stage.sync();
    let shown = stage.show();
    assert!(
        shown.contains("◆ #2 sms: new field body.foo (string)"),
        "{shown}"
    );
    assert_eq!(shown.matches('◆').count(), 2, "{shown}");
    stage.book.notice(4, "body.bar");
    stage.book.notice(7, "body.baz");
    stage.sync();
    let shown = stage.show();
    assert!(
        shown.contains("◆ #7 sms: new field body.baz (string) (and in 1 more)"),
        "{shown}"
    );
    // An event is listed once it matches the filter.
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("/new-field<Enter>");
    assert_eq!(stage.app.list.events().count(), 0);
    stage.book.notice(2, "body.foo");
    stage.sync();
    assert_eq!(stage.app.list.events().count(), 1);
}

#[test]
fn bookmarks_of_another_process_appear_and_disappear() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    let bookmarks = |stage: &Stage| {
        let events = stage
            .app
            .list
            .events()
            .filter(|event| event.bookmark.is_some());
        events.map(|event| event.seq).collect::<Vec<_>>()
    };
    let ids = [2, 5].map(|seq| stage.book.event_number(seq).event.id);
    for id in ids {
        stage
            .book
            .bookmark(id, BookmarkChange::Comment(Comment::parse("look").unwrap()));
    }
    stage.sync();
    assert_eq!(bookmarks(&stage), [2, 5]);
    stage.book.bookmark(ids[0], BookmarkChange::Clear);
    stage.sync();
    assert_eq!(bookmarks(&stage), [5]);
    stage.press("/bookmarked<Enter>");
    assert_eq!(bookmarks(&stage), [5]);
    stage.book.bookmark(ids[0], BookmarkChange::Set);
    stage.sync();
    assert_eq!(bookmarks(&stage), [2, 5]);
}

#[test]
fn keys_act_on_the_help_while_it_is_open() {
    let mut stage = Stage::new(60, 16, Book::traffic());
    stage.press("?G");
    assert!(
        stage.show().contains("gap: the relay had lost"),
        "{}",
        stage.show()
    );
    stage.press("q");
    assert!(!stage.quit);
    assert!(stage.app.overlay.is_none());
    stage.press("?<C-c>");
    assert!(stage.quit);
}

#[test]
fn retry_times_count_down() {
    let mut book = Book::new();
    book.status.link = LinkState::Waiting {
        code: "RT-302",
        reason: "no network".to_owned(),
        retry_at: crate::app::later(NOW, std::time::Duration::from_secs(3)),
        failures: 1,
        since: NOW,
    };
    let mut stage = Stage::new(80, 24, book);
    assert!(stage.show().contains("next try in 3 s"));
    stage.pass(2500);
    assert!(stage.show().contains("next try in 1 s"));
    stage.pass(2500);
    assert!(stage.show().contains("next try now"));
}

#[derive(Debug, Clone)]
enum Step {
    Key(usize),
    Resize(u16, u16),
    Click(u16, u16),
    Arrive(String, Vec<u8>, bool),
    Answer,
    Gap,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    const KEYS: usize = 60;
    prop_oneof![
        8 => (0..KEYS).prop_map(Step::Key),
        1 => (1_u16..160, 1_u16..50).prop_map(|(columns, lines)| Step::Resize(columns, lines)),
        1 => (0_u16..160, 0_u16..50).prop_map(|(column, row)| Step::Click(column, row)),
        3 => (".{0,120}", proptest::collection::vec(any::<u8>(), 0..200), any::<bool>())
            .prop_map(|(summary, body, owed)| Step::Arrive(summary, body, owed)),
        1 => Just(Step::Answer),
        1 => Just(Step::Gap),
        1 => (0_u64..400).prop_map(Step::Pass),
    ]
}

#[test]
fn a_filter_limits_the_list() {
    let mut stage = Stage::new(80, 24, many(30));
    stage.press("/\"text 7\" or seq:20..21<Enter>");
    assert_eq!(stage.seqs(), [8, 20, 21]);
    assert!(stage.show().contains("/\"text 7\""));
    // Newer events that match are appended.
    stage
        .book
        .add(Draft::notification("sms", "text 7 again").ok(1));
    stage.book.add(Draft::notification("sms", "other").ok(1));
    stage.sync();
    assert_eq!(stage.seqs(), [8, 20, 21, 31]);
    // Esc keeps the filter; an empty one shows everything.
    stage.press("/ seq:1<Esc>");
    assert_eq!(stage.seqs().len(), 4);
    stage.press("/");
    for _ in 0..40 {
        stage.press("<Backspace>");
    }
    stage.press("<Enter>");
    assert_eq!(stage.seqs().len(), 32);
    assert!(stage.app.filter.is_empty());
}

#[test]
fn an_attempt_can_make_an_event_match() {
    let mut stage = Stage::new(80, 24, many(3));
    stage.press("/status:200 seq:3..<Enter>");
    stage.book.add(Draft::notification("sms", "slow"));
    stage.sync();
    assert_eq!(stage.seqs(), [3]);
    stage.book.answered(4);
    stage.sync();
    assert_eq!(stage.seqs(), [3, 4]);
    assert_eq!(stage.chosen(), 4, "and is followed");
}

#[test]
fn a_mistake_is_shown_at_its_column_and_not_applied() {
    let mut stage = Stage::new(80, 24, many(3));
    stage.press("/kind:smss x<Enter>");
    assert!(stage.show().contains("\"      ▼ unknown kind"));
    assert!(stage.app.prompt.is_some());
    assert_eq!(stage.seqs(), [1, 2, 3]);
    stage.press("<Esc>");
    assert!(stage.app.prompt.is_none());
}

#[test]
fn words_are_completed_and_the_language_is_a_key_away() {
    let mut stage = Stage::new(80, 24, many(3));
    stage.press("/verd<Tab>la<Tab>");
    let line = stage.app.prompt.as_ref().unwrap();
    assert_eq!(line.input().value(), "verdict:late ");
    stage.press("<F1>");
    assert!(stage.show().contains("Filter language"));
    stage.press("q<Enter>");
    assert_eq!(stage.app.filter.to_string(), "verdict:late");
    assert!(stage.show().contains("No event matches the filter"));
    // q and r are letters while a filter is typed.
    stage.press("/qr");
    assert!(!stage.quit);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_keys_sizes_or_rows_make_it_panic(steps in proptest::collection::vec(step(), 1..60)) {
        let script = "jkgGhlnpJKrf?q fqjtdDvV*mMycrPHoO.YxXs:/e<C-z><Enter><Enter><Esc><Esc><Tab><BackTab><Up><Down><Left><Right><PgUp><PgDn><Home><End>";
        let all = keys(script);
        let mut stage = Stage::new(80, 24, Book::traffic());
        for step in steps {
            match step {
                Step::Key(index) => stage.msg(Msg::Key(all[index % all.len()])),
                Step::Click(column, row) => stage.msg(Msg::Mouse(MouseEvent {
                    kind: MouseEventKind::Down(MouseButton::Left),
                    column,
                    row,
                    modifiers: KeyModifiers::NONE,
                })),
                Step::Resize(columns, lines) => stage.resize(columns, lines),
                Step::Arrive(summary, body, owed) => {
                    let draft = Draft::notification("x", &summary).body(&body);
                    stage.book.add(if owed { draft } else { draft.ok(1) });
                    stage.sync();
                }
                Step::Answer => {
                    let seq = stage.book.status.cursor;
                    stage.book.answered(seq.min(7));
                    stage.sync();
                }
                Step::Gap => {
                    stage.book = stage.book.clone().gap(3);
                    stage.sync();
                }
                Step::Pass(ms) => stage.pass(ms),
            }
            stage.show();
            let list = &stage.app.list;
            prop_assert!(list.cursor < list.entries().len().max(1));
            prop_assert!(list.top <= list.cursor);
        }
    }
}

#[test]
fn secrets_are_hidden_until_a_key_reveals_them() {
    let secret = |text| Draft::sms().header("verification-token", text).ok(1);
    let book = Book::new().target(TargetState::Up);
    let book = book.with(secret("hush-1")).with(secret("hush-2"));
    let mut stage = Stage::new(140, 40, book);
    stage.press("g<Tab>");
    let shown = stage.show();
    assert!(shown.contains("••••") && !shown.contains("hush"), "{shown}");
    stage.press("s");
    assert!(stage.show().contains("hush-1"));
    stage.press("j");
    assert!(!stage.show().contains("hush"), "those of another event");
    stage.press("s");
    assert!(stage.show().contains("hush-2"));
    stage.press("s");
    assert!(!stage.show().contains("hush"));
}

#[test]
fn a_key_explains_the_most_important_problem() {
    let explained = |stage: &mut Stage| {
        stage.press("e");
        let shown = stage.show();
        stage.press("e");
        assert!(stage.app.overlay.is_none(), "the same key closes it");
        let code = shown.split_once("┌ ").map(|(_, rest)| rest.chars().take(6));
        code.map(String::from_iter).unwrap_or_default()
    };
    let mut stage = Stage::new(80, 24, Book::new());
    assert_eq!(explained(&mut stage), "");
    assert!(stage.show().contains("nothing to explain"));
    let status = Fault::WrongStatus { status: 500 };
    for (draft, code) in [
        (Draft::sms().ok(3), "RT-500"),
        (
            Draft::sms().answer(Cause::Forward, 500, 3, vec![status]),
            "RT-502",
        ),
        (Draft::sms().rejected(), "RT-411"),
    ] {
        stage.book.add(draft);
        stage.sync();
        assert_eq!(explained(&mut stage), code);
    }
    stage.book.add(Draft::sms().ok(1));
    stage.book.status.link = LinkState::Refused {
        code: "RT-310",
        reason: "the token is unknown".to_owned(),
    };
    stage.sync();
    assert_eq!(explained(&mut stage), "RT-310");
}

#[test]
fn a_key_explains_why_an_event_waits() {
    let down = TargetState::Down {
        kind: FailureKind::Refused,
        reason: "connection refused".to_owned(),
        retry_at: NOW,
    };
    let book = Book::new().target(down).with(Draft::sms());
    let mut stage = Stage::new(80, 24, book);
    assert!(stage.then("e").contains("┌ RT-504"), "{}", stage.show());
    let answered = Book::new().with(Draft::sms().ok(3));
    let mut stage = Stage::new(80, 24, answered);
    assert!(stage.then("e").contains("┌ RT-500"), "{}", stage.show());
}

#[test]
fn an_explanation_scrolls_to_its_end_and_no_further() {
    let status = Fault::WrongStatus { status: 500 };
    let failed = Draft::sms().answer(Cause::Forward, 500, 3, vec![status]);
    let mut stage = Stage::new(60, 16, Book::new().with(failed));
    stage.press("e");
    assert!(stage.show().contains("Webhook responses with code"));
    stage.press("GGjj");
    let end = stage.show();
    assert!(end.contains("ringtail replay EVENT"), "{end}");
    stage.press("k");
    assert_ne!(stage.show(), end);
    stage.press("g");
    assert!(stage.show().contains("Webhook responses with code"));
}
