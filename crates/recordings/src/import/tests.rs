mod foreign;

use std::io::Cursor;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::export::HarWriter;
use ringtail_model::{AttemptRow, Cause, EventDetail, ForwardState, Outcome, RowId};
use ringtail_protocol::event::Header;
use ringtail_store::testing::{TestHistory, attempt, call, encoded, event, request};

fn all(text: impl AsRef<[u8]>) -> Vec<Result<Recorded, String>> {
    let mut found = Vec::new();
    read(Cursor::new(text.as_ref()), |recorded| {
        found.push(recorded.map_err(|error| error.to_string()));
        true
    });
    found
}

fn line() -> Value {
    json!({
        "type": "event", "endpoint": "default-1", "seq": 17, "id": "01a20042-7071-73e8-a927-3d3da19450dc",
        "kind": "notification", "disposition": "passed", "method": "POST", "path": "/hook?a=1", "received_at": "2026-07-29T10:13:20.000042Z",
        "peer": "192.0.2.1:1", "headers": [["x", "a"], ["x", null, "6Q=="]], "body_base64": "/w==",
        "attempts": [{
            "type": "attempt", "cause": "passthrough", "target": "http://localhost:3000/", "started_at": "2026-07-29T10:13:21Z",
            "status": 201, "duration_ms": 12.345, "headers": [], "body": "ok", "body_len": 2,
        }],
    })
}

#[test]
fn a_line_is_read_byte_for_byte() {
    let text = format!("\n{}\r\n{{\"type\":\"gap\"}}\n{}", line(), line());
    let found = all(text);
    assert_eq!(found.len(), 2);
    let recorded = found[0].as_ref().unwrap();
    assert_eq!(
        recorded.received_at,
        Timestamp(1_785_319_999_000_042 + 1_000_000)
    );
    assert_eq!(recorded.kind, Some(Kind::Notification));
    assert_eq!(recorded.disposition, Some(Disposition::Passed));
    assert_eq!(recorded.request.headers[1].value, &b"\xe9"[..]);
    assert_eq!(recorded.request.body, &b"\xff"[..]);
    assert_eq!(recorded.answers[0].outcome, Outcome::Status(201));
    assert_eq!(recorded.answers[0].duration, Duration::from_micros(12_345));
}

#[tokio::test]
async fn marks_come_along() {
    let kept = TestHistory::open();
    let mut marked = line();
    marked["marked"] = json!(true);
    marked["comment"] = json!("look");
    let recorded = all(marked.to_string()).remove(0).unwrap();
    let mut importer = Importer::begin(&kept.history, "other");
    importer.add(recorded).await.unwrap().unwrap();
    importer.finish().await.unwrap();
    let event = kept
        .history
        .events_after(RowId(0), 1)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(
        event.bookmark.map(|mark| mark.comment).as_deref(),
        Some("look")
    );
    marked["comment"] = json!("x".repeat(501));
    assert!(all(marked.to_string())[0].is_err());
}

