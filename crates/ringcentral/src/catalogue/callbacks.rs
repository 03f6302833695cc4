//! The callbacks that are not platform events (docs/RINGCENTRAL.md 7).

use super::node::{Node, VALUE_MAX_CHARS};
use crate::classify::{Callback, Classified};
use ringtail_text::one_line;

/// Returns what a callback says; the description of its kind if it says nothing.
pub(super) fn line(event: &Classified<'_>) -> String {
    let (callback, request) = (event.callback, &event.request);
    let node = Node::object(event.text());
    let said = match callback {
        Callback::SourceSdk => node
            .at("action")
            .text()
            .map(|action| format!("Source SDK: {action}")),
        Callback::InteractiveMessage => button(node),
        Callback::DigitalNotification => digital(node),
        Callback::AgentState => node
            .at("agentId")
            .text()
            .map(|agent| format!("RingCX agent {agent} changed state")),
        Callback::WfmNotification => wfm(event),
        Callback::AiResult => node
            .at("jobId")
            .text()
            .map(|job| format!("AI result of job {job}")),
        Callback::BotInstallPrivate => value(event, "creator_account_id")
            .map(|account| format!("Private bot installed by account {account}")),
        Callback::BotInstallPublic => value(event, "creator_extension_id")
            .map(|extension| format!("Public bot installed by extension {extension}")),
        Callback::OAuthRedirect => {
            value(event, "error").map(|error| format!("Login refused: {error}"))
        }
        Callback::Other => Some(format!(
            "{} {}, {} bytes",
            request.method,
            match request.path {
                "" => "/",
                path => path,
            },
            request.body.len()
        )),
        _ => None,
    };
    said.unwrap_or_else(|| callback.about().to_owned())
}

fn button(node: Node<'_>) -> Option<String> {
    let user = node.at("user");
    let names = ["firstName", "lastName"].map(|name| user.at(name).text());
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        return None;
    }
    Some(match node.at("conversation").at("name").text() {
        Some(chat) => format!("Button pressed by {name} in {chat}"),
        None => format!("Button pressed by {name}"),
    })
}

fn digital(node: Node<'_>) -> Option<String> {
    let events = node.at("events");
    let kind = events.first().at("type").text()?;
    let more = super::node::more(events.count());
    Some(format!("RingCX Digital: {kind}{more}"))
}

fn wfm(event: &Classified<'_>) -> Option<String> {
    let kind = value(event, "event_type")?;
    let agent = value(event, "username").or_else(|| value(event, "agent_id"))?;
    Some(format!("RingCX Voice: {kind}, {agent}"))
}

/// Returns a field wherever the caller put it: JSON, a form, or the query.
fn value(event: &Classified<'_>, name: &str) -> Option<String> {
    let in_form = |form: &[u8]| {
        form_urlencoded::parse(form)
            .find(|(key, _)| key == name)
            .map(|(_, value)| one_line(&value, VALUE_MAX_CHARS))
            .filter(|value| !value.is_empty())
    };
    Node::object(event.text())
        .at(name)
        .text()
        .or_else(|| in_form(event.request.body))
        .or_else(|| in_form(event.request.query.unwrap_or_default().as_bytes()))
}
