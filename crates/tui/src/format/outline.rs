//! What the lines of a JSON text are: which member or item, of what, and where it ends.

use ringtail_model::new_fields::NewFields;

use crate::text::{TextLine, Tone};

/// The lines, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outline {
    pub(super) nodes: Vec<Node>,
    /// Whether the text goes on after the last line.
    pub(super) goes_on: bool,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Node {
    /// The line of the object or array that it is in.
    pub(super) parent: Option<usize>,
    /// Which of its members or items the line is; nothing for the line that ends it.
    pub(super) step: Option<Step>,
    /// The line that ends what begins here.
    pub(super) end: Option<usize>,
}

/// A step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A member, as it stands in a path.
    Name(String),
    /// An item.
    Index(usize),
}

/// Most bytes of a name that stands in a path.
const MAX_NAME: usize = 200;

impl Step {
    /// Makes a step of a member's name in its quotes.
    pub(super) fn name(word: &str) -> Self {
        let name: String = serde_json::from_str(word).unwrap_or_else(|_| word.to_owned());
        let end = name.floor_char_boundary(MAX_NAME);
        let name = name.get(..end).unwrap_or_default();
        let simple = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@');
        match !name.is_empty() && name.chars().all(simple) {
            true => Self::Name(format!(".{name}")),
            false => Self::Name(format!("[{}]", serde_json::Value::from(name))),
        }
    }
}

/// Says on the lines of a body what is new there. Any item of a list stands for all.
pub(super) fn mark_new(lines: &mut [TextLine], outline: &Outline, novelty: &NewFields) {
    for (at, line) in lines.iter_mut().enumerate() {
        let has_step = |node: &Node| node.step.is_some();
        if !outline.nodes.get(at).is_some_and(has_step) {
            continue;
        }
        let path = outline.path_of(at, |_| "[*]".to_owned());
        let mut fields = novelty.fields.iter().filter(|field| field.path == path);
        if let Some(field) = fields.next() {
            let words = match field.was.is_empty() {
                true => "  ◆ new".to_owned(),
                false => format!("  ◆ {} is new here", field.is),
            };
            line.push(Tone::Warn, &words);
        }
    }
}

impl Outline {
    /// Returns whether there is no JSON in the lines.
    pub(crate) fn is_empty(&self) -> bool {
        !self.nodes.iter().any(|node| node.step.is_some())
    }

    /// Returns whether the text goes on after the last line.
    pub(crate) fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Returns the path of a line, as a filter has it; nothing for the whole.
    pub(crate) fn path(&self, line: usize) -> String {
        self.path_of(line, |index| format!("[{index}]"))
    }

    fn path_of(&self, line: usize, item: impl Fn(usize) -> String) -> String {
        let mut steps = Vec::new();
        let mut at = Some(line);
        while let Some(node) = at.and_then(|at| self.nodes.get(at)) {
            steps.extend(node.step.as_ref());
            at = node.parent;
        }
        let path = steps.iter().rev().map(|step| match step {
            Step::Name(name) => name.clone(),
            Step::Index(index) => item(*index),
        });
        let path: String = path.collect();
        path.strip_prefix('.').map_or(path.clone(), str::to_owned)
    }

    /// Returns the lines that go when what begins on this one is folded, the last of which ends it.
    pub(crate) fn inside(&self, line: usize) -> Option<std::ops::RangeInclusive<usize>> {
        let end = self.nodes.get(line)?.end?;
        Some(line + 1..=end)
    }

    /// Returns the line to fold at: this one if something begins on it, else the one that began what it is in.
    pub(crate) fn fold_at(&self, line: usize) -> Option<usize> {
        let node = self.nodes.get(line)?;
        if node.end.is_some() {
            return Some(line);
        }
        node.parent.filter(|parent| self.inside(*parent).is_some())
    }

    /// Returns the lines inside of the whole on which something begins.
    pub(crate) fn folds(&self) -> impl Iterator<Item = usize> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter(|(_, node)| node.end.is_some() && node.parent.is_some())
            .map(|(line, _)| line)
    }

    /// Returns the lines that something is inside of, the nearest first.
    pub(crate) fn around(&self, line: usize) -> impl Iterator<Item = usize> {
        let parent = |line: &usize| self.nodes.get(*line).and_then(|node| node.parent);
        std::iter::successors(parent(&line), move |line| parent(line))
    }

    /// Returns the first line whose path is this, or begins or ends with it, or has it in it, in this order.
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
