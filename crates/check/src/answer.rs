//! The answer to a validation, compared with docs/RINGCENTRAL.md 1.3.
//!
//! One fault is reported once: an answer that redirects, or is somebody else's page, or has a status of failure, is not
//! blamed for the token and the size that it cannot have.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, StatusCode};
use ringtail_errors::codes;
use ringtail_ringcentral::limits::ANSWER_MAX_BYTES;
use ringtail_ringcentral::validation::VALIDATION_TOKEN;

use super::address::without_query;
use super::exchange::{Answer, NoAnswer};
use super::limits::{ANSWER_TIME, MAX_BODY_BYTES};
use super::page;
use super::row::{Requirement, Row};
use super::tls::HTTP2_ONLY;
use ringtail_outbound::certificate::quote;

/// What an answer needs, or what frames it. Everything else takes room for nothing.
const NEEDED: [&str; 6] = [
    "validation-token",
    "content-type",
    "content-length",
    "date",
    "transfer-encoding",
    "connection",
];

/// More bytes of needless headers than this leave too little room.
const MUCH_OVERHEAD: usize = 512;

/// Most headers that a row names.
const MAX_NAMED: usize = 4;

/// Judges one answer, or that there is none.
pub(super) fn rows(result: &Result<Answer, NoAnswer>, token: &str) -> Vec<Row> {
    match result {
        Ok(answer) => {
            let mut rows = vec![Row::pass(
                Requirement::Answer,
                format!("{:?}, {} bytes", answer.version, answer.bytes),
            )];
            rows.extend(content(answer, token));
            rows
        }
        Err(none) => vec![no_answer(Requirement::Answer, none)],
    }
}

/// Makes the row of an answer that did not come.
pub(super) fn no_answer(requirement: Requirement, none: &NoAnswer) -> Row {
    let seconds = ANSWER_TIME.as_secs();
    let (seen, fix) = match none {
        NoAnswer::NoConnection { reason } => (
            format!("no connection for the request: {}", quote(reason)),
            "look whether the server limits connections, or restarts",
        ),
        NoAnswer::TimedOut { bytes: 0 } => (
            format!("nothing within {seconds} s"),
            "look for what the app waits for; answer first and work afterwards",
        ),
        NoAnswer::TimedOut { bytes } => (
            format!("{bytes} bytes within {seconds} s, and no end of them"),
            "end the answer: send Content-Length, and do not stream",
        ),
        NoAnswer::Empty => (
            "the connection is closed without a word".to_owned(),
            "look at the server's log: the app, or what runs it, ends before it answers",
        ),
        NoAnswer::Reset => (
            "the connection is reset".to_owned(),
            "look at the server's log: the app crashes, or a proxy or firewall cuts the connection",
        ),
        NoAnswer::CutOff { bytes } => (
            format!("cut off after {bytes} bytes"),
            "let Content-Length say what is sent, and look whether the app crashes while it answers",
        ),
        NoAnswer::NotHttp { beginning } if beginning.starts_with(b"HTTP/1.") => (
            "HTTP with a header that is not one".to_owned(),
            "look at it with --verbose: a name or value has characters that HTTP does not allow",
        ),
        NoAnswer::Http2Only => (HTTP2_ONLY.0.to_owned(), HTTP2_ONLY.1),
        // A SETTINGS frame, with which every HTTP/2 server begins.
        NoAnswer::NotHttp { beginning } if matches!(beginning.as_slice(), [0, 0, _, 4, ..]) => {
            (HTTP2_ONLY.0.to_owned(), HTTP2_ONLY.1)
        }
        NoAnswer::NotHttp { beginning } => {
            let line = beginning
                .split(|byte| *byte == b'\r')
                .next()
                .unwrap_or_default();
            (
                format!(
                    "not HTTP/1.1: \"{}\"",
                    quote(&String::from_utf8_lossy(line))
                ),
                "look whether this is the right port, and what listens there",
            )
        }
        NoAnswer::HeadersTooLarge => (
            "headers larger than any that could be read".to_owned(),
            "send what RingCentral needs: Validation-Token and Content-Type",
        ),
        NoAnswer::Tls { reason } if reason.contains("CertificateRequired") => (
            format!("the server wants a client certificate ({})", quote(reason)),
            "do not ask callers of this path for a certificate: RingCentral has none to show",
        ),
        NoAnswer::Tls { reason } => (
            format!("TLS broke off: {}", quote(reason)),
            "do not ask callers of this path for a certificate: RingCentral has none to show",
        ),
    };
    Row::fail(requirement, seen)
        .earns(&codes::SUB_521)
        .dead(matches!(none, NoAnswer::Empty))
        .fix(fix)
}

