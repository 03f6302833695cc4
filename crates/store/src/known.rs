//! What is new in the body of an event, to whoever has seen the earlier ones of its kind.
//!
//! `Known` is what bodies of a kind have had in them so far: places and the types of what stood there, no values. It
//! learns silently from the first [`LEARN`] bodies and says from then on what is new, each thing once. It is bounded
//! whatever comes: in places, in the length of their paths, and in what it says of one object, since the keys of some
//! objects are data (ids, numbers, names), and there would be news for ever.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use ringtail_filter::push_field;
use ringtail_model::new_fields::{NewField, NewFields};

/// Bodies of a kind that are learnt from before anything is said to be new.
pub const LEARN: u32 = 20;

/// Longest body that is learnt from, in bytes. RingCentral's have some thousand.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// Most places of a kind that are told apart; what is new beyond is not noticed.
const MAX_PLACES: usize = 1000;

/// Longest path of a place, in bytes; what is below is not looked at.
const MAX_PATH: usize = 200;

/// Deepest nesting that is looked at.
const MAX_DEPTH: usize = 32;

/// Longest key that is a name, in bytes.
const MAX_NAME: usize = 64;

/// Digits that make a key an id.
const ID_DIGITS: usize = 5;

/// Fields of an object above which it is a table.
const MAX_FIELDS: u16 = 64;

/// Bodies that may bring new fields to one object; after that its keys are data.
const MAX_LATE: u8 = 8;

/// Most things that are said of one body.
const MAX_SAID: usize = 8;

/// What bodies of a kind have had in them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// How many were learnt from, up to [`LEARN`].
    bodies: u32,
    places: HashMap<String, Place>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// A bit for each type of [`TYPES`] that was there.
    types: u8,
    /// Of objects: how many fields are known.
    fields: u16,
    /// Of objects: how many bodies brought new ones after learning.
    late: u8,
    /// Of objects: whether keys that are not known are data.
    table: bool,
}

/// The types, by their bit.
const TYPES: [&str; 6] = ["null", "boolean", "number", "string", "array", "object"];

/// What a body changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Learnt {
    /// Whether there is anything to be kept.
    pub(crate) changed: bool,
    /// What is new, if that is to be said.
    pub(crate) novelty: Option<NewFields>,
}

impl Known {
    /// Takes a body into account.
    pub(crate) fn learn(&mut self, body: &Value) -> Learnt {
        let is_learning = self.bodies < LEARN;
        self.bodies += u32::from(is_learning);
        let mut walk = Walk {
            known: self,
            says: !is_learning,
            path: String::new(),
            changed: is_learning,
            said: NewFields::default(),
        };
        walk.value(body, 0, is_learning);
        let (changed, said) = (walk.changed, walk.said);
        Learnt {
            changed,
            novelty: (!said.fields.is_empty()).then_some(said),
        }
    }
}

/// One body on its way through what is known.
struct Walk<'k> {
    known: &'k mut Known,
    says: bool,
    path: String,
    changed: bool,
    said: NewFields,
}

impl Walk<'_> {
    /// Looks at a value; `quiet` if what it is in is new itself.
    fn value(&mut self, value: &Value, depth: usize, quiet: bool) {
        let bit = bit_of(value);
        let places = &mut self.known.places;
        if !places.contains_key(&self.path) {
            if places.len() >= MAX_PLACES {
                return;
            }
            places.insert(self.path.clone(), Place::default());
        }
        let mut before = 0;
        if let Some(place) = places.get_mut(&self.path) {
            before = place.types;
            place.types |= 1 << bit;
        }
        let is_new = before & (1 << bit) == 0;
        self.changed |= is_new;
        if is_new && !quiet {
            self.say(bit, before);
        }
        if depth == MAX_DEPTH {
            return;
        }
        let (quiet, len) = (quiet || is_new, self.path.len());
        match value {
            Value::Array(items) => {
                self.path.push_str("[*]");
                for item in items {
                    self.value(item, depth + 1, quiet);
                }
                self.path.truncate(len);
            }
            Value::Object(fields) => {
                let mut has_new = false;
                for (key, value) in fields {
                    has_new |= self.step(key);
                    if self.path.len() <= MAX_PATH {
                        self.value(value, depth + 1, quiet);
                    }
                    self.path.truncate(len);
                }
                if has_new && self.says && !quiet {
                    self.brought_fields();
                }
            }
            _ => {}
        }
    }

    /// Goes down to a field of the object at the path; returns whether no body before had it.
    fn step(&mut self, key: &str) -> bool {
        let len = self.path.len();
        if is_name(key) {
            push_field(&mut self.path, key);
            let places = &mut self.known.places;
            if self.path.len() > MAX_PATH
                || places.len() >= MAX_PLACES
                || places.contains_key(&self.path)
            {
                return false;
            }
            let object = places.get_mut(&self.path[..len]);
            if let Some(place) = object.filter(|place| !place.table) {
                place.fields += 1;
                place.table = place.fields >= MAX_FIELDS;
                return true;
            }
            self.path.truncate(len);
        }
        self.path.push_str(".*");
        false
    }

    /// Notes that the object at the path has fields that no body before had.
    fn brought_fields(&mut self) {
        if let Some(place) = self.known.places.get_mut(&self.path) {
            place.late = place.late.saturating_add(1);
            place.table |= place.late >= MAX_LATE;
        }
    }

    fn say(&mut self, bit: usize, before: u8) {
        if self.said.fields.len() == MAX_SAID {
            self.said.more += 1;
            return;
        }
        let was = TYPES.iter().enumerate();
        let was = was.filter(|(bit, _)| before & (1 << bit) != 0);
        self.said.fields.push(NewField {
            path: self.path.clone(),
            is: TYPES[bit].to_owned(),
            was: was.map(|(_, name)| (*name).to_owned()).collect(),
        });
    }
}

fn bit_of(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

/// Says whether a key is the name of a field, and not an id, a number, an address or a text.
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
