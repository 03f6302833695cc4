//! Finds the codes in what a person pasted: a code, an error body, a line of a log, a message, a question.

mod json;
mod messages;
mod topics;

use crate::catalogue::Plain;
use crate::{Code, all, codes, find};

/// Bytes of a pasted text that are searched.
const MAX_BYTES: usize = 64 * 1024;

/// Most codes that are reported of one text.
const MAX_CODES: usize = 5;

/// What a text says.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Codes that are explained here, each once, the most telling first; never empty.
    Known(Vec<&'static Code>),
    /// Something in the shape of a code that is not explained here.
    Unknown(String),
}

/// Finds the codes that a text is about.
///
/// A text that is a code is that code. Else error bodies come first, in which `errors` decide and not the code beside them,
/// which may be generic (section 4.8); then codes in the text; then RingCentral's messages and recorded reasons, however an
/// SDK or a log has quoted them. A text without any of these is a question, of which the words decide.
#[must_use]
pub fn read(text: &str) -> Option<Found> {
    let text = text
        .get(..text.floor_char_boundary(MAX_BYTES))
        .unwrap_or_default()
        .trim();
    if let Some(code) = find(text) {
        return Some(Found::Known(vec![code]));
    }
    let (in_bodies, rest) = json::codes(text);
    let mut known: Vec<&'static Code> = Vec::new();
    let mut unknown = None;
    let words = messages::words(&rest);
    let written = shaped(&rest).chain(apart(&words));
    for id in in_bodies.into_iter().chain(written) {
        match find(&id) {
            Some(code) => known.push(code),
            None => unknown = unknown.or(Some(id)),
        }
    }
    known.extend(messages::find(&words, &known));
    if known.is_empty() && unknown.is_some() {
        // The code of a body is not known here, and its message may be.
        known = messages::find(&messages::words(text), &[]);
    }
    settle(&mut known);
    if !known.is_empty() {
        return Some(Found::Known(known));
    }
    let about = || {
        let about = topics::find(&words);
        (!about.is_empty()).then(|| Found::Known(about.to_vec()))
    };
    match unknown {
        Some(id) if has_family(&id) => Some(Found::Unknown(id)),
        Some(id) => about().or(Some(Found::Unknown(id))),
        None => about().or_else(|| {
            // A single word is a code, whatever its shape.
            let is_word = !text.contains(char::is_whitespace) && Plain::of(text).is_some();
            is_word.then(|| Found::Unknown(text.to_owned()))
        }),
    }
}

/// Leaves each code once, and what says little only if nothing says more.
fn settle(known: &mut Vec<&'static Code>) {
    let mut seen = Vec::new();
    known.retain(|code| {
        let is_new = !seen.contains(&code.id);
        seen.push(code.id);
        is_new
    });
    let generic = [&codes::INVALID_PARAMETER, &codes::CMN_201, &codes::CMN_203];
    let is_generic = |code: &&'static Code| generic.iter().any(|one| one.id == code.id);
    if !known.iter().all(is_generic) {
        known.retain(|code| !is_generic(code));
    }
    known.truncate(MAX_CODES);
}

/// Returns what has the shape of a code: two to four letters, perhaps a hyphen, three digits.
fn shaped(text: &str) -> impl Iterator<Item = String> {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '-')
        .filter(|word| {
            let letters = letters(word);
            let rest = word.get(letters..).unwrap_or_default();
            let digits = rest.strip_prefix('-').unwrap_or(rest);
            (2..=4).contains(&letters)
                && digits.len() == 3
                && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
        .map(str::to_owned)
}

/// Returns the codes that are written with something else in place of the hyphen: `OAU 128`, `sub_525`.
fn apart(words: &str) -> impl Iterator<Item = String> {
    let mut before = "";
    words.split_ascii_whitespace().filter_map(move |word| {
        let family = std::mem::replace(&mut before, word);
        let id = format!("{family}-{word}");
        let is_number = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && find(&id).is_some_and(|code| code.id.contains('-'))).then_some(id)
    })
}

/// Returns how many letters a word begins with.
fn letters(word: &str) -> usize {
    word.bytes().take_while(u8::is_ascii_alphabetic).count()
}

/// Returns true if other codes begin with the same letters.
fn has_family(id: &str) -> bool {
    let family = id.get(..letters(id)).unwrap_or_default();
    all().any(|code| {
        let known = code.id.split('-').next();
        known.is_some_and(|known| known.eq_ignore_ascii_case(family))
    })
}

#[cfg(test)]
mod tests;
