//! Error codes explained: RingCentral's, and Ringtail's own.
//!
//! One table in two parts says of each code what it means, what brings it about, likeliest first, and what to do
//! next. `ringtail explain` reads it, the programs print the codes of [`own`] with their errors, and
//! `docs/ERRORS.md` is made of it. [`find`] takes a code as people write it; [`read`] finds one in whatever was pasted.

pub mod own;
mod paste;
mod table;
pub mod webhook;

pub use self::paste::{Found, read};
use crate::verdict::Verdict;

/// One code, explained.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The code as it is printed, such as `SUB-525`.
    pub code: &'static str,
    /// HTTP status that RingCentral sends it with. Ringtail's own codes have none.
    pub status: Option<u16>,
    /// RingCentral's message, or what Ringtail says, with `…` for what differs from case to case.
    pub message: &'static str,
    /// What has happened, in a sentence or two.
    pub meaning: &'static str,
    /// What brings it about, likeliest first.
    pub causes: &'static [&'static str],
    /// What to run or do next, in this order.
    pub next: &'static [&'static str],
    /// Sections of docs/RINGCENTRAL.md, the collected facts. Empty for what concerns Ringtail alone.
    pub sections: &'static [&'static str],
    /// The verdict's word, for a code that explains one.
    pub word: Option<&'static str>,
}

impl Entry {
    /// Says whether Ringtail prints the code of its own accord, and not RingCentral.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.code.starts_with(own::PREFIX)
    }
}

/// Returns every code: RingCentral's, then Ringtail's own.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    table::ALL
        .iter()
        .flat_map(|part| part.iter())
        .chain(own::ALL.iter().copied())
}

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

/// Returns the entry of a code or of a verdict's word, whatever its case and hyphens: `sub525` is `SUB-525`.
#[must_use]
pub fn find(text: &str) -> Option<&'static Entry> {
    let wanted = Plain::of(text)?;
    if NO_ANSWER
        .iter()
        .any(|word| Plain::of(word).as_ref() == Some(&wanted))
    {
        return Some(&own::NO_ANSWER);
    }
    all().find(|entry| {
        Plain::of(entry.code).as_ref() == Some(&wanted)
            || entry
                .word
                .is_some_and(|word| Plain::of(word).as_ref() == Some(&wanted))
    })
}

/// Returns the entry of what RingCentral would not have accepted; `None` for an answer that it would.
#[must_use]
pub fn of_verdict(verdict: &Verdict) -> Option<&'static Entry> {
    match verdict {
        Verdict::Failed { .. } => find(verdict.word()),
        Verdict::Accepted { .. } | Verdict::Unjudged { .. } => None,
    }
}

/// Returns up to three codes that look like an unknown one, most alike first.
#[must_use]
pub fn nearest(text: &str) -> Vec<&'static Entry> {
    let Some(wanted) = Plain::of(text) else {
        return Vec::new();
    };
    let mut near: Vec<(usize, u32, &Entry)> = all()
        .filter_map(|entry| {
            let code = Plain::of(entry.code)?;
            let edits = code.edits_to(&wanted);
            (edits <= MAX_EDITS).then(|| (edits, code.number().abs_diff(wanted.number()), entry))
        })
        .collect();
    // Stable, so that codes equally near stay in the table's order.
    near.sort_by_key(|(edits, apart, _)| (*edits, *apart));
    near.into_iter()
        .take(3)
        .map(|(_, _, entry)| entry)
        .collect()
}

/// How many characters may differ between an unknown code and one that is named instead.
const MAX_EDITS: usize = 2;

/// The longest code, in letters and digits.
const MAX_CODE: usize = 24;

/// A code's letters and digits, in capitals.
#[derive(Debug, PartialEq, Eq)]
struct Plain(Vec<u8>);

impl Plain {
    /// Returns nothing for a text that is longer than any code or has characters that no code has.
    fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_separator = |byte: &u8| matches!(byte, b'-' | b'_' | b' ');
        let plain: Vec<u8> = text
            .bytes()
            .filter(|byte| !is_separator(byte))
            .take(MAX_CODE + 1)
            .map(|byte| byte.to_ascii_uppercase())
            .collect();
        let fits = (1..=MAX_CODE).contains(&plain.len());
        (fits && plain.iter().all(u8::is_ascii_alphanumeric)).then_some(Self(plain))
    }

    /// Returns the number at the end, 0 when there is none.
    fn number(&self) -> u32 {
        let digits = self.0.iter().skip_while(|byte| !byte.is_ascii_digit());
        digits.fold(0, |number: u32, byte| {
            number
                .saturating_mul(10)
                .saturating_add(u32::from(byte.saturating_sub(b'0')))
        })
    }

    /// Returns how many letters must be changed, added or removed to make the other of this one.
    fn edits_to(&self, other: &Self) -> usize {
        let mut row: Vec<usize> = (0..=other.0.len()).collect();
        for (above, letter) in self.0.iter().enumerate() {
            let mut diagonal = above;
            let mut left = above + 1;
            for (cell, wanted) in row.iter_mut().skip(1).zip(&other.0) {
                let best = (diagonal + usize::from(letter != wanted))
                    .min(*cell + 1)
                    .min(left + 1);
                diagonal = *cell;
                *cell = best;
                left = best;
            }
            if let Some(first) = row.first_mut() {
                *first = above + 1;
            }
        }
        row.last().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
