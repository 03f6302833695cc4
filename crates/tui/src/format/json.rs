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
    let mut depth = 0_usize;
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
                depth += 1;
                line(lines, depth);
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                line(lines, depth);
                lines.push(Tone::Plain, word);
            }
            b',' => {
                lines.push(Tone::Plain, word);
                line(lines, depth);
            }
            b':' => lines.push(Tone::Plain, ": "),
            b'"' if after.starts_with(':') => lines.push(Tone::Name, word),
            _ => lines.push(tone, word),
        }
        rest = after;
        if depth == 0 && !rest.is_empty() {
            return None;
        }
    }
    (depth == 0).then_some(text.len())
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

fn line(lines: &mut Lines, depth: usize) {
    lines.end_line();
    lines.push(Tone::Plain, &"  ".repeat(depth.min(MAX_INDENT)));
}
