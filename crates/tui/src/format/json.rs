//! Indented JSON with colours.
//!
//! Only white space changes, and every token stays as received, digits and escapes included, members in their order,
//! duplicates duplicated. It needs no memory for what it does not print and no stack for nesting, so 16 MB of anything is
//! one pass, and the pass ends when the lines are full.

use ringtail_text::json::{Kind, MAX_INDENT, Piece, Token, lay_out, tokens};

use super::lines::Lines;
use crate::theme::{LITERAL, NAME, NUMBER, PLAIN, STRING};

/// Indents a JSON object or array. Returns how many bytes of the text are on the lines, or nothing if the part that
/// was read is not JSON.
pub(super) fn pretty(text: &str, lines: &mut Lines) -> Option<usize> {
    tokens(text)
        .next()
        .filter(|first| first.kind == Kind::Open)?;
    let mut layout = JsonLayout {
        lines,
        open: Vec::new(),
        is_empty: false,
        has_ended: false,
    };
    let (mut shown, mut is_json) = (text.len(), true);
    lay_out(text, |piece| {
        match piece {
            Piece::Token(token) if layout.lines.is_full() => {
                shown = token.at;
                return false;
            }
            Piece::Token(token) => is_json = layout.token(token).is_some(),
            Piece::Break(depth) => layout.next_line(depth),
        }
        is_json
    });
    let is_whole = layout.open.is_empty() || shown < text.len();
    (is_json && is_whole).then_some(shown)
}

struct JsonLayout<'l> {
    lines: &'l mut Lines,
    /// What is not closed yet. Bounded by the lines: each level began one.
    open: Vec<Open>,
    /// Whether nothing is in the innermost of them.
    is_empty: bool,
    has_ended: bool,
}

/// An object or array that is not closed yet.
struct Open {
    /// The line that it began on.
    line: usize,
    /// The index of the next item; nothing for an object.
    index: Option<usize>,
}

impl JsonLayout<'_> {
    /// Adds a token; `None` if it cannot stand here.
    fn token(&mut self, token: Token<'_>) -> Option<()> {
        let is_empty = std::mem::replace(&mut self.is_empty, token.kind == Kind::Open);
        let style = match token.kind {
            _ if self.has_ended => return None,
            Kind::Open => {
                self.open.push(Open {
                    line: self.lines.len(),
                    index: (token.text == "[").then_some(0),
                });
                PLAIN
            }
            Kind::Close => {
                let open = self.open.pop()?;
                if open.index.is_some() != (token.text == "]") {
                    return None;
                }
                if !is_empty {
                    self.lines.closes(open.line);
                }
                self.has_ended = self.open.is_empty();
                PLAIN
            }
            Kind::Comma => {
                if let Some(index) = self.open.last_mut()?.index.as_mut() {
                    *index += 1;
                }
                PLAIN
            }
            Kind::Colon => {
                self.lines.push(": ", PLAIN);
                return Some(());
            }
            Kind::Name => {
                self.lines.names(token.text);
                NAME
            }
            Kind::String => STRING,
            Kind::Number => NUMBER,
            Kind::Word => LITERAL,
            Kind::Other => return None,
        };
        self.lines.push(token.text, style);
        Some(())
    }

    fn next_line(&mut self, depth: usize) {
        self.lines.end_line();
        if let Some(last) = self.open.last() {
            self.lines.inside(last.line, last.index);
        }
        self.lines.push(&"  ".repeat(depth.min(MAX_INDENT)), PLAIN);
    }
}
