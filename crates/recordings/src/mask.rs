//! Replaces personal data and secrets by pseudonyms, so that a recording can be shown to others.
//!
//! Telephone numbers, names, message texts, transcripts, addresses and tokens go; ids, times, types and states stay.
//! Unknown text fields are masked, too.
//!
//! A pseudonym depends on the value and a key, so a number has the same pseudonym in every event masked with one key, and
//! recordings can still be compared, grouped and replayed. Guessing values requires the key. Pseudonyms contain a check
//! and are not masked again.
//!
//! JSON keeps its formatting, order and repeated fields; only masked values change.

mod field;
mod json;
mod pseudonym;

use std::borrow::Cow;
use std::collections::BTreeSet;

use self::field::Field;
use self::json::Scalar;
pub use self::pseudonym::KEY_BYTES;
use self::pseudonym::{Class, PHONE_MIN_DIGITS, Pseudonyms};
use ringtail_ringcentral::secret::is_secret_pair;

/// Minimum digits of a telephone number to search for in other fields.
const LEARNED_DIGITS: usize = 10;

/// Prefix of the content type of forms.
const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// Minimum characters of a name to search for in other fields; shorter ones occur in too many words.
const LEARNED_MIN: usize = 3;

/// Maximum names and numbers of a body to search for in its other fields. With more, all text is masked.
const LEARNED_MAX: usize = 512;

/// Masks requests and responses with one key.
#[derive(Debug, Clone)]
pub struct Masker {
    pseudonyms: Pseudonyms,
}

