//! Which requests are admitted, and how hostile text is shown.

use ringtail_protocol::event::Header;
use ringtail_store::testing::{encoded, event, request};
use serde_json::json;

use super::Page;
use crate::page;

#[tokio::test]
async fn whoever_may_not_gets_nothing() {
    let page = Page::open(false).await;
    page.kept
        .receives(vec![event(1, "{\"planted\":\"secret text\"}")])
        .await;
    let (host, cookie, bearer) = (
        format!("host: {}", page.host()),
        page.cookie(),
        page.bearer(),
    );
    let port = page.server.address.port();
    let forged = format!("cookie: ringtail-{port}={}", "A".repeat(43));
    let elsewhere = format!("cookie: ringtail-1={}", page.token());
    let page_token = format!("ringtail-page: {}", page.page_token().await);
    let (json, events) = ("content-type: application/json", "GET /api/v1/events");
    let mark = "POST /api/v1/events/1/bookmark";
    let marked = "{\"marked\":true}";
    #[rustfmt::skip]
    let table: &[(&str, &str, &[&str], &str, u16)] = &[
        // Without the token, or with another.
        ("no token", events, &[&host], "", 401),
        ("page without a token", "GET /", &[&host], "", 401),
        ("wrong token in the URL", "GET /?token=x", &[&host], "", 401),
        ("wrong cookie", events, &[&host, &forged], "", 401),
        ("cookie of another port", events, &[&host, &elsewhere], "", 401),
        ("wrong bearer", events, &[&host, "authorization: Bearer x"], "", 401),
        ("wrong bearer with a cookie", events, &[&host, &cookie, "authorization: Bearer x"], "", 401),
        ("token as basic", events, &[&host, &bearer.replace("Bearer", "Basic")], "", 401),
        ("unknown path without a token", "GET /api/v1/none", &[&host], "", 401),
        // DNS rebinding.
        ("another host", events, &["host: evil.example", &cookie], "", 421),
        ("another host with the port", events, &[&format!("host: evil.example:{port}"), &cookie], "", 421),
        ("the address without the port", events, &["host: 127.0.0.1", &cookie], "", 421),
        ("a longer host", events, &[&format!("{host}.evil.example"), &cookie], "", 421),
        ("two hosts", events, &[&host, "host: evil.example", &cookie], "", 421),
        ("no host", events, &[&cookie], "", 421),
        ("another authority in the target", "GET http://evil.example/api/v1/events", &[&host, &cookie], "", 421),
        ("the script by another host", "GET /page.js", &["host: evil.example"], "", 421),
        // Pages of other sites, in a browser that has the cookie.
        ("a fetch", events, &[&host, &cookie, "origin: https://evil.example"], "", 403),
        ("a fetch of a sandboxed frame", events, &[&host, &cookie, "origin: null"], "", 403),
        ("a fetch of another port", events, &[&host, &cookie, "origin: http://127.0.0.1:3000"], "", 403),
        ("the other name's page", events, &[&host, &cookie, &format!("origin: http://localhost:{port}")], "", 403),
        ("https of the same name", events, &[&host, &cookie, &format!("origin: https://127.0.0.1:{port}")], "", 403),
        ("an image", "GET /api/v1/export", &[&host, &cookie, "sec-fetch-site: cross-site", "sec-fetch-dest: image"], "", 403),
        ("an image of another port", "GET /api/v1/export", &[&host, &cookie, "sec-fetch-site: same-site"], "", 403),
        ("a frame", "GET /", &[&host, &cookie, "sec-fetch-site: cross-site", "sec-fetch-mode: navigate", "sec-fetch-dest: iframe"], "", 403),
        ("an EventSource", "GET /api/v1/stream", &[&host, &cookie, "origin: https://evil.example"], "", 403),
        ("a WebSocket", "GET /api/v1/stream", &[&host, &cookie, "origin: https://evil.example", "upgrade: websocket", "sec-websocket-key: x"], "", 403),
        ("a preflight", "OPTIONS /api/v1/events", &[&host, "origin: https://evil.example", "access-control-request-method: POST"], "", 403),
        ("a form", mark, &[&host, &cookie, "origin: https://evil.example", "content-type: text/plain"], marked, 403),
        ("a form without origin", mark, &[&host, &cookie, "content-type: text/plain"], marked, 403),
        // Changes need the page token.
        ("no page token", mark, &[&host, &cookie, json], marked, 403),
        ("the link's token as page token", mark, &[&host, &cookie, json, &format!("ringtail-page: {}", page.token())], marked, 403),
        ("page token without a cookie", mark, &[&host, json, &page_token], marked, 401),
        ("a change by GET", "GET /api/v1/events/1/bookmark", &[&host, &cookie], "", 405),
        ("a form's type with the page token", mark, &[&host, &cookie, &page_token, "content-type: text/plain"], marked, 415),
    ];
    let mut seen = String::new();
    for (name, line, headers, body, status) in table {
        let answer = page.send(line, headers, body).await;
        assert_eq!(answer.status, *status, "{name}: {}", answer.body);
        let line = line.replace(&page.host(), "HOST");
        seen += &format!("{name:<42} {line:<44} {status}\n");
        assert!(!answer.body.contains("secret text"), "{name}");
        assert!(
            !answer.head.contains("access-control-allow"),
            "{name}: {}",
            answer.head
        );
        assert!(!answer.head.contains("set-cookie"), "{name}");
        for wanted in [
            "default-src 'none'",
            "nosniff",
            "frame-ancestors 'none'",
            "no-store",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(answer.head.contains(wanted), "{name}: {wanted}");
        }
    }
    insta::assert_snapshot!("attempts-and-answers", seen);
    let row = page
        .kept
        .history
        .events_after(Default::default(), 1)
        .await
        .unwrap();
    assert!(row[0].bookmark.is_none());
    // And those that may are admitted.
    let own = format!("origin: http://{}", page.host());
    let allowed: &[(&str, &[&str], &str)] = &[
        (events, &[&host, &cookie, "sec-fetch-site: same-origin"], ""),
        (events, &[&format!("host: localhost:{port}"), &cookie], ""),
        (events, &[&host, &bearer], ""),
        (
            "GET /",
            &[
                &host,
                &cookie,
                "sec-fetch-site: cross-site",
                "sec-fetch-mode: navigate",
                "sec-fetch-dest: document",
            ],
            "",
        ),
        (mark, &[&host, &cookie, json, &page_token, &own], marked),
        (mark, &[&host, &bearer, json], marked),
    ];
    for (line, headers, body) in allowed {
        let answer = page.send(line, headers, body).await;
        assert_eq!(answer.status, 200, "{line} {headers:?}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_printed_url_gives_a_strict_cookie_and_no_redirect() {
    let page = Page::open(false).await;
    let url = page.server.url();
    let path = url
        .strip_prefix(&format!("http://{}", page.host()))
        .unwrap();
    let host = format!("host: {}", page.host());
    let opened = page.send(&format!("GET {path}"), &[&host], "").await;
    assert_eq!(opened.status, 200);
    let cookie = page
        .cookie()
        .to_lowercase()
        .replace("cookie: ", "set-cookie: ");
    assert!(
        opened
            .head
            .contains(&format!("{cookie}; path=/; httponly; samesite=strict")),
        "{}",
        opened.head
    );
    assert!(!opened.body.contains(page.token()));
}

/// What strangers write is in JSON that no browser takes for a page, and nowhere else.
#[tokio::test]
async fn script_in_every_field_stays_text() {
    const SCRIPT: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>";
    let page = Page::open(false).await;
    let body = json!({"uuid": SCRIPT, "event": "/restapi/v1.0/account/1/telephony/sessions", "body": {
        "telephonySessionId": SCRIPT, "sequence": 1, SCRIPT: SCRIPT,
        "parties": [{"id": SCRIPT, "direction": "Inbound", "to": {"name": SCRIPT}, "status": {"code": SCRIPT}}],
    }});
    let mut hostile = request(&body.to_string());
    hostile.path = "/'onerror='alert(3)'/%3Cscript%3E".into();
    hostile.headers.push(Header {
        name: "x-odd".into(),
        value: SCRIPT.into(),
    });
    page.kept
        .receives(vec![encoded(1, hostile.encode().unwrap())])
        .await;
    let comment = json!({"marked": true, "comment": SCRIPT});
    let marked = page.post("/events/1/bookmark", &comment).await;
    assert_eq!(marked.json()["comment"], SCRIPT);
    for path in [
        "/events",
        "/events/1",
        "/events/1/body",
        "/events/1/timeline",
        "/events/%3Cscript%3E",
        "/filter?text=%3Cscript%3E",
    ] {
        let answer = page.get(&format!("/api/v1{path}")).await;
        answer.json();
        assert!(answer.head.contains("x-content-type-options: nosniff"));
    }
    let export = page.get("/api/v1/export?as=raw").await;
    assert!(
        export.body.contains(SCRIPT) && export.head.contains("content-disposition: attachment")
    );
    assert!(
        export
            .head
            .contains("content-type: application/octet-stream")
    );
    let share = page.get("/api/v1/events/1/share").await;
    assert!(share.head.contains("content-disposition: attachment"));
    for tag in ["<script", "<img"] {
        assert!(!share.body.contains(tag), "{}", share.body);
    }
    assert!(
        share.body.contains("&lt;img src=x onerror"),
        "{}",
        share.body
    );
    for path in ["/events/1/timeline.svg", "/chart.svg"] {
        let drawn = page.get(&format!("/api/v1{path}")).await;
        assert!(drawn.head.contains("content-type: image/svg+xml"));
        assert!(!drawn.body.contains("<script") && !drawn.body.contains("<img"));
    }
    let host = format!("host: {}", page.host());
    let frame = page.send("GET /", &[&host, &page.cookie()], "").await;
    assert!(!frame.body.contains("alert("));
}

#[test]
fn no_script_of_the_page_makes_markup_of_text() {
    for (path, _, text) in page::ASSETS {
        for sink in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "srcdoc",
            "http://",
            "https://",
        ] {
            assert!(!text.contains(sink), "{path} has {sink}");
        }
    }
}

/// Reads one code point of a character class.
fn code_point(text: &str) -> (u32, &str) {
    let hex = |digits: &str| u32::from_str_radix(digits, 16).unwrap();
    let rest = text.strip_prefix('\\').unwrap_or_else(|| panic!("{text}"));
    match (rest.as_bytes()[0], rest.strip_prefix("u{")) {
        (_, Some(rest)) => {
            let (digits, rest) = rest.split_once('}').unwrap();
            (hex(digits), rest)
        }
        (b'u', None) => (hex(&rest[1..5]), &rest[5..]),
        (b'x', None) => (hex(&rest[1..3]), &rest[3..]),
        (b'0', None) => (0, &rest[1..]),
        _ => panic!("{text}"),
    }
}

#[test]
fn the_script_escapes_the_characters_that_every_front_end_escapes() {
    let (_, _, script) = page::ASSETS
        .into_iter()
        .find(|(path, _, _)| *path == "/dom.js")
        .unwrap();
    let class = script
        .split_once("|[")
        .unwrap()
        .1
        .split_once("]/gu")
        .unwrap()
        .0;
    let (mut unsafe_ones, mut rest) = (std::collections::BTreeSet::new(), class);
    while !rest.is_empty() {
        let (first, after) = code_point(rest);
        let (last, after) = match after.strip_prefix('-') {
            Some(after) => code_point(after),
            None => (first, after),
        };
        unsafe_ones.extend(first..=last);
        rest = after;
    }
    for c in '\0'..=char::MAX {
        assert_eq!(
            unsafe_ones.contains(&u32::from(c)),
            ringtail_text::is_unsafe(c),
            "{c:?}"
        );
    }
}
