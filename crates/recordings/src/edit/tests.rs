use proptest::prelude::*;

use super::*;
use ringtail_store::testing::request;

fn parsed(text: &str) -> Result<Option<Request>, String> {
    parse(text.as_bytes(), "192.0.2.7").map_err(|error| error.to_string())
}

#[test]
fn a_request_is_written_as_a_person_reads_it() {
    let text = String::from_utf8(text(&request("{\n  \"a\": 1\n}"))).unwrap();
    insta::assert_snapshot!(text, @r##"
    # Save and leave the editor to send this as a new event; an empty file sends nothing.
    POST /hook%2F1?a=1&a=2
    host: relay.example
    content-type: application/json
    verification-token: secret
    x-twice: 1
    x-twice:: Y2Fm6Q==
    connection: close

    {
      "a": 1
    }
    "##);
}

#[test]
fn mistakes_are_named_with_their_line() {
    for (text, expected) in [
        (
            "POST hooks\n",
            "line 1: invalid path: it must start with / or ? and contain only ASCII without spaces",
        ),
        (
            "# x\nP(ST /\n",
            "line 2: expected a request line, such as POST /path",
        ),
        (
            "POST /\nx 1\n",
            "line 2: expected a header, such as content-type: application/json; the body follows an empty line",
        ),
        ("POST /\nx y: 1\n", "line 2: invalid header name"),
        (
            "POST /\nx:: ?\n",
            "line 2: the value after the two colons is not base64",
        ),
        (
            "POST /\n--- base64\n?\n",
            "the body after \"--- base64\" is not base64",
        ),
    ] {
        assert_eq!(parsed(text), Err(expected.to_owned()), "{text}");
    }
    for nothing in ["", "\n\n", "# only this\n"] {
        assert_eq!(parsed(nothing), Ok(None), "{nothing}");
    }
}

#[test]
fn what_editors_do_by_themselves_changes_nothing() {
    let plain = parsed("POST\r\nx: 1\r\n\r\n{}").unwrap().unwrap();
    assert_eq!((plain.path.as_str(), &plain.body[..]), ("", &b"{}"[..]));
    assert_eq!(&plain.headers[0].value[..], b"1");
    let ended = parsed("POST\nx: 1\n\n{}\n").unwrap().unwrap();
    assert_eq!(ended, plain);
}

fn value() -> impl Strategy<Value = Bytes> {
    // What a server takes for a value has no blanks around it.
    prop_oneof![
        "[!-~]([ -~\té]{0,8}[!-~])?".prop_map(Bytes::from),
        prop::collection::vec(0x80_u8.., 0..6).prop_map(Bytes::from)
    ]
}

proptest! {
    #[test]
    fn what_is_not_touched_stays_byte_for_byte(
        path in "([/?][a-z%?=&/]{0,8})?",
        headers in prop::collection::vec(("[a-z][a-z0-9-]{0,6}", value()), 0..4),
        body in prop_oneof![
            "(?s).{0,40}".prop_map(String::into_bytes),
            "[a-z\n\r#:-]{0,20}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..200),
        ],
    ) {
        let headers = headers.into_iter().map(|(name, value)| Header { name, value }).collect();
        let one = Request { method: "POST".into(), path, peer: "p".into(), headers, body: body.into() };
        prop_assert_eq!(parse(&text(&one), "p").unwrap(), Some(one));
    }

    #[test]
    fn any_bytes_are_survived(text in prop::collection::vec(any::<u8>(), 0..80)) {
        drop(parse(&text, "p"));
    }
}