fn content(answer: &Answer, token: &str) -> Vec<Row> {
    let status = answer.status;
    if status.is_redirection() {
        return vec![redirect(answer)];
    }
    let mut rows = vec![Row::pass(Requirement::Redirect, "none")];
    let echoed = token_row(answer, token);
    let is_echoed = echoed.earns.is_none();
    // nginx ends the handshake first, and then refuses with a 4xx that only nginx uses, or with 400.
    let refuses = matches!(status.as_u16(), 400 | 401 | 403 | 495 | 496);
    if answer.asks_certificate && refuses && !is_echoed {
        rows.push(Row::pass(Requirement::Page, "none"));
        let seen = format!("{status}: the server wants a client certificate");
        let fix = "do not ask for a client certificate on this path: RingCentral has none (nginx: `ssl_verify_client off;`)";
        rows.push(
            Row::fail(Requirement::Status, seen)
                .earns(&codes::SUB_522)
                .fix(fix),
        );
        return rows;
    }
    if let Some(page) = page::recognise(answer, is_echoed) {
        let earned = if status == StatusCode::OK {
            &codes::SUB_520
        } else {
            &codes::SUB_522
        };
        rows.push(
            Row::fail(Requirement::Page, format!("{status}: {}", page.what))
                .earns(earned)
                .dead(page.is_dead)
                .fix(page.fix),
        );
        return rows;
    }
    rows.push(Row::pass(Requirement::Page, "none"));
    rows.push(status_row(Requirement::Status, status, answer));
    if !status.is_success() {
        return rows;
    }
    rows.push(echoed);
    rows.push(content_type(&answer.headers));
    rows.push(compression(&answer.headers));
    let is_within = answer.bytes <= ANSWER_MAX_BYTES as u64;
    rows.push(size(Requirement::Size, answer).earns(&codes::SUB_525));
    if is_within {
        rows.push(overhead(answer));
    }
    rows
}

fn redirect(answer: &Answer) -> Row {
    let to = answer.headers.get(LOCATION).map_or_else(
        || "nowhere".to_owned(),
        |location| {
            quote(&without_query(&String::from_utf8_lossy(
                location.as_bytes(),
            )))
        },
    );
    Row::fail(Requirement::Redirect, format!("{} to {to}", answer.status))
        .earns(&codes::SUB_522)
        .fix(
            "register the address that it leads to, to the letter (https, www, last slash), or answer here: a redirect \
             is not 200",
        )
}

/// Judges the status; for a notification as well.
pub(super) fn status_row(requirement: Requirement, status: StatusCode, answer: &Answer) -> Row {
    if status == StatusCode::OK {
        return Row::pass(requirement, status.to_string());
    }
    let fix = match status.as_u16() {
        201..=299 => "answer 200 itself: no other 2xx is documented to be enough",
        400 | 415 | 422 => {
            "let the app answer before it parses: the validation request has Content-Type: application/json and an empty body, \
             which eager JSON parsers refuse"
        }
        401 | 403 => {
            "exempt this path from logins, CSRF checks and bot checks; RingCentral shows no more than the \
             Verification-Token that the subscription was given"
        }
        404 => "look at the path, and whether the app has a route for POST there",
        405 => "add a route for POST on this path",
        429 => "exempt this path from the rate limit",
        502..=504 => "start the app behind the proxy, or look why it does not answer it",
        500..=599 => "look at the app's log for what failed",
        _ => "answer 200",
    };
    Row::fail(requirement, format!("{status}, {} bytes", answer.bytes))
        .earns(&codes::SUB_522)
        .fix(fix)
}

fn token_row(answer: &Answer, token: &str) -> Row {
    let requirement = Requirement::Token;
    let echoed: Vec<_> = answer.headers.get_all(VALIDATION_TOKEN).iter().collect();
    let fix = "copy the request's Validation-Token header into the answer's, byte by byte";
    let seen = match echoed.as_slice() {
        [] if holds(&answer.body, token.as_bytes()) => {
            "it is in the body, and RingCentral looks for the header Validation-Token".to_owned()
        }
        [] => "the answer has no header Validation-Token".to_owned(),
        [one] if *one == token => return Row::pass(requirement, "as it was sent"),
        [one] if one.as_bytes().eq_ignore_ascii_case(token.as_bytes()) => {
            "it comes back in another case".to_owned()
        }
        [one] => format!(
            "it was \"{token}\" and comes back as \"{}\"",
            quote(&String::from_utf8_lossy(one.as_bytes()))
        ),
        [first, ..] if echoed.iter().all(|one| one == first) && *first == token => {
            return Row::warn(requirement, format!("it comes back {} times", echoed.len()))
                .fix("let either the app or the proxy echo it, not both");
        }
        [..] => format!("{} of them come back, and differ", echoed.len()),
    };
    Row::fail(requirement, seen).earns(&codes::SUB_520).fix(fix)
}

fn holds(body: &[u8], wanted: &[u8]) -> bool {
    body.windows(wanted.len()).any(|window| window == wanted)
}

