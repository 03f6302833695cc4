//! The palette: actions found by name.

use tui_input::Input;

use crate::keymap::{Action, Binding, Keys, Scope};

/// The typed words, and the actions that match them.
#[derive(Debug)]
pub(crate) struct Palette {
    pub(crate) input: Input,
    /// Where the actions apply.
    scope: Scope,
    /// The matching actions, best first.
    pub(crate) found: Vec<&'static Binding>,
    pub(crate) chosen: usize,
}

impl Palette {
    /// Begins with every action of a scope.
    pub(crate) fn new(scope: Scope, keys: &Keys) -> Self {
        let mut palette = Self {
            input: Input::default(),
            scope,
            found: Vec::new(),
            chosen: 0,
        };
        palette.search(keys);
        palette
    }

    pub(crate) fn go(&mut self, by: isize) {
        let last = self.found.len().saturating_sub(1);
        self.chosen = self.chosen.saturating_add_signed(by).min(last);
    }

    pub(crate) fn action(&self) -> Option<Action> {
        self.found.get(self.chosen).map(|row| row.action)
    }

    pub(super) fn search(&mut self, keys: &Keys) {
        let wanted = self.input.value().to_lowercase();
        let mut found: Vec<(usize, &'static Binding)> = keys
            .of(self.scope)
            .filter(|(row, _)| row.action != Action::Palette && !row.action.moves())
            .filter_map(|(row, _)| {
                let name = score(&wanted, row.name).map(|score| score * 2);
                let help = score(&wanted, row.help).map(|score| score * 2 + 1);
                Some((name.into_iter().chain(help).min()?, row))
            })
            .collect();
        found.sort_by_key(|(score, _)| *score);
        self.found = found.into_iter().map(|(_, row)| row).collect();
        self.chosen = 0;
    }
}

/// Returns the distance of a text from the typed words, if it contains their letters in order: 0 is the best.
fn score(wanted: &str, text: &str) -> Option<usize> {
    let text = text.to_lowercase();
    if let Some(at) = text.find(wanted) {
        let begins = at == 0
            || !text
                .as_bytes()
                .get(at - 1)
                .is_some_and(u8::is_ascii_alphanumeric);
        return Some(at.min(20) + if begins { 0 } else { 20 });
    }
    let mut gaps = 0;
    let mut chars = text.chars();
    for letter in wanted.chars().filter(|letter| !letter.is_whitespace()) {
        let skipped = chars.position(|other| other == letter)?;
        gaps += skipped;
    }
    Some(100 + gaps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_scores_better_than_scattered_letters() {
        assert_eq!(score("re", "replay"), Some(0));
        assert!(score("re", "explain replay") < score("pl", "explain"));
        assert!(score("rpl", "replay").is_some());
        assert_eq!(score("rq", "replay"), None);
        assert!(score("diff", "diff-answers") < score("diff", "what differs"));
    }
}
