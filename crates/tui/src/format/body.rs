//! A body as lines: JSON indented, other text unchanged, anything else in hexadecimal.

use ratatui::text::Line;
use ringtail_text::hex;
use ringtail_text::size;
use serde_json::value::RawValue;

use super::lines::Lines;
use super::outline::Outline;
use super::{MAX_LINES, MAX_PLAIN_LINE, MAX_TEXT, json};
use crate::text::line;
use crate::theme::{DIM, PLAIN, STRING};

/// Makes at most `max` lines of a body, and one about the rest. `command` shows all of it.
pub(super) fn pretty(
    body: &[u8],
    max: usize,
    command: Option<&str>,
) -> (Vec<Line<'static>>, Outline) {
    if body.is_empty() {
        return (empty(), Outline::default());
    }
    let mut lines = Lines::new(max);
    let shown = match std::str::from_utf8(body) {
        Ok(text) => match json::pretty(text, &mut lines) {
            Some(shown) => shown,
            None => {
                lines = Lines::new(max).unclipped();
                if text.trim_start().starts_with(['{', '['])
                    && let Err(error) = serde_json::from_str::<&RawValue>(text)
                {
                    lines.note(&format!("not valid JSON: {error}"));
                }
                plain(text, &mut lines)
            }
        },
        Err(error) => {
            lines.note(&format!(
                "not UTF-8 from byte {} on: {} in hexadecimal",
                error.valid_up_to(),
                size(body.len() as u64)
            ));
            digits(body, &mut lines)
        }
    };
    lines.finish(body.len().saturating_sub(shown), command)
}

/// Makes lines of a body as received, with replacement characters for bytes that are not UTF-8.
pub(super) fn raw(body: &[u8], command: Option<&str>) -> Vec<Line<'static>> {
    if body.is_empty() {
        return empty();
    }
    let mut lines = Lines::new(MAX_LINES).unclipped();
    // Bytes that cannot reach the lines are not decoded.
    let part = body.get(..MAX_TEXT.saturating_mul(2)).unwrap_or(body);
    let text = String::from_utf8_lossy(part);
    let shown = match plain(&text, &mut lines) {
        shown if shown >= text.len() => part.len(),
        shown => shown,
    };
    lines.finish(body.len().saturating_sub(shown), command).0
}

/// Makes lines of a body in hexadecimal.
pub(super) fn hex(body: &[u8], command: Option<&str>) -> Vec<Line<'static>> {
    if body.is_empty() {
        return empty();
    }
    let mut lines = Lines::new(MAX_LINES);
    let shown = digits(body, &mut lines);
    lines.finish(body.len().saturating_sub(shown), command).0
}

fn empty() -> Vec<Line<'static>> {
    vec![line("(empty body)", DIM)]
}

/// Makes lines of the beginning of a text, and returns its length.
fn plain(text: &str, lines: &mut Lines) -> usize {
    let mut shown = 0;
    for line in text.split_inclusive('\n') {
        if lines.is_full() {
            break;
        }
        let whole = line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let clipped = line
            .get(..line.floor_char_boundary(MAX_PLAIN_LINE))
            .unwrap_or_default();
        // The tab is the one control character that belongs in text.
        lines.push(&clipped.replace('\t', "    "), PLAIN);
        lines.end_line();
        if clipped.len() < line.len() {
            return shown + clipped.len();
        }
        shown += whole;
    }
    shown
}

fn digits(body: &[u8], lines: &mut Lines) -> usize {
    let mut shown = 0;
    for row in hex::lines(body) {
        if lines.is_full() {
            break;
        }
        lines.push(&format!("{}  ", row.offset), DIM);
        lines.push(&format!("{}  ", row.digits), PLAIN);
        lines.push(&row.letters, STRING);
        lines.end_line();
        shown += row.letters.len();
    }
    shown
}
