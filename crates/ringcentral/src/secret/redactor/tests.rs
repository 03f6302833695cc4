use proptest::prelude::*;

use super::*;

fn url(url: &str) -> String {
    Redactor::default().url(url).into_owned()
}

fn body(content_type: &str, body: &[u8]) -> String {
    let kind = Some(content_type.as_bytes()).filter(|kind| !kind.is_empty());
    String::from_utf8_lossy(&Redactor::default().body(kind, body)).into_owned()
}

#[test]
fn secrets_of_a_url_are_hidden_and_the_rest_stays_as_it_is() {
    for (given, shown) in [
        ("/hook", "/hook"),
        ("/hook?a=b&signature=0f", "/hook?a=b&signature=0f"),
        (
            "/?hub.mode=subscribe&hub.verify_token=to+ken%2B&hub.challenge=c",
            "/?hub.mode=subscribe&hub.verify_token=••••&hub.challenge=c",
        ),
        ("?hub%2Everify%5Ftoken=x", "?hub%2Everify%5Ftoken=••••"),
        ("/cb?CODE=x&&code=&code", "/cb?CODE=••••&&code=&code"),
        (
            "http://localhost:3000/a?token=x?y=z",
            "http://localhost:3000/a?token=••••",
        ),
        (
            "/h?auth_token=s1&api_key=s2&password=s3&sig=s4&a=1",
            "/h?auth_token=••••&api_key=••••&password=••••&sig=••••&a=1",
        ),
        ("/h?a=1;token=s;1&b=2", "/h?a=1;token=••••&b=2"),
        (
            "/cb#access_token=s&token_type=bearer",
            "/cb#access_token=••••&token_type=bearer",
        ),
        ("https://me:s3cret@h.test/x", "https://me:••••@h.test/x"),
        ("https://me@h.test:80/x", "https://me@h.test:80/x"),
        (
            "/go?to=https%3A%2F%2Fa.test%2F%3Ftoken%3Ds%26n%3D1",
            "/go?to=https%3A%2F%2Fa.test%2F%3Ftoken%3D••••%26n%3D1",
        ),
        (
            "/h?user%5Bpassword%5D=s&tokenCount=2",
            "/h?user%5Bpassword%5D=••••&tokenCount=2",
        ),
        (
            "/h?X-Amz-Signature=s&X-Amz-Date=d",
            "/h?X-Amz-Signature=••••&X-Amz-Date=d",
        ),
    ] {
        assert_eq!(url(given), shown, "{given}");
    }
}

