//! The names of a request's header fields as sent: in order, and with their case, which `http::HeaderMap` keeps neither of.

use std::collections::HashMap;

use http::{HeaderMap, HeaderName};

/// Between the names in [`FieldNames`] and on the link; no name contains it.
const SEPARATOR: char = ',';

/// The names of a request's header fields as sent over HTTP/1.1, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldNames(String);

impl FieldNames {
    /// Reads the names from a request's head. The head must have been accepted by an HTTP parser, so this one
    /// may be simple: what it gets wrong, [`FieldNames::fields`] finds out.
    #[must_use]
    pub fn of_head(head: &[u8]) -> Option<Self> {
        let mut lines = head.trim_ascii_start().split(|byte| *byte == b'\n');
        lines.next()?;
        let mut names = String::new();
        for line in lines {
            let Some(end) = line.iter().position(|byte| *byte == b':') else {
                break;
            };
            if !names.is_empty() {
                names.push(SEPARATOR);
            }
            names.push_str(str::from_utf8(line.get(..end)?).ok()?);
        }
        Some(Self(names))
    }

    /// Takes the names of a stored request's fields.
    #[must_use]
    pub fn of_fields<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.collect();
        Self(names.join(&SEPARATOR.to_string()))
    }

    /// Takes the text that a link carries.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the names as a link carries them.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// Returns the fields of a message as sent; `None` if the names are not those of its fields.
    #[must_use]
    pub fn fields<'a>(&'a self, headers: &'a HeaderMap) -> Option<Vec<Field<'a>>> {
        let mut values: HashMap<_, _> = (headers.keys())
            .map(|key| (key, (key, headers.get_all(key).iter())))
            .collect();
        let mut fields = Vec::with_capacity(headers.len());
        for sent in self.0.split(SEPARATOR) {
            let name = HeaderName::from_bytes(sent.as_bytes()).ok()?;
            let (name, values) = values.get_mut(&name)?;
            let value = values.next()?.as_bytes();
            fields.push(Field { name, sent, value });
        }
        (fields.len() == headers.len()).then_some(fields)
    }
}

/// A header field with its name as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name, for comparisons.
    pub name: &'a HeaderName,
    /// Its name as sent.
    pub sent: &'a str,
    /// Its value.
    pub value: &'a [u8],
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_static(value))
        };
        let mut map = HeaderMap::new();
        for (name, value) in fields.iter().map(field) {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn names_keep_case_and_order_and_repetitions() {
        let sent = [
            ("X-A", "1"),
            ("HOST", "h"),
            ("x-A", "2"),
            ("Verification-Token", "t"),
        ];
        for end in ["\r\n", "\n"] {
            let lines = sent.map(|(name, value)| format!("{name}: {value}{end}"));
            let head = format!(
                "{end}POST /a:b HTTP/1.1{end}{}{end}body: x{end}",
                lines.concat()
            );
            let names = FieldNames::of_head(head.as_bytes()).unwrap();
            assert_eq!(names.as_text(), "X-A,HOST,x-A,Verification-Token");
            let map = headers(&sent);
            let fields = names.fields(&map).unwrap();
            let fields = fields.iter().map(|field| (field.sent, field.value));
            assert!(fields.eq(sent.iter().map(|(name, value)| (*name, value.as_bytes()))));
        }
    }

    #[test]
    fn names_of_another_message_are_not_used() {
        let map = headers(&[("x-a", "1"), ("x-b", "2")]);
        for names in [
            "X-A",
            "X-A,X-A",
            "X-A,X-B,X-B",
            "X-A,X-C",
            "X-A,X-B,",
            "X-A X-B",
            "",
        ] {
            assert_eq!(FieldNames::from_text(names).fields(&map), None, "{names}");
        }
        assert!(FieldNames::from_text("X-B,X-A").fields(&map).is_some());
        assert_eq!(
            FieldNames::of_head(b"GET / HTTP/1.1\r\n\xff: 1\r\n\r\n"),
            None
        );
    }
}
