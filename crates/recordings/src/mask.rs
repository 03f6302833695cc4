//! Replaces personal data and secrets by pseudonyms, so that a recording can be shown to others.
//!
//! Telephone numbers, names, message texts, transcripts, addresses and tokens go; ids, times, types and states stay.
//! A text field that this module does not know is masked: what is not known to be harmless is not shown.
//!
//! A pseudonym follows from the value and a key, so the same number has the same pseudonym in every event that was
//! masked with one key: a recording can still be compared, grouped and replayed. Without the key nobody can try
//! numbers until one fits. What is masked already is known by a check in the pseudonym and stays as it is, so masking
//! twice gives the same bytes.
//!
//! JSON keeps its layout, its order and its repeated fields; only the values that are masked change.

mod field;
mod json;
mod pseudonym;

use std::borrow::Cow;
use std::collections::BTreeSet;

use self::field::Field;
use self::json::Scalar;
use self::pseudonym::{Class, PHONE_MIN_DIGITS, Pseudonyms};
use ringtail_ringcentral::secret::is_secret_parameter;

/// The fewest digits of a telephone number that are looked for in other fields.
const LEARNED_DIGITS: usize = 10;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// The content type of forms, with what may follow it.
const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// The shortest name that is looked for in other fields; shorter ones stand in too many words.
const LEARNED_MIN: usize = 3;

/// The most names and numbers of one body that are looked for in its other fields, each in each. A body with more of
/// them keeps no text at all.
const LEARNED_MAX: usize = 512;

/// Masks requests and answers under one key.
#[derive(Debug, Clone)]
pub struct Masker {
    pseudonyms: Pseudonyms,
}

impl Masker {
    /// Makes a masker of a secret key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self {
            pseudonyms: Pseudonyms::new(key),
        }
    }

    /// Masks a body. JSON and forms keep their shape; of anything else there is left that it was there.
    ///
    /// `content_type` is the request's own field; JSON is known without it.
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

    /// Masks the value of a header field; `name` is in lower case.
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

    /// Masks a path with its query: values of the query as fields of their names.
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
                // A pseudonym betrays nobody where it stands again.
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
            Scalar::Text(text) => {
                let masked = self.value(key, &text, &learned);
                (masked != text).then(|| serde_json::Value::from(masked).to_string())
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
            // Extensions and short codes say nothing outside of their account.
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

    /// Says whether a value is plain, but for a pseudonym that stands for the path before a query.
    fn is_harmless(&self, text: &str) -> bool {
        let rest = match text.split_once('?') {
            Some((path, query)) if self.pseudonyms.knows(path) => query,
            _ => text,
        };
        is_plain(rest)
    }

    /// Masks what shows itself inside a value that is harmless as a whole.
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
            let field = match is_secret_parameter(part) {
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

    /// What is left of bytes that are no text.
    fn opaque(&self, bytes: &[u8]) -> String {
        self.pseudonyms.of_bytes(Class::Token, bytes)
    }
}

/// Says whether a value is written like an id, a time, a word or a URI: nothing that says a sentence.
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
