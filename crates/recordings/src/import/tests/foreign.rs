//! Recordings of other programs.

use std::io::{BufReader, Read as _};

use super::*;

fn entry() -> Value {
    json!({
        "startedDateTime": "2026-07-29T10:13:20.000Z", "time": 20.5,
        "request": {"method": "POST", "url": "https://app.test/hook?a=1", "headers": [{"name": "x", "value": "1"}],
            "postData": {"mimeType": "application/json", "text": "{\"n\":1.50}"}},
        "response": {"status": 200, "headers": [], "content": {"size": 2, "text": "ok"}},
    })
}

/// Reads an entry with a value in place of another.
fn with(pointer: &str, value: Value) -> Result<Recorded, String> {
    let mut entry = entry();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    entry.pointer_mut(parent).unwrap()[name] = value;
    all(har(&json!([entry]))).remove(0)
}

#[test]
fn any_encoding_of_a_recording_is_read() {
    let (lines, archive) = (line().to_string(), har(&json!([entry(), entry()])));
    for text in [format!("{lines}\n{lines}"), archive] {
        let plain = all(&text);
        assert_eq!(plain.iter().filter(|found| found.is_ok()).count(), 2);
        // Characters beyond the basic plane and of every length.
        let text = text.replace(
            "hook",
            "hook?\u{e9}\u{20ac}\u{1f44b}".trim_end_matches(|c: char| !c.is_ascii()),
        );
        let marked = format!("\u{feff}{text}");
        let units = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        let expected = all(&text);
        for bytes in [
            marked.clone().into_bytes(),
            units(&marked, u16::to_le_bytes),
            units(&marked, u16::to_be_bytes),
            units(&text, u16::to_le_bytes),
            units(&text, u16::to_be_bytes),
        ] {
            assert_eq!(all(bytes), expected);
        }
    }
    let mut cut: Vec<u8> = "\u{feff}{}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    cut.pop();
    assert!(all(cut)[0].is_err());
    assert_eq!(
        all(b"\x1f\x8b\x08\x00"),
        [Err(
            "the recording is compressed; unpack it first".to_owned()
        )]
    );
}

proptest! {
    #[test]
    fn utf_16_is_read_in_pieces(text in "[a\u{e9}\u{20ac}\u{1f44b}]{0,40}", by in 1_usize..7, big in any::<bool>()) {
        let bytes: Vec<u8> = format!("\u{feff}{text}")
            .encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect();
        let mut read = String::new();
        let input = BufReader::with_capacity(by, &bytes[2..]);
        encoding::decoded(&bytes[..2], input).read_to_string(&mut read).unwrap();
        prop_assert_eq!(read, text);
    }
}

#[test]
fn bodies_are_read_in_every_form() {
    let body = |post: Value| {
        with("/request/postData", post).map(|recorded| (recorded.request.body, recorded.left_out))
    };
    let read = |bytes: &'static [u8]| Ok((bytes.into(), Vec::new()));
    assert_eq!(body(json!({"text": "{\"n\":1.50}"})), read(b"{\"n\":1.50}"));
    assert_eq!(
        body(json!({"text": "/+8A", "encoding": "base64"})),
        read(b"\xff\xef\x00")
    );
    assert_eq!(
        body(json!({"text": "/w\n", "encoding": "BASE64"})),
        read(b"\xff")
    );
    assert_eq!(body(json!(null)), read(b""));
    assert_eq!(
        body(json!({"text": null, "params": null, "encoding": null})),
        read(b"")
    );
    let params = json!([{"name": "a b", "value": "\u{e9}&"}, {"name": "n", "value": null}]);
    assert_eq!(
        body(json!({"mimeType": "application/x-www-form-urlencoded", "params": params})),
        read(b"a+b=%C3%A9%26&n=")
    );
    assert_eq!(
        body(json!({"params": params, "text": ""})),
        read(b"a+b=%C3%A9%26&n=")
    );
    assert_eq!(body(json!({"params": params, "text": "a=1"})), read(b"a=1"));
    let parts = json!([
        {"name": "a", "value": "1"},
        {"name": "f\"", "fileName": "x.txt", "contentType": "text/plain", "value": "--x\r\n"},
    ]);
    assert_eq!(
        body(json!({"mimeType": "multipart/form-data; boundary=b", "params": parts})),
        read(b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\n\
            Content-Disposition: form-data; name=\"f%22\"; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n\r\n--x\r\n\r\n--b--\r\n")
    );
    let file =
        json!({"mimeType": "multipart/form-data", "params": [{"name": "f", "fileName": "x"}]});
    let recorded = with("/request/postData", file).unwrap();
    assert_eq!(
        recorded.left_out,
        ["the content of the file \"x\", which the recording does not have"]
    );
    assert_eq!(
        recorded.request.headers[1].value,
        "multipart/form-data; boundary=----ringtail"
    );
    assert!(recorded.request.body.starts_with(b"------ringtail\r\n"));
    let recorded = with(
        "/request",
        json!({"method": "POST", "url": "http://a/", "bodySize": 7}),
    )
    .unwrap();
    assert_eq!(
        recorded.left_out,
        ["the body of 7 bytes, which the recording does not have"]
    );
    let coded = json!([{"name": "Content-Encoding", "value": "gzip"}]);
    let recorded = with("/request/headers", coded).unwrap();
    assert_eq!(
        (recorded.request.headers.len(), recorded.left_out.len()),
        (0, 1)
    );
}

