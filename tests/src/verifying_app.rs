//! An app that verifies every request by RingCentral's documentation, independently of the code under test.

use hmac::{Hmac, KeyInit, Mac};
use ringtail_kit::app::{App, Reply, Seen};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::Sha512;

/// The secrets that the app shares with RingCentral, as the client's environment has them.
pub const SECRETS: [(&str, &str); 5] = [
    ("RINGTAIL_VERIFICATION_TOKEN", "verify-me-0123456789"),
    ("RINGTAIL_GLIP_SECRET", "glip shared secret"),
    ("RINGTAIL_DIMELO_SECRET", "d1m-hush-4711"),
    ("RINGTAIL_DIGITAL_VERIFY_TOKEN", "digital verify+token"),
    (
        "RINGTAIL_SOURCE_SDK_SECRET",
        "3YJZzqMJ5Ec7i2JGvnt8TgvleD7dtpwpmag4S6MuRA2GQdfvV4STIsxDRJ4fEjO8",
    ),
];

const VERIFICATION_TOKEN: &str = SECRETS[0].1;
const GLIP: &str = SECRETS[1].1;
const DIMELO: &str = SECRETS[2].1;
const SOURCE_SDK: &str = SECRETS[4].1;

/// [`SECRETS`]' verify token as a query carries it.
const DIGITAL_TOKEN_IN_QUERY: &str = "digital+verify%2Btoken";

/// Starts the app.
#[must_use]
pub fn start() -> App {
    App::replying(answer)
}

/// Answers a request, with a 4xx if anything about it is not as documented.
#[must_use]
pub fn answer(seen: &Seen) -> Reply {
    if let [token] = seen.header("validation-token")[..]
        && seen.body.is_empty()
    {
        return validation(token);
    }
    match seen.method.as_str() {
        "GET" => get(seen),
        "POST" => post(seen),
        _ => Reply::status(405),
    }
}

fn validation(token: &[u8]) -> Reply {
    match !token.is_empty() && token.is_ascii() {
        true => Reply::status(200)
            .header("validation-token", token)
            .header("content-type", "application/json"),
        false => Reply::status(400),
    }
}

fn get(seen: &Seen) -> Reply {
    let query = seen.path.split_once('?').map_or("", |(_, query)| query);
    let uri: Vec<(String, String)> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let parameter = |name: &str| {
        let found = uri.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    };
    if let Some(challenge) = parameter("hub.challenge") {
        let mode = parameter("hub.mode") == Some("subscribe");
        let token = parameter("hub.verify_token") == Some(DIGITAL_TOKEN_IN_QUERY);
        return match mode && token && is(seen, "x-dimelo-secret", DIMELO) {
            true => Reply::status(200).body(challenge.to_owned()),
            false => Reply::status(403),
        };
    }
    let known = parameter("code").is_some() || parameter("webhook").is_some();
    Reply::status(if known { 200 } else { 404 })
}

fn post(seen: &Seen) -> Reply {
    let kind = seen.header("content-type");
    let kind = kind.first().copied().unwrap_or_default();
    if kind == b"application/x-www-form-urlencoded" {
        let form = String::from_utf8_lossy(&seen.body);
        return yes(form.contains("access_token=") && form.contains("&creator_extension_id="));
    }
    if !kind.starts_with(b"application/json") {
        return Reply::status(415);
    }
    let Ok(body) = serde_json::from_slice::<Value>(&seen.body) else {
        return Reply::status(400);
    };
    let has = |names: &[&str]| names.iter().all(|name| !body[*name].is_null());
    if has(&["uuid", "subscriptionId"]) {
        return notification(seen, &body);
    }
    if body["type"] == "button_submit" {
        return interactive(seen, &body);
    }
    if has(&["action", "time"]) {
        return source_sdk(seen, &body);
    }
    if has(&["id", "domain_id", "events"]) {
        return yes(body["events"].is_array() && is(seen, "x-dimelo-secret", DIMELO));
    }
    yes(has(&[
        "access_token",
        "creator_extension_id",
        "creator_account_id",
        "client_id",
    ]) || has(&["event_type", "account_id", "agent_id"])
        || has(&["subscriptionId", "agentId"])
        || has(&["jobId", "response"]))
}

/// Checks the token, then the envelope, as the guide's receiver does.
fn notification(seen: &Seen, body: &Value) -> Reply {
    let agent = is(seen, "user-agent", "RingCentral-Webhook/8.3");
    let event = body["event"].is_string() || body["pn_apns"]["event"].is_string();
    match is(seen, "verification-token", VERIFICATION_TOKEN) {
        true => yes(agent && event),
        false => Reply::status(401),
    }
}

/// Checks HMAC-SHA1 over the body parsed and written again, as RingCentral's sample does.
fn interactive(seen: &Seen, body: &Value) -> Reply {
    let mac = Hmac::<Sha1>::new_from_slice(GLIP.as_bytes()).expect("HMAC takes any key");
    let digest = mac.chain_update(body.to_string()).finalize().into_bytes();
    match is(seen, "x-glip-signature", &hex(&digest)) {
        true => Reply::status(200)
            .header("content-type", "application/json")
            .body(
                json!({"type": "dialog", "dialog": {
                    "title": "Thank you",
                    "card": {"type": "AdaptiveCard", "version": "1.3", "body": []},
                }})
                .to_string(),
            ),
        false => Reply::status(401),
    }
}

/// Checks and makes HMAC-SHA512 over the bytes, as the SDK's page says.
fn source_sdk(seen: &Seen, body: &Value) -> Reply {
    let sign = |bytes: &[u8]| {
        let mac = Hmac::<Sha512>::new_from_slice(SOURCE_SDK.as_bytes());
        let mac = mac.expect("HMAC takes any key").chain_update(bytes);
        hex(&mac.finalize().into_bytes())
    };
    if !is(seen, "x-smccsdk-signature", &sign(&seen.body)) {
        return Reply::status(401);
    }
    let answer = match body["action"].as_str() {
        Some("implementation.info") => json!({"objects": {"messages": ["list"]}}),
        _ => json!([]),
    };
    let answer = answer.to_string();
    Reply::status(200)
        .header("content-type", "application/json")
        .header("x-smccsdk-signature", sign(answer.as_bytes()))
        .body(answer)
}

fn yes(right: bool) -> Reply {
    Reply::status(if right { 200 } else { 400 })
}

fn is(seen: &Seen, name: &str, value: &str) -> bool {
    seen.header(name) == [value.as_bytes()]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published example is signed with this secret (docs/RINGCENTRAL.md).
    #[test]
    fn the_published_signature_is_taken_and_a_changed_body_is_not() {
        let body = r#"{"action":"implementation.info","time":"2012-10-01T17:18:40Z"}"#;
        let signature = "826b61e7939505b2e773ef43a2aad53ec0385dd9d783fbd1c8fea00d0e2a3e2f\
            b0ae0a5b2eb342356b61c41b5f19baec4c1f7e7e37a5b486fe9b593942017ff9";
        let seen = |body: &'static str| Seen {
            method: http::Method::POST,
            path: "/".to_owned(),
            headers: http::HeaderMap::from_iter([
                (
                    http::header::CONTENT_TYPE,
                    "application/json".parse().unwrap(),
                ),
                (
                    "x-smccsdk-signature".parse().unwrap(),
                    signature.parse().unwrap(),
                ),
            ]),
            body: body.into(),
        };
        assert_eq!(answer(&seen(body)).code(), 200);
        let changed = r#"{"action":"implementation.info","time":"2012-10-01T17:18:41Z"}"#;
        assert_eq!(answer(&seen(changed)).code(), 401);
    }
}
