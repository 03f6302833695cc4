//! Messages: SMS in its four generations, voicemail, fax (docs/RINGCENTRAL.md 6).

use super::{Event, TEXT_MAX_CHARS, TopicRule, words};

pub(super) const ROWS: &[TopicRule] = &[
    TopicRule {
        topic: "sms",
        about: "SMS",
        matches: |event| event.path.ends_with("/message-store/instant"),
        line: |event| message("SMS", event, "subject"),
    },
    TopicRule {
        topic: "message-store",
        about: "Message store changed",
        matches: |event| event.path.ends_with("/message-store"),
        line: message_store,
    },
    TopicRule {
        topic: "voicemail",
        about: "Voicemail",
        matches: |event| event.path.ends_with("/voicemail"),
        line: voicemail,
    },
    TopicRule {
        topic: "fax",
        about: "Fax",
        matches: |event| event.path.ends_with("/fax"),
        line: fax,
    },
    TopicRule {
        topic: "a2p-sms",
        about: "High-volume SMS",
        matches: |event| event.path.ends_with("/a2p-sms/messages"),
        line: |event| message("High-volume SMS", event, "text"),
    },
    TopicRule {
        topic: "a2p-sms-batch",
        about: "High-volume SMS batch",
        matches: |event| event.path.contains("/a2p-sms/batches"),
        line: |event| batch("High-volume SMS batch", event),
    },
    TopicRule {
        topic: "sms-consent",
        about: "SMS consent changed",
        matches: |event| event.path.ends_with("/a2p-sms/opt-outs"),
        line: opt_out,
    },
    TopicRule {
        topic: "sms",
        about: "SMS",
        matches: |event| event.path.ends_with("/sms/messages"),
        line: |event| message("SMS", event, "text"),
    },
    TopicRule {
        topic: "sms-batch",
        about: "SMS batch",
        matches: |event| event.path.ends_with("/sms/batches"),
        line: |event| batch("SMS batch", event),
    },
    TopicRule {
        topic: "sms-consent",
        about: "SMS consent changed",
        matches: |event| event.path.ends_with("/sms/consents"),
        line: consent,
    },
    TopicRule {
        topic: "sms-thread",
        about: "SMS threads changed",
        matches: |event| event.path.contains("/message-threads/"),
        line: |_| None,
    },
];

fn message(what: &str, event: &Event<'_>, text: &str) -> Option<String> {
    let from = event.body.at("from").phone()?;
    let mut line = format!("{what} from {from}");
    if let Some(to) = event.body.at("to").phone() {
        line += &format!(" to {to}");
    }
    if let Some(text) = event.body.at(text).text_within(TEXT_MAX_CHARS) {
        line += &format!(": {text}");
    }
    Some(line)
}

fn message_store(event: &Event<'_>) -> Option<String> {
    let changes = event.body.at("changes");
    let change = changes.first();
    let mut line = format!("Message store: {}", change.at("type").text()?);
    for (name, what) in [("newCount", "new"), ("updatedCount", "updated")] {
        if let Some(count) = change.at(name).number() {
            line += &format!(", {count} {what}");
        }
    }
    Some(line + &super::node::more(changes.count()))
}

fn voicemail(event: &Event<'_>) -> Option<String> {
    let from = event.body.at("from").who()?;
    let attachment = event.body.at("attachments").first();
    let seconds = attachment.at("vmDuration").number();
    Some(match seconds {
        Some(seconds) => format!("Voicemail from {from} ({seconds} s)"),
        None => format!("Voicemail from {from}"),
    })
}

fn fax(event: &Event<'_>) -> Option<String> {
    let from = event.body.at("from").phone()?;
    Some(match event.body.at("faxPageCount").number() {
        Some(1) => format!("Fax from {from} (1 page)"),
        Some(pages) => format!("Fax from {from} ({pages} pages)"),
        None => format!("Fax from {from}"),
    })
}

fn batch(what: &str, event: &Event<'_>) -> Option<String> {
    let from = event.body.at("from").phone()?;
    let status = event.body.at("status").text()?;
    let mut line = format!("{what} from {from}: {}", words(&status));
    let sizes = [event.body.at("processedCount"), event.body.at("batchSize")];
    if let [Some(done), Some(size)] = sizes.map(|size| size.number()) {
        line += &format!(", {done} of {size}");
    }
    Some(line)
}

fn opt_out(event: &Event<'_>) -> Option<String> {
    let [from, to] = ["from", "to"].map(|end| event.body.at(end).phone());
    let what = match event.body.at("active").text()?.as_str() {
        "true" => "SMS opt-out",
        "false" => "SMS opt-in",
        _ => "SMS consent",
    };
    Some(format!("{what}, {} → {}", from?, to?))
}

fn consent(event: &Event<'_>) -> Option<String> {
    let records = event.body.at("records");
    let record = records.first();
    let [from, to] = ["from", "to"].map(|end| record.at(end).phone());
    let what = match record.at("optStatus").text()?.as_str() {
        "OptOut" => "SMS opt-out".to_owned(),
        "OptIn" => "SMS opt-in".to_owned(),
        other => format!("SMS consent {}", words(other)),
    };
    let more = super::node::more(records.count());
    Some(format!("{what}, {} → {}{more}", from?, to?))
}
