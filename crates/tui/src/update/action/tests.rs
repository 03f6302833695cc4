mod masking;

use std::sync::Arc;

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ringtail_model::{Cause, EventRow};
use ringtail_ringcentral::verdict::Fault;

use super::*;
use crate::app::Panel;
use crate::effect::{PanelKey, PanelKind, Query};
use crate::format::{BodyView, PanelRow, Tab};
use crate::msg::Msg;
use crate::testing::{Book, Draft, Stage};
use crate::text::line;

fn picked(stage: &Stage) -> Vec<u64> {
    stage.app.selected.values().map(|event| event.seq).collect()
}

fn mouse(kind: MouseEventKind, column: u16, row: u16) -> Msg {
    Msg::Mouse(MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    })
}

#[test]
fn events_are_selected_and_unselected() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("gjvv");
    assert_eq!(picked(&stage), [2, 3]);
    stage.press("kv");
    assert_eq!(picked(&stage), [2]);
    stage.press("V");
    assert!(picked(&stage).is_empty());
    stage.press("/kind:sms<Enter>*");
    assert_eq!(picked(&stage), [2, 7]);
}

#[test]
fn a_copy_takes_the_current_event_or_the_selection() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("yc");
    assert_eq!(stage.clip.as_deref(), Some("Curl 7\n"));
    assert!(stage.app.overlay.is_none());
    stage.press("gvvyj");
    assert_eq!(stage.clip.as_deref(), Some("Json 1\nJson 2\n"));
    stage.press("yR");
    assert!(stage.show().contains("written to ringtail-2-events.http"));
    stage.press("y<Esc>");
    assert!(stage.app.overlay.is_none());
}

#[test]
fn a_line_of_a_timeline_opens_its_event() {
    let mut stage = Stage::new(80, 24, Book::call());
    stage.press("gjt");
    assert!(stage.show().contains("Call s-a0b1c2"));
    stage.press("jj<Enter>");
    assert_eq!((stage.chosen(), stage.app.focus), (5, Focus::Detail));
    assert!(stage.app.panel.is_none());
    stage.press("<Esc>gjtG<Esc>");
    assert!(stage.app.panel.is_none());
}

/// Shows a timeline with a row for an event, which the list may no longer hold.
fn line_of(stage: &mut Stage, event: &EventRow) {
    let (id, row) = (event.id, event.row);
    let shown = PanelRow {
        line: line("answered", PLAIN),
        event: Some((id, row)),
    };
    let mut panel = Panel::new(PanelKey {
        kind: PanelKind::Timeline { id, row },
        masked: false,
        noise: Arc::default(),
    });
    panel.show(Arc::new(vec![shown]));
    stage.app.panel = Some(panel);
}

/// A call, a gap, and more events after it than the list holds.
fn long_history() -> Book {
    let mut book = Book::call().gap(3).with(Draft::sms().ok(1));
    for _ in 0..3000 {
        book.add(Draft::sms().ok(1));
    }
    book
}

#[test]
fn an_event_outside_the_window_is_opened_with_its_neighbours() {
    let book = long_history();
    // Event 10 follows the gap.
    for seq in [4, 10] {
        for filter in ["", "/kind:sms<Enter>"] {
            let mut stage = Stage::new(80, 24, book.clone());
            stage.press(filter);
            assert!(!stage.app.list.events().any(|event| event.seq == seq));
            line_of(&mut stage, &book.event_number(seq).event);
            stage.press("<Enter>");
            assert_eq!((stage.chosen(), stage.app.focus), (seq, Focus::Detail));
            assert!(stage.app.filter.is_empty());
            // The events before it are listed, too, and G shows the newest.
            let first = stage.app.list.events().next();
            assert_eq!(first.map(|event| event.seq), Some(1));
            stage.press("<Esc>G");
            assert_eq!(stage.chosen(), 3010);
            assert!(stage.app.list.follow);
        }
    }
}

