//! Team messaging, known by the event's own type and only then by its path (docs/RINGCENTRAL.md 6, notes).

use super::node::{Node, list};
use super::{Event, TEXT_MAX_CHARS, TopicRule, words};

pub(super) const ROWS: &[TopicRule] = &[
    TopicRule {
        topic: "post",
        about: "Team message",
        matches: |event| is_of_team(event, "Post"),
        line: post,
    },
    TopicRule {
        topic: "chat",
        about: "Chat changed",
        matches: |event| is_of_team(event, "Group"),
        line: chat,
    },
    TopicRule {
        topic: "incoming-webhook",
        about: "Incoming webhook changed",
        matches: |event| is_of_team(event, "Webhook"),
        line: webhook,
    },
    TopicRule {
        topic: "post",
        about: "Team message",
        matches: |event| ends_with_any(event, &["/team-messaging/v1/posts", "/glip/posts"]),
        line: |_| None,
    },
    TopicRule {
        topic: "chat",
        about: "Chat changed",
        matches: |event| {
            let paths = [
                "/team-messaging/v1/chats",
                "/team-messaging/v1/groups",
                "/glip/groups",
            ];
            ends_with_any(event, &paths)
        },
        line: |_| None,
    },
    TopicRule {
        topic: "incoming-webhook",
        about: "Incoming webhook changed",
        matches: |event| ends_with_any(event, &["/glip/webhooks"]),
        line: |_| None,
    },
];

/// Other services may call a change of theirs "Post…" or "Group…" too.
fn is_of_team(event: &Event<'_>, kind: &str) -> bool {
    let service = |segment| matches!(segment, "glip" | "team-messaging");
    let of_team = event.path.is_empty() || event.path.split('/').any(service);
    of_team && event.kind.starts_with(kind)
}

/// A sample has `/team-messaging//v1/posts` (section 2.3), so slashes count once.
fn ends_with_any(event: &Event<'_>, ends: &[&str]) -> bool {
    let segments = || event.path.rsplit('/').filter(|segment| !segment.is_empty());
    ends.iter().any(|end| {
        let mut segments = segments();
        end.rsplit('/')
            .filter(|segment| !segment.is_empty())
            .all(|segment| segments.next() == Some(segment))
    })
}

fn post(event: &Event<'_>) -> Option<String> {
    let body = event.body;
    let mut line = match (event.kind.as_str(), body.at("id").text()) {
        ("PostAdded", _) => "Post".to_owned(),
        // Of a removed post only its id comes.
        ("PostRemoved", Some(id)) => format!("Post {id} removed"),
        (other, _) => sentence(other),
    };
    let (author, chat) = (body.at("creatorId").text(), body.at("groupId").text());
    if author.is_none() && chat.is_none() && line == sentence(&event.kind) {
        return None;
    }
    if let Some(author) = author {
        line += &format!(" by {author}");
    }
    if let Some(chat) = chat {
        line += &format!(" in chat {chat}");
    }
    if let Some(text) = body.at("text").text_within(MAX_MARKUP_CHARS) {
        line += &format!(": {}", without_markup(&text, body.at("mentions")));
    } else if let Some(what) = without_text(body) {
        line += &format!(": {what}");
    }
    Some(line)
}

/// Says what a post is that has no text: people were added, or it is a file or a card.
fn without_text(body: Node<'_>) -> Option<String> {
    let people = body.at("addedPersonIds").items(MAX_ITEMS);
    if let Some(people) = list(people.filter_map(Node::text)) {
        return Some(format!("added {people}"));
    }
    let kind = |node: Node<'_>| node.at("type").text().map(|kind| words(&kind));
    let attachments = body.at("attachments").items(MAX_ITEMS);
    let names = attachments.filter_map(|it| it.at("name").text().or_else(|| kind(it)));
    list(names).or_else(|| kind(body).filter(|kind| kind != "text message"))
}

/// Most characters of a post that are read: mentions are shorter when they are shown.
const MAX_MARKUP_CHARS: usize = 4 * TEXT_MAX_CHARS;

/// Most mentions, attachments or added people of a post that are read.
const MAX_ITEMS: usize = 20;

/// Writes `![:Person](17)` as the name that the event has for it.
fn without_markup(text: &str, mentions: Node<'_>) -> String {
    let mentions = mentions.items(MAX_ITEMS);
    let mentions = mentions.map(|it| (it.at("id").text(), it.at("name").text()));
    // Once: a text may have many mentions, and each of the list may be large.
    let mentions: Vec<_> = mentions.collect();
    let mut plain = String::new();
    let mut left = text;
    while let Some((before, markup)) = left.split_once("![:") {
        plain.push_str(before);
        let parts = markup.split_once("](").and_then(|(kind, rest)| {
            let (id, after) = rest.split_once(')')?;
            let is_plain = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == '-');
            (is_plain(kind) && is_plain(id)).then_some((kind, id, after))
        });
        let Some((kind, id, after)) = parts else {
            plain.push_str("![:");
            left = markup;
            continue;
        };
        let named = mentions
            .iter()
            .find(|(known, _)| known.as_deref() == Some(id));
        let name = named.and_then(|(_, name)| name.as_ref());
        plain += &match name {
            Some(name) => format!("@{name}"),
            // All members of a chat together have no id.
            None if kind == "All" => "@All".to_owned(),
            None => format!("@{kind} {id}"),
        };
        left = after;
    }
    plain + left
}

fn chat(event: &Event<'_>) -> Option<String> {
    let change = match event.body.at("status").text().as_deref() {
        Some("Archived") if event.kind == "GroupChanged" => "archived".to_owned(),
        _ => change(&event.kind, "Group"),
    };
    let name = event.body.at("name").text().or_else(|| {
        let kind = event.body.at("type").text()?;
        let id = event.body.at("id").text()?;
        Some(format!("{} {id}", words(&kind)))
    })?;
    Some(format!("Chat {change}: {name}"))
}

/// Only of an update is the status news; it carries the webhook under `after`, the others carry it bare.
fn webhook(event: &Event<'_>) -> Option<String> {
    let after = event.body.at("after");
    let chats = |webhook: Node<'_>| webhook.at("groupIds").first().text();
    let mut line = format!("Incoming webhook {}", change(&event.kind, "Webhook"));
    if let Some(chat) = chats(event.body).or_else(|| chats(after)) {
        line += &format!(" in chat {chat}");
    }
    if let Some(status) = after.at("status").text() {
        line += &format!(": {}", words(&status));
    }
    Some(line)
}

fn change(kind: &str, what: &str) -> String {
    match kind.trim_start_matches(what) {
        "" => "changed".to_owned(),
        change => words(change),
    }
}

fn sentence(camel: &str) -> String {
    let words = words(camel);
    let mut characters = words.chars();
    let first = characters.next().map(|first| first.to_uppercase());
    first.into_iter().flatten().chain(characters).collect()
}
