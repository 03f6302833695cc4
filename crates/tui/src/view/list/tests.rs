//! Headings, and events whose answers RingCentral does not judge.

use ringtail_model::{Cause, FailureKind};
use ringtail_ringcentral::verdict::{Fault, NoAnswer, Verdict};

use crate::testing::{Book, Draft, Stage};

/// A browser that came back from a login to a page that is not there, and a scanner while the app was down.
fn browsers() -> Book {
    let not_found = vec![Fault::WrongStatus { status: 404 }];
    let login = Draft::passthrough("oauth-redirect", "OAuth redirect with a code");
    let stranger = Draft::passthrough("other", "GET /");
    let mut book = Book::new()
        .with(login.answer(Cause::Passthrough, 404, 12, not_found))
        .with(stranger.fails(
            FailureKind::Refused,
            "connection refused",
            NoAnswer::Refused,
        ));
    for event in &mut book.events {
        let verdict = Verdict::Unjudged { failed: true };
        let newest = event.event.last_attempt.as_mut().unwrap();
        newest.verdict = verdict.clone();
        event.attempts[0].attempt.verdict = verdict;
    }
    book
}

#[test]
fn answers_to_other_requests_have_no_verdict() {
    for mut stage in Stage::in_sizes(&browsers()) {
        let listed = stage.show();
        for (what, answer) in [("OAuth redirect", "404"), ("GET /", "refused")] {
            let is_row = |line: &&str| line.contains(what) && line.contains(answer);
            let row = listed.lines().find(is_row).unwrap();
            assert!(row.contains('–') && !row.contains('✗'), "{listed}");
        }
        assert!(listed.contains("2 failed"), "{listed}");
        let detail = stage.then("gg<Enter><Tab><Tab>");
        let words: String = detail.split_whitespace().collect();
        assert!(words.contains("404NotFoundfromtheapp;"), "{detail}");
        for claim in ["accept", "Webhook responses", "blacklist", "RT-502"] {
            assert!(!detail.contains(claim), "{claim}\n{detail}");
        }
        let explained = stage.then("e");
        assert!(explained.contains("RT-506"), "{explained}");
    }
}

#[test]
fn headings_and_tabs_are_whole_or_left_out() {
    let mut stage = Stage::new(
        40,
        12,
        (0..5000).fold(Book::new(), |book, _| book.with(Draft::sms().ok(1))),
    );
    assert!(stage.show().contains(" ▲ 493+ ANSWER"), "{}", stage.show());
    let mut stage = Stage::new(30, 7, Book::traffic());
    assert!(stage.show().contains("WH… ANSWER"), "{}", stage.show());
    assert!(
        stage.then("<Enter>").contains("[Body] Headers Attempts "),
        "{}",
        stage.show()
    );
}
