//! A place in an event that may not be there.

use ringtail_text::{json as tokens, one_line};

use crate::json;

/// Most characters of one value in a summary, so that a long name leaves room for what follows it.
pub(crate) const VALUE_MAX_CHARS: usize = 60;

/// The text of a JSON value, or nothing. Every step from nothing leads to nothing, so that rows read as paths.
///
/// A step scans its value once and builds nothing; rows take a handful of steps, so the work stays linear.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a>(pub(crate) Option<&'a str>);

impl<'a> Node<'a> {
    /// Returns the node of an object, such as a request body, which may break off.
    pub(crate) fn object(text: &'a str) -> Self {
        Self(Some(text))
    }

    /// Returns a field of an object.
    pub(crate) fn at(self, name: &str) -> Self {
        let found = self.0.and_then(|text| json::pick(text, [name]));
        Self(found.and_then(|[field]| field))
    }

    /// Returns `firstName` and `lastName`, or the one there is.
    pub(crate) fn full_name(self) -> Option<String> {
        let names = ["firstName", "lastName"].map(|name| self.at(name).text());
        let whole = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
        (!whole.is_empty()).then_some(whole)
    }

    /// Returns the first element of an array, or the node itself if it is not an array.
    pub(crate) fn first(self) -> Self {
        match self.0 {
            Some(text) if text.starts_with('[') => Self(tokens::items(text).next()),
            _ => self,
        }
    }

    /// Returns the elements of an array, at most `max`.
    pub(crate) fn items(self, max: usize) -> impl Iterator<Item = Node<'a>> {
        let items = self.0.into_iter().flat_map(tokens::items);
        items.take(max).map(|item| Self(Some(item)))
    }

    /// Returns how many elements an array has; any other value counts as one.
    pub(crate) fn count(self) -> usize {
        match self.0 {
            Some(text) if text.starts_with('[') => tokens::items(text).count(),
            Some(_) => 1,
            None => 0,
        }
    }

    /// Returns a string, number or boolean as a short text; `None` if nothing of it can be seen.
    pub(crate) fn text(self) -> Option<String> {
        self.text_within(VALUE_MAX_CHARS)
    }

    /// Returns a string, number or boolean as a text of at most `max` characters.
    pub(crate) fn text_within(self, max: usize) -> Option<String> {
        let text = one_line(&json::scalar(self.0?)?, max);
        (!text.is_empty()).then_some(text)
    }

    /// Returns a number.
    pub(crate) fn number(self) -> Option<i64> {
        self.text()?.parse().ok()
    }

    /// Returns true if the value is true.
    pub(crate) fn is_true(self) -> bool {
        self.text().is_some_and(|text| text == "true")
    }

    /// Returns who a party is, by name where there is one: an object, a bare number, or a list of either, of which the
    /// first is named and the rest counted.
    pub(crate) fn who(self) -> Option<String> {
        self.party(["name", "phoneNumber", "extensionNumber", "extensionId"])
    }

    /// Returns who a party is, by number where there is one.
    pub(crate) fn phone(self) -> Option<String> {
        self.party(["phoneNumber", "extensionNumber", "extensionId", "name"])
    }

    /// Returns the first of these fields that a party has.
    pub(crate) fn party(self, names: [&str; 4]) -> Option<String> {
        let first = self.first();
        let one = first
            .text()
            .or_else(|| names.iter().find_map(|name| first.at(name).text()))?;
        Some(one + &more(self.count()))
    }
}

/// Adds from whom something goes to whom, as far as it is known.
pub(super) fn ends(what: &str, from: Option<String>, to: Option<String>) -> Option<String> {
    match (from, to) {
        (Some(from), Some(to)) => Some(format!("{what} from {from} to {to}")),
        (Some(from), None) => Some(format!("{what} from {from}")),
        (None, Some(to)) => Some(format!("{what} to {to}")),
        (None, None) => None,
    }
}

/// Adds the way of something whose direction matters, as far as it is known.
pub(super) fn way(what: String, from: Option<String>, to: Option<String>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => format!("{what}, {from} → {to}"),
        (from, to) => ends(&what, from, to).unwrap_or(what),
    }
}

/// Returns the first three of some texts, and how many more there are; `None` if there are none.
pub(super) fn list(texts: impl IntoIterator<Item = String>) -> Option<String> {
    let mut texts = texts.into_iter();
    let first: Vec<String> = texts.by_ref().take(3).collect();
    let more = match texts.count() {
        0 => String::new(),
        count => format!(" (+{count} more)"),
    };
    (!first.is_empty()).then(|| first.join(", ") + &more)
}

/// Returns a note of how many more there are than the one named.
pub(super) fn more(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        _ => format!(" (+{} more)", count - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_give_their_first_and_their_length() {
        let object = Node::object(r#"{"l":[7,8,9],"e":[],"n":3}"#);
        let seen = |name| {
            let node = object.at(name);
            (node.first().text(), node.count(), node.items(2).count())
        };
        assert_eq!(seen("l"), (Some("7".to_owned()), 3, 2));
        assert_eq!(seen("e"), (None, 0, 0));
        assert_eq!(seen("n"), (Some("3".to_owned()), 1, 0));
        assert_eq!(seen("x"), (None, 0, 0));
    }
}
