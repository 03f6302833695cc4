//! Indented JSON with colours.
//!
//! Only white space changes, and every token stays as received, digits and escapes included, members in their order,
//! duplicates duplicated. It needs no memory for what it does not print and no stack for nesting, and it ends when the lines
//! are full.

use ringtail_text::json::{Kind, MAX_INDENT, Piece, Token, is_valid, lay_out, tokens};

use super::lines::Lines;
use crate::theme::{LITERAL, NAME, NUMBER, PLAIN, STRING};

/// Indents a JSON object or array. Returns how many bytes of the text are on the lines, or nothing if it is not JSON.
pub(super) fn pretty(text: &str, lines: &mut Lines) -> Option<usize> {
    tokens(text)
        .next()
        .filter(|first| first.kind == Kind::Open && is_valid(text))?;
    let mut layout = JsonLayout {
        lines,
        open: Vec::new(),
        is_empty: false,
    };
    let mut shown = text.len();
    lay_out(text, |piece| {
        match piece {
            Piece::Token(token) if layout.lines.is_full() => {
                shown = token.at;
                return false;
            }
            Piece::Token(token) => layout.token(token),
            Piece::Break(depth) => layout.next_line(depth),
        }
        true
    });
    Some(shown)
}

struct JsonLayout<'l> {
    lines: &'l mut Lines,
    /// What is not closed yet. Bounded by the lines: each level began one.
    open: Vec<Open>,
    /// Whether nothing is in the innermost of them.
    is_empty: bool,
}

/// An object or array that is not closed yet.
struct Open {
    /// The line that it began on.
    line: usize,
    /// The index of the next item; nothing for an object.
    index: Option<usize>,
}

impl JsonLayout<'_> {
    fn token(&mut self, token: Token<'_>) {
        let is_empty = std::mem::replace(&mut self.is_empty, token.kind == Kind::Open);
        let style = match token.kind {
            Kind::Open => {
                self.open.push(Open {
                    line: self.lines.len(),
                    index: (token.text == "[").then_some(0),
                });
                PLAIN
            }
            Kind::Close => {
                let begin = self.open.pop().filter(|_| !is_empty);
                if let Some(begin) = begin {
                    self.lines.closes(begin.line);
                }
                PLAIN
            }
            Kind::Comma => {
                if let Some(index) = self.open.last_mut().and_then(|open| open.index.as_mut()) {
                    *index += 1;
                }
                PLAIN
            }
            Kind::Colon => return self.lines.push(": ", PLAIN),
            Kind::Name => {
                self.lines.names(token.text);
                NAME
            }
            Kind::String => STRING,
            Kind::Number => NUMBER,
            Kind::Word => LITERAL,
            Kind::Other => PLAIN,
        };
        self.lines.push(token.text, style);
    }

    fn next_line(&mut self, depth: usize) {
        self.lines.end_line();
        if let Some(last) = self.open.last() {
            self.lines.inside(last.line, last.index);
        }
        self.lines.push(&"  ".repeat(depth.min(MAX_INDENT)), PLAIN);
    }
}