#[test]
fn a_deleted_event_of_a_timeline_is_reported() {
    let mut book = long_history();
    let gone = book.event_number(4).event;
    book.events.retain(|event| event.event.id != gone.id);
    let mut stage = Stage::new(80, 24, book);
    line_of(&mut stage, &gone);
    let shown = stage.then("<Enter>");
    assert_eq!(stage.app.focus, Focus::List);
    assert!(
        shown.contains("the history no longer has this event"),
        "{shown}"
    );
}

#[test]
fn ignored_fields_are_edited_in_the_diff() {
    let mut stage = Stage::new(80, 24, Book::call());
    stage.press("gjjjd");
    let shown = stage.show();
    assert!(
        shown.contains("+ ") && shown.contains("\"code\": \"Answered\""),
        "{shown}"
    );
    assert!(shown.contains("i ignore"), "{shown}");
    stage.press("i");
    let shown = stage.show();
    assert!(shown.contains("not compared: "), "{shown}");
    stage.press(" code<Enter>");
    let shown = stage.show();
    assert!(!shown.contains("+   "), "{shown}");
    assert!(
        shown.contains("no difference, apart from skipped fields: code"),
        "{shown}"
    );
    // The names stay for the next diff; a removed name is compared again.
    stage.press("<Esc>di");
    let line = stage.app.prompt.as_ref();
    let line = line.map(|line| line.input().value().to_owned());
    assert!(line.is_some_and(|line| line.split(' ').any(|name| name == "code")));
    for _ in 0..400 {
        stage.press("<BS>");
    }
    stage.press("sequence<Enter>");
    let shown = stage.show();
    assert!(shown.contains("\"uuid\": \"uuid-"), "{shown}");
    stage.press("i<Esc>");
    assert!(stage.app.prompt.is_none() && stage.app.panel.is_some());
    // Enter opens the event that is compared.
    let open = stage.book.event_number(4).event.id;
    stage.press("G<Enter>");
    assert_eq!(stage.app.focus, Focus::Detail);
    assert_eq!(
        stage.app.list.current_event().map(|event| event.id),
        Some(open)
    );
    stage.press("<Esc>d");
    // A timeline compares nothing.
    let shown = stage.then("<Esc>t");
    assert!(!shown.contains("i ignore"), "{shown}");
    assert!(stage.then("i").contains("nothing is compared here"));
}

#[test]
fn two_events_are_compared_if_two_are_selected() {
    let mut stage = Stage::new(80, 24, Book::call());
    stage.press("gjvGv");
    assert!(stage.then("gd").contains("+++ #6 Call ended"));
    // One selected event is compared with the current one.
    stage.press("<Esc>VGvgj");
    assert!(stage.then("d").contains("--- #2 Incoming"));
    stage.press("<Esc>*");
    assert!(
        stage
            .then("d")
            .contains("more than two events are selected")
    );
}

#[test]
fn json_is_folded_and_its_paths_are_found() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("gj<Enter>.from.phone<Enter>");
    assert_eq!(
        stage.app.detail.path().as_deref(),
        Some("body.from.phoneNumber")
    );
    stage.press("Y");
    assert_eq!(stage.clip.as_deref(), Some("body.from.phoneNumber"));
    stage.press("o");
    assert_eq!(stage.app.detail.path().as_deref(), Some("body.from"));
    assert!(stage.show().contains("\"from\": { … "));
    stage.press(".to[0].name<Enter>");
    assert_eq!(stage.app.detail.path().as_deref(), Some("body.to[0].name"));
    stage.press("OO");
    assert!(!stage.show().contains("\"from\": {"), "{}", stage.show());
    assert_eq!(stage.app.detail.path().as_deref(), Some("body"));
    // A path into a fold opens it.
    stage.press(".from.phone<Enter>");
    assert_eq!(
        stage.app.detail.path().as_deref(),
        Some("body.from.phoneNumber")
    );
    stage.press(".nowhere<Enter>");
    assert!(stage.show().contains("no path with \"nowhere\""));
}

