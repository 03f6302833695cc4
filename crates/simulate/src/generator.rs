//! Values of variables: given by the user, or generated for a run.

use std::collections::{BTreeMap, HashMap};

use fastrand::Rng;

use super::variables::{MILLIS, Source, format_time, variable};

/// Values of variables by name. A value may use variables itself.
pub type Parameters = BTreeMap<String, String>;

/// Generates the values that are not given. The same seed and start time give the same values.
#[derive(Debug, Clone)]
pub(super) struct Generator {
    rng: Rng,
    began_ms: i64,
    now_ms: i64,
    run: HashMap<&'static str, String>,
    event: HashMap<&'static str, String>,
}

impl Generator {
    /// Starts a run at a time in milliseconds since 1970.
    pub(super) fn new(seed: u64, began_ms: i64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            began_ms,
            now_ms: began_ms,
            run: HashMap::new(),
            event: HashMap::new(),
        }
    }

    /// Advances to the next event, `offset_ms` after the start of the run.
    pub(super) fn next_event(&mut self, offset_ms: u64) {
        let offset = i64::try_from(offset_ms).unwrap_or(i64::MAX);
        self.now_ms = self.began_ms.saturating_add(offset);
        self.event.clear();
    }

    /// Returns the given or generated value of a variable; variables in it are not yet replaced.
    pub(super) fn value(&mut self, name: &str, given: &Parameters) -> Option<String> {
        if let Some(value) = given.get(name) {
            return Some(value.clone());
        }
        let variable = variable(name)?;
        let rng = &mut self.rng;
        Some(match variable.source {
            Source::Fixed(value) => value.to_owned(),
            Source::Run(id) => {
                let value = self.run.entry(variable.name);
                value.or_insert_with(|| id.generate(rng)).clone()
            }
            Source::Event(id) => {
                let value = self.event.entry(variable.name);
                value.or_insert_with(|| id.generate(rng)).clone()
            }
            Source::Clock { format, before_ms } => {
                format_time(self.now_ms.saturating_sub(before_ms), format)
            }
            Source::Began => format_time(self.began_ms, MILLIS),
            Source::PeerDigits { skip, take } => {
                let peer = self.value("peer", given).unwrap_or_default();
                let digits = peer.chars().filter(char::is_ascii_digit);
                digits.skip(skip).take(take).collect()
            }
        })
    }
}
