//! Several endpoints in one client.

use std::collections::BTreeSet;

use ringtail_kit::app::{App, Reply};
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;
use ringtail_tests::binaries;
use ringtail_tests::client::Home;
use ringtail_tests::relay::TestRelay;
use ringtail_tests::terminal::Terminal;
use serde_json::Value;

use crate::World;

fn hook(path: &str) -> Hook {
    let body = r#"{"uuid":"1","event":"/restapi/v1.0/x","subscriptionId":"s","body":{}}"#;
    Hook::new("POST", body)
        .header("content-type", "application/json")
        .below(path)
}

/// Most endpoints of an account.
const MAX_ENDPOINTS: usize = 256;

#[tokio::test]
async fn two_endpoints_have_an_app_each_and_one_history_and_neither_stops_the_other()
-> anyhow::Result<()> {
    let relay = TestRelay::start().await?;
    let token = relay.account("dev").await?;
    let home = Home::new(&relay, &token)?;
    let (shop, bot) = (App::accepting(), App::replying(|_| Reply::status(503)));
    // The third exceeds the account's limit: the relay refuses it for good, and the others continue.
    for number in 0..MAX_ENDPOINTS - 2 {
        relay.endpoint(&token, &format!("other-{number}")).await?;
    }
    for name in ["shop", "bot"] {
        relay.endpoint(&token, name).await?;
    }
    let mut client = home
        .listen(&[
            &shop.url("/shop"),
            "--endpoint=shop",
            &format!("--endpoint=bot={}", bot.url("/bot")),
            "--endpoint=third",
        ])
        .await?;
    let urls = || -> Option<(String, String)> {
        let ready = client.lines_of("ready");
        let url = |name: &str| {
            let of = |line: &&Value| {
                line["endpoint"]
                    .as_str()?
                    .rsplit_once('-')
                    .map(|it| it.0 == name)
            };
            let line = ready.iter().find(|line| of(line) == Some(true))?;
            Some(line["url"].as_str()?.to_owned())
        };
        Some((url("shop")?, url("bot")?))
    };
    eventually!(urls().is_some(), "both endpoints are ready")?;
    let (shop_url, bot_url) = urls().unwrap_or_default();
    let states = |name: &str| {
        let lines = client.lines_of("link").into_iter();
        let of = lines.filter(|line| line["name"] == name);
        of.map(|line| line["state"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    eventually!(
        states("third")
            .last()
            .is_some_and(|state| state == "refused"),
        "the refusal"
    )?;

    let caller = relay.caller()?;
    caller.post(&shop_url, &hook("/1")).await?;
    eventually!(client.count_of("event") == 1, "the first event")?;
    caller.post(&bot_url, &hook("/2")).await?;
    eventually!(client.count_of("attempt") == 2, "an attempt of each")?;
    let paths = |app: &App| {
        app.seen()
            .into_iter()
            .map(|seen| seen.path)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (paths(&shop), paths(&bot)),
        (vec!["/shop/1".into()], vec!["/bot/2".into()])
    );
    let events = client.lines_of("event");
    let endpoints: BTreeSet<&str> = events
        .iter()
        .filter_map(|event| event["endpoint"].as_str()?.rsplit_once('-').map(|it| it.0))
        .collect();
    assert_eq!(endpoints, ["bot", "shop"].into());

    // A refusal is a failure, reported when everything has ended.
    assert_eq!(client.stop().await?, Some(77));
    let listed = |filter: &'static str| {
        let home = &home;
        async move {
            let list = home
                .stdout(["events", "list", filter, "--output", "json"])
                .await?;
            anyhow::Ok(String::from_utf8(list)?.lines().count())
        }
    };
    assert_eq!(listed("").await?, 2);
    assert_eq!(listed("endpoint:bot").await?, 1);
    assert_eq!(listed("status:503").await?, 1);
    // Each event is replayed to its endpoint's app.
    let replayed = home.run(["replay", "--filter", ""]).await?;
    assert!(replayed.status.success(), "{replayed:?}");
    assert_eq!((shop.count(), bot.count()), (2, 2));

    // So does the terminal UI, although it listens on the other endpoint only.
    let script = format!(
        "{} listen {} --endpoint shop\nread line\n",
        binaries::find(binaries::CLIENT)?.display(),
        shop.url("/shop"),
    );
    let terminal = Terminal::run(&home, &script).await?;
    terminal.shows("[bot-").await?;
    terminal.press("G").await?;
    terminal.press("r").await?;
    eventually!(shop.count() + bot.count() == 5, "a replay")?;
    assert_eq!((shop.count(), bot.count()), (2, 3));

    let twice = home.run(["listen", "-e", "shop", "-e", "shop=1"]).await?;
    assert_eq!(twice.status.code(), Some(64));
    Ok(())
}

#[tokio::test]
async fn all_endpoints_of_a_revoked_token_are_refused_and_the_client_ends() -> anyhow::Result<()> {
    let relay = TestRelay::start().await?;
    let token = relay.account("dev").await?;
    let home = Home::new(&relay, &token)?;
    let names = ["shop", "bot"];
    let mut client = home.listen(&["-e", names[0], "-e", names[1]]).await?;
    eventually!(client.count_of("ready") == 2, "both endpoints are ready")?;
    let script = format!(
        "{} listen -e {} -e {}\necho \"left with $?\"\nread line\n",
        binaries::find(binaries::CLIENT)?.display(),
        names[0],
        names[1],
    );
    let terminal = Terminal::run(&home.sibling()?, &script).await?;
    terminal.shows("connected").await?;

    let revoked = relay.run(["accounts", "revoke", "dev"]).await?;
    assert!(revoked.status.success(), "{revoked:?}");
    assert_eq!(client.ended().await?, Some(77));
    for name in names {
        let mut lines = client.lines_of("link").into_iter();
        let last = lines.rfind(|line| line["name"] == name);
        let last = last.unwrap_or_default();
        assert_eq!(last["state"], "refused", "{last}");
        assert_eq!(last["code"], "RT-310", "{last}");
    }
    terminal.shows("left with 77").await?;
    let said = terminal.screen().await;
    assert!(said.contains("ringtail login"), "{said}");
    Ok(())
}

/// Caller and client are rustls, which accepts no certificate for `*.localhost`: each host has one of its own. The system need
/// not know the names.
#[tokio::test]
async fn a_local_relay_gives_each_endpoint_a_host() -> anyhow::Result<()> {
    let world = World::with(App::accepting(), &["--wildcard"]).await?;
    let port = world.relay.address().port();
    let end = format!(".localhost:{port}");
    assert!(world.url.ends_with(&end), "{}", world.url);

    let page = world.caller.post(&world.url, &hook("/login?a=1")).await?;
    assert_eq!(page.status, 200);
    eventually!(world.app.count() == 1, "the request")?;
    let seen = world.app.seen();
    assert_eq!(seen[0].path, "/base/login?a=1");
    assert!(seen[0].header("x-forwarded-prefix").is_empty());
    let host = world.url.trim_start_matches("https://");
    assert_eq!(seen[0].header("x-forwarded-host"), [host.as_bytes()]);

    world
        .home
        .stdout(["simulate", "sms.inbound", "--to", &world.url])
        .await?;
    let strange = world.url.replacen("hooks", "other", 1);
    let answer = world.caller.post(&strange, &hook("/")).await?;
    assert_eq!(answer.status, 404);
    Ok(())
}
