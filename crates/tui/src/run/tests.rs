//! Key scripts through the real loop.

use std::io;
use std::time::Duration;

use crossterm::event::Event;
use ringtail_model::{LinkState, TargetState};
use tokio::time::Instant;

use crate::RunError;
use crate::testing::{Book, Draft, Screen};

#[tokio::test]
async fn traffic_is_opened_read_and_replayed() {
    let mut screen = Screen::start(80, 24, Book::traffic());
    screen
        .shows(&["Call answered, Craig Chan", "● following"])
        .await;
    screen.press("gj<Enter>");
    screen
        .shows(&["\"uuid\": \"6242343638330007102", "[Body]"])
        .await;
    screen.press("<Tab>");
    screen.shows(&["[Headers 6]", "validation-token:"]).await;
    screen.press("<Tab>r");
    screen
        .shows(&["Attempt 2 · replay", "✓ event 2 replayed"])
        .await;
    screen.press("<Esc>G");
    screen.shows(&["VERDICT", "↻"]).await;
    screen.ends_by(|screen| screen.press("q")).await;
}

#[tokio::test]
async fn the_screen_keeps_up_with_the_engine() {
    let mut screen = Screen::start(80, 24, Book::new());
    screen
        .shows(&["Nothing has arrived yet.", "◌ not tried yet"])
        .await;
    screen.engine(|book| {
        book.add(Draft::validation());
        book.add(Draft::sms().ok(12));
        *book = book.clone().target(TargetState::Up);
    });
    screen
        .shows(&["Validation", "SMS from", "● up", "2 events"])
        .await;
    screen.engine(|book| book.status.link = LinkState::Stopped);
    screen.shows(&["■ stopped"]).await;
    screen.engine(|book| {
        for _ in 0..10_000 {
            book.add(Draft::sms().ok(1));
        }
    });
    screen
        .shows(&["10,002 received · 2,000 listed", "▲ 1,9"])
        .await;
    screen.ends_by(|screen| screen.cancel.cancel()).await;
}

#[tokio::test]
async fn unreadable_keys_end_the_screen() {
    let screen = Screen::start(80, 24, Book::new());
    screen.input(Err(io::Error::other("the terminal is gone")));
    let error = screen.end().await.expect_err("it cannot go on");
    assert!(matches!(error, RunError::Input(_)), "{error:?}");
    let cause = std::error::Error::source(&error).expect("the cause is kept");
    assert_eq!(cause.to_string(), "the terminal is gone");
}

#[tokio::test]
async fn a_resize_is_drawn_in_the_new_size() {
    let mut screen = Screen::start(140, 40, Book::traffic());
    screen.shows(&["│", "[Body]"]).await;
    screen.input(Ok(Event::Resize(60, 16)));
    screen.input(Ok(Event::FocusGained));
    screen.press("?");
    screen.shows(&["Keys and signs"]).await;
    screen.ends_by(|screen| screen.press("<C-c>")).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_returned_terminal_is_redrawn() {
    let mut screen = Screen::start(80, 24, Book::traffic());
    screen.shows(&["● following"]).await;
    screen.press("<C-z>");
    let shown = screen.is_redrawn().await;
    assert!(shown.contains("Call answered"), "{shown}");
    screen.ends_by(|screen| screen.press("q")).await;
}

#[tokio::test]
async fn a_large_body_that_is_being_read_stalls_neither_keys_nor_events() {
    let large = format!("[{}0]", "{\"n\":1},".repeat(1_250_000));
    let book =
        Book::traffic().with(Draft::notification("other", "A large one").body(large.as_bytes()));
    let mut screen = Screen::start(80, 24, book);
    screen.shows(&["› 18:12:10  A large one"]).await;
    screen.engine(|book| book.withheld = true);
    screen.press("<Enter>");
    screen.shows(&["reading…"]).await;
    screen.engine(|book| book.add(Draft::sms().ok(1)));
    screen.shows(&["9 events", "1 newer"]).await;
    screen.press("?");
    screen.shows(&["Keys and signs"]).await;
    screen.press("<Esc><Esc>");
    screen.shows(&["VERDICT", "SMS from"]).await;

    screen.press("<Enter>");
    screen.engine(|book| book.withheld = false);
    screen.shows(&["\"n\": 1", "of 5,003"]).await;
    screen.press("G");
    screen
        .shows(&["9.5 MiB more not shown; all of it: ringtail"])
        .await;
    screen.ends_by(|screen| screen.press("q")).await;
}

#[tokio::test(start_paused = true)]
async fn keys_are_drawn_at_once() {
    let mut screen = Screen::start(80, 24, Book::traffic());
    screen.shows(&["● following"]).await;
    for key in ["k", "?", "q", "<Enter>", "<Tab>"] {
        let pressed = Instant::now();
        screen.press(key);
        let words = match key {
            "k" => "▼ 1 newer",
            "?" => "Keys and signs",
            "q" => "VERDICT",
            "<Enter>" => "[Body]",
            _ => "[Headers",
        };
        screen.shows(&[words]).await;
        let took = pressed.elapsed();
        assert!(took < Duration::from_millis(100), "{key} took {took:?}");
    }
    screen.ends_by(|screen| screen.press("q")).await;
}

#[tokio::test]
async fn an_editor_borrows_the_terminal_and_the_edited_event_is_replayed() {
    let mut screen = Screen::start(80, 24, Book::traffic());
    screen.shows(&["● following"]).await;
    screen.press("gjE");
    let shown = screen.is_redrawn().await;
    assert!(shown.contains("Call answered"), "{shown}");
    screen.shows(&["✓ the edited event replayed: 200"]).await;
    screen.ends_by(|screen| screen.press("q")).await;
}

#[tokio::test]
async fn a_replay_that_is_watched_is_stopped_by_a_key() {
    let mut screen = Screen::start(80, 24, Book::traffic());
    screen.shows(&["● following"]).await;
    screen.press("gvvr");
    screen.shows(&["↻ replaying 1 of 2"]).await;
    screen.press("X");
    screen.shows(&["✓ event 1 replayed: 200"]).await;
    screen.ends_by(|screen| screen.press("q")).await;
}
