//! Presence of extensions, lines and queue members (docs/RINGCENTRAL.md 6).

use super::{Event, TopicRule, words};

pub(super) const ROWS: &[TopicRule] = &[
    TopicRule {
        topic: "queue-presence",
        about: "Call queue presence changed",
        matches: |event| event.path.contains("/call-queues/") && event.path.ends_with("/presence"),
        line: queue,
    },
    TopicRule {
        topic: "presence-line",
        about: "Presence lines changed",
        matches: |event| event.path.ends_with("/presence/line"),
        line: lines,
    },
    TopicRule {
        topic: "dnd",
        about: "Do-not-disturb status changed",
        matches: |event| event.path.ends_with("/presence/dnd"),
        line: |event| {
            let extension = event.body.at("extensionId").text()?;
            let status = event.body.at("dndStatus").text()?;
            Some(format!("Do not disturb: {extension} {}", words(&status)))
        },
    },
    TopicRule {
        topic: "presence",
        about: "Presence changed",
        matches: |event| event.path.ends_with("/presence"),
        line: presence,
    },
];

fn presence(event: &Event<'_>) -> Option<String> {
    let extension = event.body.at("extensionId").text()?;
    let states: Vec<String> = [
        ("presenceStatus", ""),
        ("telephonyStatus", "NoCall"),
        ("dndStatus", "TakeAllCalls"),
    ]
    .into_iter()
    .filter_map(|(name, usual)| {
        let state = event.body.at(name).text()?;
        (state != usual).then(|| words(&state))
    })
    .collect();
    Some(format!("Presence: {extension} {}", states.join(", ")))
}

fn lines(event: &Event<'_>) -> Option<String> {
    let extensions = event.body.at("extension");
    let first = extensions.first().at("id").text()?;
    let more = super::node::more(extensions.count());
    Some(format!("Presence lines: {first}{more}"))
}

/// Guide and specification differ: a list of members there, one flat member here.
fn queue(event: &Event<'_>) -> Option<String> {
    let records = event.body.at("records");
    let listed = records.first();
    let member = listed.at("member").at("id").text();
    let member = member.or_else(|| event.body.at("extensionId").text())?;
    let accepts = listed.at("acceptCurrentQueueCalls").text();
    let accepts = accepts.or_else(|| event.body.at("acceptCalls").text());
    let state = match accepts.as_deref() {
        Some("true") => "takes calls",
        Some("false") => "takes no calls",
        _ => "changed",
    };
    let more = super::node::more(records.count());
    Some(format!("Call queue: {member} {state}{more}"))
}
