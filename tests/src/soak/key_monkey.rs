//! Presses random keys, except those that quit.

use std::path::Path;

use anyhow::{Context as _, ensure};
use fastrand::Rng;

use crate::terminal::Stroke;

/// Actions that quit, and the palette, whose names are typed as one text.
const LEFT_OUT: &[&str] = &["quit", "quit.elsewhere", "palette"];

/// Texts typed at once, each with the key before it: filters, comments, paths, clicks, pastes, and unsolicited terminal
/// sequences. None contains the key that quits.
const PHRASES: &[(&str, &str)] = &[
    ("/", "kind:sms"),
    ("/", "from:+1650 or status:5xx"),
    ("/", "body.parties[*].status.code = Hold"),
    ("/", "lorem"),
    ("/", "~l.rem.*["),
    ("/", "((((not"),
    ("/", "שלום 漢字 👩\u{200d}🚀"),
    ("/", "since:-1h slower:1ms"),
    (".", "body.subject"),
    (".", "body.parties[3].x[0]"),
    ("M", "a comment with 漢字 and \u{202e}turned"),
    ("", "\u{1b}[<0;12;7M\u{1b}[<0;12;7m"),
    ("", "\u{1b}[<0;3;1M\u{1b}[<64;9;9M\u{1b}[<65;9;9M"),
    ("", "\u{1b}[200~pasted\ttext\n漢字\u{1b}[201~"),
    (
        "",
        "\u{1b}[I\u{1b}[O\u{1b}[999;999R\u{1b}]11;rgb:00/00/00\u{7}",
    ),
    ("", "é漢\u{301}👩\u{200d}🚀"),
];

/// The keys of docs/KEYS.md and the names of their actions.
#[derive(Debug)]
pub(super) struct KeyMonkey {
    keys: Vec<String>,
    names: Vec<String>,
}

impl KeyMonkey {
    pub(super) fn new() -> anyhow::Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/KEYS.md");
        let table = std::fs::read_to_string(&path)
            .with_context(|| format!("{} could not be read", path.display()))?;
        let monkey = Self::of(&table);
        ensure!(monkey.keys.len() > 30, "few keys in {}", path.display());
        Ok(monkey)
    }

    fn of(table: &str) -> Self {
        let (mut keys, mut names) = (Vec::new(), Vec::new());
        for row in table.lines().filter(|row| row.starts_with("| ")) {
            let mut cells = row.split(" | ");
            let cell = cells.next().unwrap_or_default();
            let Some(name) = cells.next().and_then(|name| name.split('`').nth(1)) else {
                continue;
            };
            if LEFT_OUT.contains(&name) {
                continue;
            }
            names.push(name.to_owned());
            let named = cell.split('`').skip(1).step_by(2).filter_map(in_tmux);
            keys.extend(named);
        }
        keys.sort();
        keys.dedup();
        Self { keys, names }
    }

    /// Returns the next burst.
    pub(super) fn next(&self, rng: &mut Rng) -> Vec<Stroke> {
        let mut one = |of: usize| rng.usize(..of);
        match one(8) {
            0 => {
                let (begin, text) = PHRASES[one(PHRASES.len())];
                vec![Stroke::Text(format!("{begin}{text}")), enter(), escape()]
            }
            1 => {
                let name = &self.names[one(self.names.len())];
                vec![Stroke::Text(format!(":{name}")), enter(), escape()]
            }
            _ => {
                let strokes = (0..=one(4)).map(|_| self.keys[one(self.keys.len())].clone());
                strokes.map(Stroke::Key).collect()
            }
        }
    }

    /// Returns the number of keys.
    pub(super) fn count(&self) -> usize {
        self.keys.len()
    }
}

pub(super) fn escape() -> Stroke {
    Stroke::Key("Escape".to_owned())
}

pub(super) fn enter() -> Stroke {
    Stroke::Key("Enter".to_owned())
}

/// Returns tmux's name of a key; `None` for those that quit.
fn in_tmux(key: &str) -> Option<String> {
    let name = match key {
        "q" | "Ctrl-C" | ":" => return None,
        "↓" => "Down",
        "↑" => "Up",
        "←" => "Left",
        "→" => "Right",
        "PgDn" => "PageDown",
        "PgUp" => "PageUp",
        "Esc" => "Escape",
        "Shift-Tab" => "BTab",
        "Insert" => "IC",
        "Delete" => "DC",
        key => match key.strip_prefix("Ctrl-") {
            Some(letter) => return Some(format!("C-{}", letter.to_lowercase())),
            None => key,
        },
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_keys_of_the_table_and_does_not_quit() {
        let monkey = KeyMonkey::new().unwrap();
        for key in [
            "Enter", "j", "Down", "PageUp", "C-d", "Space", "*", "?", "F1", "H",
        ] {
            assert!(
                monkey.keys.iter().any(|known| known == key),
                "{key}: {monkey:?}"
            );
        }
        assert!(monkey.names.iter().any(|name| name == "theme"));
        let mut rng = Rng::with_seed(1);
        for _ in 0..10_000 {
            for stroke in monkey.next(&mut rng) {
                match stroke {
                    Stroke::Key(key) => assert!(!["q", "C-c", ":"].contains(&key.as_str())),
                    Stroke::Text(text) => {
                        assert!(!text.contains('q') && !text.ends_with(';'), "{text}")
                    }
                }
            }
        }
    }
}
