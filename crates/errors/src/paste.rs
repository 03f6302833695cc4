//! Finds the code in what a person pasted: a code, an error body, a line of a log, a recorded reason.

use serde_json::Value;

use crate::catalogue::Plain;
use crate::{Code, all, codes, find};

/// Bytes of a pasted text that are searched.
const MAX_BYTES: usize = 64 * 1024;

/// What a text says.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A code that is explained here.
    Known(&'static Code),
    /// Something in the shape of a code that is not explained here.
    Unknown(String),
}

/// Finds the code that a text is about.
///
/// A text that is a code is that code. In JSON `errors[0].errorCode` decides and else `errorCode`, because the one
/// at the top may be generic (section 4.8). In any other text it is the first that is known, a recorded reason of the
/// blacklist or a message of RingCentral's to the letter, and else the first that looks like a code.
#[must_use]
pub fn read(text: &str) -> Option<Found> {
    let text = text
        .get(..text.floor_char_boundary(MAX_BYTES))
        .unwrap_or_default()
        .trim();
    if let Some(code) = find(text) {
        return Some(Found::Known(code));
    }
    if let Some(code) = in_json(text) {
        return Some(found(code));
    }
    let mut unknown = None;
    for code in shaped(text) {
        match found(code.to_owned()) {
            Found::Known(code) => return Some(Found::Known(code)),
            other => unknown = unknown.or(Some(other)),
        }
    }
    let said = || reason(text).or_else(|| message(text)).map(Found::Known);
    // A single word is a code, whatever its shape.
    let is_word = !text.contains(char::is_whitespace) && Plain::of(text).is_some();
    let word = || is_word.then(|| Found::Unknown(text.to_owned()));
    unknown.or_else(said).or_else(word)
}

fn found(code: String) -> Found {
    find(&code).map_or(Found::Unknown(code), Found::Known)
}

/// Reads the first object in the text, after whatever `curl -i` printed before it.
fn in_json(text: &str) -> Option<String> {
    let body = text.get(text.find('{')?..)?;
    let mut values = serde_json::Deserializer::from_str(body).into_iter::<Value>();
    let object = values.next()?.ok()?;
    let code = |value: &Value| value.get("errorCode")?.as_str().map(str::to_owned);
    let first = object
        .get("errors")
        .and_then(|errors| errors.get(0))
        .and_then(code);
    first.or_else(|| code(&object))
}

/// Returns what has the shape of a code: two to four letters, perhaps a hyphen, three digits.
fn shaped(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '-')
        .filter(|word| {
            let letters = word.bytes().take_while(u8::is_ascii_alphabetic).count();
            let rest = word.get(letters..).unwrap_or_default();
            let digits = rest.strip_prefix('-').unwrap_or(rest);
            (2..=4).contains(&letters)
                && digits.len() == 3
                && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// Recorded reasons of section 2.6, each with the verdict that foresees it; the more exact ones first.
static REASONS: [(&str, &Code); 4] = [
    ("read timed out", &codes::LATE),
    ("webhook responses with code", &codes::STATUS),
    ("response exceeds max size", &codes::SIZE),
    ("i/o operation is failed", &codes::NO_ANSWER),
];

fn reason(text: &str) -> Option<&'static Code> {
    let text = text.to_ascii_lowercase();
    REASONS
        .iter()
        .find(|(words, _)| text.contains(words))
        .map(|(_, code)| *code)
}

/// Finds a message of RingCentral's that stands in the text as it is.
fn message(text: &str) -> Option<&'static Code> {
    let text = text.to_ascii_lowercase();
    all().filter(|code| !code.is_own()).find(|code| {
        let message = code.message().unwrap_or_default();
        let whole = !message.contains(['…', '(']);
        whole && text.contains(&message.to_ascii_lowercase())
    })
}
