use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use ringtail_ringcentral::samples;

const KEY: [u8; KEY_BYTES] = [7; KEY_BYTES];

fn masker() -> Masker {
    Masker::new(&KEY)
}

fn mask(value: &Value) -> Value {
    serde_json::from_slice(&masker().body(value.to_string().as_bytes(), None)).unwrap()
}

#[test]
fn personal_data_goes_and_the_rest_stays() {
    let event = json!({
        "uuid": "6452004109062593690",
        "event": "/restapi/v1.0/account/1/extension/2/message-store/instant?type=SMS",
        "timestamp": "2021-03-26T09:22:12.366Z",
        "body": {
            "from": {"phoneNumber": "+16505550100", "name": "Ada Lovelace", "extensionNumber": "101"},
            "to": [{"phoneNumber": "+1 (650) 555-0199"}],
            "subject": "Meet me at the corner",
            "verificationToken": "s3cr3t",
            "status": {"code": "Answered"},
            "custom": "Nobody knows this field",
            "missedCall": false, "duration": 12,
        },
    });
    let masked = mask(&event);
    let text = masked.to_string();
    for planted in [
        "6505550100",
        "555-0199",
        "Ada",
        "Lovelace",
        "corner",
        "s3cr3t",
        "Nobody",
    ] {
        assert!(!text.contains(planted), "{planted} in {text}");
    }
    for kept in ["uuid", "event", "timestamp"] {
        assert_eq!(masked[kept], event[kept]);
    }
    assert_eq!(masked["body"]["status"], event["body"]["status"]);
    assert_eq!(masked["body"]["duration"], event["body"]["duration"]);
    let from = masked["body"]["from"]["phoneNumber"].as_str().unwrap();
    assert!(from.starts_with("+999") && from.len() == 15, "{from}");
}

#[test]
fn a_number_or_address_as_a_name_goes_too() {
    let masked = mask(&json!({"body": {"+16505550100": 1, "ada@example.com": 2, "plain": 3}}));
    let text = masked.to_string();
    assert!(
        !text.contains("6505550100") && !text.contains("ada@"),
        "{text}"
    );
    assert_eq!(masked["body"]["plain"], 3);
}

#[test]
fn a_value_has_one_pseudonym_under_one_key() {
    let numbers =
        mask(&json!({"from": "+16505550100", "to": "1 650-555-0100", "ani": 16505550100_u64}));
    let from = numbers["from"].as_str().unwrap();
    assert_eq!(numbers["to"], from.trim_start_matches('+'));
    assert_eq!(numbers["ani"].to_string(), from.trim_start_matches('+'));
    let other = Masker::new(&[8; KEY_BYTES]).body(br#"{"from":"+16505550100"}"#, None);
    assert!(!String::from_utf8(other).unwrap().contains(from));
}

#[test]
fn names_and_numbers_are_found_in_fields_that_seem_harmless() {
    let masked = mask(&json!({
        "name": "Ada", "phoneNumber": "16505550100",
        "status": "TalksToAda", "groupId": "x-16505550100", "uri": "https://a.test/?mail=ada@corp.test",
        "id": "call+16505550177", "url": "https://a.test/ada.l@corp.test/x",
    }));
    let text = masked.to_string().to_lowercase();
    for planted in ["ada", "6505550100", "6505550177", "corp.test"] {
        assert!(!text.contains(planted), "{planted} in {text}");
    }
}

#[test]
fn extensions_and_words_of_the_table_stay() {
    let event = json!({"from": "101", "to": "24273", "direction": "Inbound", "telephonyStatus": "Ringing",
        "date_time": "2020-06-30 19:44:30", "code": "Answered", "members": ["2071417012"]});
    assert_eq!(mask(&event), event);
}

#[test]
fn layout_order_and_repeated_fields_stay() {
    let body = b"{ \"id\" : 1.50,\n\t\"text\":\"a\", \"id\":2,\"deep\":[[{\"text\":\"a\"}]], \"big\":12345678901234567890123 }";
    let masked = String::from_utf8(masker().body(body, None)).unwrap();
    let alone = masker().body(b"{\"text\":\"a\"}", None);
    let alone = String::from_utf8(alone).unwrap();
    let word = alone.split('"').nth(3).unwrap();
    let expected = format!(
        "{{ \"id\" : 1.50,\n\t\"text\":\"{word}\", \"id\":2,\"deep\":[[{{\"text\":\"{word}\"}}]], \"big\":12345678901234567890123 }}"
    );
    assert_eq!(masked, expected);
}

#[test]
fn broken_json_is_masked_as_far_as_it_goes_and_other_bodies_whole() {
    let cut = masker().body(br#"{"text":"a secret tha"#, None);
    assert!(!String::from_utf8(cut).unwrap().contains("secret"));
    for body in [
        &b"{\"text\": Ada}"[..],
        b"{\"text\": Ada",
        b"[\"Ada\":1]",
        b"[1Ada]",
        b"Ada said hello",
        b"\xff\xfeAda",
        b"{} Ada",
        b"Ada==",
    ] {
        let masked = masker().body(body, None);
        assert!(!String::from_utf8(masked).unwrap().contains("Ada"));
    }
    assert_eq!(masker().body(b"", None), b"");
}

#[test]
fn forms_and_queries_are_masked_by_their_names() {
    let form = masker().body(
        b"name=Ada+L&type=x&agent%5Fphone=16505550100",
        Some(b"application/x-www-form-urlencoded"),
    );
    let form = String::from_utf8(form).unwrap();
    assert!(
        !form.contains("Ada") && !form.contains("650") && form.contains("type=x"),
        "{form}"
    );
    let path =
        masker().path("/hook/%2B16505550100?CODE=oauth-code&hub.verify_token=t0ken&since_id=4");
    for planted in ["6505550100", "oauth-code", "t0ken"] {
        assert!(!path.contains(planted), "{planted} in {path}");
    }
    assert!(
        path.starts_with("/hook/%2B999") && path.ends_with("since_id=4"),
        "{path}"
    );
    let mail = |text: &str| masker().path(&format!("/a/{text}/b"));
    let masked = mail("ada@corp.test");
    assert!(masked.starts_with("/a/person-"), "{masked}");
    assert_eq!(mail("ada%40corp.test"), masked);
    let two = mail("ada@corp.test+bob@corp.test");
    assert!(
        !two.contains("bob") && two.contains(".invalid+person-"),
        "{two}"
    );
    assert_eq!(masker().path(&two), two);
    for tagged in ["ada%2Bx%40corp.test", "ada+x@corp.test"] {
        assert!(!mail(tagged).contains("ada"), "{}", mail(tagged));
    }
}

#[test]
fn headers_with_secrets_are_masked() {
    for name in [
        "verification-token",
        "authorization",
        "x-glip-signature",
        "x-dimelo-secret",
        "cookie",
        "x-api-key",
    ] {
        let masked = masker().header(name, b"planted").into_owned();
        assert!(masked.starts_with(b"masked-"), "{name}");
    }
    assert_eq!(
        *masker().header("user-agent", b"Ringcentral/1 (+https://x)"),
        *b"Ringcentral/1 (+https://x)"
    );
}

#[test]
fn every_payload_keeps_its_shape_and_is_masked_once() {
    for sample in samples::payloads() {
        let once = masker().body(&sample.body, None);
        assert_eq!(masker().body(&once, None), once, "{}", sample.name);
        let (was, is): (Value, Value) = (
            serde_json::from_slice(&sample.body).unwrap(),
            serde_json::from_slice(&once).unwrap(),
        );
        assert!(same_shape(&was, &is), "{}", sample.name);
    }
}

fn same_shape(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(a, b)| a.0 == b.0 && same_shape(a.1, b.1))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same_shape(a, b))
        }
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// A short number becomes a longer pseudonym, long enough to be looked for elsewhere.
#[test]
fn a_pseudonym_inside_another_field_is_not_masked_again() {
    let body = br#"{"phoneNumber":"15300002","id":"agent+15300002_1791"}"#;
    let once = masker().body(body, None);
    assert_eq!(masker().body(&once, None), once);
}