#[test]
fn a_body_has_three_views() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("gj<Enter><Tab>x");
    assert_eq!(
        (stage.app.detail.tab, stage.app.detail.view),
        (Tab::Body, BodyView::Raw)
    );
    assert!(stage.then("x").contains("00000000  7b 0a"));
    assert!(!stage.then("x").contains("00000000"));
}

#[test]
fn the_palette_runs_the_chosen_action() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press(":timel<Enter>");
    assert!(stage.show().contains("Conversation"));
    stage.press("<Esc>:nothing is called so");
    assert!(stage.show().contains("no action has this name"));
    stage.press("<Enter>:theme<Enter>");
    assert!(stage.show().contains("theme: high-contrast"));
    stage.press(":<Esc>");
    assert!(stage.app.prompt.is_none());
    // Letters are text in the palette.
    stage.press(":q");
    assert!(!stage.quit);
}

#[test]
fn pause_ignores_endpoints_without_a_target() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    let mut without = stage.app.engines[0].clone();
    without.target = None;
    stage.app.engines.insert(0, without);
    stage.app.update_status();
    for paused in [false, true] {
        stage.app.engines[1].paused = paused;
        let effects = stage.begin("H");
        let wanted = |effect: &Effect| matches!(effect, Effect::Pause(on) if *on != paused);
        assert!(effects.iter().any(wanted), "{effects:?}");
    }
}

#[test]
fn forwarding_is_paused_and_resumed() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    assert!(stage.then("H").contains("‖ paused"));
    stage.book.add(Draft::notification("sms", "waits"));
    stage.sync();
    stage.pass(200);
    let row_says = |stage: &mut Stage, word: &str| {
        let shown = stage.show();
        shown
            .lines()
            .any(|row| row.contains("waits") && row.contains(word))
    };
    assert!(row_says(&mut stage, "paused"));
    assert!(!stage.then("H").contains("‖ paused"));
    assert!(row_says(&mut stage, "pending"));
    let mut book = Book::traffic();
    book.status.target = None;
    assert!(Stage::new(80, 24, book).then("H").contains("no target"));
}

#[test]
fn a_cleared_list_shows_new_events_and_restores_old_ones() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    assert!(stage.then("c").contains("Cleared: new events appear here"));
    stage.book.add(Draft::sms().ok(1));
    stage.sync();
    assert_eq!(stage.seqs(), [8]);
    for script in [
        "k<PgUp>",
        "g",
        "P",
        "gPP",
        "/kind:sms<Enter>g",
        "/<BS><BS><BS><BS><BS><BS><BS><BS><Enter>",
    ] {
        stage.press(script);
        assert_eq!((stage.seqs(), stage.chosen()), (vec![8], 8), "{script}");
    }
    // Hidden events stay so when something happens to them.
    stage
        .book
        .replay_all(&[stage.book.event_number(1).event.id]);
    stage.sync();
    assert_eq!(stage.seqs(), [8]);
    // Also when more come in than are kept.
    let mut long = stage.book.clone();
    for _ in 0..3000 {
        long.add(Draft::sms().ok(1));
    }
    let mut full = Stage::new(80, 24, Book::traffic());
    full.press("c");
    full.book = long;
    full.sync();
    full.press("g");
    assert_eq!(full.chosen(), 8);
    full.press(&"<PgUp>".repeat(3));
    assert!(full.app.list.at_start);
    // A timeline opens its events all the same.
    let first = stage.book.event_number(1).event;
    line_of(&mut full, &first);
    full.press("<Enter>");
    assert_eq!(full.chosen(), 1);
    assert!(!stage.then("c").contains("c brings back"));
    assert_eq!(stage.seqs(), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_click_chooses_a_row_and_a_second_one_opens_it() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    let click = || mouse(MouseEventKind::Down(MouseButton::Left), 20, 6);
    stage.msg(click());
    assert_eq!((stage.chosen(), stage.app.focus), (3, Focus::List));
    stage.msg(click());
    assert_eq!(stage.app.focus, Focus::Detail);
    stage.msg(mouse(MouseEventKind::ScrollDown, 20, 10));
    assert_eq!(stage.app.detail.cursor, 3);
    stage.press("<Esc>");
    stage.msg(mouse(MouseEventKind::ScrollUp, 20, 10));
    assert_eq!(stage.chosen(), 1);
    // A click below the last row does nothing.
    stage.msg(mouse(MouseEventKind::Down(MouseButton::Left), 20, 20));
    assert_eq!(stage.chosen(), 1);
}

