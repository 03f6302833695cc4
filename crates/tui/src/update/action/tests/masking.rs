use super::*;

#[test]
fn masking_leaves_no_personal_data_on_screen() {
    let personal = ["Craig", "+1650", "山田", "advisor"];
    for script in [
        "",
        "gj<Enter>",
        "gjj<Enter><Tab>",
        "gjt",
        "Gd",
        "gj<Enter>x",
        "/+1650<Enter>",
    ] {
        let mut stage = Stage::new(140, 40, Book::traffic());
        stage.press(script);
        let before = stage.show();
        assert!(
            personal.iter().any(|word| before.contains(word)),
            "{before}"
        );
        stage.press("P");
        // The same again while masked, and new events.
        stage.book.add(Draft::sms().ok(1));
        stage.sync();
        for again in ["", "<Enter>", "s", "<Esc>t", "<Esc>d", "<Esc>D", "<Esc>yj"] {
            let shown = stage.then(again);
            let left = personal.iter().find(|word| shown.contains(*word));
            assert_eq!(left, None, "{script} {again}\n{shown}");
        }
        stage.press("<Esc><Esc>P");
        assert!(!stage.show().contains("masked"));
    }
}

#[test]
fn masking_keeps_the_original_sizes() {
    // A pseudonym has another length than its text.
    let text = br#"{"body":{"subject":"A text that somebody wrote to somebody"}}"#;
    let refused = vec![Fault::WrongStatus { status: 500 }];
    let sms = Draft::notification("sms", "SMS").body(text);
    let book = Book::new().with(sms.answer(Cause::Forward, 500, 3, refused));
    let mut stage = Stage::new(80, 24, book);
    let told = |shown: &str| -> Vec<String> {
        let of = |line: &&str| line.contains(" from 203.0.113.7") || line.contains(", body ");
        shown.lines().filter(of).map(str::to_owned).collect()
    };
    for (keys, sizes) in [("g<Enter>", 1), ("<Tab><Tab>", 2)] {
        let before = told(&stage.then(keys));
        assert_eq!(before.len(), sizes);
        assert_eq!(told(&stage.then("P")), before);
        stage.press("P");
    }
}

#[test]
fn an_answer_read_before_masking_is_not_shown() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("gj");
    let effects = stage.begin("<Enter>");
    assert!(
        matches!(
            effects[..],
            [Effect::Query(Query {
                ask: Ask::Detail { .. },
                ..
            })]
        ),
        "{effects:?}"
    );
    let detail = stage.book.event_number(2);
    stage.press("P");
    let id = detail.event.id;
    let detail = Some(std::sync::Arc::new(detail));
    stage.msg(Msg::Detail { id, detail });
    let shown = stage.show();
    assert!(!shown.contains("advisor"), "{shown}");
    assert!(shown.contains("subscriptionId"), "{shown}");
}

#[test]
fn masking_keeps_the_current_event() {
    let mut stage = Stage::new(80, 24, Book::traffic());
    stage.press("gjj<Enter>P");
    assert_eq!((stage.chosen(), stage.app.focus), (3, Focus::Detail));
    stage.press("<Esc>k");
    assert_eq!(stage.chosen(), 2);
    stage.press("GP");
    assert_eq!((stage.chosen(), stage.app.list.follow), (7, true));
}
