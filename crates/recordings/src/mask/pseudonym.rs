//! Creates and recognizes pseudonyms.

use std::fmt;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Minimum digits of a telephone number; extensions and short codes have fewer.
pub(super) const PHONE_MIN_DIGITS: usize = 7;

/// Country code of telephone pseudonyms; it is unassigned.
const COUNTRY: &str = "999";

/// Digits of value and check after it.
const PHONE_DIGITS: (usize, usize) = (8, 3);

/// Hexadecimal digits of value and check in other pseudonyms.
const HEX_DIGITS: (usize, usize) = (8, 4);

/// Kinds of pseudonyms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Phone,
    Name,
    Text,
    Token,
    Email,
}

impl Class {
    const HEX: [Self; 4] = [Self::Name, Self::Text, Self::Token, Self::Email];

    /// Text before and after the digits.
    fn frame(self) -> (&'static str, &'static str) {
        match self {
            Self::Phone => (COUNTRY, ""),
            Self::Name => ("Person ", ""),
            Self::Text => ("Text ", ""),
            Self::Token => ("masked-", ""),
            Self::Email => ("person-", "@example.invalid"),
        }
    }

    fn label(self) -> &'static [u8] {
        match self {
            Self::Phone => b"phone",
            Self::Name => b"name",
            Self::Text => b"text",
            Self::Token => b"token",
            Self::Email => b"email",
        }
    }
}

/// Creates pseudonyms with a key.
#[derive(Clone)]
pub(super) struct Pseudonyms(Hmac<Sha256>);

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms")
    }
}

impl Pseudonyms {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// Returns the pseudonym of a value; a pseudonym stays unchanged.
    pub(super) fn of(&self, class: Class, value: &str) -> String {
        if self.knows(value) {
            return value.to_owned();
        }
        if class != Class::Phone {
            return self.of_bytes(class, value.as_bytes());
        }
        let digits: String = value.chars().filter(char::is_ascii_digit).collect();
        let masked = self.phone(if digits.is_empty() { value } else { &digits });
        if value.starts_with('+') {
            format!("+{masked}")
        } else {
            masked
        }
    }

    /// As [`Pseudonyms::of`], for binary values.
    pub(super) fn of_bytes(&self, class: Class, value: &[u8]) -> String {
        let (before, after) = class.frame();
        let id = hex(&self.tag(class, b"value", value), HEX_DIGITS.0);
        let check = self.check(class, &id);
        format!("{before}{id}{check}{after}")
    }

    fn phone(&self, digits: &str) -> String {
        let id = decimal(
            &self.tag(Class::Phone, b"value", digits.as_bytes()),
            PHONE_DIGITS.0,
        );
        let check = self.check(Class::Phone, &id);
        format!("{COUNTRY}{id}{check}")
    }

    /// Returns true if a value is a pseudonym of this key.
    pub(super) fn knows(&self, value: &str) -> bool {
        let number = value.strip_prefix('+').unwrap_or(value);
        self.made(Class::Phone, number) || Class::HEX.iter().any(|class| self.made(*class, value))
    }

    fn made(&self, class: Class, value: &str) -> bool {
        let (before, after) = class.frame();
        let inner = value
            .strip_prefix(before)
            .and_then(|value| value.strip_suffix(after));
        let (id, check) = match class {
            Class::Phone => PHONE_DIGITS,
            _ => HEX_DIGITS,
        };
        inner.is_some_and(|inner| {
            inner.is_ascii()
                && inner.len() == id + check
                && inner.get(id..) == Some(self.check(class, &inner[..id]).as_str())
        })
    }

    /// Masks international telephone numbers and mail addresses in a text. In a path, the `@` of an address may be encoded.
    pub(super) fn patterns(&self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        // Where the unmasked text, the next address, and the search for its `@` begin.
        let (mut done, mut first, mut from) = (0, 0, 0);
        while let Some(at) = text[from..].find(['@', '%']).map(|at| from + at) {
            let sign = ["@", "%40"].iter().find(|it| text[at..].starts_with(**it));
            let Some(sign) = sign else {
                from = at + 1;
                continue;
            };
            let after = at + sign.len();
            first = match mail_around(&text[first..at], &text[after..]) {
                Some((name, host)) => {
                    self.numbers(&text[done..at - name], &mut masked);
                    let address = [&text[at - name..at], "@", &text[after..after + host]].concat();
                    masked.push_str(&self.of(Class::Email, &address));
                    done = after + host;
                    // What parts two addresses stays, or they would be one when they are masked again.
                    done + usize::from(text[done..].starts_with(|next: char| next.is_ascii()))
                }
                None => after,
            };
            from = first;
        }
        self.numbers(&text[done..], &mut masked);
        masked
    }

    fn numbers(&self, text: &str, masked: &mut String) {
        let mut rest = text;
        while let Some(at) = rest.find(['+', '%']) {
            let (before, found) = rest.split_at(at);
            let is_encoded = found.starts_with("%2B") || found.starts_with("%2b");
            let plus = if is_encoded { 3 } else { 1 };
            let digits = found[plus..].bytes().take_while(u8::is_ascii_digit).count();
            let is_number =
                (is_encoded || found.starts_with('+')) && (PHONE_MIN_DIGITS..=18).contains(&digits);
            masked.push_str(before);
            masked.push_str(&found[..plus]);
            rest = &found[plus..];
            if is_number {
                let (number, after) = rest.split_at(digits);
                match self.knows(number) {
                    true => masked.push_str(number),
                    false => masked.push_str(&self.phone(number)),
                }
                rest = after;
            }
        }
        masked.push_str(rest);
    }

    fn check(&self, class: Class, id: &str) -> String {
        let tag = self.tag(class, b"check", id.as_bytes());
        match class {
            Class::Phone => decimal(&tag, PHONE_DIGITS.1),
            _ => hex(&tag, HEX_DIGITS.1),
        }
    }

    fn tag(&self, class: Class, purpose: &[u8], value: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in [class.label(), b"\0", purpose, b"\0", value] {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// Returns the bytes of a mail address before and after its `@`.
fn mail_around(before: &str, after: &str) -> Option<(usize, usize)> {
    let local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-#*".contains(byte);
    let name = before.bytes().rev().take_while(local).count();
    let host = after
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte))
        .count();
    let has_dot = after[..host].trim_matches('.').contains('.');
    (name > 0 && has_dot).then_some((name, host))
}

fn hex(tag: &[u8], digits: usize) -> String {
    let mut text = HEXLOWER.encode(tag);
    text.truncate(digits);
    text
}

fn decimal(tag: &[u8; 32], digits: usize) -> String {
    // The slight bias of a byte modulo ten reveals nothing about the value.
    tag[..digits]
        .iter()
        .map(|byte| char::from(b'0' + byte % 10))
        .collect()
}