#[test]
fn other_keys_are_shown_wherever_keys_are_shown() {
    let mut stage = Stage::new(80, 60, Book::traffic());
    stage.app.keys.bind("open", &["F5".to_owned()]).unwrap();
    assert!(stage.show().contains("F5 open"));
    assert!(stage.then("?").contains("F5"));
    stage.press("<Esc><Enter>");
    assert_eq!(stage.app.focus, Focus::List);
}

#[test]
fn a_bookmark_is_stored_with_a_comment() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("gjm");
    let bookmark = |stage: &Stage| stage.book.event_number(2).event.bookmark;
    assert!(bookmark(&stage).is_some());
    assert!(stage.show().contains("ok     *"), "{}", stage.show());
    stage.press("Mthe q one<Enter><Enter>");
    assert_eq!(bookmark(&stage).unwrap().comment, "the q one");
    assert!(stage.show().contains("* the q one  "), "{}", stage.show());
    // A comment may hold personal data.
    assert!(!stage.then("P").contains("the q one"));
    assert!(stage.then("m").contains("would be lost"));
    assert!(stage.then("Pm").contains("its comment would be lost"));
    assert_eq!(bookmark(&stage).unwrap().comment, "the q one");
    stage.press("M<C-u><Enter>m");
    assert_eq!(bookmark(&stage), None);
}

#[test]
fn moving_in_an_empty_panel_does_nothing() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    assert!(stage.then("GGgd").contains("no earlier event of its kind"));
    stage.press("GG<End><Esc>");
    stage.begin("gt");
    assert!(stage.then("G<PgDn>j").contains("reading"));
}

#[test]
fn what_an_action_says_stays_while_new_fields_come_in() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("/kind:fax<Enter>y");
    stage.book.notice(2, "body.foo");
    stage.sync();
    let shown = stage.show();
    assert!(shown.contains("no event is listed"), "{shown}");
}

#[test]
fn actions_without_an_event_say_so() {
    let mut stage = Stage::new(80, 24, Book::new());
    for key in "rECtdDyvVsmMf*l".chars() {
        stage.app.notice = None;
        let shown = stage.then(&key.to_string());
        assert!(shown.contains("there is no event yet"), "{key}\n{shown}");
        assert!(stage.app.overlay.is_none() && stage.app.panel.is_none());
    }
    assert!(stage.app.list.follow);
    let mut stage = Stage::new(80, 24, Book::traffic());
    assert!(
        stage
            .then("/kind:fax<Enter>y")
            .contains("no event is listed")
    );
    // On a gap, actions need selected events.
    let book = Book::new().with(Draft::sms()).gap(3);
    let mut stage = Stage::new(80, 24, book);
    assert!(stage.then("Gm").contains("this line is not an event"));
    assert!(stage.then("Gd").contains("this line is not an event"));
    stage.press("kvG");
    assert!(
        stage
            .then("d")
            .contains("this line is not an event to compare with")
    );
    assert!(stage.then("y").contains("Copy event 1"));
}

