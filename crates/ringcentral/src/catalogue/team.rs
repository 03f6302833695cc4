//! Team messaging, known by the event's own type and only then by its path (docs/RINGCENTRAL.md 6, notes).

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
    let chat = event.body.at("groupId").text()?;
    let what = match event.kind.as_str() {
        "PostAdded" => "Post".to_owned(),
        other => sentence(other),
    };
    Some(match event.body.at("text").text_within(TEXT_MAX_CHARS) {
        Some(text) => format!("{what} in chat {chat}: {text}"),
        None => format!("{what} in chat {chat}"),
    })
}

fn chat(event: &Event<'_>) -> Option<String> {
    let change = change(&event.kind, "Group");
    let name = event.body.at("name").text().or_else(|| {
        let kind = event.body.at("type").text()?;
        let id = event.body.at("id").text()?;
        Some(format!("{} {id}", words(&kind)))
    })?;
    Some(format!("Chat {change}: {name}"))
}

/// Only of an update is the status news; it carries the webhook under `after`, the others carry it bare.
fn webhook(event: &Event<'_>) -> Option<String> {
    let change = change(&event.kind, "Webhook");
    let status = event.body.at("after").at("status").text();
    Some(match status {
        Some(status) => format!("Incoming webhook {change}: {}", words(&status)),
        None => format!("Incoming webhook {change}"),
    })
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
