//! Payloads with structural faults: fields gone, renamed, moved or of another type, huge and deep values, text of every
//! script, and terminal control sequences.

use bytes::Bytes;
use fastrand::Rng;
use serde_json::{Map, Value};

use crate::payloads::{self, Payload};

/// Most changes of one mutant.
const CHANGES: u64 = 3;

/// Characters of a huge text.
const HUGE: usize = 5_000;

/// Levels of a deep value: more than a recursive parser survives.
const DEEP: usize = 20_000;

/// Placeholder for a deep value, written into the text afterwards: building it as a [`Value`] would overflow the stack.
const DEEP_MARK: &str = "ringtail-deep-value";

/// Placeholder for a lone surrogate, which no [`String`] holds.
const LONE_MARK: &str = "ringtail-lone-surrogate";

/// Text that a line of a terminal must survive.
const ODD: &[&str] = &[
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

/// A changed payload.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// File of the original payload.
    pub name: String,
    /// Description of each change.
    pub changes: Vec<String>,
    /// Original body.
    pub before: Bytes,
    /// Changed body.
    pub body: Bytes,
}

/// Makes `count` mutants, of every payload in turn; the same seed gives the same mutants.
#[must_use]
pub fn make(count: usize, seed: u64) -> Vec<Mutant> {
    let payloads = payloads::all();
    let mut rng = Rng::with_seed(seed);
    let each = payloads.iter().cycle().take(count);
    each.map(|payload| mutant(payload, &mut rng)).collect()
}

fn mutant(payload: &Payload, rng: &mut Rng) -> Mutant {
    let mut value: Value = serde_json::from_slice(&payload.body).expect("a payload is JSON");
    let mut changes = Vec::new();
    for _ in 0..=rng.u64(..CHANGES) {
        changes.extend(change(&mut value, rng));
    }
    let deep = ["[".repeat(DEEP), "]".repeat(DEEP)].concat();
    let text = value
        .to_string()
        .replace(&format!("\"{DEEP_MARK}\""), &deep)
        .replace(LONE_MARK, "\\ud83d");
    let mut body = text.into_bytes();
    if rng.u64(..20) == 0 {
        body.truncate(rng.usize(..body.len()));
        changes.push("truncated".to_owned());
    }
    if rng.u64(..20) == 0 && !body.is_empty() {
        let at = rng.usize(..body.len());
        body[at] = 0xff;
        changes.push("not UTF-8".to_owned());
    }
    Mutant {
        name: payload.name.clone(),
        changes,
        before: payload.body.clone(),
        body: body.into(),
    }
}

/// Changes one value and describes the change; `None` if nothing is left to change.
fn change(value: &mut Value, rng: &mut Rng) -> Option<String> {
    let mut places = Vec::new();
    walk(value, &mut String::new(), &mut places);
    if places.is_empty() {
        return None;
    }
    let place = places.swap_remove(rng.usize(..places.len()));
    let (parent, name) = place.rsplit_once('/')?;
    let what = match rng.u64(..10) {
        0 => {
            take(value, parent, name)?;
            "is gone"
        }
        1 => {
            let taken = take(value, parent, name)?;
            let renamed = match rng.u64(..3) {
                0 => name.to_uppercase(),
                1 => format!("{name}V2"),
                _ => ODD[rng.usize(..ODD.len())].to_owned(),
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
            *old = of_another_type(old.take(), rng);
            "is of another type"
        }
        7 => {
            let filler = ODD[rng.usize(..ODD.len())];
            let times = HUGE / filler.chars().count().max(1);
            *value.pointer_mut(&place)? = format!("{filler}x").repeat(times).into();
            "is huge"
        }
        8 => {
            *value.pointer_mut(&place)? = DEEP_MARK.into();
            "is deep"
        }
        _ => {
            let odd = match rng.usize(..ODD.len() + 1) {
                last if last == ODD.len() => format!("half {LONE_MARK} a character"),
                one => ODD[one].to_owned(),
            };
            *value.pointer_mut(&place)? = odd.into();
            "is odd text"
        }
    };
    Some(format!("{place} {what}"))
}

/// Collects the JSON pointers of every value below a value.
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

fn of_another_type(old: Value, rng: &mut Rng) -> Value {
    match (old, rng.u64(..6)) {
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
