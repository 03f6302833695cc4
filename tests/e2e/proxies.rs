//! The relay behind nginx and Caddy, with the examples of `deploy/`.

use anyhow::{Context, ensure};
use ringtail_kit::app::{App, Reply};
use ringtail_kit::caller::{Answer, FakeRingCentral, Hook};
use ringtail_kit::eventually;
use ringtail_tests::client::{Home, TestClient};
use ringtail_tests::hooks;
use ringtail_tests::proxies::{CALLER, Front, PROXY, Program, Proxy};
use ringtail_tests::relay::TestRelay;
use ringtail_tests::validation::check_behind_proxy;
use serde_json::Value;

/// A [`World`](super::World) whose relay stands behind a proxy.
struct Fronted {
    _proxy: Proxy,
    relay: TestRelay,
    app: App,
    client: TestClient,
    caller: FakeRingCentral,
    url: String,
}

impl Fronted {
    async fn new(program: Program, host: &str, options: &[&str]) -> anyhow::Result<Self> {
        let front = Front::new(host)?;
        let proxy = PROXY.to_string();
        let options = [&["--trusted-proxy", &proxy], options].concat();
        let relay = TestRelay::start_behind(&front.url(), &front.ca(), &options).await?;
        let proxy = front.start(program, &relay).await?;
        let token = relay.account("dev").await?;
        let app = App::replying(|seen| {
            Reply::status(207)
                .header("x-app", "one")
                .body(seen.body.clone())
        });
        // Only callers can resolve the relay's name.
        let near = format!("https://localhost:{}", front.address().port());
        let client = Home::new(&relay, &token)?
            .via(&near)
            .listen(&[&app.url("/base"), "--endpoint", "hooks"])
            .await?;
        Ok(Self {
            caller: FakeRingCentral::new(front.address(), &front.ca())?.from(CALLER),
            url: client.url()?,
            _proxy: proxy,
            relay,
            app,
            client,
        })
    }
}

#[tokio::test]
async fn everything_works_behind_nginx() -> anyhow::Result<()> {
    everything_works(Program::Nginx).await
}

#[tokio::test]
async fn everything_works_behind_caddy() -> anyhow::Result<()> {
    everything_works(Program::Caddy).await
}

#[tokio::test]
async fn everything_works_behind_caddy_over_http2() -> anyhow::Result<()> {
    everything_works(Program::CaddyHttp2).await
}

async fn everything_works(program: Program) -> anyhow::Result<()> {
    let world = Fronted::new(program, "localhost", &[]).await?;

    let validation = Hook::validation("a-token").below("/any/path?auth_token=EXAMPLE");
    small(&world.caller.post(&world.url, &validation).await?)?;
    let mut over_http2 = world.caller.connect_http2(&world.url).await?;
    small(&over_http2.post(&validation).await?)?;

    let notification =
        spoofed(Hook::notification(hooks::numbered(1, 1)).below("/sms%2Fin//x?a=%20"));
    let answer = world.caller.post(&world.url, &notification).await?;
    ensure!(answer.status == 200, "{answer:?}");
    eventually!(world.app.count() == 1, "the notification at the app")?;
    let seen = &world.app.seen()[0];
    assert_eq!(seen.path, "/base/sms%2Fin//x?a=%20");
    assert_eq!(seen.body, notification.body);

    let passthrough = spoofed(Hook::new("PUT", vec![b'x'; 300_000]).below("/page"));
    let over_http1 = world.caller.post(&world.url, &passthrough).await?;
    for answer in [over_http1, over_http2.post(&passthrough).await?] {
        assert_eq!(answer.status, 207, "{}", world.relay.log());
        assert_eq!(answer.header("x-app"), Some(b"one".as_slice()));
        assert!(
            answer.body == passthrough.body,
            "{} bytes",
            answer.body.len()
        );
    }

    // Two validations, a notification, two passthrough requests: each from the caller, whatever it claims to be.
    eventually!(world.client.count_of("event") == 5, "five events")?;
    for event in world.client.lines_of("event") {
        let peer = event["peer"].as_str().context("no peer")?;
        assert_eq!(peer, CALLER.to_string(), "{event}");
    }
    let stored = &world.client.lines_of("event")[2];
    // Caddy sets X-Forwarded-Host itself; other fields are kept as they came.
    assert_eq!(values(stored, "x-real-ip"), ["198.51.100.7"]);
    assert_eq!(values(stored, "x-under_score"), ["kept"]);
    Ok(())
}

#[tokio::test]
async fn sizes_are_those_of_the_relay() -> anyhow::Result<()> {
    for program in Program::ALL {
        let world = Fronted::new(program, "localhost", &[]).await?;
        let largest = vec![b'x'; 16 * 1024 * 1024];
        for (body, expected) in [
            (largest.clone(), 207),
            ([largest, vec![b'x']].concat(), 413),
        ] {
            let answer = world
                .caller
                .post(&world.url, &Hook::new("PUT", body))
                .await?;
            assert_eq!(answer.status, expected, "{program:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn endpoints_have_names_of_their_own_behind_a_proxy() -> anyhow::Result<()> {
    for program in Program::ALL {
        let world = Fronted::new(program, "hooks.test", &["--wildcard", "hooks.test"]).await?;
        assert!(world.url.contains(".hooks.test:"), "{}", world.url);
        for (below, path) in [
            ("", "/base"),
            ("/_ringtail/health", "/base/_ringtail/health"),
        ] {
            let hook = Hook::new("PUT", "x").below(below);
            let over_http1 = world.caller.post(&world.url, &hook).await?;
            let mut over_http2 = world.caller.connect_http2(&world.url).await?;
            for answer in [over_http1, over_http2.post(&hook).await?] {
                assert_eq!(answer.status, 207, "{program:?} {below}");
            }
            let last = world.app.seen().pop().context("nothing at the app")?;
            assert_eq!(last.path, path, "{program:?}");
        }
    }
    Ok(())
}

/// Adds what a caller might claim to be another.
fn spoofed(hook: Hook) -> Hook {
    hook.header("x-forwarded-for", "127.0.0.1, 198.51.100.7")
        .header("forwarded", "for=198.51.100.7;host=evil.test")
        .header("x-real-ip", "198.51.100.7")
        .header("x-forwarded-host", "evil.test")
        .header("x-under_score", "kept")
}

/// A validation is answered right, and the proxy adds next to nothing.
fn small(answer: &Answer) -> anyhow::Result<()> {
    check_behind_proxy(answer, "a-token")?;
    // Of 1,024: the token has the rest.
    ensure!(answer.wire_bytes < 200, "{} bytes", answer.wire_bytes);
    Ok(())
}

fn values<'a>(event: &'a Value, name: &str) -> Vec<&'a str> {
    let fields = event["headers"].as_array().into_iter().flatten();
    fields
        // Over HTTP/1.1 names keep their case, and Caddy capitalises them.
        .filter(|field| {
            field[0]
                .as_str()
                .is_some_and(|is| is.eq_ignore_ascii_case(name))
        })
        .filter_map(|field| field[1].as_str())
        .collect()
}
