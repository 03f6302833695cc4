//! The fields that bodies of one kind have had, and the new ones of a body.
//!
//! [`KnownFields`] holds paths and the types of their values, no values. It learns silently from the first [`LEARN`]
//! bodies; after that it reports each new thing once. It is bounded whatever comes: in paths, in their length, and in
//! what it reports of one object, since the keys of some objects are data (ids, numbers, names) and never end.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use ringtail_filter::push_field;
use ringtail_model::new_fields::{NewField, NewFields};
use ringtail_text::json;

/// Bodies of a kind that are learnt from before anything is reported as new.
pub const LEARN: u32 = 20;

/// Longest body that is learnt from, in bytes. RingCentral's have some thousand.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// Most paths of a kind; new fields beyond are not noticed.
const MAX_PATHS: usize = 1000;

/// Longest path, in bytes; deeper values are ignored.
const MAX_PATH: usize = 200;

/// Deepest nesting; deeper values are ignored.
const MAX_DEPTH: usize = 32;

/// Longest key that is a name, in bytes.
const MAX_NAME: usize = 64;

/// A key with this many digits is an id.
const ID_DIGITS: usize = 5;

/// An object with this many fields is a table: its keys are data.
const MAX_FIELDS: u16 = 64;

/// Bodies that may add fields to one object; after that its keys are data.
const MAX_LATE: u8 = 8;

/// Most new fields that are reported of one body.
const MAX_REPORTED: usize = 8;

/// The fields that bodies of one kind have had.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownFields {
    /// How many were learnt from, up to [`LEARN`].
    bodies: u32,
    paths: HashMap<String, Seen>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// A bit for each of [`TYPES`] that was there.
    types: u8,
    /// Of objects: how many fields are known.
    fields: u16,
    /// Of objects: how many bodies added fields after learning.
    late: u8,
    /// Of objects: whether keys that are not known are data.
    table: bool,
}

/// The types, by their bit.
const TYPES: [&str; 6] = ["null", "boolean", "number", "string", "array", "object"];

/// What a body changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Learnt {
    /// Whether the known fields have changed.
    pub(crate) changed: bool,
    /// What is new, if it is to be reported.
    pub(crate) new: Option<NewFields>,
}

impl KnownFields {
    /// Takes a body into account, which is JSON.
    pub(crate) fn learn(&mut self, body: &str) -> Learnt {
        let is_learning = self.bodies < LEARN;
        self.bodies += u32::from(is_learning);
        let mut walk = Walk {
            known: self,
            reports: !is_learning,
            path: String::new(),
            changed: is_learning,
            new: NewFields::default(),
        };
        walk.visit(body.trim_ascii_start(), 0, is_learning);
        let (changed, new) = (walk.changed, walk.new);
        Learnt {
            changed,
            new: (!new.fields.is_empty()).then_some(new),
        }
    }
}

/// The walk through one body.
struct Walk<'k> {
    known: &'k mut KnownFields,
    reports: bool,
    path: String,
    changed: bool,
    new: NewFields,
}

impl Walk<'_> {
    /// Visits a value; `quiet` if what contains it is new itself.
    fn visit(&mut self, value: &str, depth: usize, quiet: bool) {
        let bit = bit_of(value);
        let paths = &mut self.known.paths;
        if !paths.contains_key(&self.path) {
            if paths.len() >= MAX_PATHS {
                return;
            }
            paths.insert(self.path.clone(), Seen::default());
        }
        let mut before = 0;
        if let Some(seen) = paths.get_mut(&self.path) {
            before = seen.types;
            seen.types |= 1 << bit;
        }
        let is_new = before & (1 << bit) == 0;
        self.changed |= is_new;
        if is_new && !quiet {
            self.report(bit, before);
        }
        if depth == MAX_DEPTH {
            return;
        }
        let (quiet, len) = (quiet || is_new, self.path.len());
        match TYPES[bit] {
            "array" => {
                self.path.push_str("[*]");
                for item in json::items(value) {
                    self.visit(item, depth + 1, quiet);
                }
                self.path.truncate(len);
            }
            "object" => {
                let mut has_new = false;
                for (key, value) in json::members(value) {
                    has_new |= self.descend(&key);
                    if self.path.len() <= MAX_PATH {
                        self.visit(value, depth + 1, quiet);
                    }
                    self.path.truncate(len);
                }
                if has_new && self.reports && !quiet {
                    self.added_fields();
                }
            }
            _ => {}
        }
    }

    /// Descends to a field of the object at the path; returns whether no earlier body had it.
    fn descend(&mut self, key: &str) -> bool {
        let len = self.path.len();
        if is_name(key) {
            push_field(&mut self.path, key);
            let paths = &mut self.known.paths;
            if self.path.len() > MAX_PATH
                || paths.len() >= MAX_PATHS
                || paths.contains_key(&self.path)
            {
                return false;
            }
            let object = paths.get_mut(&self.path[..len]);
            if let Some(seen) = object.filter(|seen| !seen.table) {
                seen.fields += 1;
                seen.table = seen.fields >= MAX_FIELDS;
                return true;
            }
            self.path.truncate(len);
        }
        self.path.push_str(".*");
        false
    }

    /// Notes that the object at the path has fields that no earlier body had.
    fn added_fields(&mut self) {
        if let Some(seen) = self.known.paths.get_mut(&self.path) {
            seen.late = seen.late.saturating_add(1);
            seen.table |= seen.late >= MAX_LATE;
        }
    }

    fn report(&mut self, bit: usize, before: u8) {
        if self.new.fields.len() == MAX_REPORTED {
            self.new.more += 1;
            return;
        }
        let was = TYPES.iter().enumerate();
        let was = was.filter(|(bit, _)| before & (1 << bit) != 0);
        self.new.fields.push(NewField {
            path: self.path.clone(),
            is: TYPES[bit].to_owned(),
            was: was.map(|(_, name)| (*name).to_owned()).collect(),
        });
    }
}

/// Returns the place of a value's type in [`TYPES`].
fn bit_of(value: &str) -> usize {
    match value.as_bytes().first() {
        Some(b'n') | None => 0,
        Some(b't' | b'f') => 1,
        Some(b'"') => 3,
        Some(b'[') => 4,
        Some(b'{') => 5,
        Some(_) => 2,
    }
}

/// Returns whether a key is the name of a field, and not an id, a number, an address or a text.
fn is_name(key: &str) -> bool {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    let begins = |c: char| c.is_alphabetic() || matches!(c, '_' | '$' | '@');
    key.len() <= MAX_NAME
        && digits < ID_DIGITS
        && key.starts_with(begins)
        && !key.chars().skip(1).any(|c| c == '@' || c.is_whitespace())
}

#[cfg(test)]
mod tests;
