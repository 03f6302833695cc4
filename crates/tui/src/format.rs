//! Makes lines of an event.
//!
//! Runs off the loop, on a thread that may block: a body of 16 MB takes a moment. The result is bounded, and so are
//! memory and wrapping; the last line counts the rest and names the command that shows it.

pub(crate) mod attempts;
mod body;
pub(crate) mod diff;
mod json;
mod lines;
pub(crate) mod outline;
pub(crate) mod replay;
pub(crate) mod timeline;
mod timing;

use jiff::tz::TimeZone;
use ratatui::style::Style;
use ratatui::text::Line;
use ringtail_model::{EventDetail, Proof, RowId};
use ringtail_protocol::event::{EventId, Header, Timestamp};
use ringtail_ringcentral::signature::Outcome;
use ringtail_text::size;

use self::outline::Outline;
use crate::text::{escape, line, span, width};
use crate::theme::{BAD, DIM, GOOD, NAME, PLAIN};

/// Most lines of a body.
const MAX_LINES: usize = 5_000;

/// Most bytes of a body's text on all lines.
const MAX_TEXT: usize = 1 << 20;

/// Most bytes of a line.
const MAX_LINE: usize = 8_192;

/// Most bytes of a line of unformatted text: compact JSON has a single line.
const MAX_PLAIN_LINE: usize = 1 << 18;

/// What the detail shows of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tab {
    #[default]
    Body,
    Headers,
    Attempts,
}

impl Tab {
    /// All tabs, in order.
    pub(crate) const ALL: [Self; 3] = [Self::Body, Self::Headers, Self::Attempts];
}

/// How the body is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BodyView {
    /// JSON indented, other text unchanged, anything else in hexadecimal.
    #[default]
    Pretty,
    Raw,
    Hex,
}

/// An event as lines, by tab.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pages {
    body: Vec<Line<'static>>,
    /// The structure of the body's lines, if it is JSON.
    pub(crate) outline: Outline,
    raw: Vec<Line<'static>>,
    hex: Vec<Line<'static>>,
    headers: Vec<Line<'static>>,
    attempts: Vec<Line<'static>>,
}

impl Pages {
    /// Returns the lines of a tab.
    pub(crate) fn tab(&self, tab: Tab, view: BodyView) -> &[Line<'static>] {
        match (tab, view) {
            (Tab::Body, BodyView::Pretty) => &self.body,
            (Tab::Body, BodyView::Raw) => &self.raw,
            (Tab::Body, BodyView::Hex) => &self.hex,
            (Tab::Headers, _) => &self.headers,
            (Tab::Attempts, _) => &self.attempts,
        }
    }
}

/// A line of a panel, and the event that it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PanelRow {
    pub(crate) line: Line<'static>,
    pub(crate) event: Option<(EventId, RowId)>,
}

impl PanelRow {
    /// A line without an event.
    fn plain(line: Line<'static>) -> Self {
        Self { line, event: None }
    }
}

/// Makes lines of an event.
pub(crate) fn pages(detail: &EventDetail, zone: &TimeZone) -> Pages {
    let command = format!("ringtail events show {} --raw", detail.event.id);
    let command = Some(command.as_str());
    let (mut body, outline) = body::pretty(&detail.body, MAX_LINES, command);
    if let Some(new_fields) = &detail.event.new_fields {
        outline::mark_new(&mut body, &outline, new_fields);
    }
    Pages {
        body,
        outline,
        raw: body::raw(&detail.body, command),
        hex: body::hex(&detail.body, command),
        headers: headers(&detail.headers),
        attempts: attempts::lines(detail, zone),
    }
}

/// Makes lines of header fields, values aligned.
fn headers(headers: &[Header]) -> Vec<Line<'static>> {
    if headers.is_empty() {
        return vec![line("(no headers)", DIM)];
    }
    let names = headers.iter().map(|header| width(&escape(&header.name)));
    let widest = names.max().unwrap_or(0).min(24);
    let field = |header: &Header| {
        let name = format!("{}:", escape(&header.name));
        let pad = (widest + 1).saturating_sub(width(&name));
        let kept = header.value.get(..MAX_LINE).unwrap_or(&header.value);
        let missing = header.value.len() - kept.len();
        let more = match missing {
            0 => String::new(),
            missing => format!("… {} more", size(missing as u64)),
        };
        span(format!("{name}{:pad$} ", ""), NAME)
            + span(String::from_utf8_lossy(kept), PLAIN)
            + span(more, DIM)
    };
    headers.iter().map(field).collect()
}

/// Returns the result of a signature check.
pub(crate) fn proof(proof: Proof) -> (Style, String) {
    let (style, word) = match proof.outcome {
        Outcome::Valid => (GOOD, "✓ valid"),
        Outcome::Wrong => (BAD, "✗ wrong"),
        Outcome::Missing => (BAD, "✗ missing"),
        Outcome::NotConfigured => (DIM, "not checked"),
    };
    (style, format!("{} {word}", proof.scheme.label()))
}

/// Prints a duration.
pub(crate) fn took(duration: std::time::Duration) -> String {
    let ms = ringtail_text::millis(duration);
    match ms {
        0 => "<1 ms".to_owned(),
        1..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} min", ms / 60_000),
    }
}

/// Prints a number with thousands separators.
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

/// Prints a time by a `strftime` pattern, or a question mark if it is out of range.
pub(crate) fn time(at: Timestamp, zone: &TimeZone, pattern: &str) -> String {
    match jiff::Timestamp::from_microsecond(at.0) {
        Ok(time) => time.to_zoned(zone.clone()).strftime(pattern).to_string(),
        Err(_) => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests;
