//! Reads a few fields from untrusted JSON.
//!
//! Derived deserializers refuse repeated keys and give nothing back when the end of a document is broken.
//! What is needed here is the opposite: the last of repeated keys, as `JSON.parse` has it, and whatever was
//! read before the first fault. Values stay raw until asked for, and are skipped without recursion.

use std::borrow::Cow;
use std::fmt;

use ringtail_text::json as tokens;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Returns the values of `names` in the JSON object that `text` begins with, or `None` if it is not an object.
///
/// Stops at the first syntax error and keeps what came before it.
pub(crate) fn pick<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> Option<[Option<&'a str>; N]> {
    if !starts_object(text.as_bytes()) {
        return None;
    }
    let mut found = [None; N];
    let visitor = PickVisitor {
        names: &names,
        found: &mut found,
    };
    // The fault itself tells nothing that the missing fields do not.
    drop(serde_json::Deserializer::from_str(text).deserialize_map(visitor));
    Some(found)
}

/// Returns true if the first byte that is not JSON white space opens an object.
pub(crate) fn starts_object(bytes: &[u8]) -> bool {
    let first = bytes
        .iter()
        .find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    first == Some(&b'{')
}

/// Returns a value that is a string, number or boolean as text; `None` for null, arrays and objects.
///
/// RingCentral writes the same id as a string here and as a number there.
pub(crate) fn scalar(text: &str) -> Option<Cow<'_, str>> {
    match text.as_bytes().first()? {
        b'"' => Some(tokens::decoded(text)),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(text)),
    }
}

/// Decodes an object key to its place in a list of names, comparing bytes so that a key need not be UTF-8.
pub(crate) struct KeyIndex<'n>(pub(crate) &'n [&'n str]);

impl<'de> DeserializeSeed<'de> for KeyIndex<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for KeyIndex<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object key")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| name.as_bytes() == key))
    }
}

struct PickVisitor<'a, 'n> {
    names: &'n [&'n str],
    found: &'n mut [Option<&'a str>],
}

impl<'a> Visitor<'a> for PickVisitor<'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(index) = map.next_key_seed(KeyIndex(self.names))? {
            match index.and_then(|index| self.found.get_mut(index)) {
                Some(slot) => *slot = Some(map.next_value::<&RawValue>()?.get()),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<const N: usize>(json: &str, names: [&str; N]) -> Option<[Option<String>; N]> {
        pick(json, names)
            .map(|found| found.map(|value| value.and_then(scalar).map(|text| text.into_owned())))
    }

    #[test]
    fn last_of_repeated_keys_wins() {
        assert_eq!(
            texts(r#"{"a":"1","b":2,"a":"3"}"#, ["a", "b"]),
            Some([Some("3".into()), Some("2".into())])
        );
    }

    #[test]
    fn fields_before_a_fault_are_kept() {
        assert_eq!(
            texts(r#"{"a":"1","b":tru"#, ["a", "b"]),
            Some([Some("1".into()), None])
        );
    }

    #[test]
    fn only_objects_have_fields() {
        for json in ["", "  ", "[1]", "null", "\"{\"", "x{"] {
            assert_eq!(texts(json, ["a"]), None, "{json}");
        }
        assert_eq!(texts(" \r\n\t{}", ["a"]), Some([None]));
    }

    #[test]
    fn escaped_keys_and_lone_surrogates_are_read() {
        assert_eq!(
            texts(r#"{"\u0061":"x\ud800y"}"#, ["a"]),
            Some([Some("x\u{fffd}y".into())])
        );
    }

    #[test]
    fn deep_nesting_costs_no_stack() {
        let deep = format!(
            r#"{{"x":{}{},"a":1}}"#,
            "[".repeat(1_000_000),
            "]".repeat(1_000_000)
        );
        assert_eq!(texts(&deep, ["a"]), Some([Some("1".into())]));
        assert!(pick(&deep, ["x"]).is_some_and(|[x]| x.is_some_and(|x| scalar(x).is_none())));
    }
}
