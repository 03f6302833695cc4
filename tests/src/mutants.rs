//! Payloads as RingCentral never promised not to send them: fields gone, renamed, moved or of another type, huge and
//! deep values, text of every script, and what would move a terminal's cursor.

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::chance::Chance;
use crate::payloads::{self, Payload};

/// Most changes of one mutant.
const CHANGES: u64 = 3;

/// Characters of a huge text: more than any line or field has room for.
const HUGE: usize = 5_000;

/// Levels of a deep value: far more than any parser that recurses survives.
const DEEP: usize = 20_000;

/// Stands for a value that is written into the text afterwards, because building it would take a stack of its own.
const DEEP_MARK: &str = "ringtail-deep-value";

/// The same for half a character, which no [`String`] holds.
const LONE_MARK: &str = "ringtail-lone-surrogate";

/// Text that a line of a terminal must survive.
pub const ODD: &[&str] = &[
    "",
    " ",
    "\u{0}",
    "line one\nline two\r\nline three\ttabbed",
    "\u{1b}[2J\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]0;a title\u{7}\u{1b}]52;c;c3RvbGVu\u{7}",
    "\u{1b}P1$r0m\u{1b}\\\u{1b}_app\u{1b}\\",
    "\u{9b}2J\u{9d}0;title\u{9c}\u{85}\u{8}\u{7f}",
    "שלום עולם +972-50-000-0000",
    "مرحبا بالعالم",
    "invoice\u{202e}fdp.exe\u{202c}\u{2066}inner\u{2069}",
    "漢字とカタカナ、ｗｉｄｅ",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦🏳\u{fe0f}\u{200d}🌈",
    "Z\u{351}\u{36b}\u{343}\u{36a}\u{302}a\u{302}\u{301}\u{303}l\u{489}g\u{322}o\u{32a}",
    "\u{301}\u{301}\u{301}",
    "\u{feff}\u{200b}\u{2060}\u{ad}",
    "\u{e0041}\u{e0042}\u{e007f}",
    "\u{fffd}\u{ffff}\u{10ffff}",
    "नमस्ते ไทย 한국어",
    "%1b[2J %s %n {} ${HOME} $(true) `true` '\"\\",
    "</script><b>&amp;",
    "null",
    "-0",
    "1e999999",
];

/// One mutant.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// File of the payload that it was.
    pub name: String,
    /// What was done to it.
    pub changes: Vec<String>,
    /// The body before.
    pub before: Bytes,
    /// The body after.
    pub body: Bytes,
}

/// Makes so many mutants of all payloads; a seed gives the same ones again.
///
/// # Errors
/// When the payloads cannot be read.
pub fn make(count: usize, seed: u64) -> anyhow::Result<Vec<Mutant>> {
    let payloads = payloads::all()?;
    let mut chance = Chance::seeded(seed);
    // In turn, so that each kind has its share.
    let each = payloads.iter().cycle().take(count);
    each.map(|payload| mutant(payload, &mut chance)).collect()
}

fn mutant(payload: &Payload, chance: &mut Chance) -> anyhow::Result<Mutant> {
    let mut value: Value = serde_json::from_slice(&payload.body)?;
    let mut changes = Vec::new();
    for _ in 0..=chance.below(CHANGES) {
        // A payload of one field has none left when that is gone.
        changes.extend(change(&mut value, chance));
    }
    let deep = ["[".repeat(DEEP), "]".repeat(DEEP)].concat();
    let text = value
        .to_string()
        .replace(&format!("\"{DEEP_MARK}\""), &deep)
        .replace(LONE_MARK, "\\ud83d");
    let mut body = text.into_bytes();
    if chance.below(20) == 0 {
        body.truncate(below(chance, body.len()));
        changes.push("broken off".to_owned());
    }
    if chance.below(20) == 0 && !body.is_empty() {
        let at = below(chance, body.len());
        body[at] = 0xff;
        changes.push("no UTF-8".to_owned());
    }
    Ok(Mutant {
        name: payload.name.clone(),
        changes,
        before: payload.body.clone(),
        body: body.into(),
    })
}