#[test]
fn null_is_absent_and_a_wrong_type_is_named() {
    for (pointer, value) in [
        ("/time", json!(null)),
        ("/time", json!(-1)),
        ("/_ringtail", json!(null)),
        ("/response", json!(null)),
        ("/response/status", json!(null)),
        ("/response/status", json!(200.0)),
        ("/response/status", json!(-1)),
        ("/response/headers", json!(null)),
        ("/response/content", json!(null)),
        ("/response/content/size", json!(-1)),
        ("/response/content/text", json!(null)),
        ("/request/headers", json!(null)),
        (
            "/request/headers",
            json!([null, {"name": "x", "value": null}]),
        ),
        ("/request/postData", json!(null)),
        ("/comment", json!({"any": [1]})),
    ] {
        let recorded = with(pointer, value.clone())
            .unwrap_or_else(|error| panic!("{pointer} {value}: {error}"));
        assert_eq!(recorded.left_out, [""; 0], "{pointer} {value}");
    }
    assert_eq!(
        with("/response/status", json!(200.0)).unwrap().answers[0].outcome,
        Outcome::Status(200)
    );
    for (pointer, value, error) in [
        (
            "/startedDateTime",
            json!(null),
            "startedDateTime is missing",
        ),
        (
            "/startedDateTime",
            json!(17),
            "startedDateTime is a number, not text",
        ),
        (
            "/startedDateTime",
            json!("today"),
            "startedDateTime is not a time of RFC 3339",
        ),
        ("/request", json!("POST"), "request is text, not an object"),
        ("/request/method", json!(null), "request.method is missing"),
        (
            "/request/method",
            json!("a b"),
            "the method is not one of HTTP",
        ),
        ("/request/url", json!(null), "request.url is missing"),
        (
            "/request/url",
            json!(5),
            "request.url is a number, not text",
        ),
        (
            "/request/headers",
            json!({"a": "b"}),
            "request.headers is an object, not a list",
        ),
        (
            "/request/headers",
            json!([{"name": "a", "value": "1"}, {"name": "b", "value": 200}]),
            "request.headers[1].value is a number, not text",
        ),
        (
            "/request/headers",
            json!(["a: b"]),
            "request.headers[0] is text, not an object",
        ),
        (
            "/request/headers",
            json!([{"name": "a\nb", "value": ""}]),
            "header 1 of the request is not one of HTTP",
        ),
        (
            "/request/headers",
            json!([{"name": "a", "value": "b\r\nc: d"}]),
            "header 1 of the request is not one of HTTP",
        ),
        (
            "/request/postData",
            json!("text"),
            "request.postData is text, not an object",
        ),
        (
            "/request/postData/text",
            json!({"a": 1}),
            "request.postData.text is an object, not text",
        ),
        (
            "/request/postData",
            json!({"text": "-", "encoding": "base64"}),
            "request.postData.text is not base64",
        ),
        (
            "/request/postData",
            json!({"text": "x", "encoding": "gzip"}),
            "request.postData.encoding is unknown",
        ),
        (
            "/request/postData",
            json!({"params": [{"name": "a", "value": 1}]}),
            "request.postData.params[0].value is a number, not text",
        ),
        (
            "/_ringtail",
            json!({"path": "a b"}),
            "the path is not one of a URL",
        ),
    ] {
        assert_eq!(
            with(pointer, value),
            Err(format!("entry 1: {error}")),
            "{pointer}"
        );
    }
    // The request is worth more than its response.
    for (pointer, value, part) in [
        (
            "/response/status",
            json!("200"),
            "the response: response.status is text, not a number",
        ),
        (
            "/response/status",
            json!(200.5),
            "the response: response.status is not a whole number",
        ),
        (
            "/time",
            json!("20 ms"),
            "the response: time is text, not a number",
        ),
        (
            "/response/content",
            json!({"text": "-", "encoding": "base64"}),
            "the response: response.content.text is not base64",
        ),
    ] {
        let recorded = with(pointer, value).unwrap();
        assert_eq!(
            (recorded.answers.len(), &recorded.left_out[..]),
            (0, &[part.to_owned()][..])
        );
    }
    let mut bad = line();
    bad["attempts"][0]["duration_ms"] = json!("12");
    bad["comment"] = json!(null);
    assert_eq!(
        all(bad.to_string()),
        [Err(
            "line 1: attempts[0].duration_ms is text, not a number".to_owned()
        )]
    );
    bad["attempts"] = json!(null);
    bad["path"] = json!(7);
    assert_eq!(
        all(bad.to_string()),
        [Err("line 1: path is a number, not text".to_owned())]
    );
}

