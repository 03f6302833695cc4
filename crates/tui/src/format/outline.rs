//! The structure of indented JSON: for each line its path, its parent and the line that closes it.

use std::ops::RangeInclusive;

use ratatui::text::Line;
use ringtail_filter::push_field;
use ringtail_model::new_fields::NewFields;
use ringtail_text::json::decoded;

use crate::text::span;
use crate::theme::WARN;

/// The lines, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outline {
    pub(super) nodes: Vec<Node>,
    /// Whether the body has more than the lines show.
    pub(crate) is_partial: bool,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Node {
    /// The line that the enclosing object or array begins on.
    pub(super) parent: Option<usize>,
    /// Which member or item the line is; nothing for a closing line.
    pub(super) step: Option<JsonStep>,
    /// The closing line of the value that begins here.
    pub(super) end: Option<usize>,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum JsonStep {
    /// A member, as written in a path.
    Name(String),
    /// An item.
    Index(usize),
}

/// Most bytes of a name in a path.
const MAX_NAME: usize = 200;

impl JsonStep {
    /// Makes a step of a member's name in its quotes.
    pub(super) fn name(word: &str) -> Self {
        let name = decoded(word);
        let end = name.floor_char_boundary(MAX_NAME);
        let mut path = String::new();
        push_field(&mut path, name.get(..end).unwrap_or_default());
        if !path.starts_with('[') {
            path.insert(0, '.');
        }
        Self::Name(path)
    }
}

/// Marks the new fields on the lines of a body. Any item of a list stands for all.
pub(super) fn mark_new(lines: &mut [Line<'static>], outline: &Outline, new_fields: &NewFields) {
    for (at, line) in lines.iter_mut().enumerate() {
        if outline.nodes.get(at).is_none_or(|node| node.step.is_none()) {
            continue;
        }
        let path = outline.path_of(at, |_| "[*]".to_owned());
        if let Some(field) = new_fields.fields.iter().find(|field| field.path == path) {
            let words = match field.was.is_empty() {
                true => "  ◆ new".to_owned(),
                false => format!("  ◆ {} is new here", field.is),
            };
            *line += span(words, WARN);
        }
    }
}

impl Outline {
    /// Returns whether no line is JSON.
    pub(crate) fn is_empty(&self) -> bool {
        !self.nodes.iter().any(|node| node.step.is_some())
    }

    /// Returns the path of a line in the syntax of a filter; empty for the whole body.
    pub(crate) fn path(&self, line: usize) -> String {
        self.path_of(line, |index| format!("[{index}]"))
    }

    fn path_of(&self, line: usize, item: impl Fn(usize) -> String) -> String {
        let nodes = std::iter::once(line).chain(self.around(line));
        let steps: Vec<&JsonStep> = nodes
            .filter_map(|line| self.nodes.get(line)?.step.as_ref())
            .collect();
        let path = steps.into_iter().rev().map(|step| match step {
            JsonStep::Name(name) => name.clone(),
            JsonStep::Index(index) => item(*index),
        });
        let path: String = path.collect();
        path.strip_prefix('.').map_or(path.clone(), str::to_owned)
    }

    /// Returns the lines that folding at this one hides, up to the closing line.
    pub(crate) fn inside(&self, line: usize) -> Option<RangeInclusive<usize>> {
        let end = self.nodes.get(line)?.end?;
        Some(line + 1..=end)
    }

    /// Returns the line to fold at: this one if a value begins on it, else the one of the enclosing value.
    pub(crate) fn fold_at(&self, line: usize) -> Option<usize> {
        let node = self.nodes.get(line)?;
        if node.end.is_some() {
            return Some(line);
        }
        node.parent.filter(|parent| self.inside(*parent).is_some())
    }

    /// Returns the lines within the body on which an object or array begins.
    pub(crate) fn folds(&self) -> impl Iterator<Item = usize> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter(|(_, node)| node.end.is_some() && node.parent.is_some())
            .map(|(line, _)| line)
    }

    /// Returns the lines of the enclosing values, the innermost first.
    pub(crate) fn around(&self, line: usize) -> impl Iterator<Item = usize> {
        let parent = |line: &usize| self.nodes.get(*line).and_then(|node| node.parent);
        std::iter::successors(parent(&line), move |line| parent(line))
    }

    /// Returns the first line whose path equals the wanted one, else begins with it, ends with it or contains it.
    pub(crate) fn find(&self, wanted: &str) -> Option<usize> {
        let wanted = wanted.trim().to_lowercase();
        if wanted.is_empty() {
            return None;
        }
        let paths = (0..self.nodes.len()).map(|line| self.path(line).to_lowercase());
        let paths: Vec<String> = paths.collect();
        let tests: [fn(&str, &str) -> bool; 4] = [
            |path, wanted| path == wanted,
            |path, wanted| path.starts_with(wanted),
            |path, wanted| path.ends_with(wanted),
            |path, wanted| path.contains(wanted),
        ];
        tests
            .iter()
            .find_map(|test| paths.iter().position(|path| test(path, &wanted)))
    }
}
