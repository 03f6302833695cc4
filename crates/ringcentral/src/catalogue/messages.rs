//! Messages: SMS in its four generations, voicemail, fax (docs/RINGCENTRAL.md 6).

use super::node::{Node, ends, list, way};
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
    let line = headline(what, event)?;
    if let Some(text) = event.body.at(text).text_within(TEXT_MAX_CHARS) {
        return Some(format!("{line}: {text}"));
    }
    // Pictures without a word.
    let attachments = event.body.at("attachments").items(MAX_ATTACHMENTS);
    let types = list(attachments.filter_map(|it| it.at("contentType").text()));
    Some(match types {
        Some(types) => format!("{line} ({types})"),
        None => line,
    })
}

/// Most attachments that are read.
const MAX_ATTACHMENTS: usize = 20;

/// Of an inbound message the sender is the news, of an outbound one what became of it, and of either that it failed. SMS v2 has a
/// status for each recipient.
fn headline(what: &str, event: &Event<'_>) -> Option<String> {
    let body = event.body;
    let [from, to] = ["from", "to"].map(|end| body.at(end).phone());
    let recipient = body.at("to").first();
    let of_either = |name| body.at(name).text().or_else(|| recipient.at(name).text());
    let status = of_either("messageStatus");
    let is_outbound = body.at("direction").text().as_deref() == Some("Outbound");
    if !is_outbound && !status.as_ref().is_some_and(|it| it.ends_with("Failed")) {
        return ends(what, from, to);
    }
    from.as_ref().or(to.as_ref())?;
    let mut line = format!("{what} {}", words(status.as_deref().unwrap_or("sent")));
    if let Some(code) = of_either("errorCode").or_else(|| recipient.at("faxErrorCode").text()) {
        line += &format!(" ({code})");
    }
    Some(way(line, from, to))
}

/// Most changes of a message store that are read; there is one for each type of message.
const MAX_CHANGES: usize = 16;

/// New messages are the news, so they come before those that were read or deleted.
fn message_store(event: &Event<'_>) -> Option<String> {
    let changes = || event.body.at("changes").items(MAX_CHANGES);
    let counted = |name: &'static str, what: &'static str| {
        changes().filter_map(move |change| {
            let count = change.at(name).number().filter(|count| *count > 0)?;
            Some(format!("{count} {what} {}", change.at("type").text()?))
        })
    };
    let news = counted("newCount", "new").chain(counted("updatedCount", "updated"));
    let types = || list(changes().filter_map(|change| change.at("type").text()));
    let extension = event.body.at("extensionId").text();
    let extension = extension.as_deref().or_else(|| event.id_after("extension"));
    let store = match extension {
        Some(extension) => format!("Message store of extension {extension}"),
        None => "Message store".to_owned(),
    };
    Some(match list(news).or_else(types) {
        Some(news) => format!("{store}: {news}"),
        None => format!("{store} changed"),
    })
}

fn voicemail(event: &Event<'_>) -> Option<String> {
    let [from, to] = ["from", "to"].map(|end| event.body.at(end).who());
    let line = ends("Voicemail", from, to)?;
    let attachment = event.body.at("attachments").first();
    Some(match attachment.at("vmDuration").number() {
        Some(seconds) => format!("{line} ({seconds} s)"),
        None => line,
    })
}

fn fax(event: &Event<'_>) -> Option<String> {
    let line = headline("Fax", event)?;
    Some(match event.body.at("faxPageCount").number() {
        Some(1) => format!("{line} (1 page)"),
        Some(pages) => format!("{line} ({pages} pages)"),
        None => line,
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
    let out = match event.body.at("active").text()?.as_str() {
        "true" => Some("OptOut"),
        "false" => Some("OptIn"),
        _ => None,
    };
    consented(event.body, out.unwrap_or_default())
}

fn consent(event: &Event<'_>) -> Option<String> {
    let records = event.body.at("records");
    let record = records.first();
    let line = consented(record, &record.at("optStatus").text()?)?;
    Some(line + &super::node::more(records.count()))
}

/// The recipient of the messages (`to`) decides about those of the sender (`from`).
fn consented(record: Node<'_>, status: &str) -> Option<String> {
    let [from, to] = ["from", "to"].map(|end| record.at(end).phone());
    let (from, to) = (from?, to?);
    Some(match status {
        "OptOut" => format!("SMS opt-out: {to} refuses messages from {from}"),
        "OptIn" => format!("SMS opt-in: {to} accepts messages from {from}"),
        "" => format!("SMS consent of {to} for messages from {from}"),
        other => format!(
            "SMS consent {}: {to} for messages from {from}",
            words(other)
        ),
    })
}
