//! The account's own affairs: extensions, directory, devices, webinars, subscriptions (docs/RINGCENTRAL.md 6).

use super::{Event, TopicRule, words};

pub(super) const ROWS: &[TopicRule] = &[
    TopicRule {
        topic: "renewal-reminder",
        about: "Renewal reminder: subscription expires soon",
        matches: |event| event.path.contains("/subscription/"),
        line: |event| {
            let seconds = event.body.at("expiresIn").number()?;
            Some(format!(
                "Renewal reminder: subscription expires in {seconds} s"
            ))
        },
    },
    TopicRule {
        topic: "grants",
        about: "Extension grants changed",
        matches: |event| event.path.ends_with("/grant"),
        line: |event| of_extension("Grants", event),
    },
    TopicRule {
        topic: "favorites",
        about: "Extension favorites changed",
        matches: |event| event.path.ends_with("/favorite"),
        line: |event| of_extension("Favorites", event),
    },
    TopicRule {
        topic: "directory",
        about: "Company directory changed",
        matches: |event| event.path.ends_with("/directory/entries"),
        line: |_| None,
    },
    TopicRule {
        topic: "emergency-address",
        about: "Emergency address changed",
        matches: |event| event.path.ends_with("/emergency-address"),
        line: |event| {
            let device = event.body.at("deviceId").text()?;
            Some(format!("Emergency address of device {device} changed"))
        },
    },
    TopicRule {
        topic: "phone-number",
        about: "Phone numbers changed",
        matches: |event| event.path.ends_with("/phone-number"),
        line: |_| None,
    },
    TopicRule {
        topic: "webinar",
        about: "Webinar changed",
        matches: |event| event.path.starts_with("/webinar/"),
        line: |event| {
            let kind = event.path.split("/company/").nth(1)?;
            Some(format!("Webinar {}", kind.replace('/', " ")))
        },
    },
    TopicRule {
        topic: "extension-list",
        about: "Extension list changed",
        matches: |event| event.path.ends_with("/extension"),
        line: |_| None,
    },
    TopicRule {
        topic: "extension",
        about: "Extension changed",
        matches: |event| event.path.rsplit('/').nth(1) == Some("extension"),
        line: extension,
    },
];

fn of_extension(what: &str, event: &Event<'_>) -> Option<String> {
    let extension = event.body.at("extensionId").text()?;
    Some(format!("{what} of extension {extension} changed"))
}

fn extension(event: &Event<'_>) -> Option<String> {
    let extension = event.body.at("extensionId").text()?;
    let hints = event.body.at("hints");
    let mut line = format!("Extension {extension} {}", past(&event.kind));
    if let Some(hint) = hints.first().text() {
        line += &format!(": {}{}", words(&hint), super::node::more(hints.count()));
    }
    Some(line)
}

fn past(change: &str) -> String {
    match change {
        "Create" => "created".to_owned(),
        "Update" => "updated".to_owned(),
        "Delete" => "deleted".to_owned(),
        "" => "changed".to_owned(),
        other => words(other),
    }
}
