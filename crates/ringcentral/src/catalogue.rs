//! What an event says, in one word and one line.
//!
//! Platform events are classified by a table, one row per event filter of docs/RINGCENTRAL.md 6; the other callbacks
//! have a line each. Nothing is guaranteed about the fields of an event, so every line makes do
//! with what is there, and an event without any of it is described by its filter.

mod account;
mod callbacks;
mod messages;
mod node;
mod presence;
mod team;
mod telephony;

pub(crate) use self::node::Node;
use crate::classify::{self, Callback, Classified};
use ringtail_text::one_line;

/// Most characters in the text of a summary: a line of a wide terminal.
pub const TEXT_MAX_CHARS: usize = 160;

/// An event in one word and one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Stable machine word for what the event is about.
    pub topic: &'static str,
    /// One line for people: never empty, at most [`TEXT_MAX_CHARS`] characters, free of control characters and
    /// of characters that turn the reading direction.
    pub text: String,
}

/// Returns what the request says.
///
/// The text is made of what strangers sent and may hold message texts and telephone numbers, but no token.
#[must_use]
pub fn summarize(event: &Classified<'_>) -> Summary {
    let callback = event.callback;
    let (topic, line) = match callback {
        Callback::PlatformNotification => platform(event),
        _ => (callback.name(), callbacks::line(event)),
    };
    let text = one_line(&line, TEXT_MAX_CHARS);
    Summary {
        topic,
        text: if text.is_empty() {
            callback.about().to_owned()
        } else {
            text
        },
    }
}

/// One event filter: the topic, what it is called, how it is known, and what there is to say of an event.
struct TopicRule {
    topic: &'static str,
    about: &'static str,
    matches: fn(&Event<'_>) -> bool,
    line: fn(&Event<'_>) -> Option<String>,
}

/// Every kind of platform event, in the order in which they are tried. Team messaging comes first, because
/// bots get chat events under the path of posts (section 2.3).
const TABLES: [&[TopicRule]; 5] = [
    team::ROWS,
    messages::ROWS,
    telephony::ROWS,
    presence::ROWS,
    account::ROWS,
];

/// Returns every topic that a summary can have, in the order of the tables.
pub fn topics() -> impl Iterator<Item = &'static str> {
    let rows = TABLES.into_iter().flatten().map(|row| row.topic);
    let callbacks = classify::TABLE
        .iter()
        .filter(|row| row.callback != Callback::PlatformNotification)
        .map(|row| row.name);
    rows.chain([UNKNOWN]).chain(callbacks)
}

/// The topic of platform events that no row knows.
const UNKNOWN: &str = "event";

fn platform(event: &Classified<'_>) -> (&'static str, String) {
    let envelope = &event.envelope;
    let filter = envelope.event.as_deref().unwrap_or_default();
    let content = Node(envelope.body.as_deref());
    let classified = event;
    let event = Event {
        path: filter
            .split('?')
            .next()
            .unwrap_or_default()
            .trim_end_matches('/'),
        kind: content.at("eventType").text().unwrap_or_default(),
        body: content,
        envelope: Node::object(event.text()),
        subscription: envelope.subscription_id.as_deref(),
    };
    match TABLES
        .into_iter()
        .flatten()
        .find(|row| (row.matches)(&event))
    {
        Some(row) => {
            let line = (row.line)(&event).unwrap_or_else(|| row.about.to_owned());
            (row.topic, line)
        }
        None if filter.is_empty() => (UNKNOWN, callbacks::unread(classified)),
        None => (UNKNOWN, format!("Event {filter}")),
    }
}

/// A platform event as the rows see it.
struct Event<'a> {
    /// The event filter without its query, and without a slash at its end.
    path: &'a str,
    /// The event's own type, `eventType`; empty for most events.
    kind: String,
    /// What sits under `body`.
    body: Node<'a>,
    /// The whole request body; legacy events keep their fields there (section 2.3).
    envelope: Node<'a>,
    /// The subscription, if the envelope names it.
    subscription: Option<&'a str>,
}

impl Event<'_> {
    /// Returns the id that follows a segment of the event filter; `~` and a placeholder of the guide's name nobody.
    fn id_after(&self, segment: &str) -> Option<&str> {
        let mut segments = self.path.split('/');
        segments.find(|found| *found == segment)?;
        segments
            .next()
            .filter(|id| !id.is_empty() && !id.starts_with(['~', '{']))
    }
}

/// Writes a camel-case word of RingCentral's as lower-case words.
pub(crate) fn words(camel: &str) -> String {
    let mut words = String::new();
    for character in camel.chars() {
        if character.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests;
