//! The callbacks that are not platform events (RINGCENTRAL.md 7).

use super::node::{Node, VALUE_MAX_CHARS};
use crate::classify::{Callback, RequestView};
use crate::text::tidy;

/// Returns what a callback says; the description of its kind if it says nothing.
pub(super) fn line(callback: Callback, request: &RequestView<'_>, body: &str) -> String {
    let node = Node::object(body);
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
        Callback::WfmNotification => wfm(request, body),
        Callback::AiResult => node
            .at("jobId")
            .text()
            .map(|job| format!("AI result of job {job}")),
        Callback::BotInstallPrivate => value(request, body, "creator_account_id")
            .map(|account| format!("Private bot installed by account {account}")),
        Callback::BotInstallPublic => value(request, body, "creator_extension_id")
            .map(|extension| format!("Public bot installed by extension {extension}")),
        Callback::OAuthRedirect => {
            value(request, body, "error").map(|error| format!("Login refused: {error}"))
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
    let more = super::more(events.count());
    Some(format!("RingCX Digital: {kind}{more}"))
}

fn wfm(request: &RequestView<'_>, body: &str) -> Option<String> {
    let kind = value(request, body, "event_type")?;
    let agent = value(request, body, "username").or_else(|| value(request, body, "agent_id"))?;
    Some(format!("RingCX Voice: {kind}, {agent}"))
}

/// Returns a field wherever the caller put it: JSON, a form, or the query.
fn value(request: &RequestView<'_>, body: &str, name: &str) -> Option<String> {
    let in_form = |form: &[u8]| {
        form_urlencoded::parse(form)
            .find(|(key, _)| key == name)
            .map(|(_, value)| tidy(&value, VALUE_MAX_CHARS))
            .filter(|value| !value.is_empty())
    };
    Node::object(body)
        .at(name)
        .text()
        .or_else(|| in_form(request.body))
        .or_else(|| in_form(request.query.unwrap_or_default().as_bytes()))
}
