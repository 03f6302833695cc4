//! Indented JSON with colours.
//!
//! A lexer, not a parser: only white space changes, and every token stays as received, digits and escapes included,
//! members in their order, duplicates duplicated. It needs no memory for what it does not print and no stack for
//! nesting, so 16 MB of anything is one pass, and the pass ends when the lines are full.

use ratatui::style::Style;

use super::lines::Lines;
use crate::theme::{LITERAL, NAME, NUMBER, PLAIN, STRING};

/// Deepest nesting that is indented further.
const MAX_INDENT: usize = 24;

/// Indents a JSON object or array. Returns how many bytes of the text are on the lines, or nothing if the part that
/// was read is not JSON.
pub(super) fn pretty(text: &str, lines: &mut Lines) -> Option<usize> {
    let mut rest = skip_space(text);
    if !rest.starts_with(['{', '[']) {
        return None;
    }
    // Bounded by the lines: each level began one.
    let mut open: Vec<Open> = Vec::new();
    while let Some(first) = rest.bytes().next() {
        if lines.is_full() {
            return Some(text.len() - rest.len());
        }
        let (style, len) = token(rest, first)?;
        let (word, after) = rest.split_at(len);
        let after = skip_space(after);
        match first {
            b'{' | b'[' => {
                lines.push(word, PLAIN);
                if after.starts_with(if first == b'{' { '}' } else { ']' }) {
                    lines.push(after.get(..1)?, PLAIN);
                    rest = skip_space(after.get(1..)?);
                    continue;
                }
                open.push(Open {
                    line: lines.len(),
                    index: (first == b'[').then_some(0),
                });
                next_line(lines, &open);
            }
            b'}' | b']' => {
                let opened = open.pop()?;
                next_line(lines, &open);
                lines.closes(opened.line);
                lines.push(word, PLAIN);
            }
            b',' => {
                lines.push(word, PLAIN);
                if let Some(index) = open.last_mut().and_then(|open| open.index.as_mut()) {
                    *index += 1;
                }
                next_line(lines, &open);
            }
            b':' => lines.push(": ", PLAIN),
            b'"' if after.starts_with(':') => {
                lines.names(word);
                lines.push(word, NAME);
            }
            _ => lines.push(word, style),
        }
        rest = after;
        if open.is_empty() && !rest.is_empty() {
            return None;
        }
    }
    open.is_empty().then_some(text.len())
}

/// Returns the style and the length of the token that the text begins with.
fn token(text: &str, first: u8) -> Option<(Style, usize)> {
    let run = |part: fn(&u8) -> bool| text.bytes().take_while(part).count();
    match first {
        b'{' | b'}' | b'[' | b']' | b',' | b':' => Some((PLAIN, 1)),
        b'"' => Some((STRING, string(text.as_bytes())?)),
        b'-' | b'0'..=b'9' => Some((
            NUMBER,
            run(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)),
        )),
        _ => ["true", "false", "null"]
            .into_iter()
            .find(|word| text.starts_with(word))
            .map(|word| (LITERAL, word.len())),
    }
}

/// Returns the length of a string with its quotes.
fn string(bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index + 1),
            _ => {}
        }
    }
    None
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}

/// An object or array that is not closed yet.
struct Open {
    /// The line that it began on.
    line: usize,
    /// The index of the next item; nothing for an object.
    index: Option<usize>,
}

fn next_line(lines: &mut Lines, open: &[Open]) {
    lines.end_line();
    if let Some(last) = open.last() {
        lines.inside(last.line, last.index);
    }
    lines.push(&"  ".repeat(open.len().min(MAX_INDENT)), PLAIN);
}
