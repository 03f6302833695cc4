//! Pretty JSON with colours.
//!
//! A lexer and no parser: white space is laid out anew and every token stays as it was received, numbers and
//! escapes to the digit, members in their order, repeated ones repeated. It needs no memory for what it does not
//! print and no stack for nesting, so 16 MB of anything is one pass, and the pass ends where the lines do.

use super::body::Lines;
use crate::text::Tone;

/// Deepest nesting that is indented further.
const MAX_INDENT: usize = 24;

/// Lays out a JSON object or array. Returns how many bytes of the text are on the lines, or nothing if it is not
/// JSON as far as it was read.
pub(super) fn pretty(text: &str, lines: &mut Lines) -> Option<usize> {
    let mut rest = skip_space(text);
    if !rest.starts_with(['{', '[']) {
        return None;
    }
    // Bounded by the lines: each level has begun one.
    let mut open: Vec<Open> = Vec::new();
    while let Some(first) = rest.bytes().next() {
        if lines.is_full() {
            return Some(text.len() - rest.len());
        }
        let (tone, len) = token(rest, first)?;
        let (word, after) = rest.split_at(len);
        let after = skip_space(after);
        match first {
            b'{' | b'[' => {
                lines.push(Tone::Plain, word);
                if after.starts_with(if first == b'{' { '}' } else { ']' }) {
                    lines.push(Tone::Plain, after.get(..1)?);
                    rest = skip_space(after.get(1..)?);
                    continue;
                }
                let node = Open {
                    line: lines.len(),
                    index: (first == b'[').then_some(0),
                };
                open.push(node);
                line(lines, &open);
            }
            b'}' | b']' => {
                let opened = open.pop()?;
                line(lines, &open);
                lines.closes(opened.line);
                lines.push(Tone::Plain, word);
            }
            b',' => {
                lines.push(Tone::Plain, word);
                if let Some(Open {
                    index: Some(index), ..
                }) = open.last_mut()
                {
                    *index += 1;
                }
                line(lines, &open);
            }
            b':' => lines.push(Tone::Plain, ": "),
            b'"' if after.starts_with(':') => {
                lines.names(word);
                lines.push(Tone::Name, word);
            }
            _ => lines.push(tone, word),
        }
        rest = after;
        if open.is_empty() && !rest.is_empty() {
            return None;
        }
    }
    open.is_empty().then_some(text.len())
}

/// Returns the tone and the length of the token that the text begins with.
fn token(text: &str, first: u8) -> Option<(Tone, usize)> {
    let run = |part: fn(&u8) -> bool| text.bytes().take_while(part).count();
    match first {
        b'{' | b'}' | b'[' | b']' | b',' | b':' => Some((Tone::Plain, 1)),
        b'"' => Some((Tone::Text, string(text.as_bytes())?)),
        b'-' | b'0'..=b'9' => Some((
            Tone::Number,
            run(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)),
        )),
        _ => ["true", "false", "null"]
            .into_iter()
            .find(|word| text.starts_with(word))
            .map(|word| (Tone::Literal, word.len())),
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
    /// Which of its items comes next; nothing for an object.
    index: Option<usize>,
}

fn line(lines: &mut Lines, open: &[Open]) {
    lines.end_line();
    if let Some(last) = open.last() {
        lines.inside(last.line, last.index);
    }
    lines.push(Tone::Plain, &"  ".repeat(open.len().min(MAX_INDENT)));
}