#[test]
fn an_entry_that_is_not_json_is_named_and_the_others_are_read() {
    let good = entry().to_string();
    let lone = good.replace("{\\\"n\\\":1.50}", "\\ud800");
    let big = good.replace("20.5", "1E400");
    let deep = good.replacen(
        '{',
        &format!("{{\"_x\":{}1{},", "[".repeat(5000), "]".repeat(5000)),
        1,
    );
    let bad = [
        "{\"a\":NaN}",
        "{'a':1}",
        "17",
        "{\"a\":\"\n\"}",
        "{\"request\":{}}}",
        &lone,
        "\"\\\"]\"",
    ];
    let entries: Vec<&str> = bad
        .iter()
        .flat_map(|bad| [*bad, good.as_str()])
        .chain([big.as_str(), deep.as_str()])
        .collect();
    let archive = format!(
        "{{\"creator\":{{\"entries\":[1]}},\n\"log\" : {{\"x\":\"]\", \"entries\":[\n{},\n] }} }}\n",
        entries.join(" ,\n")
    );
    let found = all(&archive);
    assert_eq!(found.len(), entries.len());
    for (at, found) in found.iter().enumerate() {
        assert_eq!(
            found.is_err(),
            at % 2 == 0 && at < 2 * bad.len(),
            "{at}: {found:?}"
        );
    }
    let errors: Vec<&str> = found
        .iter()
        .filter_map(|found| found.as_ref().err().map(String::as_str))
        .collect();
    assert_eq!(
        errors,
        [
            "entry 1: it is not JSON, at column 6",
            "entry 3: it is not JSON, at column 2",
            "entry 5: it is a number, not an object",
            "entry 7: it is not JSON, at column 6",
            "entry 9: it is not JSON, at column 15",
            "entry 11: request.postData.text has half of a surrogate pair, which is not text",
            "entry 13: it is text, not an object",
        ]
    );
    // Two archives in one file, and one that breaks off.
    assert_eq!(all(format!("{archive}{archive}")).len(), 2 * entries.len());
    let cut = all(&archive[..archive.len() - 20]);
    assert!(
        cut.last()
            .unwrap()
            .as_ref()
            .unwrap_err()
            .contains("breaks off"),
        "{cut:?}"
    );
    assert!(all("{\"log\":{}}")[0].is_err());
    assert!(all(format!("{archive} x")).last().unwrap().is_err());
}

#[tokio::test]
async fn an_archive_of_another_program_is_imported_once() {
    let mut other = entry();
    other["request"]["method"] = json!("PUT");
    // Two requests may be equal.
    let archive = har(&json!([entry(), other, entry()]));
    let test = TestHistory::open();
    for (new, known) in [(3, 0), (0, 3)] {
        let mut importer = Importer::begin(&test.history, "other");
        for recorded in all(&archive) {
            importer.add(recorded.unwrap()).await.unwrap().unwrap();
        }
        assert_eq!(importer.finish().await.unwrap(), Imported { new, known });
    }
    let rows = test.history.events_after(RowId(0), 10).await.unwrap();
    let time = rows[0].received_at.0 / 1000;
    assert!(rows.iter().all(|row| {
        row.id
            .to_string()
            .starts_with(&format!("{:08x}", time >> 16))
    }));
}
