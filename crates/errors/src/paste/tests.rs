use super::*;
use crate::Origin;

/// Returns what a text says, for a test to compare.
fn ids(text: &str) -> String {
    match read(text) {
        Some(Found::Known(codes)) => {
            let ids: Vec<&str> = codes.iter().map(|code| code.id).collect();
            ids.join(" ")
        }
        Some(Found::Unknown(code)) => format!("unknown {code}"),
        None => "nothing".to_owned(),
    }
}

/// Returns the likeliest code of a text.
fn id(text: &str) -> String {
    ids(text).split(' ').next().unwrap_or_default().to_owned()
}

/// Returns every message of RingCentral's, with its placeholders filled.
fn messages() -> Vec<(&'static Code, String)> {
    let code = |code: &'static Code| match code.origin {
        Origin::RingCentral { message, .. } if !message.starts_with('(') => Some((code, message)),
        _ => None,
    };
    all()
        .filter_map(code)
        .map(|(code, message)| (code, message.replace('…', "deliveryMode.address")))
        .collect()
}

/// The forms in which SDKs, logs and terminals print an error.
fn forms(code: &Code, message: &str) -> Vec<String> {
    let id = code.id;
    let body = format!(
        r#"{{"errorCode":"{id}","message":"{message}","errors":[{{"errorCode":"{id}","message":"{message}"}}]}}"#
    );
    let generic = format!(
        r#"{{"errorCode":"InvalidParameter","message":"{message}","errors":[{{"errorCode":"{id}","message":"{message}"}}]}}"#
    );
    let oauth = format!(
        r#"{{"error":"invalid_request","error_description":"{message}","errors":[{{"errorCode":"{id}","message":"{message}"}}]}}"#
    );
    let escaped = serde_json::to_string(&body).unwrap();
    vec![
        format!("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\r\n{body}"),
        format!("HTTP/2 500\nserver: nginx\n\n{generic}\n$ "),
        format!("2026-11-29T12:00:00Z ERROR [main] request failed: {escaped}"),
        format!(
            "ApiException: Response body: {}",
            escaped.replace('\\', r"\\")
        ),
        format!("Error: {message} ({id})"),
        oauth,
        generic,
        body,
    ]
}

#[test]
fn every_message_is_known_alone_and_in_every_form() {
    let messages = messages();
    assert!(messages.len() > 80, "{}", messages.len());
    for (code, message) in messages {
        let json = serde_json::to_string(&message).unwrap();
        let alone = [
            message.clone(),
            format!("{message}."),
            message.to_uppercase(),
            message.replace(' ', "\n  "),
            message.replace('\'', "\\u0027").replace(' ', "%20"),
            message.replace('\'', "&#39;"),
            format!(
                "Exception in thread \"main\" com.ringcentral.RestException: {message}\n\tat X.y(X.java:17)"
            ),
            format!("\u{1b}[31mERROR\u{1b}[0m {message}"),
            format!("{{\"message\":{json}}}"),
            format!("\\\"message\\\":\\\"{message}\\\"\\n"),
        ];
        for text in alone {
            let found = id(&text);
            let found = find(&found).unwrap_or_else(|| panic!("{}: {text:?}: {found}", code.id));
            assert_eq!(found.message(), code.message(), "{text:?}");
        }
        for text in forms(code, &message) {
            assert_eq!(id(&text), code.id, "{text:?}");
        }
    }
}

#[test]
fn codes_without_a_message_are_known_in_every_form() {
    for code in all().filter(|code| !code.is_own()) {
        for text in forms(code, "what nobody has written down") {
            assert_eq!(id(&text), code.id, "{text:?}");
        }
    }
}

