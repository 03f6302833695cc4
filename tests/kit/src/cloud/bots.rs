//! What bots call besides: their own extension, chats and posts.

use serde_json::{Value, json};

use super::EXTENSION;

/// Returns the answer to a call of a bot's; `None` for other calls.
pub(super) fn answer(method: &str, path: &str) -> Option<Value> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let id = || EXTENSION.parse::<u64>().unwrap();
    Some(match (method, segments.as_slice()) {
        ("GET", ["restapi", "v1.0", "account", _, "extension", _]) => json!({
            "id": id(),
            "extensionNumber": "101",
            "name": "Example bot",
            "status": "Enabled",
            "serviceFeatures": [{ "featureName": "Glip", "enabled": true }],
        }),
        ("GET", ["restapi", "v1.0", "glip", "groups", group]) => json!({
            "id": group,
            "type": "PrivateChat",
            "members": [EXTENSION, "62289329016"],
        }),
        (
            "POST",
            [
                "restapi",
                "v1.0",
                "glip",
                "groups" | "chats",
                group,
                "posts" | "adaptive-cards",
            ],
        ) => {
            json!({ "id": "1", "groupId": group })
        }
        _ => return None,
    })
}
