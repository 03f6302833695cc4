//! `ringtail check` against servers that are broken in exactly one way, and against some that are not.

use anyhow::Context;
use ringtail_kit::tls::Identity;
use ringtail_kit::wait;
use ringtail_tests::bench::peers::{Nginx, installed};
use ringtail_tests::check_servers::{
    Asked, Case, Chain, Greeting, Pki, RawServer, Reply, Server, Table, answer, check, command,
    nothing_listens, validation,
};
use ringtail_tests::process::{self, Process};
use ringtail_tests::relay::TestRelay;
use tokio::process::Command;

#[tokio::test]
async fn each_broken_server_fails_its_own_row() -> anyhow::Result<()> {
    let pki = Pki::new()?;
    let mut table = Table::new(pki.ca());
    let good = pki.server(Chain::Good)?;

    for (name, chain, words) in [
        (
            "certificate expired",
            Chain::Expired,
            "expired on 2020-01-01",
        ),
        (
            "certificate not yet valid",
            Chain::NotYetValid,
            "not yet valid: begins on 2200-01-01",
        ),
        (
            "certificate for another name",
            Chain::WrongName,
            "wrong name",
        ),
        (
            "intermediate missing",
            Chain::MissingIntermediate,
            "incomplete",
        ),
        (
            "chain out of order",
            Chain::OutOfOrder,
            "in the wrong order",
        ),
        ("self-signed", Chain::SelfSigned, "self-signed"),
        ("root nobody knows", Chain::UnknownRoot, "unknown root"),
    ] {
        let config = pki.server(chain)?;
        let server = Server::start(Some(config), |asked| {
            validation(asked, "200 OK", &[], b"").into()
        });
        let case = Case::failing("certificate", "SUB-524", words);
        table.check(name, server.await?.port(), case).await?;
    }

    for (name, greeting, row, words) in [
        (
            "TLS 1.1 only",
            Greeting::Tls11,
            "tls-version",
            "speaks 1.1; refuses 1.3, 1.2, 1.0",
        ),
        (
            "no algorithm in common",
            Greeting::HandshakeFailure,
            "tls-algorithms",
            "handshake_failure",
        ),
        (
            "hangs up during TLS",
            Greeting::Close,
            "tls-version",
            "hangs up during the TLS handshake",
        ),
        (
            "another protocol",
            Greeting::Ssh,
            "tls-version",
            "neither TLS nor HTTP",
        ),
    ] {
        let server = RawServer::start(greeting).await?;
        let case = Case::failing(row, "SUB-521", words);
        table.check(name, server.port(), case).await?;
    }
    let plain = Server::start(None, |asked| validation(asked, "200 OK", &[], b"").into()).await?;
    let case = Case::failing("tls-version", "SUB-521", "plain HTTP where TLS is expected");
    table
        .check("plain HTTP on the TLS port", plain.port(), case)
        .await?;

    let demanding = Server::start(Some(pki.demanding()?), |_| Reply::Close).await?;
    let case = Case::failing("answer", "SUB-521", "CertificateRequired");
    table
        .check("wants the caller's certificate", demanding.port(), case)
        .await?;
    let (_held, port) = nothing_listens()?;
    let case = Case::failing("connection", "SUB-521", "refuses: nothing listens");
    table.check("nothing listens", port, case).await?;
    let case = Case::failing("name", "SUB-521", "has no address");
    table
        .check_url("name without address", "https://hooks.invalid/hook", case)
        .await?;

    for (name, script, case) in answers() {
        let server = Server::start(Some(good.clone()), script).await?;
        table.check(name, server.port(), case).await?;
    }
    table.print();
    table.assert();
    Ok(())
}

type Script = fn(&Asked) -> Reply;

