//! Times, days and durations in filters.

use std::fmt;
use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::friendly::{Spacing, SpanPrinter};
use jiff::{SignedDuration, Span, SpanFieldwise, Timestamp, Unit, Zoned};

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A duration before now, not negative.
    Ago(SpanFieldwise),
    /// The start of a day.
    Day(Day),
    /// A time today.
    Time(Time),
    /// A day and time in the local zone.
    Local(DateTime),
    /// A time with its zone, as in JSON output.
    Exact(Timestamp),
}

/// A day in the local zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    Today,
    Yesterday,
    Date(Date),
}

impl When {
    /// Parses a time.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.starts_with('-') {
            let span: Span = text.to_ascii_lowercase().parse().ok()?;
            return Some(Self::Ago(span.abs().fieldwise()));
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
            Self::Ago(span) => now.checked_sub(span.0).map(|at| at.timestamp()),
            Self::Day(day) => local(day.date(now).at(0, 0, 0, 0)),
            Self::Time(time) => local(now.date().to_datetime(time)),
            Self::Local(at) => local(at),
            Self::Exact(at) => Ok(at),
        };
        // A duration may reach back beyond the calendar's first year; its last day may end after the last time.
        let beyond = match self {
            Self::Ago(_) => i64::MIN,
            _ => i64::MAX,
        };
        at.map_or(beyond, Timestamp::as_microsecond)
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

/// One word: a space would end the value.
const AGO: SpanPrinter = SpanPrinter::new().spacing(Spacing::None);

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(span) => write!(f, "-{}", AGO.span_to_string(&span.0)),
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

/// Parses a duration of a day at most, to the millisecond: `500ms`, `2s`, `1.5s`, `2m`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let time: SignedDuration = text.to_ascii_lowercase().parse().ok()?;
    let time = time.round(Unit::Millisecond).ok()?;
    let day = SignedDuration::from_hours(24);
    (SignedDuration::ZERO..=day)
        .contains(&time)
        .then(|| time.unsigned_abs())
}