#[test]
fn secrets_of_json_are_hidden_at_any_depth() {
    for (given, shown) in [
        (
            r#"{"access_token" : "s", "token_type":"bearer","n":1.50}"#,
            r#"{"access_token" : "••••", "token_type":"bearer","n":1.50}"#,
        ),
        (
            r#"{"a":[{"b":{"password":"s"}}]}"#,
            r#"{"a":[{"b":{"password":"••••"}}]}"#,
        ),
        (
            r#"{"token":{"value":"s","n":[1,"t"]},"a":"b"}"#,
            r#"{"token":{"value":"••••","n":["••••","••••"]},"a":"b"}"#,
        ),
        (
            r#"{"pin":1234,"tokens":5,"secret":null,"hasPassword":true,"token":""}"#,
            r#"{"pin":"••••","tokens":5,"secret":null,"hasPassword":true,"token":""}"#,
        ),
        (
            r#"{"\u0074oken":"s","token":"t"}"#,
            r#"{"\u0074oken":"••••","token":"••••"}"#,
        ),
        (
            r#"{"access_token":"s\ud800"}"#,
            r#"{"access_token":"••••"}"#,
        ),
        (r#"{"access_token":"cut off h"#, r#"{"access_token":"••••""#),
        (r#"{"a":1,,"token":"s"}"#, r#"{"a":1,,"token":"••••"}"#),
        (
            r#"{"data":"{\"access_token\":\"s\",\"a\":1}"}"#,
            r#"{"data":"{\"access_token\":\"••••\",\"a\":1}"}"#,
        ),
        (
            r#"{"uri":"https://a.test/x?access_token=s&b=1","text":"code=5 password=s"}"#,
            r#"{"uri":"https://a.test/x?access_token=••••&b=1","text":"code=5 password=••••"}"#,
        ),
        ("\u{feff}{\"token\":\"s\"}", "\u{feff}{\"token\":\"••••\"}"),
        (
            "data: {\"token\":\"s\"}\n\n",
            "data: {\"token\":\"••••\"}\n\n",
        ),
        (
            "{\"token\":\"s\"}\n{\"token\":\"s\"}",
            "{\"token\":\"••••\"}\n{\"token\":\"••••\"}",
        ),
        (
            r#"{"code":"CMN-101","key":"a","signature":"0f"}"#,
            r#"{"code":"CMN-101","key":"a","signature":"0f"}"#,
        ),
        (
            r#"[{"name":"access_token","value":"s"},{"name":"id","value":"1"},{"key":"Authorization","value":"s"}]"#,
            r#"[{"name":"access_token","value":"••••"},{"name":"id","value":"1"},{"key":"Authorization","value":"••••"}]"#,
        ),
        (
            "{\"access_token\": s, 'token': 's t', 'a': 'b'}",
            "{\"access_token\": ••••, 'token': •••• ••••, 'a': 'b'}",
        ),
        ("[https://a.test/?token=s]", "[https://a.test/?token=••••]"),
    ] {
        assert_eq!(body("application/json", given.as_bytes()), shown, "{given}");
        assert_eq!(body("", given.as_bytes()), shown, "{given}");
    }
    for text in ["{\"token\":\"s\"}", "\u{feff}{\"token\":\"s\"}"] {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(body("", &wide), "{\"token\":\"••••\"}");
    }
    assert_eq!(
        Redactor::default().body(None, b"{\"token\":\"s\",\"x\":\"\xff\xe9\"}"),
        &b"{\"token\":\"\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\",\"x\":\"\xff\xe9\"}"[..]
    );
}

#[test]
fn secrets_of_forms_are_hidden() {
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    for (given, shown) in [
        (
            "grant_type=authorization_code&code=s&client_id=1",
            "grant_type=authorization_code&code=••••&client_id=1",
        ),
        ("password=s%26t&a=%C3%A9", "password=••••&a=%C3%A9"),
        (
            "payload=%7B%22token%22%3A%22s%22%2C%22a%22%3A1%7D",
            "payload=%7B%22token%22%3A%22••••%22%2C%22a%22%3A1%7D",
        ),
    ] {
        assert_eq!(body(form, given.as_bytes()), shown, "{given}");
    }
    assert_eq!(
        body("text/plain", b"a=1&access_token=s"),
        "a=1&access_token=••••"
    );
    let parts = "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\ns\r\n--x\r\n\
        content-disposition: form-data; name=\"json\"\r\nContent-Type: application/json\r\n\r\n{\"token\":\"s\"}\r\n--x\r\n\
        Content-Disposition: form-data; name*=UTF-8''api_key; filename=\"a\"\r\n\r\ns\n\ns\r\n--x\r\n\
        Content-Disposition: form-data; name=\"text\"\r\n\r\nkept\r\n--x--\r\n";
    let shown = parts
        .replacen("\r\n\r\ns\r\n", "\r\n\r\n••••\r\n", 1)
        .replace(":\"s\"", ":\"••••\"")
        .replace("\r\n\r\ns\n\ns\r\n", "\r\n\r\n••••\r\n");
    assert_eq!(
        body("multipart/form-data; boundary=x", parts.as_bytes()),
        shown
    );
    assert_eq!(
        body("Multipart/Form-Data; Boundary=\"x\"", parts.as_bytes()),
        shown
    );
}

#[test]
fn secrets_of_headers_are_hidden() {
    let header = |name: &str, value: &[u8]| Redactor::default().header(name, value).into_owned();
    assert_eq!(header("X-Auth-Token", b"s\xff"), REDACTED.as_bytes());
    assert_eq!(header("cookie", b""), b"");
    assert_eq!(
        header("location", b"https://a.test/?state=1&access_token=s"),
        "https://a.test/?state=1&access_token=••••".as_bytes()
    );
    assert_eq!(
        header(
            "link",
            b"<https://a.test/?token=s>; rel=next, </b?api_key=s>"
        ),
        "<https://a.test/?token=••••>; rel=next, </b?api_key=••••>".as_bytes()
    );
    assert_eq!(header("x-glip-signature", b"0f"), b"0f");
    assert_eq!(header("x-original", b" bearer abc"), REDACTED.as_bytes());
    assert_eq!(header("x-ring", b"bearers are late"), b"bearers are late");
    assert_eq!(
        header("content-type", b"a/b; charset=utf-8"),
        b"a/b; charset=utf-8"
    );
}

#[test]
fn numbers_tell_which_secrets_are_equal() {
    let mut redactor = Redactor::numbered();
    let shown = redactor
        .text(r#"{"token":"a","secret":"b","pin":["a"]}"#)
        .into_owned();
    assert_eq!(
        shown,
        r#"{"token":"•••• 1","secret":"•••• 2","pin":["•••• 1"]}"#
    );
    assert_eq!(redactor.url("/?token=b&sig=c"), "/?token=•••• 2&sig=•••• 3");
}

/// Names of secrets and of others, and ways to write both around a value.
fn named() -> impl Strategy<Value = (String, bool)> {
    let secret = prop::sample::select(vec![
        "access_token",
        "X-Auth-Token",
        "clientSecret",
        "password",
        "sig",
    ]);
    let other = prop::sample::select(vec![
        "tokenCount",
        "id",
        "author",
        "text",
        "validation-token",
    ]);
    prop_oneof![
        secret.prop_map(|name| (name.to_owned(), true)),
        other.prop_map(|name| (name.to_owned(), false)),
    ]
}

proptest! {
    #[test]
    fn a_secret_is_hidden_wherever_it_stands((name, is_secret) in named(), value in "[A-Za-z0-9]{12}", depth in 0_usize..6) {
        let json = format!("{{\"x\":1.50,\"{name}\":\"{value}\"}}");
        let nested = format!("{}{json}{}", "{\"a\":[".repeat(depth), "]}".repeat(depth));
        let quoted = (0..depth.min(4)).fold(json.clone(), |inner, _| format!("{{\"in\":{}}}", json::literal(&inner)));
        let encoded: String = form_urlencoded::byte_serialize(json.as_bytes()).collect();
        let part = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--\r\n");
        for (kind, given) in [
            ("application/json", nested),
            ("", quoted),
            ("application/x-www-form-urlencoded", format!("a=1&{name}={value}")),
            ("application/x-www-form-urlencoded", format!("payload={encoded}")),
            ("multipart/form-data; boundary=b", part),
            ("text/plain", format!("see https://a.test/x?b=1&{name}={value} there")),
        ] {
            let shown = body(kind, given.as_bytes());
            prop_assert_eq!(shown.contains(&value), !is_secret, "{}", given);
            if !is_secret {
                prop_assert_eq!(shown, given);
            }
        }
    }

    #[test]
    fn any_bytes_are_redacted_without_a_panic(bytes in any::<Vec<u8>>(), text in "[ -~\n•é]{0,60}") {
        for kind in [None, Some(&b"multipart/form-data; boundary=-"[..]), Some(b"application/x-www-form-urlencoded")] {
            drop(Redactor::default().body(kind, &bytes));
            drop(Redactor::numbered().body(kind, text.as_bytes()));
        }
        drop(Redactor::default().url(&text));
        drop(Redactor::default().header("a", &bytes));
    }
}
