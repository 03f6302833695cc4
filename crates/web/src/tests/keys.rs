//! The keys of the page: documented, and those of the terminal UI.

use std::collections::BTreeMap;
use std::path::Path;

use crate::page;

fn docs(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    std::fs::read_to_string(docs.join(name)).unwrap()
}

/// The page's table: keys as documented, and what they do.
fn keys() -> Vec<(Vec<String>, String)> {
    let assets = page::ASSETS.into_iter();
    let (.., script) = assets.clone().find(|it| it.0 == "/page.js").unwrap();
    let table = script.split_once("const KEYS = [\n").unwrap().1;
    let rows = table.split_once("\n];").unwrap().0.lines();
    let rows = rows.map(|row| {
        let mut words = row.split('"').skip(1).step_by(2);
        let keys = words.next().unwrap().split(' ');
        let shown = |key: &str| match key {
            "ArrowDown" => "↓".to_owned(),
            "ArrowUp" => "↑".to_owned(),
            "ArrowLeft" => "←".to_owned(),
            "ArrowRight" => "→".to_owned(),
            "PageDown" => "PgDn".to_owned(),
            "PageUp" => "PgUp".to_owned(),
            "Escape" => "Esc".to_owned(),
            key => key.to_owned(),
        };
        let keys = keys.map(shown).collect();
        (keys, words.next().unwrap().to_owned())
    });
    rows.collect()
}

#[test]
fn the_page_of_the_web_has_every_key() {
    let rows = keys().into_iter().map(|(keys, what)| {
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        format!("| {} | {what} |\n", keys.join(" "))
    });
    let table: String = rows.collect();
    assert!(
        docs("WEB.md").contains(&table),
        "docs/WEB.md lacks:\n{table}"
    );
}

/// A key that the terminal UI has, too, does the same there: its description begins with the same word.
#[test]
fn keys_are_those_of_the_terminal_ui() {
    let page = docs("KEYS.md");
    let places = page.split("\n## ").filter(|part| {
        let title = part.lines().next().unwrap_or_default();
        title == "List" || title == "Event"
    });
    let mut terminal: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in places
        .flat_map(str::lines)
        .filter(|line| line.starts_with("| `"))
    {
        let cells: Vec<&str> = row.split(" | ").collect();
        for key in cells[0].split('`').skip(1).step_by(2) {
            let first = cells[2].split([' ', ',']).next().unwrap().to_owned();
            terminal.entry(key.to_owned()).or_default().push(first);
        }
    }
    assert!(terminal.len() > 30);
    let mut same = 0;
    for (keys, what) in keys() {
        let first = what.split([' ', ',']).next().unwrap().to_owned();
        for key in &keys {
            let Some(theirs) = terminal.get(key) else {
                continue;
            };
            assert!(theirs.contains(&first), "{key}: {what}, and {theirs:?}");
            same += 1;
        }
    }
    assert!(same > 30, "{same}");
}