#[tokio::test]
async fn imports_at_the_same_time_store_all_events_and_each_once() {
    let kept = TestHistory::open();
    let ids = [("01", 0), ("02", 0), ("03", 1), ("01", 1), ("04", 1)];
    let mut importers = [(); 2].map(|()| Importer::begin(&kept.history, "other"));
    for (id, at) in ids {
        let mut recorded = line();
        recorded["id"] = json!(format!("01a20042-7071-73e8-a927-3d3da19450{id}"));
        let recorded = all(recorded.to_string()).remove(0).unwrap();
        importers[at].add(recorded).await.unwrap().unwrap();
    }
    let mut told = Vec::new();
    for importer in importers {
        told.push(importer.finish().await.unwrap());
    }
    let expected = [(2, 0), (2, 1)].map(|(new, known)| Imported { new, known });
    assert_eq!(told, expected);
    let rows = kept.history.events_after(RowId(0), 10).await.unwrap();
    let numbers: Vec<_> = rows.iter().map(|row| row.seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(kept.history.counts().await.attempts, 4);
}

#[test]
fn bad_lines_are_named_and_the_rest_is_read() {
    let mut other = line();
    other["id"] = json!("17");
    let mut listed = line();
    listed.as_object_mut().unwrap().remove("body_base64");
    let found = all(format!(
        "{{\"type\":\n{other}\n{listed}\n{}\nnonsense",
        line()
    ));
    let errors: Vec<&str> = found
        .iter()
        .filter_map(|it| it.as_ref().err())
        .map(String::as_str)
        .collect();
    assert_eq!(
        errors,
        [
            "line 1: it breaks off, at column 8",
            "line 2: id is not a UUID",
            "line 3: it has neither body nor body_base64: record it with `ringtail export`",
            "line 5: it is not JSON, at column 2",
        ]
    );
    assert!(found[3].is_ok());
}

#[test]
fn lines_of_another_program_are_told_what_a_recording_is() {
    let found = |text: &str| -> Vec<String> {
        let found = all(text);
        found.into_iter().filter_map(Result::err).collect()
    };
    let expected = "a recording is a HAR archive, or the lines of `ringtail export --as ndjson`";
    assert_eq!(
        found("{\"type\":\"request\"}\n{\"type\":\"response\"}\n"),
        [format!("line 1: no line is an event; {expected}")]
    );
    assert_eq!(
        found("{\"startedDateTime\":1}"),
        [format!("line 1: type is missing; {expected}")]
    );
    // Ringtail writes lines of other types, too.
    let gap = r#"{"type":"gap","first":2,"last":3}"#;
    assert_eq!(found(&format!("{gap}\n{}\n{gap}", line())), [""; 0]);
}

fn har(entries: &Value) -> String {
    json!({"log": {"version": "1.2", "creator": {"name": "x"}, "pages": [], "entries": entries}})
        .to_string()
}

#[test]
fn an_archive_of_another_program_is_read() {
    let entry = json!({
        "startedDateTime": "2026-07-29T10:13:20.000Z", "time": 20,
        "request": {"method": "POST", "url": "https://app.test/hook?a=1", "headers": [{"name": ":path", "value": "/"}, {"name": "Content-Type", "value": "text/plain"}],
            "postData": {"mimeType": "text/plain", "text": "hi"}},
        "response": {"status": 200, "headers": [], "content": {"size": 3, "text": "AAEC", "encoding": "base64"}},
    });
    let found = all(har(&json!([entry, {"request": 1}, entry])));
    let recorded = found[0].as_ref().unwrap();
    assert_eq!(
        (
            recorded.request.method.as_str(),
            recorded.request.path.as_str()
        ),
        ("POST", "/hook?a=1")
    );
    assert_eq!(recorded.request.headers.len(), 1);
    assert_eq!(recorded.request.headers[0].name, "Content-Type");
    assert_eq!(recorded.request.body, "hi");
    assert_eq!(recorded.answers[0].body, &[0, 1, 2][..]);
    assert!(
        found[1].as_ref().unwrap_err().starts_with("entry 2: "),
        "{found:?}"
    );
    assert!(found[2].is_ok());
}

#[test]
fn a_broken_archive_says_where() {
    let whole = har(&json!([]));
    assert!(all(&whole).is_empty());
    let found = all(&whole[..whole.len() - 3]);
    assert!(
        found[0]
            .as_ref()
            .unwrap_err()
            .starts_with("the archive is damaged after entry 0"),
        "{found:?}"
    );
    assert!(all("").is_empty());
}

#[test]
fn reading_stops_when_asked() {
    let mut count = 0;
    read(Cursor::new(format!("{0}\n{0}\n", line())), |_| {
        count += 1;
        false
    });
    read(Cursor::new(har(&json!([1, 2, 3]))), |_| {
        count += 1;
        false
    });
    assert_eq!(count, 2);
}

#[tokio::test]
async fn an_export_comes_back_as_it_was_and_once() {
    let from = TestHistory::open();
    from.receives(vec![
        call(1, "a"),
        event(2, "\u{e9}"),
        encoded(3, odd().encode().unwrap()),
        encoded(4, plain().encode().unwrap()),
    ])
    .await;
    let mut har = HarWriter::begin(Vec::new()).unwrap();
    let mut sent = Vec::new();
    let first = from
        .history
        .events_after(RowId(0), 1)
        .await
        .unwrap()
        .remove(0);
    let mut replayed = NewAttempt {
        cause: Cause::Replay,
        ..attempt(first.id)
    };
    replayed.headers.push(Header {
        name: "x-lat".to_owned(),
        value: Bytes::from_static(b"\xe9"),
    });
    from.history.record_attempt(replayed, false).await.unwrap();
    for row in from.history.events_after(RowId(0), 10).await.unwrap() {
        let detail = from.history.event(row.id).await.unwrap().unwrap();
        har.event(&detail).unwrap();
        sent.push(detail);
    }
    let har = har.finish().unwrap();

    let to = TestHistory::open();
    for (new, known) in [(4, 0), (0, 4)] {
        let mut importer = Importer::begin(&to.history, "colleague");
        for recorded in all(&har) {
            importer.add(recorded.unwrap()).await.unwrap().unwrap();
        }
        assert_eq!(importer.finish().await.unwrap(), Imported { new, known });
    }
    let rows = to.history.events_after(RowId(0), 10).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| row.seq).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    for (row, sent) in rows.iter().zip(&sent) {
        let detail = to.history.event(row.id).await.unwrap().unwrap();
        assert_eq!(row.endpoint, "colleague");
        assert_eq!(row.forward, ForwardState::None);
        assert_eq!(
            (row.id, &row.method, &row.path),
            (sent.event.id, &sent.event.method, &sent.event.path)
        );
        assert_eq!((&detail.headers, &detail.body), (&sent.headers, &sent.body));
        assert_eq!(row.disposition, sent.event.disposition);
        let told = |detail: &EventDetail| {
            let attempts = detail.attempts.iter();
            attempts
                .map(|it| {
                    let AttemptRow {
                        cause,
                        target,
                        started_at,
                        ..
                    } = it.attempt.clone();
                    (cause, target, started_at, it.headers.clone())
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&detail), told(sent));
    }
    assert!(
        to.history
            .gaps_after(RowId(0), 10)
            .await
            .unwrap()
            .is_empty()
    );
}

fn odd() -> Request {
    let mut odd = request("");
    odd.body = (0..=255).collect::<Vec<u8>>().into();
    odd.path = String::new();
    odd
}

/// A body that is text and not encoded, though a header names an encoding.
fn plain() -> Request {
    let mut plain = request("");
    plain.headers.push(Header {
        name: "content-encoding".to_owned(),
        value: Bytes::from_static(b"identity"),
    });
    plain
}

proptest! {
    #[test]
    fn garbage_is_an_error_or_nothing(bytes in any::<Vec<u8>>(), tail in "[ -~\n]{0,80}") {
        drop(all(&bytes));
        drop(all(format!("{{\"log\":{tail}")));
        drop(all(format!("{{\"type\":\"event\",{tail}")));
    }
}
