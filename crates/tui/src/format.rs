//! Makes lines of an event.
//!
//! Runs off the loop, on a thread that may block: a body of 16 MB takes a moment. What comes out is bounded, so
//! that memory and wrapping are too; the last line says what is missing and where to get it.

pub(crate) mod attempts;
mod body;
pub(crate) mod diff;
mod json;
pub(crate) mod outline;
pub(crate) mod table;
pub(crate) mod timeline;
mod timing;

use jiff::tz::TimeZone;
use ringtail_model::{EventDetail, Proof, RowId};
use ringtail_protocol::event::{EventId, Header, Timestamp};
use ringtail_ringcentral::signature::Outcome;

use self::outline::Outline;
use crate::app::{BodyForm, Tab};
use crate::text::{TextLine, Tone, escape, width};

/// Most lines of a body.
pub(crate) const MAX_LINES: usize = 5_000;

/// Most bytes of a body's text on all lines.
pub(crate) const MAX_TEXT: usize = 1 << 20;

/// Most bytes of a line.
pub(crate) const MAX_LINE: usize = 8_192;

/// Most bytes of a line of text that is not laid out: compact JSON has one line for all.
pub(crate) const MAX_PLAIN_LINE: usize = 1 << 18;

/// An event as lines, by tab.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pages {
    body: Vec<TextLine>,
    /// What each line of the body is, if it is JSON.
    pub(crate) outline: Outline,
    as_it_is: Vec<TextLine>,
    hex: Vec<TextLine>,
    headers: Vec<TextLine>,
    attempts: Vec<TextLine>,
}

impl Pages {
    /// Returns the lines of a tab.
    pub(crate) fn tab(&self, tab: Tab, form: BodyForm) -> &[TextLine] {
        match tab {
            Tab::Body => match form {
                BodyForm::LaidOut => &self.body,
                BodyForm::AsItIs => &self.as_it_is,
                BodyForm::Hex => &self.hex,
            },
            Tab::Headers => &self.headers,
            Tab::Attempts => &self.attempts,
        }
    }
}

/// A line of a study, and the event that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) line: TextLine,
    pub(crate) event: Option<(EventId, RowId)>,
}

impl Row {
    /// A line about no event.
    pub(crate) fn plain(line: TextLine) -> Self {
        Self { line, event: None }
    }
}

/// Makes lines of an event.
pub(crate) fn pages(detail: &EventDetail, zone: &TimeZone) -> Pages {
    let raw = format!("ringtail events show {} --raw", detail.event.id);
    let (mut body, outline) = body::lines(&detail.body, MAX_LINES, Some(&raw));
    if let Some(novelty) = &detail.event.new_fields {
        outline::mark_new(&mut body, &outline, novelty);
    }
    Pages {
        body,
        outline,
        as_it_is: body::as_it_is(&detail.body, MAX_LINES, Some(&raw)),
        hex: body::in_hex(&detail.body, MAX_LINES, Some(&raw)),
        headers: headers(&detail.headers),
        attempts: attempts::lines(detail, zone),
    }
}

/// Makes lines of header fields, values below each other.
fn headers(headers: &[Header]) -> Vec<TextLine> {
    if headers.is_empty() {
        return vec![TextLine::new(Tone::Dim, "(no headers)")];
    }
    let names = headers.iter().map(|header| width(&escape(&header.name)));
    let column = names.max().unwrap_or(0).min(24);
    headers
        .iter()
        .map(|header| {
            let name = format!("{}:", header.name);
            let value = String::from_utf8_lossy(clip(&header.value, MAX_LINE));
            let mut line =
                TextLine::new(Tone::Name, format!("{name:<column$} ", column = column + 1));
            line.push(Tone::Plain, &value);
            let missing = header.value.len().saturating_sub(MAX_LINE);
            if missing > 0 {
                line.push(Tone::Dim, &format!("… {} more", size(missing as u64)));
            }
            line
        })
        .collect()
}

fn clip(bytes: &[u8], max: usize) -> &[u8] {
    bytes.get(..max).unwrap_or(bytes)
}

/// Returns what a proof of origin is worth, for people.
pub(crate) fn proof(proof: Proof) -> (Tone, String) {
    let (tone, word) = match proof.outcome {
        Outcome::Valid => (Tone::Good, "✓ valid"),
        Outcome::Wrong => (Tone::Bad, "✗ wrong"),
        Outcome::Missing => (Tone::Bad, "✗ missing"),
        Outcome::NotConfigured => (Tone::Dim, "not checked"),
    };
    (tone, format!("{} {word}", proof.scheme.label()))
}

/// Returns a number of bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    let unit = UNITS.get(unit).copied().unwrap_or_default();
    if tenths >= 1000 {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

/// Returns a duration for people.
pub(crate) fn took(duration: std::time::Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0 => "<1 ms".to_owned(),
        1..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} min", ms / 60_000),
    }
}

/// Returns a number with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a time as a `strftime` pattern says, or question marks if it is beyond all calendars.
pub(crate) fn time(at: Timestamp, zone: &TimeZone, pattern: &str) -> String {
    match jiff::Timestamp::from_microsecond(at.0) {
        Ok(time) => time.to_zoned(zone.clone()).strftime(pattern).to_string(),
        Err(_) => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests;
