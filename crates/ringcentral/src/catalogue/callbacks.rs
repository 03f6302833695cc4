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
        Callback::BotInstallPrivate => {
            let names = [
                ("extension", "creator_extension_id"),
                ("account", "creator_account_id"),
            ];
            let by = names.map(|(what, name)| Some(format!("{what} {}", value(event, name)?)));
            let by = by.into_iter().flatten().collect::<Vec<_>>().join(" of ");
            (!by.is_empty()).then(|| format!("Private bot installed by {by}"))
        }
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
    let id = || Some(format!("user {}", user.at("id").text()?));
    let name = user.full_name().or_else(id)?;
    Some(match node.at("conversation").at("name").text() {
        Some(chat) => format!("Button pressed by {name} in {chat}"),
        None => format!("Button pressed by {name}"),
    })
}

fn digital(node: Node<'_>) -> Option<String> {
    let events = node.at("events");
    let event = events.first();
    let mut line = format!("RingCX Digital: {}", event.at("type").text()?);
    let resource = event.at("resource");
    if let Some(id) = resource.at("id").text() {
        let kind = resource.at("type").text().unwrap_or_default();
        line += &format!(", {kind} {id}");
    }
    if let Some(user) = resource.at("metadata").at("user_id").text() {
        line += &format!(", user {user}");
    }
    Some(line + &super::node::more(events.count()))
}

/// A call has a state, an agent's report has none.
fn wfm(event: &Classified<'_>) -> Option<String> {
    let value = |name| value(event, name);
    let kind = value("event_type")?;
    let agent = value("username").or_else(|| value("agent_id"));
    let queue = value("gate_name").or_else(|| value("call_source_name"));
    let Some(state) = value("call_state") else {
        let who = [agent.or_else(|| value("call_id"))?]
            .into_iter()
            .chain(queue);
        return Some(format!(
            "RingCX Voice: {kind}, {}",
            who.collect::<Vec<_>>().join(", ")
        ));
    };
    let mut line = format!("RingCX Voice call {}", state.to_lowercase());
    if let (Some(from), Some(to)) = (value("ani"), queue.or_else(|| value("dnis"))) {
        line += &format!(", {from} → {to}");
    }
    if let Some(agent) = agent {
        line += &format!(", {agent}");
    }
    if let Some(seconds) = value("call_duration") {
        line += &format!(" ({seconds} s)");
    }
    Some(line)
}

/// Says of a platform event without an envelope what can be seen from outside: RingCentral's marks made it one.
pub(super) fn unread(event: &Classified<'_>) -> String {
    let request = &event.request;
    let len = request.body.len();
    let size = ringtail_text::size(len as u64);
    let coding = request.headers.get(http::header::CONTENT_ENCODING);
    let form = match coding.and_then(|coding| coding.to_str().ok()) {
        _ if len == 0 => "without a body".to_owned(),
        Some(coding) => format!("with {size} in {coding}"),
        None if serde_json::from_str::<serde::de::IgnoredAny>(event.text()).is_ok() => {
            format!("with {size} of JSON and no envelope")
        }
        None => format!("with {size} that is not JSON"),
    };
    format!("Event of a platform subscription {form}")
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
