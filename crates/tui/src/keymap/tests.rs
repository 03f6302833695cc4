use super::page::page;
use super::*;

fn bound(name: &str, keys: &[&str]) -> Result<Keys, KeyError> {
    let mut table = Keys::default();
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    table.bind(name, &keys)?;
    table.check(name)?;
    Ok(table)
}

#[test]
fn keys_and_names_are_unique() {
    for (scope, _) in Scope::ALL {
        let table = Keys::default();
        let keys: Vec<Key> = table
            .of(scope)
            .flat_map(|(_, keys)| keys.iter().copied())
            .collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{} in {scope:?}", key.name());
        }
    }
    for (index, row) in BINDINGS.iter().enumerate() {
        let same = BINDINGS[..index]
            .iter()
            .find(|other| other.name == row.name);
        assert!(same.is_none(), "{}", row.name);
    }
}

#[test]
fn only_presses_without_alt_act() {
    let table = Keys::default();
    let press = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE);
    assert_eq!(table.action(&press, Scope::List), Some(Action::Quit));
    assert_eq!(table.action(&press, Scope::Overlay), Some(Action::Back));
    let mut release = press;
    release.kind = KeyEventKind::Release;
    assert_eq!(table.action(&release, Scope::List), None);
    let alt = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::ALT);
    assert_eq!(table.action(&alt, Scope::List), None);
    let shifted = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
    assert_eq!(table.action(&shifted, Scope::List), Some(Action::Last));
    let ctrl = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(table.action(&ctrl, Scope::Detail), Some(Action::Quit));
}

#[test]
fn new_keys_replace_the_default_ones() {
    let table = bound("replay", &["Ctrl-R", "F5", "ä"]).unwrap();
    let press = |code, modifiers| table.action(&KeyEvent::new(code, modifiers), Scope::List);
    assert_eq!(press(KeyCode::Char('r'), KeyModifiers::NONE), None);
    for (code, modifiers) in [
        (KeyCode::Char('r'), KeyModifiers::CONTROL),
        (KeyCode::F(5), KeyModifiers::NONE),
        (KeyCode::Char('ä'), KeyModifiers::NONE),
    ] {
        assert_eq!(press(code, modifiers), Some(Action::Replay("")), "{code}");
    }
}

#[test]
fn invalid_bindings_are_refused() {
    let told = |name, keys: &[&str]| bound(name, keys).unwrap_err().to_string();
    assert!(told("repaly", &["r"]).starts_with("no action is named \"repaly\""));
    assert!(told("replay", &["Hyper-R"]).starts_with("no key is named \"Hyper-R\""));
    assert!(told("replay", &["F13"]).starts_with("no key"));
    assert!(told("replay", &[""]).starts_with("no key"));
    assert_eq!(
        told("replay", &["q"]),
        "q is already the key of quit, in the same place as replay"
    );
    assert_eq!(
        told("filter.apply", &["x"]),
        "x is typed as text there and cannot be the key of filter.apply"
    );
    assert!(bound("copy.curl", &["q"]).is_err());
    // The same key may act elsewhere.
    assert!(bound("copy.curl", &["x"]).is_ok());
}

#[test]
fn key_names_round_trip() {
    for row in BINDINGS {
        for key in row.keys {
            let (_, _, written) = NAMES
                .iter()
                .find(|(code, ..)| *code == key.code)
                .copied()
                .unwrap_or((key.code, "", ""));
            let written = if written.is_empty() {
                key.name()
            } else {
                written.to_owned()
            };
            assert_eq!(Key::parse(&written), Some(*key), "{written}");
        }
    }
}

#[test]
fn the_page_of_keys_matches_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/KEYS.md");
    if std::env::var_os("PRINT_KEYS").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        written.replace("\r\n", "\n"),
        page(),
        "print it anew: PRINT_KEYS=1 cargo test -p ringtail-tui the_page_of_keys"
    );
}
