//! Presence of extensions, lines and queue members (docs/RINGCENTRAL.md 6).

use super::node::{list, way};
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
            Some(format!(
                "DND status: extension {extension} {}",
                takes(&status)
            ))
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
        (state != usual).then(|| takes(&state))
    })
    .collect();
    let line = format!("Presence: {extension} {}", states.join(", "));
    // Only the detailed form has calls; one that has ended is not news.
    let calls = event.body.at("activeCalls").items(MAX_ITEMS);
    let call = calls.into_iter().find(|call| {
        call.at("telephonyStatus")
            .text()
            .is_none_or(|state| state != "NoCall")
    });
    Some(match call {
        Some(call) => {
            let side = |name, number| call.at(name).text().or_else(|| call.at(number).text());
            way(line, side("fromName", "from"), side("toName", "to"))
        }
        None => line,
    })
}

/// Says a state of presence. RingCentral's words for DND name the calls that are refused.
fn takes(state: &str) -> String {
    let calls = match state {
        "TakeAllCalls" => "takes all calls",
        "DoNotAcceptAnyCalls" => "takes no calls",
        "DoNotAcceptDepartmentCalls" => "takes no queue calls",
        "TakeDepartmentCallsOnly" => "takes queue calls only",
        other => return words(other),
    };
    calls.to_owned()
}

/// Most members and lines that are read.
const MAX_ITEMS: usize = 100;

fn lines(event: &Event<'_>) -> Option<String> {
    let extensions = event.body.at("extension").items(MAX_ITEMS);
    let lines = list(extensions.filter_map(|line| line.at("id").text()))?;
    Some(match event.id_after("extension") {
        Some(extension) => format!("Presence lines of extension {extension}: {lines}"),
        None => format!("Presence lines: {lines}"),
    })
}

/// Guide and specification differ: a list of members there, one flat member here.
fn queue(event: &Event<'_>) -> Option<String> {
    let members = event.body.at("records").items(MAX_ITEMS).map(|member| {
        let id = member.at("member").at("id").text();
        (id, member.at("acceptCurrentQueueCalls").text())
    });
    let flat = event.body.at("extensionId").text();
    let flat = flat.map(|id| (Some(id), event.body.at("acceptCalls").text()));
    let states = members.chain(flat).filter_map(|(id, accepts)| {
        let state = match accepts.as_deref() {
            Some("true") => "takes calls",
            Some("false") => "takes no calls",
            _ => "changed",
        };
        Some(format!("{} {state}", id?))
    });
    let states = list(states)?;
    let queue = event.body.at("callQueueId").text();
    let queue = queue.as_deref().or_else(|| event.id_after("call-queues"));
    Some(match queue {
        Some(queue) => format!("Call queue {queue}: {states}"),
        None => format!("Call queue: {states}"),
    })
}
