use super::*;
use crate::layout::Focus;
use crate::msg::Msg;
use crate::testing::{Book, Draft, Stage};

#[test]
fn a_key_right_after_esc_is_a_key_and_not_lost() {
    let thirty = (0..30).fold(Book::new(), |book, _| book.with(Draft::sms().ok(1)));
    let mut stage = Stage::new(80, 24, thirty);
    stage.press("g<Enter><A-G>");
    let selected = stage.app.list.current_event().map(|event| event.seq);
    assert_eq!((stage.app.focus, selected), (Focus::List, Some(30)));
    stage.press("g<Enter>");
    stage.msg(Msg::Key(KeyEvent::new(KeyCode::Up, KeyModifiers::ALT)));
    assert_eq!(stage.app.focus, Focus::Detail, "an arrow has other bytes");
    stage.press("<Esc>?<A-q>");
    assert!(stage.quit, "the help is left, and then the program");

    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("/kind:sms<A-q>");
    assert!(
        stage.app.prompt.is_some(),
        "what Alt does on a line is the line's"
    );
}

#[test]
fn a_paste_is_text_not_keys() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    let before = stage.show();
    stage.msg(Msg::Paste("rqcX\nv".to_owned()));
    let shown = stage.show();
    assert!(shown.contains("a paste does nothing here"), "{shown}");
    assert_eq!(shown.lines().count(), before.lines().count());
    assert!(stage.app.selected.is_empty() && !stage.app.list.entries().is_empty());
    stage.press("/");
    stage.msg(Msg::Paste("kind:sms\nq\x1b[31m\n".to_owned()));
    let line = stage.app.prompt.as_ref().unwrap();
    assert_eq!(line.input().value(), "kind:sms q [31m");
    stage.msg(Msg::Paste("x".repeat(9_999)));
    let line = stage.app.prompt.as_ref().unwrap();
    assert_eq!(line.input().value().len(), 15 + MAX_PASTE);
}
