//! The keys and the signs.

use ratatui::text::Line;

use crate::keymap::{Binding, Key, Keys, Scope};
use crate::text::{column, line, span};
use crate::theme::{NAME, PLAIN, STRONG};

/// Columns of the keys.
const KEYS: usize = 17;

/// What the signs of the list mean.
const SIGNS: &[(&str, &str)] = &[
    ("✓ ✗", "RingCentral accepts the answer, or not"),
    ("late", "took longer than RingCentral waits"),
    ("status size", "wrong status, answer too large"),
    ("none", "no answer at all"),
    ("by relay", "answered by the relay"),
    ("rejected", "bad signature: not forwarded"),
    ("pending", "not yet delivered to the app"),
    ("≡ ↻ * +", "duplicate; replayed; bookmark; selected"),
    ("≠", "of another subscription than yours"),
    ("◆", "has a field or type new to its kind"),
    ("·▂█", "events and slowest answers, 2 minutes"),
    ("⋯", "gap: the relay had lost events"),
];

/// Returns the lines of the help.
pub(super) fn lines(keys: &Keys) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (scope, title) in [
        (None, "Everywhere"),
        (Some(Scope::List), "List"),
        (Some(Scope::Detail), "Event"),
        (Some(Scope::Panel), "Timeline and diff"),
        (Some(Scope::Filter), "Filter"),
    ] {
        lines.push(line(title, STRONG));
        let here = |(row, keys): &(&Binding, &[Key])| home(row) == scope && !keys.is_empty();
        let mut rows: Vec<_> = keys.rows().filter(here).collect();
        // Moving comes last: readers of the help already found out how.
        rows.sort_by_key(|(row, _)| row.action.moves());
        lines.extend(rows.into_iter().map(|(binding, keys)| {
            let keys: Vec<String> = keys.iter().map(|key| key.name()).collect();
            row(&keys.join(" "), binding.help)
        }));
    }
    lines.push(line("Signs", STRONG));
    lines.extend(SIGNS.iter().map(|(sign, meaning)| row(sign, meaning)));
    lines
}

/// Returns the first scope in which a key acts, unless it acts everywhere but in boxes and prompts.
fn home(binding: &Binding) -> Option<Scope> {
    match binding.scopes {
        [Scope::List, Scope::Detail, ..] => None,
        scopes => scopes.first().copied(),
    }
}

fn row(left: &str, right: &str) -> Line<'static> {
    span(format!(" {} ", column(left, KEYS)), NAME) + span(right, PLAIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::line_width;

    #[test]
    fn what_acts_in_prompts_and_boxes_only_is_not_said_to_act_everywhere() {
        let lines: Vec<String> = lines(&Keys::default())
            .iter()
            .map(Line::to_string)
            .collect();
        let group = |words: &str| {
            let at = lines.iter().position(|line| line.ends_with(words))?;
            let titles = lines[..at].iter().rev();
            titles.into_iter().find(|line| !line.starts_with(' '))
        };
        for (words, title) in [
            ("complete the word", "Filter"),
            (" cancel", "Filter"),
            ("Ctrl-C            quit", "Timeline and diff"),
            ("q Ctrl-C          quit", "Everywhere"),
        ] {
            assert_eq!(group(words).map(String::as_str), Some(title), "{words}");
        }
    }

    #[test]
    fn every_line_fits() {
        for line in lines(&Keys::default()) {
            assert!(line_width(&line) <= 58, "{line:?}");
        }
    }
}