#[test]
fn missing_answers_are_not_compared() {
    use ringtail_model::FailureKind;
    use ringtail_ringcentral::verdict::NoAnswer;
    let refused = (
        FailureKind::Refused,
        "connection refused",
        NoAnswer::Refused,
    );
    let never = |draft: Draft| draft.fails(refused.0, refused.1, refused.2);
    let book = Book::new()
        .with(never(Draft::sms()))
        .with(never(Draft::sms().ok(1)))
        .with(never(Draft::sms().ok(1)).ok(2));
    let mut stage = Stage::new(80, 24, book);
    for (script, words) in [
        ("D", "+++ response 2 to #3"),
        (
            "<Esc>kD",
            "the app has answered event 2 once; r replays it again",
        ),
        ("kD", "the app has never answered event 1; r replays it"),
    ] {
        let shown = stage.then(script);
        assert!(shown.contains(words), "{script}\n{shown}");
    }
    assert!(stage.app.panel.is_none() && stage.app.focus == Focus::List);
    assert!(stage.then("r").contains("event 1 replayed"));
    // The list still follows.
    stage.press("G");
    stage.book.add(Draft::sms().ok(1));
    stage.sync();
    stage.press("D");
    assert!(stage.app.panel.is_none() && stage.app.list.follow);
}

#[test]
fn continuation_lines_of_a_diff_keep_their_sign() {
    let long = |word: &str| format!("{{\"text\":\"{}\"}}", format!("{word} ").repeat(40));
    let book = Book::new()
        .with(Draft::notification("x", "One").body(long("one").as_bytes()))
        .with(Draft::notification("x", "Two").body(long("two").as_bytes()));
    let shown = Stage::new(80, 24, book).then("d");
    for (sign, word) in [("-", "one one"), ("+", "two two")] {
        let lines: Vec<&str> = shown.lines().filter(|line| line.contains(word)).collect();
        assert!(lines.len() > 1, "{shown}");
        let start = format!("\"{sign} ");
        assert!(lines.iter().all(|line| line.starts_with(&start)), "{shown}");
    }
}

#[test]
fn a_path_in_the_hidden_part_of_a_body_is_not_reported_missing() {
    let large = format!("[{}{{\"last\":1}}]", "{\"n\":1},".repeat(50_000));
    let book = Book::new().with(Draft::notification("x", "Large").body(large.as_bytes()));
    let shown = Stage::new(80, 24, book).then("<Enter>.last<Enter>");
    let words = "the shown part of the body has no path with \"last\"";
    assert!(shown.contains(words), "{shown}");
}

#[test]
fn a_long_filter_is_cut_and_a_long_comment_is_shown_whole() {
    let filter = "/from:+16505550123 or from:+16502245678 or path.x=1<Enter>";
    let mut stage = Stage::new(80, 24, Book::traffic());
    let shown = stage.then(filter);
    let footer = shown.lines().last().unwrap();
    assert!(
        footer.contains("/from:+16505550123 or from:+1650224"),
        "{shown}"
    );
    assert!(footer.contains("? help  q quit"), "{shown}");
    let comment = "this is what the app must never see again, says the one who looks after it and \
        wants to be asked first; the fix is in the branch of the week, and the test fails without it";
    let solid = |text: &str| text.replace([' ', '"'], "");
    for mut stage in Stage::in_sizes(&Book::traffic()) {
        let shown = stage.then(&format!("gjM{comment}<Enter><Enter>"));
        let pane = shown.lines().map(|line| {
            // The backend adds which cells wide characters hide.
            let line = line.split(" Hidden by").next().unwrap_or(line);
            solid(line.split_once('│').map_or(line, |(_, pane)| pane))
        });
        let pane: String = pane.collect();
        assert!(pane.contains(&solid(&format!("*{comment}"))), "{shown}");
        let facts = shown.contains("notification, 1.3 KiB");
        assert_eq!(facts, stage.app.size.1 > 16, "{shown}");
    }
}
