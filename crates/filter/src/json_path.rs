//! Places in a body that is JSON: `body.parties[*].status.code`.
//!
//! The body is walked once, only along the path, and nothing of it is built. Of a body that breaks off counts what
//! was read before.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::text::quote;

/// Most steps of a path.
pub(super) const MAX_STEPS: usize = 32;

/// A path from the top of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath(pub Vec<Step>);

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A field of an object.
    Field(String),
    /// An element of an array, from 0.
    Index(usize),
    /// Any element of an array.
    Any,
}

/// What push notifications wrap their events in; paths begin inside of it, too.
const WRAPPER: &str = "pn_apns";

impl JsonPath {
    /// Reads a path; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            if !rest.starts_with('[') {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let name = &rest[..end];
                if !is_name(name) {
                    return None;
                }
                steps.push(Step::Field(name.to_owned()));
                rest = &rest[end..];
            }
            while let Some(inner) = rest.strip_prefix('[') {
                let (step, after) = bracket(inner)?;
                steps.push(step);
                rest = after;
            }
            if steps.len() > MAX_STEPS {
                return None;
            }
            if rest.is_empty() {
                return Some(Self(steps));
            }
            rest = rest.strip_prefix('.')?;
        }
    }

    /// Says whether one of the values at the path passes the test. A value that is no text, number, `true`,
    /// `false` or `null` is there, but has no text.
    pub fn any(&self, body: &[u8], mut test: impl FnMut(Option<&str>) -> bool) -> bool {
        let text = String::from_utf8_lossy(body);
        let mut found = false;
        let walk = Walk {
            steps: &self.0,
            at_top: true,
            visit: &mut |value| found |= test(value),
        };
        let mut json = serde_json::Deserializer::from_str(&text);
        // The fault itself tells nothing that the missing values do not.
        drop(walk.deserialize(&mut json));
        found
    }
}

/// Reads what stands after `[`.
fn bracket(inner: &str) -> Option<(Step, &str)> {
    if let Some(after) = inner.strip_prefix("*]") {
        return Some((Step::Any, after));
    }
    if let Some(quoted) = inner.strip_prefix('"') {
        let (name, after) = unquote(quoted)?;
        return Some((Step::Field(name), after.strip_prefix(']')?));
    }
    let (digits, after) = inner.split_once(']')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((Step::Index(digits.parse().ok().filter(|_| plain)?), after))
}

/// Reads a quoted text up to its closing quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, character)) = chars.next() {
        match character {
            '"' => return Some((name, &text[at + 1..])),
            '\\' => name.push(chars.next()?.1),
            other => name.push(other),
        }
    }
    None
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Any => f.write_str("[*]")?,
                Step::Field(name) => {
                    // A word that joins would not be taken for a path.
                    let joins = self.0.len() == 1 && !super::words::reads_as_text(name);
                    if joins || !is_plain(name) {
                        f.write_str("[")?;
                        quote(name, f)?;
                        f.write_str("]")?;
                    } else {
                        let dot = if position == 0 { "" } else { "." };
                        write!(f, "{dot}{name}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Writes a field behind a path, as a filter has it.
pub fn push_field(path: &mut String, name: &str) {
    if is_name(name) {
        let dot = if path.is_empty() { "" } else { "." };
        path.extend([dot, name]);
    } else {
        path.push('[');
        // Writing to a string does not fail.
        quote(name, path).ok();
        path.push(']');
    }
}

/// Says whether a name may stand in a path without quotes.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@');
    !name.is_empty() && name.chars().all(plain)
}

/// Says whether a name stands in a filter without quotes.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(plain)
}

/// A value of the body and the steps that are left to go from it.
struct Walk<'p, 'v> {
    steps: &'p [Step],
    at_top: bool,
    visit: &'v mut dyn FnMut(Option<&str>),
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.steps.is_empty() {
            (self.visit)(scalar(<&RawValue>::deserialize(deserializer)?).as_deref());
            return Ok(());
        }
        deserializer.deserialize_any(self)
    }
}

/// Returns a text without its quotes, and anything else that is one word as it was written.
fn scalar(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok().map(Cow::Owned),
        b'{' | b'[' => None,
        _ => Some(Cow::Borrowed(text)),
    }
}

/// What is met before the end of the path has nothing in it unless it is an object or an array.
impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { steps, visit, .. } = self;
        let Some((step, rest)) = steps.split_first() else {
            return Ok(());
        };
        let mut index = 0;
        loop {
            let wanted = match step {
                Step::Any => true,
                Step::Index(wanted) => *wanted == index,
                Step::Field(_) => false,
            };
            let more = if wanted {
                let walk = Walk {
                    steps: rest,
                    at_top: false,
                    visit: &mut *visit,
                };
                seq.next_element_seed(walk)?.is_some()
            } else {
                seq.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self {
            steps,
            at_top,
            visit,
        } = self;
        let Some((step, rest)) = steps.split_first() else {
            return Ok(());
        };
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            let steps = match step {
                Step::Field(name) if *name == key => rest,
                _ if at_top && key == WRAPPER => steps,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            map.next_value_seed(Walk {
                steps,
                at_top: false,
                visit: &mut *visit,
            })?;
        }
        Ok(())
    }
}
