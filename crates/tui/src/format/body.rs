//! A body as lines: JSON laid out, other text as it is, the rest in hexadecimal.

use super::outline::{Node, Outline, Step};
use super::{MAX_LINE, MAX_PLAIN_LINE, MAX_TEXT, json, size};
use crate::hex;
use crate::text::{TextLine, Tone};

/// Makes at most `max` lines of a body, and one that tells what is missing. `whole` is a command that shows all.
pub(super) fn lines(body: &[u8], max: usize, whole: Option<&str>) -> (Vec<TextLine>, Outline) {
    if body.is_empty() {
        return (empty(), Outline::default());
    }
    let mut lines = Lines::new(max);
    let shown = match std::str::from_utf8(body) {
        Ok(text) => match json::pretty(text, &mut lines) {
            Some(shown) => shown,
            None => {
                lines = Lines::new(max);
                if text.trim_start().starts_with(['{', '[']) {
                    lines.note(&not_json(body));
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
            numbers(body, &mut lines)
        }
    };
    let mut outline = lines.outline();
    outline.goes_on = shown < body.len();
    (finish(lines, body, shown, whole), outline)
}

/// Makes lines of a body as it is; what is no text has a sign in the place of each such piece.
pub(super) fn as_it_is(body: &[u8], max: usize, whole: Option<&str>) -> Vec<TextLine> {
    if body.is_empty() {
        return empty();
    }
    let mut lines = Lines::new(max);
    // What is beyond the lines is not looked at.
    let part = body.get(..MAX_TEXT.saturating_mul(2)).unwrap_or(body);
    let text = String::from_utf8_lossy(part);
    let shown = plain(&text, &mut lines);
    let shown = if shown >= text.len() {
        part.len()
    } else {
        shown
    };
    finish(lines, body, shown.min(body.len()), whole)
}

/// Makes lines of a body in hexadecimal.
pub(super) fn in_hex(body: &[u8], max: usize, whole: Option<&str>) -> Vec<TextLine> {
    if body.is_empty() {
        return empty();
    }
    let mut lines = Lines::new(max);
    let shown = numbers(body, &mut lines);
    finish(lines, body, shown, whole)
}

fn empty() -> Vec<TextLine> {
    vec![TextLine::new(Tone::Dim, "(empty body)")]
}

/// Ends the lines with one that tells what is missing.
fn finish(lines: Lines, body: &[u8], shown: usize, whole: Option<&str>) -> Vec<TextLine> {
    let (clipped, mut lines) = lines.finish();
    let missing = body.len().saturating_sub(shown);
    if missing > 0 || clipped {
        let how_much = if missing > 0 {
            format!("… {} more not shown", size(missing as u64))
        } else {
            "… long lines are cut".to_owned()
        };
        let hint = whole.map(|command| format!("; all of it: {command}"));
        lines.push(TextLine::new(
            Tone::Warn,
            how_much + hint.as_deref().unwrap_or(""),
        ));
    }
    lines
}

fn not_json(body: &[u8]) -> String {
    match serde_json::from_slice::<&serde_json::value::RawValue>(body) {
        Ok(_) => "not laid out".to_owned(),
        Err(error) => format!("not valid JSON: {error}"),
    }
}

/// Makes lines of the beginning of a text, and returns how long that is.
fn plain(text: &str, lines: &mut Lines) -> usize {
    let mut shown = 0;
    // What tabs become is no reason to cut.
    lines.longest = usize::MAX;
    for line in text.split_inclusive('\n') {
        if lines.is_full() {
            break;
        }
        let whole = line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let clipped = clip(line, MAX_PLAIN_LINE);
        // A tab is the one control character that text has on purpose.
        lines.push(Tone::Plain, &clipped.replace('\t', "    "));
        lines.end_line();
        if clipped.len() < line.len() {
            return shown + clipped.len();
        }
        shown += whole;
    }
    shown
}

fn numbers(body: &[u8], lines: &mut Lines) -> usize {
    let mut shown = 0;
    for row in hex::rows(body) {
        if lines.is_full() {
            break;
        }
        lines.push(Tone::Dim, &format!("{}  ", row.place));
        lines.push(Tone::Plain, &format!("{}  ", row.digits));
        lines.push(Tone::Text, &row.letters);
        lines.end_line();
        shown += row.letters.len();
    }
    shown
}

fn clip(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max))
        .unwrap_or_default()
}

/// Lines that end at a bound.
#[derive(Debug)]
pub(super) struct Lines {
    done: Vec<TextLine>,
    current: TextLine,
    current_len: usize,
    text_len: usize,
    max: usize,
    /// Most bytes of a line.
    longest: usize,
    line_clipped: bool,
    /// What each line is of a JSON text.
    nodes: Vec<Node>,
    node: Node,
    /// Whether any line is not whole.
    clipped: bool,
}

impl Lines {
    fn new(max: usize) -> Self {
        Self {
            done: Vec::new(),
            current: TextLine::default(),
            current_len: 0,
            text_len: 0,
            max,
            longest: MAX_LINE,
            line_clipped: false,
            nodes: Vec::new(),
            node: Node::default(),
            clipped: false,
        }
    }

    /// Returns how many lines have ended.
    pub(super) fn len(&self) -> usize {
        self.done.len()
    }

    /// Says that the line is inside of what began on another, as an item or a member.
    pub(super) fn inside(&mut self, line: usize, index: Option<usize>) {
        self.node = Node {
            parent: Some(line),
            step: index.map(Step::Index),
            end: None,
        };
    }

    /// Says which member the line is.
    pub(super) fn names(&mut self, word: &str) {
        self.node.step = Some(Step::name(word));
    }

    /// Says that the line ends what began on another.
    pub(super) fn closes(&mut self, line: usize) {
        let here = self.done.len();
        if let Some(node) = self.nodes.get_mut(line) {
            node.end = Some(here);
        }
        self.node = Node {
            parent: Some(line),
            step: None,
            end: None,
        };
    }

    fn outline(&mut self) -> Outline {
        if self.current_len > 0 {
            self.end_line();
        }
        Outline {
            nodes: std::mem::take(&mut self.nodes),
            goes_on: false,
        }
    }

    /// Returns whether nothing more is taken.
    pub(super) fn is_full(&self) -> bool {
        self.done.len() >= self.max || self.text_len >= MAX_TEXT
    }

    /// Appends to the line, as much as a line takes.
    pub(super) fn push(&mut self, tone: Tone, text: &str) {
        let room = self.longest.saturating_sub(self.current_len);
        let kept = clip(text, room);
        self.current.push(tone, kept);
        self.current_len += kept.len();
        self.text_len += kept.len();
        if kept.len() < text.len() {
            if !self.line_clipped {
                let missing = size((text.len() - kept.len()) as u64);
                self.current.push(Tone::Warn, &format!("… {missing} more"));
            }
            self.line_clipped = true;
            self.clipped = true;
        }
    }

    /// Ends the line.
    pub(super) fn end_line(&mut self) {
        self.done.push(std::mem::take(&mut self.current));
        self.nodes.push(std::mem::take(&mut self.node));
        self.current_len = 0;
        self.line_clipped = false;
    }

    fn note(&mut self, text: &str) {
        self.push(Tone::Warn, text);
        self.end_line();
    }

    fn finish(mut self) -> (bool, Vec<TextLine>) {
        if self.current_len > 0 {
            self.end_line();
        }
        (self.clipped, self.done)
    }
}
