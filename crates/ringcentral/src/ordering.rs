//! What must be delivered in order, and what may overtake what.
//!
//! RingCentral promises no order (docs/RINGCENTRAL.md 2.8), so the only order to keep is that of arrival, and only
//! among events that speak of the same thing. The narrower the key, the less one slow handler holds up.

use std::borrow::Cow;

use crate::catalogue::Node;
use crate::classify::{Callback, Classified};
use crate::envelope::Envelope;
use crate::json;

/// Longest key in bytes.
pub const KEY_MAX_BYTES: usize = 128;

/// Returns the key within which order is kept; never empty, at most [`KEY_MAX_BYTES`] long.
///
/// A telephony session, a chat, an SMS conversation or the two ends of an SMS where there is one; else the event filter's path, which
/// keeps the presence of one extension in order; else the path of the request. The key depends on the request
/// alone and is the same in every version and process, so it may be stored.
#[must_use]
pub fn ordering_key(event: &Classified<'_>) -> String {
    let text = event.text();
    let key = match event.callback {
        Callback::PlatformNotification => platform_key(&event.envelope),
        Callback::InteractiveMessage => {
            member(text, "conversation", "id").map(|id| key_of("chat", &id))
        }
        Callback::DigitalNotification => field(text, "domain_id").map(|id| key_of("digital", &id)),
        Callback::WfmNotification => field(text, "agent_id").map(|id| key_of("agent", &id)),
        Callback::AgentState => field(text, "agentId").map(|id| key_of("agent", &id)),
        _ => None,
    };
    key.unwrap_or_else(|| key_of("path", event.request.path))
}

fn platform_key(envelope: &Envelope<'_>) -> Option<String> {
    envelope
        .body
        .as_deref()
        .and_then(|body| body_key(body, envelope.event.as_deref().unwrap_or_default()))
        .or_else(|| {
            let path = envelope.event.as_deref()?.split('?').next()?;
            Some(key_of("event", path))
        })
}

fn body_key(body: &str, event: &str) -> Option<String> {
    let [
        session,
        legacy_session,
        event_type,
        group,
        id,
        conversation_id,
        conversation,
    ] = json::pick(
        body,
        [
            "telephonySessionId",
            "sessionId",
            "eventType",
            "groupId",
            "id",
            "conversationId",
            "conversation",
        ],
    )?;
    let value = |text: Option<&str>| text.and_then(json::scalar).map(Cow::into_owned);
    if let Some(session) = value(session) {
        return Some(key_of("telephony", &session));
    }
    if event.contains("/telephony/sessions")
        && let Some(session) = value(legacy_session)
    {
        return Some(key_of("telephony", &session));
    }
    // Bots get chat events under the path of posts (section 2.3), so the event's own type decides.
    let event_type = value(event_type).unwrap_or_default();
    if event_type.starts_with("Post") {
        let chat = value(group).map(|id| key_of("chat", &id));
        return chat.or_else(|| value(id).map(|id| key_of(POST, &id)));
    }
    if event_type.starts_with("Group") {
        return value(id).map(|id| key_of("chat", &id));
    }
    let nested = || field(conversation?, "id");
    if let Some(id) = value(conversation_id).or_else(nested) {
        return Some(key_of("conversation", &id));
    }
    // Other forms of SMS have no conversation; whoever writes to whom makes one, in both directions.
    let path = event.split('?').next().unwrap_or_default();
    if !path.ends_with("/sms/messages")
        && !path.ends_with("/a2p-sms/messages")
        && !path.ends_with("/message-store/instant")
    {
        return None;
    }
    let body = Node::object(body);
    let end = |name| body.at(name).party(END);
    let mut ends = [end("from")?, end("to")?];
    ends.sort();
    Some(key_of("sms", &ends.join(" ")))
}

/// What names an end of an SMS, the first that is there. Keys are stored, so this order stays whatever summaries prefer.
const END: [&str; 4] = ["phoneNumber", "extensionId", "name", "extensionNumber"];

/// Realm of the key of a removed post, which names no chat. The post came before under its chat's key, so
/// who has the earlier events looks that key up by [`removed_post`].
const POST: &str = "post";

/// Returns the id of the post, if the key is that of a post whose chat is not known.
#[must_use]
pub fn removed_post(key: &str) -> Option<&str> {
    key.strip_prefix(POST)?.strip_prefix(':')
}

fn field(text: &str, name: &str) -> Option<String> {
    let [value] = json::pick(text, [name])?;
    value.and_then(json::scalar).map(Cow::into_owned)
}

fn member(text: &str, object: &str, name: &str) -> Option<String> {
    let [object] = json::pick(text, [object])?;
    field(object?, name)
}

/// Joins the parts of a key. A long id keeps its beginning, for people, and gets a hash of the whole.
fn key_of(realm: &str, id: &str) -> String {
    if realm.len() + 1 + id.len() <= KEY_MAX_BYTES {
        return format!("{realm}:{id}");
    }
    let room = KEY_MAX_BYTES - realm.len() - ":#".len() - HASH_DIGITS;
    let head = &id[..id.floor_char_boundary(room)];
    format!("{realm}:{head}#{:0HASH_DIGITS$x}", fnv1a(id.as_bytes()))
}

const HASH_DIGITS: usize = 16;

/// FNV-1a, because the standard library's hasher may change with the toolchain while keys are stored. Two ids
/// that are made to collide share an order, which only delays their sender.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
