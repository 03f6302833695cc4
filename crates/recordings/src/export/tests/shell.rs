//! A shell runs the commands.

use std::process::{Output, Stdio};

use http::Response;
use http_body_util::{BodyExt, Full};
use ringtail_kit::app::{App, AppBody};
use ringtail_model::target::TargetUrl;
use tokio::process::Command;

use super::super::carried::carried;
use super::*;

fn odd_events() -> Vec<EventDetail> {
    let json = ("content-type", &b"application/json"[..]);
    let long = vec![b'x'; 200_000];
    let all: Vec<u8> = (0..=255).collect();
    let fields: [(&str, &[u8]); 8] = [
        json,
        ("x-quote", b"it's \"quoted\" $HOME `id` \\ %s !"),
        ("x-empty", b""),
        ("x-twice", b"a"),
        ("x-twice", b"b; c=d"),
        ("x-at", b"@/etc/passwd"),
        ("x-equals", b"=1"),
        ("x-utf8", "caf\u{e9} \u{1f44b}".as_bytes()),
    ];
    vec![
        event(
            "POST",
            "/hook?a=1&b=[x]{y}&c=%27",
            &fields,
            b"{\"it's\":\n\t\"$(id) `id` \\n\"}",
        ),
        event("POST", "", &[json], b"@file"),
        event("POST", "/q", &[], b""),
        event(
            "PUT",
            "/../a//b/.",
            &[json, ("user-agent", b"RC"), ("accept", b"*/*")],
            &all,
        ),
        event("POST", "?x=y", &[json], "\u{202e}reversed \u{7}".as_bytes()),
        event("POST", "/long", &[json], &long),
        event("GET", "/get", &[("accept", b"text/html")], b""),
        event(
            "DELETE",
            "/d",
            &[
                ("x-hop", b"1"),
                ("connection", b"x-hop, close"),
                ("te", b"trailers"),
            ],
            b"",
        ),
    ]
}

fn ok() -> Response<AppBody> {
    Response::new(
        Full::default()
            .map_err(|never| match never {})
            .boxed_unsync(),
    )
}

async fn run(script: &str) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, script).unwrap();
    let mut shell = Command::new("sh");
    shell.arg(file.path()).stdin(Stdio::null());
    shell.output().await.unwrap()
}

fn decoded(path: &str) -> String {
    form_urlencoded::parse(path.as_bytes())
        .map(|(name, value)| format!("{name}={value} "))
        .collect()
}

/// Runs a command of each event and holds what an app then sees against the event.
async fn run_all(
    command: impl Fn(&EventDetail, &TargetUrl) -> Result<String, http::Error>,
    odd: &[&str],
) {
    for event in odd_events() {
        let app = App::start(|_| async { ok() });
        let target = TargetUrl::parse(&format!("http://{}", app.address)).unwrap();
        let script = command(&event, &target).unwrap();
        let shown = |character: char| {
            matches!(character, '\n' | '\t' | ' '..='~') || character.is_alphanumeric()
        };
        assert!(script.chars().all(shown), "{script}");
        let ran = run(&script).await;
        assert!(
            ran.status.success(),
            "{script}\n{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let seen = app.seen();
        assert_eq!(seen.len(), 1, "{script}");
        let seen = &seen[0];
        assert_eq!(seen.method.as_str(), event.event.method);
        let asked = target.join(&event.event.path).unwrap();
        let asked = asked.path_and_query().unwrap().as_str();
        match odd {
            [] => assert_eq!(seen.path, asked),
            // HTTPie escapes more than it must.
            _ => assert_eq!(decoded(&seen.path), decoded(asked)),
        }
        assert_eq!(seen.body, event.body, "{script}");
        let mut wanted: Vec<_> = carried(&event)
            .filter(|header| !odd.contains(&header.name.as_str()))
            .map(|header| (header.name.clone(), header.value.to_vec()))
            .collect();
        let mut got: Vec<_> = seen
            .headers
            .iter()
            .filter(|(name, _)| {
                !["host", "content-length"].contains(&name.as_str())
                    && !odd.contains(&name.as_str())
            })
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect();
        wanted.sort();
        got.sort();
        assert_eq!(got, wanted, "{script}");
    }
}

#[tokio::test]
async fn curl_sends_what_was_received() {
    run_all(curl, &[]).await;
}

#[tokio::test]
async fn httpie_sends_what_was_received() {
    // It insists on these.
    run_all(httpie, &["accept-encoding", "connection", "user-agent"]).await;
}

#[tokio::test]
async fn nothing_of_a_request_is_an_option() {
    let dir = tempfile::tempdir().unwrap();
    let harmless = [
        ("x-kept", &b"1"[..]),
        ("-o", b"pwned"),
        ("--download", b""),
        ("-", b"-"),
    ];
    let mut hostile = event("POST", "/-o?--output=x", &harmless, b"--raw");
    for (command, kept) in [
        (
            curl as fn(&EventDetail, &TargetUrl) -> Result<String, http::Error>,
            4,
        ),
        (httpie, 1),
    ] {
        let app = App::start(|_| async { ok() });
        let target = TargetUrl::parse(&format!("http://{}", app.address)).unwrap();
        let script = dir.path().join("script");
        std::fs::write(&script, command(&hostile, &target).unwrap()).unwrap();
        let mut shell = Command::new("sh");
        shell.arg(&script).stdin(Stdio::null()).current_dir(&dir);
        let ran = shell.output().await.unwrap();
        assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let seen = app.seen();
        assert_eq!(seen[0].body, "--raw");
        let odd = seen[0]
            .headers
            .keys()
            .filter(|name| name.as_str().starts_with('-'));
        assert_eq!(
            odd.count() + seen[0].headers.get_all("x-kept").iter().count(),
            kept
        );
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
    }
    let target = TargetUrl::parse("3000").unwrap();
    let script = httpie(&hostile, &target).unwrap();
    assert!(script.starts_with(
        "# left out, because HTTPie supports no names that begin with a hyphen: -o\n"
    ));
    hostile.event.method = "-X".to_owned();
    let script = httpie(&hostile, &target).unwrap();
    assert_eq!(
        script,
        "# left out, because HTTPie supports only methods of letters: -X\n"
    );
}

#[tokio::test]
async fn curl_sends_header_bytes_that_are_no_text() {
    let app = App::start(|_| async { ok() });
    let target = TargetUrl::parse(&format!("http://{}", app.address)).unwrap();
    let script = curl(
        &event("POST", "/", &[("x-latin", b"caf\xe9 %41")], b"x"),
        &target,
    )
    .unwrap();
    let ran = run(&script).await;
    assert!(ran.status.success());
    assert_eq!(app.seen()[0].headers["x-latin"].as_bytes(), b"caf\xe9 %41");
}
