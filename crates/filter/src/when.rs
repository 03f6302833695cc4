//! Times, days and durations in filters.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Span, Timestamp, ToSpan, Zoned};

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A duration before now.
    Ago(u32, Unit),
    /// The start of a day.
    Day(Day),
    /// A time today.
    Time(Time),
    /// A day and time in the local zone.
    Local(DateTime),
    /// A time with its zone, as in JSON output.
    Exact(Timestamp),
}

/// Units of [`When::Ago`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Minutes,
    Hours,
    Days,
    Weeks,
}

/// A day in the local zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    Today,
    Yesterday,
    Date(Date),
}

const UNITS: [(char, Unit); 5] = [
    ('s', Unit::Seconds),
    ('m', Unit::Minutes),
    ('h', Unit::Hours),
    ('d', Unit::Days),
    ('w', Unit::Weeks),
];

impl When {
    /// Parses a time.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        if let Some(ago) = lower.strip_prefix('-') {
            let (digits, unit) = ago.split_at_checked(ago.len().checked_sub(1)?)?;
            let unit = UNITS.iter().find(|(letter, _)| unit.starts_with(*letter))?;
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            return Some(Self::Ago(digits.parse().ok().filter(|_| plain)?, unit.1));
        }
        if let Some(day) = Day::parse(text) {
            return Some(Self::Day(day));
        }
        if !text.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let upper = text.to_ascii_uppercase();
        let has_zone =
            upper.ends_with('Z') || text.get(11..).is_some_and(|time| time.contains(['+', '-']));
        if text.len() >= "0000-00-00T00:00Z".len() && has_zone {
            return upper.parse().ok().map(Self::Exact);
        }
        if text.len() >= "0000-00-00T00:00".len() {
            return upper.parse().ok().map(Self::Local);
        }
        let is_time = text.len() >= "00:00".len() && text.as_bytes().get(2) == Some(&b':');
        text.parse().ok().filter(|_| is_time).map(Self::Time)
    }

    /// Returns microseconds since 1970, clamped to the calendar.
    pub fn micros(self, now: &Zoned) -> i64 {
        let zone = now.time_zone();
        let local = |at: DateTime| at.to_zoned(zone.clone()).map(|at| at.timestamp());
        let at = match self {
            Self::Ago(count, unit) => now.checked_sub(unit.times(count)).map(|at| at.timestamp()),
            Self::Day(day) => local(day.date(now).at(0, 0, 0, 0)),
            Self::Time(time) => local(now.date().to_datetime(time)),
            Self::Local(at) => local(at),
            Self::Exact(at) => Ok(at),
        };
        // Only times before the calendar's first year fail.
        at.map_or(i64::MIN, Timestamp::as_microsecond)
    }
}

impl Unit {
    fn times(self, count: u32) -> Span {
        let count = i64::from(count);
        // Beyond the calendar in any case; `Span` has bounds.
        match self {
            Self::Seconds => count.seconds(),
            Self::Minutes => count.minutes(),
            Self::Hours => count.min(100_000_000).hours(),
            Self::Days => count.min(7_000_000).days(),
            Self::Weeks => count.min(1_000_000).weeks(),
        }
    }
}

impl Day {
    /// Parses a day.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("today") {
            return Some(Self::Today);
        }
        if text.eq_ignore_ascii_case("yesterday") {
            return Some(Self::Yesterday);
        }
        let is_date = text.len() == "0000-00-00".len() && text.as_bytes().get(4) == Some(&b'-');
        text.parse().ok().filter(|_| is_date).map(Self::Date)
    }

    fn date(self, now: &Zoned) -> Date {
        match self {
            Self::Today => now.date(),
            Self::Yesterday => now.date().yesterday().unwrap_or(Date::MIN),
            Self::Date(date) => date,
        }
    }

    /// Returns the day's first microsecond and the first after it.
    pub fn bounds(self, now: &Zoned) -> (i64, i64) {
        let next = self.date(now).tomorrow().map(Self::Date);
        let end = next.map_or(i64::MAX, |day| When::Day(day).micros(now));
        (When::Day(self).micros(now), end)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(count, unit) => {
                let letter = UNITS.iter().find(|(_, known)| known == unit);
                write!(f, "-{count}{}", letter.map_or('s', |(letter, _)| *letter))
            }
            Self::Day(day) => day.fmt(f),
            Self::Time(time) => time.fmt(f),
            Self::Local(at) => at.fmt(f),
            Self::Exact(at) => at.fmt(f),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Today => f.write_str("today"),
            Self::Yesterday => f.write_str("yesterday"),
            Self::Date(date) => date.fmt(f),
        }
    }
}

/// Parses a duration: `500ms`, `2s`, `1.5s`, `2m`.
pub(super) fn duration(text: &str) -> Option<std::time::Duration> {
    let lower = text.to_ascii_lowercase();
    let (number, millis) = if let Some(number) = lower.strip_suffix("ms") {
        (number, 1.0)
    } else if let Some(number) = lower.strip_suffix('s') {
        (number, 1000.0)
    } else {
        (lower.strip_suffix('m')?, 60_000.0)
    };
    let plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = number.parse().ok().filter(|_| plain)?;
    let day = f64::from(24 * 60 * 60 * 1000);
    let millis = (number * millis).round();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole milliseconds of a day at most"
    )]
    (0.0..=day)
        .contains(&millis)
        .then(|| SignedDuration::from_millis(millis as i64).unsigned_abs())
}
