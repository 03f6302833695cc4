//! The way out of a developer's machine, and what a terminal must be for the screen.

use ringtail_kit::app::App;
use ringtail_kit::caller::{FakeRingCentral, Hook};
use ringtail_kit::eventually;
use ringtail_kit::proxy::TestProxy;
use ringtail_tests::client::Home;
use ringtail_tests::hooks;
use ringtail_tests::relay::TestRelay;

use super::World;

/// Nothing outside of the proxy can find it.
const RELAY: &str = "https://relay.example:8443";

#[tokio::test]
async fn everything_but_the_app_is_called_through_the_proxy() -> anyhow::Result<()> {
    let relay = TestRelay::start_with(&["--public-url", RELAY]).await?;
    let token = relay.account("dev").await?;
    // `me:secret`
    let proxy = TestProxy::http(relay.address(), Some("bWU6c2VjcmV0")).await;
    let app = App::accepting();
    let home = Home::new(&relay, &token)?;
    let url = format!("http://me:secret@{}", proxy.address);
    let through = home.clone().variable("https_proxy", &url);

    let client = through
        .listen(&[&app.url("/base"), "--endpoint", "hooks"])
        .await?;
    let caller = FakeRingCentral::new(relay.address(), relay.ca())?;
    let address = client.url()?;
    let hook = Hook::notification(ringtail_properties::payloads::compact(&hooks::sms(
        "163823379859",
        0,
        "Ahoy",
    )));
    caller.post(&address, &hook).await?;
    eventually!(!app.seen().is_empty(), "the event at the app")?;
    let ca = relay.ca().to_string_lossy().into_owned();
    let check = ["check", &address, "--local", "--ca", &ca, "--tries", "1"];
    let report = String::from_utf8(through.stdout(check).await?)?;
    assert!(
        report.contains("looks it up") && !report.contains("secret"),
        "{report}"
    );
    through
        .stdout(["simulate", "sms.inbound", "--to", &address])
        .await?;
    let asked = proxy.asked();
    assert!(
        asked.len() >= 4 && asked.iter().all(|host| host == "relay.example:8443"),
        "{asked:?}"
    );

    let before = asked.len();
    for (proxy_url, no_proxy, code, words) in [
        (
            url.replace("secret", "wrong"),
            "",
            "RT-307",
            "wants a user name and password",
        ),
        (
            "http://127.0.0.1:1".to_owned(),
            "",
            "RT-307",
            "the proxy http://127.0.0.1:1 (https_proxy) cannot be reached",
        ),
        (
            "https://127.0.0.1:1".to_owned(),
            "",
            "RT-210",
            "speaks https",
        ),
        (
            url.clone(),
            "a.example, relay.example:8443",
            "RT-301",
            "does not resolve",
        ),
    ] {
        let home = home
            .clone()
            .variable("https_proxy", &proxy_url)
            .variable("NO_PROXY", no_proxy);
        let output = home.run(["login"]).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains(code) && said.contains(words),
            "{proxy_url}: {said}"
        );
        assert!(!said.contains("secret"), "{said}");
    }
    assert_eq!(
        proxy.asked().len(),
        before + 1,
        "the one with another password"
    );
    Ok(())
}

#[tokio::test]
async fn a_socks_proxy_looks_names_up_and_gets_the_login() -> anyhow::Result<()> {
    let relay = TestRelay::start_with(&["--public-url", RELAY]).await?;
    let token = relay.account("dev").await?;
    let proxy = TestProxy::socks(relay.address(), ("me", "secret")).await;
    let home = Home::new(&relay, &token)?;
    let through = |login: &str| {
        let url = format!("socks5h://{login}@{}", proxy.address);
        home.clone().variable("ALL_PROXY", &url)
    };
    let app = App::accepting();
    let client = through("me:secret")
        .listen(&[&app.url("/base"), "--endpoint", "hooks"])
        .await?;
    let caller = FakeRingCentral::new(relay.address(), relay.ca())?;
    caller.post(&client.url()?, &Hook::new("GET", "")).await?;
    eventually!(app.count() == 1, "the request at the app")?;
    let asked = proxy.asked();
    assert!(
        !asked.is_empty() && asked.iter().all(|host| host == "relay.example:8443"),
        "{asked:?}"
    );

    let output = through("me:wrong").run(["login"]).await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("RT-307") && !said.contains("wrong"), "{said}");
    Ok(())
}

#[tokio::test]
async fn the_screen_is_for_terminals_that_can_show_it() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let output = world.home.run(["listen", "--output", "tui"]).await?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(
        output.stdout.is_empty() && said.contains("needs a terminal") && said.contains("hint:"),
        "{said}"
    );

    for term in ["export TERM=dumb", "unset TERM"] {
        let out = world.home.path().join("typescript");
        let pipe = format!("cat > {}", out.display());
        let before = format!("trap : INT\n{term}\n");
        let terminal = world.terminal(&before, "\necho left").await?;
        terminal.tmux(&["pipe-pane", &pipe]).await?;
        world
            .notify(ringtail_properties::payloads::compact(&hooks::sms(
                "163823379859",
                0,
                term,
            )))
            .await?;
        terminal.shows(term).await?;
        terminal.press("C-c").await?;
        terminal.shows("left").await?;
        let written = std::fs::read(&out)?;
        assert!(
            !written.is_empty() && !written.contains(&0x1b),
            "{}",
            written.escape_ascii()
        );
    }
    Ok(())
}
