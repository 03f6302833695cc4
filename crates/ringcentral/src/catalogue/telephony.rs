//! Calls: telephony sessions, the legacy call events, and the insights made of recordings (docs/RINGCENTRAL.md 6).

use super::node::{more, way};
use super::{Event, TopicRule, words};

pub(super) const ROWS: &[TopicRule] = &[
    TopicRule {
        topic: "telephony",
        about: "Call",
        matches: |event| event.path.ends_with("/telephony/sessions"),
        line: session,
    },
    TopicRule {
        topic: "missed-call",
        about: "Missed call",
        matches: |event| event.path.ends_with("/missed-calls"),
        line: |event| legacy("Missed call", event),
    },
    TopicRule {
        topic: "incoming-call",
        about: "Incoming call",
        matches: |event| {
            ["/incoming-call-pickup", "/start-ring", "/stop-ring"]
                .iter()
                .any(|end| event.path.ends_with(end))
        },
        line: |event| legacy("Incoming call", event),
    },
    TopicRule {
        topic: "call-log",
        about: "Call log changed",
        matches: |event| event.path.ends_with("/call-log"),
        line: |_| None,
    },
    TopicRule {
        topic: "ringsense",
        about: "RingSense insights",
        matches: |event| event.path.starts_with("/ai/ringsense/"),
        line: |event| Some(format!("RingSense: {}", event.body.at("title").text()?)),
    },
];

fn session(event: &Event<'_>) -> Option<String> {
    let parties = event.body.at("parties");
    let party = parties.first();
    let status = party.at("status").at("code").text()?;
    let missed = party.at("missedCall").is_true();
    let line = match status.as_str() {
        "Setup" => "Call set up".to_owned(),
        "Proceeding" => "Call ringing".to_owned(),
        "Answered" => "Call answered".to_owned(),
        "Disconnected" if missed => "Call missed".to_owned(),
        "Disconnected" => "Call ended".to_owned(),
        "Gone" => "Call gone elsewhere".to_owned(),
        "Parked" => "Call parked".to_owned(),
        "Hold" => "Call on hold".to_owned(),
        "VoiceMail" => "Call sent to voicemail".to_owned(),
        "FaxReceive" => "Call receives a fax".to_owned(),
        "VoiceMailScreening" => "Call screened by voicemail".to_owned(),
        other => format!("Call {}", words(other)),
    };
    let line = way(line, party.at("from").who(), party.at("to").who());
    Some(line + &more(parties.count()))
}

/// The fields of legacy events are at the envelope's level (section 2.3).
fn legacy(what: &str, event: &Event<'_>) -> Option<String> {
    let side = |name: &str, number: &str| {
        let name = event.envelope.at(name).text();
        name.or_else(|| event.envelope.at(number).text())
    };
    let [from, to] = [side("fromName", "from"), side("toName", "to")];
    Some(way(what.to_owned(), from, to))
}