/// Answers over good TLS, each wrong in one way.
fn answers() -> Vec<(&'static str, Script, Case)> {
    let cases: [(&'static str, Script, Case); 25] = [
        (
            "correct",
            |asked| validation(asked, "200 OK", &[], b"").into(),
            Case::passing(),
        ),
        (
            "201 for 200",
            |asked| validation(asked, "201 Created", &[], b"").into(),
            Case::failing("status", "SUB-522", "201 Created"),
        ),
        (
            "404",
            |_| {
                answer(
                    "404 Not Found",
                    &[("Content-Type", "text/html")],
                    b"<h1>Not Found</h1>",
                )
                .into()
            },
            Case::failing("status", "SUB-522", "404 Not Found"),
        ),
        (
            "400 for an empty JSON body",
            |_| {
                answer(
                    "400 Bad Request",
                    &[("Content-Type", "application/json")],
                    b"{\"error\":\"empty\"}",
                )
                .into()
            },
            Case::failing("status", "SUB-522", "400 Bad Request"),
        ),
        (
            "500",
            |_| answer("500 Internal Server Error", &[], b"").into(),
            Case::failing("status", "SUB-522", "500 Internal Server Error"),
        ),
        (
            "header missing",
            |_| answer("200 OK", &[("Content-Type", "application/json")], b"").into(),
            Case::failing("token", "SUB-520", "no header Validation-Token"),
        ),
        (
            "token in the body",
            |asked| {
                let headers = [("Content-Type", "application/json")];
                answer("200 OK", &headers, asked.token().as_bytes()).into()
            },
            Case::failing("token", "SUB-520", "it is in the body"),
        ),
        (
            "header altered",
            |asked| {
                let token = format!("{}x", asked.token());
                let headers = [
                    ("Validation-Token", token.as_str()),
                    ("Content-Type", "application/json"),
                ];
                answer("200 OK", &headers, b"").into()
            },
            Case::failing("token", "SUB-520", "comes back as"),
        ),
        (
            "header in lower case",
            |asked| {
                let token = asked.token().to_lowercase();
                let headers = [
                    ("Validation-Token", token.as_str()),
                    ("Content-Type", "application/json"),
                ];
                answer("200 OK", &headers, b"").into()
            },
            Case::failing("token", "SUB-520", "in another case"),
        ),
        ("1023 bytes", |asked| sized(asked, 1023), Case::passing()),
        (
            "1024 bytes",
            |asked| sized(asked, 1024),
            Case::warning(
                "size",
                Some("SUB-525"),
                "1024 bytes of headers and body: just as many as are allowed",
            ),
        ),
        (
            "1025 bytes",
            |asked| sized(asked, 1025),
            Case::failing("size", "SUB-525", "1025 bytes of headers and body"),
        ),
        (
            "endless body",
            |asked| validation(asked, "200 OK", &[], &vec![b' '; 1 << 20]).into(),
            Case::failing("size", "SUB-525", "a body of more than 65536 bytes"),
        ),
        (
            "redirect",
            |_| {
                answer(
                    "301 Moved Permanently",
                    &[("Location", "https://www.example.com/hook?key=secret")],
                    b"",
                )
                .into()
            },
            Case::failing(
                "redirect",
                "SUB-522",
                "301 Moved Permanently to https://www.example.com/hook?…",
            ),
        ),
        (
            "HTML interstitial",
            |_| {
                let page = "<!DOCTYPE html><title>You are about to visit</title>".repeat(40);
                answer("200 OK", &[("Content-Type", "text/html")], page.as_bytes()).into()
            },
            Case::failing("page", "SUB-520", "200 OK: an HTML page"),
        ),
        (
            "bot check",
            |_| {
                answer(
                    "403 Forbidden",
                    &[("cf-mitigated", "challenge"), ("Content-Type", "text/html")],
                    b"<html>",
                )
                .into()
            },
            Case::failing("page", "SUB-522", "Cloudflare's bot check"),
        ),
        (
            "gzip",
            |asked| validation(asked, "200 OK", &[("Content-Encoding", "gzip")], &GZIPPED).into(),
            Case::warning(
                "compression",
                Some("SUB-525"),
                "gzip, although the request takes none",
            ),
        ),
        (
            "another content type",
            |asked| {
                let headers = [
                    ("Validation-Token", asked.token()),
                    ("Content-Type", "text/plain"),
                ];
                answer("200 OK", &headers, b"").into()
            },
            Case::warning("content-type", Some("SUB-525"), "text/plain"),
        ),
        (
            "a talkative proxy",
            |asked| {
                let policy = "default-src 'self'; ".repeat(35);
                validation(
                    asked,
                    "200 OK",
                    &[("Content-Security-Policy", &policy)],
                    b"",
                )
                .into()
            },
            Case::warning("overhead", Some("SUB-525"), "content-security-policy ("),
        ),
        (
            "empty reply",
            |_| Reply::Close,
            Case::failing("answer", "SUB-521", "closed without a word"),
        ),
        (
            "reset",
            |_| Reply::Reset,
            Case::failing("answer", "SUB-521", "the connection is reset"),
        ),
        (
            "cut off",
            |_| Reply::Last(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()),
            Case::failing("answer", "SUB-521", "cut off after 27 bytes"),
        ),
        (
            "not HTTP",
            |_| b"+OK hello\r\n\r\n".to_vec().into(),
            Case::failing("answer", "SUB-521", "not HTTP/1.1: \"+OK hello"),
        ),
        (
            "HTTP/2 alone",
            |_| b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64".to_vec().into(),
            Case::failing(
                "answer",
                "SUB-521",
                "HTTP/2 to a caller that did not ask for it",
            ),
        ),
        (
            "notification refused",
            |asked| {
                if asked.body.is_empty() {
                    validation(asked, "200 OK", &[], b"").into()
                } else {
                    answer("500 Internal Server Error", &[], b"").into()
                }
            },
            Case::notified("notification-status", "500 Internal Server Error"),
        ),
    ];
    cases.into()
}

/// An answer of an exact size on the wire.
fn sized(asked: &Asked, bytes: usize) -> Reply {
    let padded = |body: usize| validation(asked, "200 OK", &[], &vec![b'x'; body]);
    let fitting = (0..bytes).map(padded).find(|answer| answer.len() == bytes);
    fitting.map_or(Reply::Close, Reply::from)
}

/// Nothing, compressed.
const GZIPPED: [u8; 20] = [
    31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

#[tokio::test]
async fn servers_that_are_right_pass() -> anyhow::Result<()> {
    let pki = Pki::new()?;
    let relay = TestRelay::start().await?;
    let token = relay.account("dev").await?;
    let endpoint = relay.endpoint(&token, "hooks").await?;
    let mut servers = vec![("our relay", endpoint.url, relay.ca().to_path_buf())];

    let identity = Identity::new()?;
    let nginx = Nginx::start(&identity, relay.address()).await?;
    match &nginx {
        Some(nginx) => servers.push((
            "nginx",
            format!("https://localhost:{}/", nginx.address.port()),
            identity.directory().join("cert.pem"),
        )),
        None => skipped("nginx"),
    }
    let node = node(&pki).await?;
    match &node {
        Some((_, port)) => servers.push((
            "a plain Node server",
            format!("https://localhost:{port}/"),
            pki.ca().into(),
        )),
        None => skipped("node"),
    }
    let mut table = Table::new("");
    for (name, url, ca) in &servers {
        let ca = ca.to_str().context("an odd path")?;
        let more = ["--notify", "--tries", "3"];
        let seen = check(url, ca, &more).await?;
        table.take(name, &Case::passing(), &seen);
        let tries = seen.object["tries"].as_array().map_or(0, Vec::len);
        assert_eq!(tries, 3, "{name}: {:#}", seen.object);
    }
    table.print();
    table.assert();
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a test that did less says so")]
fn skipped(program: &str) {
    println!("{program} is not installed and was skipped");
}

/// A server as a beginner writes it. `None` when Node is not installed.
async fn node(pki: &Pki) -> anyhow::Result<Option<(Process, u16)>> {
    let Some(program) = installed("node") else {
        return Ok(None);
    };
    let directory = pki.files()?;
    let script = r"
        const fs = require('fs');
        const [cert, key] = ['cert.pem', 'key.pem'].map(name => fs.readFileSync(name));
        require('https').createServer({cert, key}, (request, response) => {
            const token = request.headers['validation-token'];
            if (token) response.setHeader('Validation-Token', token);
            response.setHeader('Content-Type', 'application/json');
            request.resume().on('end', () => response.end());
        }).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
    ";
    let mut command = Command::new(program);
    command.args(["-e", script]).current_dir(directory);
    let process = Process::spawn("node", command)?;
    let port = process.line(wait::PATIENCE, |_| true).await?.parse()?;
    Ok(Some((process, port)))
}

/// Columns before the words of a row.
const INDENT: usize = 29;

/// What differs from run to run, made the same: ports, and times behind the titles.
fn settled(text: &str, port: u16) -> String {
    let text = text.replace(&format!(":{port}"), ":PORT");
    let mut settled = String::new();
    for line in text.lines() {
        let (title, seen) = line.split_at_checked(INDENT).unwrap_or((line, ""));
        settled.push_str(title);
        let times: Vec<&str> = seen.split(" ms").collect();
        for (place, part) in times.iter().enumerate() {
            if place + 1 == times.len() {
                settled.push_str(part);
            } else {
                settled.push_str(part.trim_end_matches(|c: char| c.is_ascii_digit()));
                settled.push_str("N ms");
            }
        }
        settled.push('\n');
    }
    // Warm answers take the same time, or nearly.
    let (before, after) = settled.split_once("warm ").unwrap_or((&settled, ""));
    match after.split_once(" ms") {
        Some((_, after)) => format!("{before}warm N ms{after}"),
        None => settled,
    }
}

#[tokio::test]
async fn rows_for_people_are_what_they_were() -> anyhow::Result<()> {
    let pki = Pki::new()?;
    let good = pki.server(Chain::Good)?;
    let right = Server::start(Some(good.clone()), |asked| {
        validation(asked, "200 OK", &[("Server", "test")], b"").into()
    });
    let created = Server::start(Some(good), |asked| {
        validation(asked, "201 Created", &[], b"").into()
    });
    let selfish = Server::start(Some(pki.server(Chain::SelfSigned)?), |_| {
        let nasty = [("Location", "/\u{202e}\u{9b}login?key=secret")];
        answer("302 Found", &nasty, b"").into()
    });
    let (right, created, selfish) = (right.await?, created.await?, selfish.await?);
    for (name, port, more) in [
        (
            "right",
            right.port(),
            &["--local", "--ca", pki.ca(), "--notify"][..],
        ),
        ("created", created.port(), &["--local", "--ca", pki.ca()]),
        ("self-signed", selfish.port(), &["--tries", "1"]),
    ] {
        let url = format!("https://localhost:{port}/hook?key=planted");
        let mut command = command(&[&url])?;
        command.args(more);
        let output = process::output(command).await?;
        let said = String::from_utf8(output.stdout)?;
        assert!(output.stderr.is_empty(), "stdout has said everything");
        assert!(
            !said.contains(|c: char| c.is_control() && c != '\n'),
            "{said:?}"
        );
        insta::assert_snapshot!(name, settled(&said, port));
    }
    Ok(())
}

#[tokio::test]
async fn the_wire_is_shown_without_the_query() -> anyhow::Result<()> {
    let pki = Pki::new()?;
    let server = Server::start(Some(pki.server(Chain::Good)?), |asked| {
        let headers = [
            "user-agent",
            "accept-encoding",
            "content-type",
            "content-length",
        ];
        let seen = headers.map(|name| asked.header(name).unwrap_or_default());
        let is_real = asked
            .head
            .starts_with("POST /hook?key=planted HTTP/1.1\r\n")
            && seen == ["RingCentral-Webhook/8.3", "UTF-8", "application/json", "0"];
        if is_real {
            answer(
                "302 Found",
                &[("Location", "https://a.example/?key=planted")],
                b"",
            )
            .into()
        } else {
            Reply::Close
        }
    });
    let server = server.await?;
    let url = format!("https://localhost:{}/hook?key=planted", server.port());
    let seen = check(&url, pki.ca(), &["--verbose"]).await?;
    let wire = &seen.object["wire"][0];
    assert_eq!(wire["sent"][0], "POST /hook?… HTTP/1.1");
    assert_eq!(wire["received"][0], "HTTP/1.1 302 Found");
    assert_eq!(wire["received"][1], "Location: https://a.example/?…");
    assert!(!seen.object.to_string().contains("planted"));
    Ok(())
}

#[tokio::test]
async fn what_is_no_address_is_a_wrong_command_line() -> anyhow::Result<()> {
    for url in [
        "hooks.example.com",
        "ftp://hooks.example.com",
        "https://",
        "https://a:b@c/",
    ] {
        let output = process::output(command(&[url])?).await?;
        let said = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(64), "{url}: {said}");
        assert!(said.starts_with("error[RT-"), "{said}");
        assert!(output.stdout.is_empty());
    }
    Ok(())
}
