use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::row::Outcome;

const TOKEN: &str = "0190-abcd-EF";

fn answer(status: u16, headers: &[(&'static str, &str)], body: &'static str, bytes: u64) -> Answer {
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: headers.collect(),
        body: Bytes::from_static(body.as_bytes()),
        bytes,
        is_cut: false,
        took: Duration::ZERO,
        asks_certificate: false,
        version: http::Version::HTTP_11,
    }
}

fn good<'a>(more: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    let mut headers = vec![
        ("validation-token", TOKEN),
        ("content-type", "application/json"),
    ];
    headers.extend_from_slice(more);
    headers
}

/// The requirements that are not met, with outcome and code.
fn wrong(answer: Answer) -> Vec<(Requirement, Outcome, &'static str)> {
    rows(&Ok(answer), TOKEN)
        .into_iter()
        .filter(|row| row.outcome > Outcome::Pass)
        .map(|row| {
            assert!(row.fix.is_some(), "{row:?}");
            (row.requirement, row.outcome, row.code().unwrap_or_default())
        })
        .collect()
}

#[test]
fn a_server_that_wants_a_client_certificate_says_so_by_its_status() {
    let html = [("content-type", "text/html")];
    for (status, asks, words) in [
        (
            400,
            true,
            "400 Bad Request: the server wants a client certificate",
        ),
        (496, true, "wants a client certificate"),
        (403, true, "wants a client certificate"),
        (400, false, "400 Bad Request, 500 bytes"),
        (500, true, "500 Internal Server Error, 500 bytes"),
    ] {
        let answer = Answer {
            asks_certificate: asks,
            ..answer(
                status,
                &html,
                "<h1>No required SSL certificate was sent",
                500,
            )
        };
        let rows = rows(&Ok(answer), TOKEN);
        let failed: Vec<&Row> = rows
            .iter()
            .filter(|row| row.outcome == Outcome::Fail)
            .collect();
        let [row] = failed[..] else {
            panic!("{rows:?}")
        };
        assert!(row.seen.contains(words), "{}", row.seen);
        assert_eq!(
            (row.requirement, row.code()),
            (Requirement::Status, Some("SUB-522"))
        );
    }
}

#[test]
fn one_fault_makes_one_row() {
    use Outcome::{Fail, Warn};
    use Requirement::{Compression, ContentType, Overhead, Page, Redirect, Size, Status, Token};
    let long = "x".repeat(600);
    let html = [("content-type", "text/html")];
    for (answer, expected) in [
        (answer(200, &good(&[]), "", 150), vec![]),
        (
            answer(201, &good(&[]), "", 150),
            vec![(Status, Fail, "SUB-522")],
        ),
        (
            answer(404, &html, "<h1>no", 9000),
            vec![(Status, Fail, "SUB-522")],
        ),
        (
            answer(302, &[("location", "/login?next=x")], "", 150),
            vec![(Redirect, Fail, "SUB-522")],
        ),
        (
            answer(200, &html, "<!doctype html>", 9000),
            vec![(Page, Fail, "SUB-520")],
        ),
        (
            answer(200, &[("content-type", "application/json")], "", 150),
            vec![(Token, Fail, "SUB-520")],
        ),
        (
            answer(200, &good(&[("content-type", "text/html")])[..1], "", 150),
            vec![(ContentType, Warn, "SUB-525")],
        ),
        (
            answer(200, &good(&[("content-encoding", "gzip")]), "", 150),
            vec![(Compression, Warn, "SUB-525")],
        ),
        (answer(200, &good(&[]), "", 1023), vec![]),
        (
            answer(200, &good(&[]), "", 1025),
            vec![(Size, Fail, "SUB-525")],
        ),
        (
            answer(200, &good(&[("x-long", &long)]), "", 800),
            vec![(Overhead, Warn, "SUB-525")],
        ),
        (
            answer(200, &good(&[("x-long", &long)]), "", 1300),
            vec![(Size, Fail, "SUB-525")],
        ),
    ] {
        assert_eq!(wrong(answer.clone()), expected, "{answer:?}");
    }
    let (_, outcome, code) = wrong(answer(200, &good(&[]), "", 1024))[0];
    assert_eq!(
        (outcome, code),
        (Warn, "SUB-525"),
        "1024 bytes are allowed, and were seen refused"
    );
}

#[test]
fn altered_tokens_are_shown() {
    let seen = |headers: &[(&'static str, &str)], body| {
        let row = token_row(&answer(200, headers, body, 100), TOKEN);
        (row.outcome, row.seen)
    };
    for (value, words) in [
        ("0190-ABCD-ef", "it comes back in another case"),
        (
            "other",
            "it was \"0190-abcd-EF\" and comes back as \"other\"",
        ),
    ] {
        let seen = seen(&[("validation-token", value)], "");
        assert_eq!(seen, (Outcome::Fail, words.to_owned()));
    }
    let (outcome, words) = seen(&[], "{\"token\":\"0190-abcd-EF\"}");
    assert_eq!(outcome, Outcome::Fail);
    assert!(words.starts_with("it is in the body"), "{words}");
    let twice = [("validation-token", TOKEN), ("validation-token", TOKEN)];
    assert_eq!(seen(&twice, "").0, Outcome::Warn);
    let differing = [("validation-token", TOKEN), ("validation-token", "b")];
    assert_eq!(seen(&differing, "").0, Outcome::Fail);
}

#[test]
fn a_query_that_is_redirected_is_not_shown() {
    let row = redirect(&answer(
        301,
        &[("location", "https://a.example/?auth_token=secret")],
        "",
        1,
    ));
    assert_eq!(row.seen, "301 Moved Permanently to https://a.example/?…");
}

#[test]
fn of_several_tries_the_worst_counts() {
    let fine = rows(&Ok(answer(200, &good(&[]), "", 150)), TOKEN);
    let failing = rows(&Ok(answer(503, &[], "", 90)), TOKEN);
    let merged = worst(&[fine.clone(), failing, fine.clone()]);
    let status = merged
        .iter()
        .find(|row| row.requirement == Requirement::Status)
        .unwrap();
    assert_eq!(
        status.seen,
        "503 Service Unavailable, 90 bytes (at try 2 of 3)"
    );
    assert_eq!(worst(&[fine.clone(), fine.clone()]), fine);
}

#[test]
fn every_silence_has_words_and_a_fix() {
    for (none, words) in [
        (NoAnswer::TimedOut { bytes: 0 }, "nothing within 10 s"),
        (
            NoAnswer::TimedOut { bytes: 7 },
            "7 bytes within 10 s, and no end of them",
        ),
        (NoAnswer::Empty, "the connection is closed without a word"),
        (NoAnswer::Reset, "the connection is reset"),
        (NoAnswer::CutOff { bytes: 7 }, "cut off after 7 bytes"),
        (
            NoAnswer::NotHttp {
                beginning: b"SSH-2.0".to_vec(),
            },
            "not HTTP/1.1: \"SSH-2.0\"",
        ),
        (
            NoAnswer::NotHttp {
                beginning: b"HTTP/1.1 200 OK\r\nA: \x1b\r\n".to_vec(),
            },
            "HTTP with a header that is not one",
        ),
    ] {
        let row = no_answer(Requirement::Answer, &none);
        assert_eq!((row.seen.as_str(), row.code()), (words, Some("SUB-521")));
        assert!(row.fix.is_some());
    }
}
