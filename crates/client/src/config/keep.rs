//! Retention settings.

use std::num::NonZeroU64;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected};

use ringtail_store::Retention;

/// Maximum of `keep_days`: ten years.
pub const MAX_KEEP_DAYS: u64 = 3650;

const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

/// Retention limits of one source: flags, or the table `[history]` of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// Maximum age of events in days, 1 to [`MAX_KEEP_DAYS`].
    #[serde(default, deserialize_with = "days")]
    pub keep_days: Option<u64>,
    /// Maximum number of events.
    pub keep_events: Option<NonZeroU64>,
    /// Maximum bytes of requests and responses.
    pub keep_bytes: Option<NonZeroU64>,
}

impl Keep {
    /// Merges with a source of lower precedence and the defaults.
    pub(super) fn or(self, other: Self) -> Retention {
        let default = Retention::default();
        let days = self.keep_days.or(other.keep_days);
        let events = self.keep_events.or(other.keep_events);
        let bytes = self.keep_bytes.or(other.keep_bytes);
        Retention {
            max_age: days.map_or(default.max_age, |days| {
                Duration::from_secs(days.saturating_mul(SECONDS_OF_A_DAY))
            }),
            max_events: events.map_or(default.max_events, NonZeroU64::get),
            max_bytes: bytes.map_or(default.max_bytes, NonZeroU64::get),
        }
    }
}

fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let days = u64::deserialize(deserializer)?;
    match days {
        1..=MAX_KEEP_DAYS => Ok(Some(days)),
        _ => Err(D::Error::invalid_value(
            Unexpected::Unsigned(days),
            &format!("days from 1 to {MAX_KEEP_DAYS}").as_str(),
        )),
    }
}
