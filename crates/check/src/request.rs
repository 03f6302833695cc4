//! What RingCentral sends: the validation of docs/RINGCENTRAL.md 1.2 and the notification of 2.2.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT,
};
use http::{Method, Request};
use http_body_util::Full;
use jiff::Timestamp;
use ringtail_ringcentral::headers::VERIFICATION_TOKEN;
use ringtail_ringcentral::validation::VALIDATION_TOKEN;
use serde_json::json;
use uuid::Uuid;

use super::address::Address;

/// What RingCentral calls itself (section 2.2).
const AGENT: HeaderValue = HeaderValue::from_static("RingCentral-Webhook/8.3");

/// A token that no cache knows, with letters of both cases: an answer that changes them is altered.
pub(super) fn fresh_token() -> String {
    in_both_cases(&Uuid::now_v7().to_string())
}

/// Changes the ends to letters, because a UUID may have none, and the right half to capitals.
fn in_both_cases(id: &str) -> String {
    let (left, right) = id[1..id.len() - 1].split_at(id.len() / 2);
    format!("a{left}{}A", right.to_uppercase())
}

/// Makes the validation request: the real method and headers, no body, and a content type all the same.
pub(super) fn validation(
    address: &Address,
    token: &str,
    verification: Option<&HeaderValue>,
) -> Option<Request<Full<Bytes>>> {
    let mut request = post(address, Bytes::new(), "application/json", verification)?;
    let token = HeaderValue::from_str(token).ok()?;
    request.headers_mut().insert(VALIDATION_TOKEN, token);
    Some(request)
}

/// Makes a notification of an SMS between fictional numbers.
pub(super) fn notification(
    address: &Address,
    verification: Option<&HeaderValue>,
) -> Option<Request<Full<Bytes>>> {
    let now = Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S.%3fZ")
        .to_string();
    let body = json!({
        "uuid": Uuid::now_v7().to_string(),
        "event": "/restapi/v1.0/account/400131426008/extension/400131426008/message-store/instant?type=SMS",
        "timestamp": now,
        "subscriptionId": Uuid::now_v7().to_string(),
        "ownerId": "400131426008",
        "body": {
            "id": "60400131426008",
            "to": [{"phoneNumber": "+16505550199", "name": "Ringtail", "location": "San Mateo, CA", "target": true}],
            "from": {"phoneNumber": "+16505550100", "location": "San Mateo, CA"},
            "type": "SMS",
            "creationTime": now,
            "lastModifiedTime": now,
            "readStatus": "Unread",
            "priority": "Normal",
            "attachments": [{"id": "60400131426008", "type": "Text", "contentType": "text/plain"}],
            "direction": "Inbound",
            "availability": "Alive",
            "subject": "A notification from `ringtail check --notify`",
            "messageStatus": "Received",
            "conversation": {"id": "1638233798595111162"},
            "eventType": "Create",
            "owner": {"extensionId": "400131426008", "extensionType": "User", "name": "Ringtail"},
        },
    });
    post(
        address,
        Bytes::from(body.to_string()),
        "application/json; charset=UTF-8",
        verification,
    )
}

fn post(
    address: &Address,
    body: Bytes,
    content_type: &'static str,
    verification: Option<&HeaderValue>,
) -> Option<Request<Full<Bytes>>> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(address.target())
        .header(HOST, address.authority())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "UTF-8")
        .header(CONTENT_TYPE, content_type)
        .header(CONTENT_LENGTH, body.len())
        .body(Full::new(body));
    let mut request = request.ok()?;
    if let Some(token) = verification {
        request
            .headers_mut()
            .insert(VERIFICATION_TOKEN, token.clone());
    }
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verification_token_is_on_both_requests() {
        let address = Address::parse("https://a.example/").unwrap();
        let token = HeaderValue::from_static("verify-me");
        for token in [None, Some(&token)] {
            for request in [
                validation(&address, "t", token),
                notification(&address, token),
            ] {
                let request = request.unwrap();
                assert_eq!(request.headers().get("verification-token"), token);
            }
        }
    }

    #[test]
    fn a_token_has_letters_of_both_cases_even_if_its_id_has_none() {
        let token = in_both_cases("01234567-0123-7012-8012-012345678901");
        assert_eq!(token, "a1234567-0123-7012-8012-01234567890A");
    }
}