fn content_type(headers: &HeaderMap) -> Row {
    let requirement = Requirement::ContentType;
    let seen = match headers.get(CONTENT_TYPE) {
        None => "none".to_owned(),
        Some(value) => {
            let value = String::from_utf8_lossy(value.as_bytes());
            let essence = value.split(';').next().unwrap_or_default().trim();
            if essence.eq_ignore_ascii_case("application/json") {
                return Row::pass(requirement, quote(&value));
            }
            quote(&value)
        }
    };
    Row::warn(
        requirement,
        format!(
            "{seen}: RingCentral's guide wants application/json, though its own samples do without"
        ),
    )
    .earns(&codes::SUB_525)
    .fix("answer with Content-Type: application/json, even with an empty body")
}

fn compression(headers: &HeaderMap) -> Row {
    let codings: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .map(|value| quote(&String::from_utf8_lossy(value.as_bytes())))
        .filter(|coding| !coding.eq_ignore_ascii_case("identity"))
        .collect();
    if codings.is_empty() {
        return Row::pass(Requirement::Compression, "plain");
    }
    Row::warn(
        Requirement::Compression,
        format!(
            "{}, although the request takes none (Accept-Encoding: UTF-8)",
            codings.join(", ")
        ),
    )
    .earns(&codes::SUB_525)
    .fix("switch compression off for this path; nothing says that RingCentral can undo it")
}

/// Judges the size; for a notification as well. The caller adds the code of a failure.
pub(super) fn size(requirement: Requirement, answer: &Answer) -> Row {
    let most = ANSWER_MAX_BYTES as u64;
    let seen = format!("{} bytes of headers and body", answer.bytes);
    if answer.bytes < most {
        return Row::pass(requirement, seen);
    }
    if answer.bytes == most {
        return Row::warn(
            requirement,
            format!("{seen}: just as many as are allowed, and RingCentral has recorded \"Read bytes count: [1024]\" as too many"),
        )
        .fix("send one byte less, better far less");
    }
    let seen = if answer.is_cut {
        format!("a body of more than {MAX_BODY_BYTES} bytes")
    } else {
        seen
    };
    let needless = needless(answer);
    let mut fix = match answer.body.len() {
        0 => "send fewer headers".to_owned(),
        _ if answer.is_cut => "send an empty body".to_owned(),
        body => format!("send an empty body (it has {body} bytes)"),
    };
    if !needless.is_empty() {
        fix.push_str(&format!(
            "; RingCentral does not need {}",
            listed(&needless)
        ));
    }
    Row::fail(requirement, seen).fix(fix)
}

fn overhead(answer: &Answer) -> Row {
    let requirement = Requirement::Overhead;
    let left = (ANSWER_MAX_BYTES as u64).saturating_sub(answer.bytes);
    let needless = needless(answer);
    let total: usize = needless.iter().map(|(_, bytes)| bytes).sum();
    if needless.is_empty() {
        return Row::pass(
            requirement,
            format!("{left} bytes; no header that is not needed"),
        );
    }
    let seen = format!("{left} bytes; not needed: {}", listed(&needless));
    if total > MUCH_OVERHEAD {
        return Row::warn(requirement, format!("{seen}: {total} bytes together"))
            .earns(&codes::SUB_525)
            .fix("let proxy and app leave these headers out on this path: each change of theirs may go over 1024 bytes");
    }
    Row::pass(requirement, seen)
}

/// Headers that RingCentral has no use for, each with its bytes on the wire, the largest first.
fn needless(answer: &Answer) -> Vec<(HeaderName, usize)> {
    let mut found: Vec<(HeaderName, usize)> = Vec::new();
    for (name, value) in &answer.headers {
        if NEEDED.contains(&name.as_str()) {
            continue;
        }
        let bytes = name.as_str().len() + ": \r\n".len() + value.len();
        match found.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += bytes,
            None => found.push((name.clone(), bytes)),
        }
    }
    found.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    found
}

fn listed(headers: &[(HeaderName, usize)]) -> String {
    let named: Vec<String> = headers
        .iter()
        .take(MAX_NAMED)
        .map(|(name, bytes)| format!("{} ({bytes})", quote(name.as_str())))
        .collect();
    match headers.len().saturating_sub(MAX_NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Makes one list of the rows of several tries: of each requirement the worst, with the try that it is of when the
/// tries differ.
pub(super) fn worst(tries: &[Vec<Row>]) -> Vec<Row> {
    let mut merged: Vec<Row> = Vec::new();
    for &requirement in Requirement::ALL {
        let of_tries: Vec<(usize, &Row)> = tries
            .iter()
            .enumerate()
            .filter_map(|(place, rows)| {
                let row = rows.iter().find(|row| row.requirement == requirement)?;
                Some((place + 1, row))
            })
            .collect();
        let mut worst: Option<(usize, &Row)> = None;
        for (number, row) in &of_tries {
            if worst.is_none_or(|(_, known)| row.outcome > known.outcome) {
                worst = Some((*number, row));
            }
        }
        let Some((number, row)) = worst else { continue };
        let mut row = row.clone();
        if of_tries
            .iter()
            .any(|(_, other)| other.outcome != row.outcome)
        {
            row.seen
                .push_str(&format!(" (at try {number} of {})", tries.len()));
        }
        merged.push(row);
    }
    merged
}

#[cfg(test)]
mod tests;