impl Masker {
    /// Creates a masker with a secret key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self {
            pseudonyms: Pseudonyms::new(key),
        }
    }

    /// Masks a body. JSON and forms keep their structure; anything else is replaced completely.
    ///
    /// `content_type` is the request's; JSON is detected without it.
    pub fn body(&self, body: &[u8], content_type: Option<&[u8]>) -> Vec<u8> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return body.to_vec();
        }
        let Ok(text) = str::from_utf8(body) else {
            return self.opaque(body).into_bytes();
        };
        if let Some(masked) = self.json(text) {
            return masked.into_bytes();
        }
        let is_form = content_type.is_some_and(|it| it.starts_with(FORM));
        let masked = match is_form {
            true => self.query(text),
            false => self.pseudonyms.of(Class::Text, text),
        };
        masked.into_bytes()
    }

    /// Masks the value of a header field.
    pub fn header<'a>(&self, name: &str, value: &'a [u8]) -> Cow<'a, [u8]> {
        let Ok(text) = str::from_utf8(value) else {
            return Cow::Owned(self.opaque(value).into_bytes());
        };
        let masked = match Field::of_header(name) {
            Field::Token if !text.is_empty() => self.pseudonyms.of(Class::Token, text),
            _ => self.inside(text, &BTreeSet::new()),
        };
        if masked == text {
            Cow::Borrowed(value)
        } else {
            Cow::Owned(masked.into_bytes())
        }
    }

    /// Masks the numbers and addresses in a text of ids and names.
    pub fn names(&self, text: &str) -> String {
        self.pseudonyms.patterns(text)
    }

    /// Masks a path with its query.
    pub fn path(&self, path: &str) -> String {
        match path.split_once('?') {
            Some((path, query)) => format!(
                "{}?{}",
                self.inside(path, &BTreeSet::new()),
                self.query(query)
            ),
            None => self.inside(path, &BTreeSet::new()),
        }
    }

    fn json(&self, text: &str) -> Option<String> {
        let mut learned = BTreeSet::new();
        json::rewrite(text, |key, scalar| {
            match (key, &scalar) {
                // A pseudonym may occur in other fields.
                (_, Scalar::Text(text)) if self.pseudonyms.knows(text) => {}
                (Field::Name, Scalar::Text(name)) if name.chars().count() >= LEARNED_MIN => {
                    learned.insert(name.to_lowercase());
                }
                (Field::Phone, Scalar::Text(number)) if digits(number).len() >= LEARNED_DIGITS => {
                    learned.insert(digits(number));
                }
                _ => {}
            }
            None
        })?;
        json::rewrite(text, |key, scalar| match scalar {
            // A table may have numbers or addresses as keys.
            Scalar::Name(name) => {
                let masked = self.pseudonyms.patterns(&name);
                (masked != name).then(|| ringtail_text::json::literal(&masked))
            }
            Scalar::Text(text) => {
                let masked = self.value(key, &text, &learned);
                (masked != text).then(|| ringtail_text::json::literal(&masked))
            }
            Scalar::Number(digits) if key == Field::Phone => {
                let masked = self.pseudonyms.of(Class::Phone, digits);
                (masked != digits).then_some(masked)
            }
            Scalar::Number(_) => None,
        })
    }

    fn value(&self, field: Field, text: &str, learned: &BTreeSet<String>) -> String {
        if text.is_empty() {
            return String::new();
        }
        match field {
            // Extensions and short codes identify only within their account.
            Field::Phone if text.len() < PHONE_MIN_DIGITS && digits(text) == text => {
                text.to_owned()
            }
            Field::Phone => self.pseudonyms.of(Class::Phone, text),
            Field::Name => self.pseudonyms.of(Class::Name, text),
            Field::Token => self.pseudonyms.of(Class::Token, text),
            Field::Harmless if self.is_harmless(text) => match text.split_once('?') {
                Some((path, query)) if !query.is_empty() => {
                    format!("{}?{}", self.inside(path, learned), self.query(query))
                }
                _ => self.inside(text, learned),
            },
            Field::Harmless | Field::Text => self.pseudonyms.of(Class::Text, text),
        }
    }

    /// Returns true for plain values; a pseudonym may take the place of a path before a query.
    fn is_harmless(&self, text: &str) -> bool {
        let rest = match text.split_once('?') {
            Some((path, query)) if self.pseudonyms.knows(path) => query,
            _ => text,
        };
        is_plain(rest)
    }

    /// Masks names, numbers and addresses inside a harmless value.
    fn inside(&self, text: &str, learned: &BTreeSet<String>) -> String {
        if learned.len() > LEARNED_MAX {
            return self.pseudonyms.of(Class::Text, text);
        }
        let lower = text.to_lowercase();
        if learned.iter().any(|name| lower.contains(name.as_str())) {
            return self.pseudonyms.of(Class::Text, text);
        }
        self.pseudonyms.patterns(text)
    }

    fn query(&self, query: &str) -> String {
        let parts = query.split('&').map(|part| {
            let Some((name, value)) = part.split_once('=') else {
                return self.pseudonyms.patterns(part);
            };
            let decode = |text: &str| -> String {
                form_urlencoded::parse(format!("{text}=").as_bytes())
                    .next()
                    .map_or_else(String::new, |(text, _)| text.into_owned())
            };
            let (name_decoded, decoded) = (decode(name), decode(value));
            let field = match is_secret_pair(part) {
                true => Field::Token,
                false => Field::of_key(&name_decoded),
            };
            let masked = self.value(field, &decoded, &BTreeSet::new());
            if masked == decoded {
                return part.to_owned();
            }
            let masked: String = form_urlencoded::byte_serialize(masked.as_bytes()).collect();
            format!("{name}={masked}")
        });
        parts.collect::<Vec<_>>().join("&")
    }

    /// Replaces binary data.
    fn opaque(&self, bytes: &[u8]) -> String {
        self.pseudonyms.of_bytes(Class::Token, bytes)
    }
}

/// Returns true for values like ids, times, words and URIs, as opposed to sentences.
fn is_plain(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"._:/~+@#*=?&%,;-|$!{}[]()".contains(&byte);
    text.len() <= 2048
        && (text.bytes().all(plain) || text.bytes().all(|byte| b"0123456789-:. +".contains(&byte)))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests;
