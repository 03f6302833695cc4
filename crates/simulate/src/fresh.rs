//! What is new each time: ids and times of one run.

use std::collections::{BTreeMap, HashMap};

use super::chance::Chance;
use super::variables::{self, Source, variable};

/// Values by name, of which a later layer covers an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    values: BTreeMap<String, String>,
}

impl Parameters {
    /// Sets one value. It may name variables itself.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), value.into());
    }

    /// Returns the value of a name, if one is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Returns the names that are set.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Returns these values with others laid over them.
    #[must_use]
    pub fn covered_by(&self, other: &Self) -> Self {
        let mut values = self.values.clone();
        values.extend(other.values.clone());
        Self { values }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let values = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        Self {
            values: values.collect(),
        }
    }
}

/// Generates values that are not given. The same seed and start time give the same values.
#[derive(Debug, Clone)]
pub struct Fresh {
    chance: Chance,
    began_ms: i64,
    now_ms: i64,
    run: HashMap<&'static str, String>,
    event: HashMap<&'static str, String>,
}

impl Fresh {
    /// Begins a run at a time in milliseconds since 1970.
    #[must_use]
    pub fn new(seed: u64, began_ms: i64) -> Self {
        Self {
            chance: Chance::new(seed),
            began_ms,
            now_ms: began_ms,
            run: HashMap::new(),
            event: HashMap::new(),
        }
    }

    /// Moves to the next event, at this many milliseconds after the start.
    pub fn next_event(&mut self, offset_ms: u64) {
        let offset = i64::try_from(offset_ms).unwrap_or(i64::MAX);
        self.now_ms = self.began_ms.saturating_add(offset);
        self.event.clear();
    }

    /// Returns the value of a name: given or generated. Names in it are not yet replaced.
    pub(super) fn value(&mut self, name: &str, given: &Parameters) -> Option<String> {
        if let Some(value) = given.get(name) {
            return Some(value.to_owned());
        }
        let variable = variable(name)?;
        let chance = &mut self.chance;
        Some(match variable.source {
            Source::Fixed(value) => value.to_owned(),
            Source::Run(make) => {
                let made = self.run.entry(variable.name);
                made.or_insert_with(|| make.make(chance)).clone()
            }
            Source::Event(make) => {
                let made = self.event.entry(variable.name);
                made.or_insert_with(|| make.make(chance)).clone()
            }
            Source::Clock { format, before } => variables::written(self.now_ms, before, format),
            Source::Began => variables::began(self.began_ms),
            Source::PeerDigits { skip, take } => {
                let peer = self.value("peer", given).unwrap_or_default();
                let digits = peer.chars().filter(char::is_ascii_digit);
                digits.skip(skip).take(take).collect()
            }
        })
    }
}