#[test]
fn a_query_after_a_pseudonym_is_not_masked_again() {
    let body = br#"{"name":"Lovelace","event":"/a/lovelace/b?from=+13102375087"}"#;
    let once = masker().body(body, None);
    assert_eq!(masker().body(&once, None), once);
}

/// Looked for in each other these would be four hundred million searches.
#[test]
fn more_names_than_can_be_looked_for_leave_no_text() {
    let people: Vec<Value> = (0..20_000)
        .map(|number| json!({"name": format!("Person{number}"), "id": format!("x-{number}")}))
        .collect();
    let body = Value::from(people).to_string();
    let masked = masker().body(body.as_bytes(), None);
    assert!(!String::from_utf8_lossy(&masked).contains("x-1"));
    assert_eq!(masker().body(&masked, None), masked);
}

proptest! {
    #[test]
    fn anything_is_masked_once(body in any::<Vec<u8>>(), text in "[{}\\[\\]\",:a-z0-9+@.\\\\ ]{0,60}") {
        for body in [&body[..], text.as_bytes()] {
            let once = masker().body(body, None);
            prop_assert_eq!(masker().body(&once, None), once);
        }
    }

    #[test]
    fn paths_and_headers_are_masked_once(text in "[ -~]{0,60}") {
        let path = masker().path(&text);
        prop_assert_eq!(masker().path(&path), path.clone());
        for name in ["verification-token", "x-other"] {
            let once = masker().header(name, text.as_bytes()).into_owned();
            let twice = masker().header(name, &once).into_owned();
            prop_assert_eq!(&twice, &once);
        }
    }

    #[test]
    fn planted_values_are_gone(number in "[2-9][0-9]{9}", name in "[A-Z][a-z]{3,9}[0-9]{3}", text in "[a-z]{4,9} [a-z]{4,9}[0-9]{3}") {
        let event = json!({"body": {"from": {"phoneNumber": format!("+1{number}"), "name": name},
            "to": [{"name": name}], "text": text, "subject": format!("{name} {number}"),
            "after": {"title": name, "uri": format!("https://x.test/{name}?phone=%2B1{number}")}}});
        let masked = mask(&event).to_string();
        prop_assert!(!masked.contains(&number) && !masked.contains(&name) && !masked.contains(&text), "{}", masked);
    }
}
