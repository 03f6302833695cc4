//! Builds the lines of a body, up to a bound, with the structure of its JSON.

use ratatui::style::Style;
use ratatui::text::Line;
use ringtail_text::size;

use super::outline::{JsonStep, Node, Outline};
use super::{MAX_LINE, MAX_TEXT};
use crate::text::{line, span};
use crate::theme::WARN;

/// Lines up to a bound.
#[derive(Debug)]
pub(super) struct Lines {
    done: Vec<Line<'static>>,
    current: Line<'static>,
    current_len: usize,
    text_len: usize,
    /// Maximum number of lines.
    max: usize,
    /// Maximum bytes of a line.
    max_line: usize,
    line_clipped: bool,
    nodes: Vec<Node>,
    node: Node,
    /// Whether any line was clipped.
    clipped: bool,
}

impl Lines {
    pub(super) fn new(max: usize) -> Self {
        Self {
            done: Vec::new(),
            current: Line::default(),
            current_len: 0,
            text_len: 0,
            max,
            max_line: MAX_LINE,
            line_clipped: false,
            nodes: Vec::new(),
            node: Node::default(),
            clipped: false,
        }
    }

    /// Lifts the limit on the length of a line.
    pub(super) fn unclipped(mut self) -> Self {
        self.max_line = usize::MAX;
        self
    }

    /// Returns the number of finished lines.
    pub(super) fn len(&self) -> usize {
        self.done.len()
    }

    /// Makes the current line an item or a member of the value that begins on another line.
    pub(super) fn inside(&mut self, line: usize, index: Option<usize>) {
        self.node = Node {
            parent: Some(line),
            step: index.map(JsonStep::Index),
            end: None,
        };
    }

    /// Names the member on the current line.
    pub(super) fn names(&mut self, word: &str) {
        self.node.step = Some(JsonStep::name(word));
    }

    /// Makes the current line the end of the value that begins on another line.
    pub(super) fn closes(&mut self, line: usize) {
        let here = self.done.len();
        if let Some(node) = self.nodes.get_mut(line) {
            node.end = Some(here);
        }
        self.inside(line, None);
    }

    pub(super) fn is_full(&self) -> bool {
        self.done.len() >= self.max || self.text_len >= MAX_TEXT
    }

    /// Appends to the current line, up to its bound.
    pub(super) fn push(&mut self, text: &str, style: Style) {
        let room = self.max_line.saturating_sub(self.current_len);
        let kept = text
            .get(..text.floor_char_boundary(room))
            .unwrap_or_default();
        self.current += span(kept, style);
        self.current_len += kept.len();
        self.text_len += kept.len();
        if kept.len() < text.len() {
            if !self.line_clipped {
                let missing = size((text.len() - kept.len()) as u64);
                self.current += span(format!("… {missing} more"), WARN);
            }
            self.line_clipped = true;
            self.clipped = true;
        }
    }

    pub(super) fn end_line(&mut self) {
        self.done.push(std::mem::take(&mut self.current));
        self.nodes.push(std::mem::take(&mut self.node));
        self.current_len = 0;
        self.line_clipped = false;
    }

    pub(super) fn note(&mut self, text: &str) {
        self.push(text, WARN);
        self.end_line();
    }

    /// Returns the lines, with a last one about the `missing` bytes of the body. `command` shows all of it.
    pub(super) fn finish(
        mut self,
        missing: usize,
        command: Option<&str>,
    ) -> (Vec<Line<'static>>, Outline) {
        if self.current_len > 0 {
            self.end_line();
        }
        if missing > 0 || self.clipped {
            let what = match missing {
                0 => "… long lines are cut".to_owned(),
                missing => format!("… {} more not shown", size(missing as u64)),
            };
            let hint = command.map(|command| format!("; all of it: {command}"));
            self.done
                .push(line(what + hint.as_deref().unwrap_or_default(), WARN));
        }
        let outline = Outline {
            nodes: self.nodes,
            is_partial: missing > 0,
        };
        (self.done, outline)
    }
}
