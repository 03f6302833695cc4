//! Finds a code by what a person types.

use strsim::levenshtein;

use crate::{Code, Origin, all, codes};

/// Words that screens and lists have for an answer that did not come.
const NO_ANSWER: [&str; 7] = [
    "none",
    "refused",
    "unreachable",
    "reset",
    "timed-out",
    "tls",
    "not-http",
];

/// Other words that RingCentral has for the status of a subscription that it no longer serves (section 2.6).
const SAME_AS_BLACKLISTED: [&str; 2] = ["Blocked", "Suspended"];

/// Returns a code, or the code of a verdict, whatever its case and hyphens: `sub525` is `SUB-525`.
#[must_use]
pub fn find(text: &str) -> Option<&'static Code> {
    let wanted = Plain::of(text)?;
    if NO_ANSWER
        .iter()
        .any(|word| Plain::of(word).as_ref() == Some(&wanted))
    {
        return Some(&codes::NO_ANSWER);
    }
    if SAME_AS_BLACKLISTED
        .iter()
        .any(|word| Plain::of(word).as_ref() == Some(&wanted))
    {
        return Some(&codes::BLACKLISTED);
    }
    all().find(|code| {
        let word = match code.origin {
            Origin::Verdict { word, .. } => Plain::of(word),
            _ => None,
        };
        word.as_ref() == Some(&wanted) || Plain::of(code.id).as_ref() == Some(&wanted)
    })
}

/// Returns up to three codes that look like an unknown one, most alike first.
#[must_use]
pub fn nearest(text: &str) -> Vec<&'static Code> {
    let Some(wanted) = Plain::of(text) else {
        return Vec::new();
    };
    let mut near: Vec<(usize, u32, &Code)> = all()
        .filter_map(|code| {
            let plain = Plain::of(code.id)?;
            let edits = levenshtein(&plain.0, &wanted.0);
            (edits <= MAX_EDITS).then(|| (edits, plain.number().abs_diff(wanted.number()), code))
        })
        .collect();
    // Stable, so that codes equally near stay in the table's order.
    near.sort_by_key(|(edits, apart, _)| (*edits, *apart));
    near.into_iter().take(3).map(|(_, _, code)| code).collect()
}

/// How many characters may differ between an unknown code and one that is named instead.
const MAX_EDITS: usize = 2;

/// The longest code, in letters and digits.
const MAX_CODE: usize = 24;

/// A code's letters and digits, in capitals.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plain(String);

impl Plain {
    /// Returns `None` for a text that is longer than any code or has characters that no code has.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let plain: String = text
            .trim()
            .chars()
            .filter(|c| !matches!(c, '-' | '_' | ' '))
            .take(MAX_CODE + 1)
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let fits = (1..=MAX_CODE).contains(&plain.len());
        (fits && plain.chars().all(|c| c.is_ascii_alphanumeric())).then_some(Self(plain))
    }

    /// Returns the number at the end, 0 when there is none.
    fn number(&self) -> u32 {
        let digits = self.0.trim_start_matches(|c: char| !c.is_ascii_digit());
        digits.parse().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