/// Changes one place; tells what was done where, or `None` if nothing is left to change.
fn change(value: &mut Value, chance: &mut Chance) -> Option<String> {
    let mut places = Vec::new();
    walk(value, &mut String::new(), &mut places);
    if places.is_empty() {
        return None;
    }
    let place = places.swap_remove(below(chance, places.len()));
    let (parent, name) = place.rsplit_once('/')?;
    let what = match chance.below(10) {
        0 => {
            take(value, parent, name)?;
            "is gone"
        }
        1 => {
            let taken = take(value, parent, name)?;
            let renamed = match chance.below(3) {
                0 => name.to_uppercase(),
                1 => format!("{name}V2"),
                _ => ODD[below(chance, ODD.len())].to_owned(),
            };
            put(value, parent, &renamed, taken)?;
            "has another name"
        }
        2 => {
            let taken = take(value, parent, name)?;
            let up = parent.rsplit_once('/').map_or("", |(up, _)| up);
            put(value, up, name, taken)?;
            "moved up"
        }
        3 => {
            let taken = take(value, parent, name)?;
            let below = Value::Object(Map::from_iter([(name.to_owned(), taken)]));
            put(value, parent, "data", below)?;
            "moved down"
        }
        4 => {
            *value.pointer_mut(&place)? = Value::Null;
            "is null"
        }
        5 | 6 => {
            let old = value.pointer_mut(&place)?;
            *old = of_another_type(old.take(), chance);
            "is of another type"
        }
        7 => {
            let filler = ODD[below(chance, ODD.len())];
            let times = HUGE / filler.chars().count().max(1);
            *value.pointer_mut(&place)? = format!("{filler}x").repeat(times).into();
            "is huge"
        }
        8 => {
            *value.pointer_mut(&place)? = DEEP_MARK.into();
            "is deep"
        }
        _ => {
            let odd = match below(chance, ODD.len() + 1) {
                last if last == ODD.len() => format!("half {LONE_MARK} a character"),
                one => ODD[one].to_owned(),
            };
            *value.pointer_mut(&place)? = odd.into();
            "is odd text"
        }
    };
    Some(format!("{place} {what}"))
}

/// Finds every place below a value, as JSON pointers.
fn walk(value: &Value, path: &mut String, places: &mut Vec<String>) {
    let mut step = |name: &str, item: &Value| {
        let length = path.len();
        path.push('/');
        path.push_str(&name.replace('~', "~0").replace('/', "~1"));
        places.push(path.clone());
        walk(item, path, places);
        path.truncate(length);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, item)| step(name, item)),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| step(&index.to_string(), item));
        }
        _ => {}
    }
}

fn take(value: &mut Value, parent: &str, name: &str) -> Option<Value> {
    match value.pointer_mut(parent)? {
        Value::Object(fields) => fields.remove(&name.replace("~1", "/").replace("~0", "~")),
        Value::Array(items) => Some(items.remove(name.parse().ok()?)),
        _ => None,
    }
}

fn put(value: &mut Value, parent: &str, name: &str, item: Value) -> Option<()> {
    match value.pointer_mut(parent)? {
        Value::Object(fields) => {
            fields.insert(name.to_owned(), item);
        }
        Value::Array(items) => items.push(item),
        _ => return None,
    }
    Some(())
}

fn of_another_type(old: Value, chance: &mut Chance) -> Value {
    match (old, chance.below(6)) {
        (Value::String(text), 0) => text.len().into(),
        (Value::Number(number), 0) => number.to_string().into(),
        (_, 0) => "7".into(),
        (_, 1) => true.into(),
        (_, 2) => Value::Array(Vec::new()),
        (_, 3) => Value::Object(Map::new()),
        (_, 4) => (-1.5e300).into(),
        (old, _) => Value::Array(vec![old.clone(), old]),
    }
}

fn below(chance: &mut Chance, limit: usize) -> usize {
    usize::try_from(chance.below(limit as u64)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
