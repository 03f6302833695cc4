//! The account's own affairs: extensions, directory, devices, webinars, subscriptions (docs/RINGCENTRAL.md 6).

use super::node::{Node, list};
use super::{Event, TopicRule, words};

pub(super) const ROWS: &[TopicRule] = &[
    TopicRule {
        topic: "renewal-reminder",
        about: "Renewal reminder: subscription expires soon",
        matches: |event| event.path.contains("/subscription/"),
        line: |event| {
            let seconds = event.body.at("expiresIn").number()?;
            Some(match event.subscription {
                Some(id) => format!("Renewal reminder: subscription {id} expires in {seconds} s"),
                None => format!("Renewal reminder: subscription expires in {seconds} s"),
            })
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
        line: |event| {
            let contacts = event.body.at("contacts").items(MAX_ITEMS);
            Some(format!(
                "Company directory: {}",
                list(contacts.filter_map(contact))?
            ))
        },
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
        line: phone_number,
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
        line: |event| {
            let extensions = event.body.at("extensions").items(MAX_ITEMS);
            let changes = extensions.filter_map(|extension| {
                let id = extension.at("extensionId").text()?;
                Some(format!("{id} {}", change(extension)))
            });
            Some(format!("Extension list: {}", list(changes)?))
        },
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
    let hints = event.body.at("hints").items(MAX_ITEMS);
    let hints = list(hints.filter_map(|hint| Some(words(&hint.text()?))));
    let hints = hints.map_or_else(String::new, |hints| format!(": {hints}"));
    Some(format!(
        "Extension {extension} {}{hints}",
        past(&event.kind)
    ))
}

/// Most entries of a list that are read.
const MAX_ITEMS: usize = 100;

fn contact(contact: Node<'_>) -> Option<String> {
    let name = contact.at("name").text();
    let name = name.or_else(|| contact.full_name());
    let name = name.or_else(|| contact.at("id").text())?;
    Some(format!("{name} {}", change(contact)))
}

fn phone_number(event: &Event<'_>) -> Option<String> {
    let info = event.body.at("phoneNumberInfo");
    let number = info.at("phoneNumber").text()?;
    let usage = info.at("usageType").text();
    let usage = usage.map_or_else(String::new, |usage| format!(" ({})", words(&usage)));
    Some(format!(
        "Phone number {number} {}{usage}",
        past(&event.kind)
    ))
}

fn change(entry: Node<'_>) -> String {
    past(&entry.at("eventType").text().unwrap_or_default())
}

fn past(change: &str) -> String {
    match change {
        "Create" | "Created" => "created".to_owned(),
        "Update" | "Updated" => "updated".to_owned(),
        "Delete" | "Deleted" => "deleted".to_owned(),
        "" => "changed".to_owned(),
        other => words(other),
    }
}