#[test]
fn the_errors_decide_in_a_body() {
    let body = r#"{"errorCode":"InvalidParameter","message":"CMN-102","errors":[
        {"errorCode":"SUB-524","message":"HTTPS certificate is not valid"},{"errorCode":"SUB-525"}]}"#;
    assert_eq!(ids(body), "SUB-524 SUB-525");
    assert_eq!(ids(r#"[{"errorCode":"OAU-146"}]"#), "OAU-146");
    assert_eq!(ids(r#"{"errorCode":"CMN-101","errors":[]}"#), "CMN-101");
    assert_eq!(ids(r#"{"errorCode":"XYZ-1","errors":[]}"#), "unknown XYZ-1");
    assert_eq!(ids(r#"{"response":{"errorCode":"SUB-520"}}"#), "SUB-520");
    assert_eq!(ids(r#"{"errors":[{"errorCode":"SUB-520""#), "SUB-520");
    assert_eq!(
        ids(r#"{"errorCode":"InvalidParameter"}"#),
        "InvalidParameter"
    );
    assert_eq!(ids("{}"), "nothing");
    assert_eq!(ids(&"{".repeat(10_000)), "nothing");
}

#[test]
fn several_errors_are_found_in_one_text() {
    let log = "[1] {\"errorCode\":\"SUB-505\",\"message\":\"x\"}\n\
               [2] Error: WebHook is not reachable\n\
               [3] OAU-128\n[4] webhook answered: 500 Internal Server Error";
    assert_eq!(ids(log), "SUB-505 OAU-128 SUB-521");
    assert_eq!(
        ids("Access token expired. Then: Subscriptions limit exceeded"),
        "OAU-128 SUB-505"
    );
    assert_eq!(
        ids("error[RT-302]: nothing listens\nhint: SUB-521"),
        "RT-302 SUB-521"
    );
    assert_eq!(ids("CMN-302: Request rate exceeded"), "CMN-302");
    assert_eq!(ids("HTTP-400: refused with sub525."), "SUB-525");
    let many: String = (520..527).map(|number| format!("SUB-{number} ")).collect();
    assert_eq!(ids(&many).split(' ').count(), MAX_CODES);
}

#[test]
fn a_longer_message_is_not_taken_for_the_shorter_one_in_it() {
    #[rustfmt::skip]
    let cases = [
        ("The account is locked out due to multiple unsuccessful logon attempts. Please use Single Sign-on way to authenticate.", "OAU-148"),
        ("Invalid Authorization header value: Bearer", "OAU-123"),
        ("Specific application permission required", "CMN-401"),
        ("[ReadMessages] permission required", "CMN-408"),
        ("In order to call this API endpoint, application needs to have [ReadCallLog] permission", "CMN-401"),
        ("In order to call this API endpoint, user needs to have [ReadCallLog] permission for requested resource", "CMN-408"),
        ("Parameter [${parameterName}] value is invalid.", "CMN-101"),
        ("WebHook responds with incorrect HTTP status. HTTP status is 500 Internal Server Error", "SUB-522"),
        (r#"{"error":"invalid_grant","error_description":"Invalid resource owner credentials."}"#, "OAU-140"),
        (r#"{"error":"unauthorized_client","error_description":"Unauthorized for this grant type"}"#, "OAU-251"),
        ("https://app.example/cb?error=unauthorized_client&error_description=Unauthorized%20for+this+grant+type", "OAU-251"),
        ("the permission required is unknown", "CMN-408"),
    ];
    for (text, wanted) in cases {
        assert_eq!(ids(text), wanted, "{text}");
    }
}

#[test]
fn recorded_reasons_are_known_without_a_code() {
    #[rustfmt::skip]
    let cases = [
        ("I/O operation is failed. Details: [Read timed out]", "RT-501"),
        ("I/O operation is failed. Details: [Connection refused]", "RT-504"),
        ("Webhook responses with code: [404], reason: [Not Found]", "RT-502"),
        ("Webhook responses with code: [500], reason: [Internal Server Error]", "RT-502"),
        ("Webhook response exceeds max size. Read bytes count: [1024]", "RT-503"),
        ("the API said: validation token is not returned", "SUB-520"),
        (r#"{"blacklistedData":{"reason":"Webhook responses with code: [500], reason: []"}}"#, "RT-502"),
        ("invalid_client", "OAU-146"),
        ("invalid_grant", "invalid_grant"),
        ("unauthorized_client", "OAU-251"),
    ];
    for (text, wanted) in cases {
        assert_eq!(id(text), wanted, "{text}");
    }
}

/// The five questions of RingCentral's FAQ on webhooks, the words that people search for, and questions of their kind.
#[test]
fn questions_are_answered() {
    #[rustfmt::skip]
    let cases = [
        ("How can I resolve the \"Parameter [deliveryMode.address] value is invalid\" error when creating a webhook?", "CMN-101"),
        ("How can I verify if SSL/TLS is configured properly for my webhook?", "SUB-524"),
        ("What does error SUB-525, \"WebHook server response is invalid\", mean?", "SUB-525"),
        ("What are verification token and validation token for RingCentral WebHook?", "Validation-Token"),
        ("Unable to create webhook subscription, receiving 400 status code", "CMN-101"),
        ("receiving 400 status code", "CMN-101"),
        ("blacklisted", "Blacklisted"),
        ("status Blocked", "Blacklisted"),
        ("status: Suspended", "Blacklisted"),
        ("expired", "SUB-507"),
        ("Validation-Token", "Validation-Token"),
        ("Verification-Token", "Validation-Token"),
        ("My webhook subscription is blocked/blacklisted, what do I do?", "Blacklisted"),
        ("Why has RingCentral stopped delivering webhooks to my app?", "Blacklisted"),
        ("I'm no longer receiving notifications", "Blacklisted"),
        ("I dont receive notifications", "Blacklisted"),
        ("nothing arrives at my app", "Blacklisted"),
        ("does RingCentral need TLSv1.2?", "SUB-524"),
        ("my urls are invalid", "CMN-101"),
        ("Cannot create webhook subscription, my limit has been exceeded", "SUB-505"),
        ("why do my subscriptions expire after 7 days", "SUB-507"),
        ("my access token expires too early", "OAU-128"),
        ("how do I check the HMAC signature of a webhook", "Validation-Token"),
        ("how big may the response of my webhook be?", "RT-503"),
        ("webhook times out on a cold start", "RT-501"),
        ("RingCentral cannot reach my ngrok URL", "SUB-521"),
        ("why do I get the event twice", "Duplicate"),
        ("my bot cannot subscribe right after it was installed", "SUB-406"),
        ("JWT login does not work", "OAU-251"),
        ("I get 403 when I subscribe", "CMN-401"),
        ("too many requests", "CMN-301"),
        ("redirect URI mismatch", "OAU-109"),
        ("body-parser fails on the empty body", "SUB-522"),
        ("How do I verify that a webhook really came from RingCentral?", "Validation-Token"),
        ("Do webhooks have a signing secret?", "Validation-Token"),
        ("What IP addresses do webhooks come from?", "SUB-521"),
        ("How long does a webhook subscription last?", "SUB-507"),
        ("Can I change the webhook URL of an existing subscription?", "SUB-505"),
        ("Why are events out of order?", "Duplicate"),
        ("What is the maximum payload size of a notification?", "RT-503"),
        ("My webhook stopped working after a week", "Blacklisted"),
        ("How do I delete a subscription?", "SUB-505"),
        ("How do I get notified before my subscription expires?", "SUB-507"),
        ("webhook not firing for outbound sms", "Blacklisted"),
        ("Error: connect ECONNREFUSED 127.0.0.1:3000", "SUB-521"),
        ("works in sandbox but not in production", "OAU-165"),
        ("405 Method Not Allowed", "SUB-522"),
        ("Method is not allowed", "SUB-522"),
        ("now I need a JWT", "OAU-251"),
    ];
    for (text, wanted) in cases {
        assert_eq!(id(text), wanted, "{text}");
    }
}

#[test]
fn what_is_not_known_is_said_to_be_unknown() {
    for (text, wanted) in [
        ("", "nothing"),
        ("it does not work", "nothing"),
        ("foo", "unknown foo"),
        ("SUB-999", "unknown SUB-999"),
        ("SUB-999: the certificate is strange", "unknown SUB-999"),
        ("got ABC-123 from the server", "unknown ABC-123"),
        ("the certificate of ABC-123 is strange", "SUB-524"),
    ] {
        assert_eq!(ids(text), wanted, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in r#"([\PC]|[\\{}"%&;\[\]\x1b]|Parameter |invalid ){0,60}"#) {
        drop(read(&text));
        let words = messages::words(&text);
        proptest::prop_assert!(words.starts_with(' ') && words.ends_with(' ') && !words.contains("  "));
    }
}

/// What was found when texts were chosen to break the reader.
#[test]
fn odd_forms_are_read() {
    #[rustfmt::skip]
    let cases = [
        ("RCSDK: 400 - {'errorCode': 'SUB-525', 'message': 'WebHook server response is invalid'}", "SUB-525"),
        ("Error: status code 401 { data: { error: 'invalid_client', error_description: 'Invalid client credentials' } }", "OAU-146"),
        ("<title>403</title>Not allowed subscribe for&nbsp;unknown user", "SUB-408"),
        (r#"{"level":"error","msg":"x: {\"errorCode\":\"CMN-102\",\"message\":\"Resource for parameter [subscriptionId] is not found\"}"}"#, "CMN-102"),
        ("I/O operation is failed. Details: [ValidatorException: PKIX path building failed]", "RT-504 SUB-524"),
        ("Zugriffstoken abgelaufen (OAU 128)", "OAU-128"),
        ("sub_525 and cmn\u{2013}101", "SUB-525 CMN-101"),
        ("errorCode=OAU-251&error=unauthorized_client", "OAU-251"),
        ("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer error=\"invalid_token\", error_description=\"Access token expired\"", "OAU-128"),
        ("HTTP/1.1 429 Too Many Requests\nRetry-After: 60\n\n", "CMN-301"),
        ("is the webhook retried if my server is down?", "Blacklisted Duplicate"),
        ("where do I see my subscriptions?", "SUB-505"),
        (r#"{"errorCode":"CMN-419","errors":[{"errorCode":"CMN-419","message":"In order to call this API endpoint, user needs to have [ReadUserInfo] permission"}]}"#, "CMN-408"),
        ("the app answers 204 No Content", "SUB-522 RT-502"),
    ];
    for (text, wanted) in cases {
        assert_eq!(ids(text), wanted, "{text}");
    }
}
