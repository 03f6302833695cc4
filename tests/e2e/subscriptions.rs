//! Subscriptions at the double of RingCentral's API: each trouble has its diagnosis, and `listen --subscribe` keeps one.

use std::time::Duration;

use ringtail_kit::app::{App, Reply};
use ringtail_kit::cloud::{Cloud, Fault};
use ringtail_kit::eventually;
use ringtail_kit::mcp::{Era, McpClient};
use ringtail_kit::wait::PATIENCE;
use ringtail_tests::check_servers::{Chain, Pki, scripted_server, validation};
use ringtail_tests::client::Home;
use ringtail_tests::process::{self, Process};
use ringtail_tests::proxies::{Front, Program};
use ringtail_tests::relay::TestRelay;
use serde_json::{Value, json};

const LIST: &str = "GET /restapi/v1.0/subscription";
const CREATE: &str = "POST /restapi/v1.0/subscription";

/// A relay, RingCentral, and a developer's machine that is logged in to both.
struct Site {
    relay: TestRelay,
    home: Home,
    cloud: Cloud,
}

impl Site {
    async fn new() -> anyhow::Result<Self> {
        Self::at(TestRelay::start().await?).await
    }

    async fn at(relay: TestRelay) -> anyhow::Result<Self> {
        let token = relay.account("dev").await?;
        let cloud = Cloud::start(&std::fs::read(relay.ca())?)?;
        let site = Self {
            home: Home::new(&relay, &token)?,
            relay,
            cloud,
        };
        let (said, status) = site.run(&["login"], &site.cloud.login()).await?;
        assert_eq!(status, Some(0), "{said}");
        Ok(site)
    }

    /// Runs `ringtail subscriptions` with variables; returns what it printed on both outputs, and how it ended.
    async fn run(
        &self,
        arguments: &[&str],
        variables: &[(&str, String)],
    ) -> anyhow::Result<(String, Option<i32>)> {
        let mut command = self
            .home
            .command([&["subscriptions"], arguments].concat())?;
        for (name, value) in variables {
            command.env(name, value);
        }
        let output = process::output(command).await?;
        let said = [output.stdout, output.stderr].concat();
        // Rows are wrapped.
        let said = String::from_utf8(said)?;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok((said, output.status.code()))
    }

    /// Runs it and wants an exit code and words.
    async fn says(&self, arguments: &[&str], code: i32, words: &[&str]) -> anyhow::Result<()> {
        self.says_with(arguments, &[], code, words).await
    }

    async fn says_with(
        &self,
        arguments: &[&str],
        variables: &[(&str, String)],
        code: i32,
        words: &[&str],
    ) -> anyhow::Result<()> {
        let (said, ended) = self.run(arguments, variables).await?;
        assert_eq!(ended, Some(code), "{arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{arguments:?}: no {word:?} in: {said}");
        }
        Ok(())
    }
}

fn replying(change: fn(Reply) -> Reply, status: u16) -> App {
    App::replying(move |seen| {
        let token = seen.header("validation-token").concat();
        change(Reply::status(status).header("content-type", "application/json"))
            .header("validation-token", token)
    })
}

#[tokio::test]
async fn a_refused_address_has_its_diagnosis_on_one_screen() -> anyhow::Result<()> {
    let site = Site::new().await?;
    let pki = Pki::new()?;
    let wrong_certificate = scripted_server(Some(pki.server(Chain::SelfSigned)?), |request| {
        validation(request, "200 OK", &[], b"").into()
    });
    let https = format!("https://localhost:{}/", wrong_certificate.address.port());
    for (name, app, code, words) in [
        (
            "no token",
            App::accepting(),
            "SUB-520",
            ["FAIL Token echoed", "Validation Token is not returned"],
        ),
        (
            "wrong token",
            App::replying(|_| Reply::status(200).header("validation-token", "other")),
            "SUB-520",
            ["FAIL Token echoed", "fix:"],
        ),
        (
            "201",
            replying(|reply| reply, 201),
            "SUB-522",
            ["HTTP status is 201", "FAIL Status 200 201 Created"],
        ),
        (
            "1025 bytes",
            replying(|reply| reply.body("x".repeat(1025)), 200),
            "SUB-525",
            ["FAIL Within 1024 bytes", "1025"],
        ),
        (
            "3.1 s",
            replying(|reply| reply.after(Duration::from_millis(3100)), 200),
            "SUB-521",
            ["FAIL Within 3000 ms", "fix:"],
        ),
        (
            "nothing",
            App::down(|_| Reply::status(200)),
            "SUB-521",
            ["FAIL Connection", "nothing listens"],
        ),
    ] {
        let address = app.url("/hook");
        let ensure = ["ensure", "sms", "--address", &address];
        let refused = [&ensure[..], &["--no-check"]].concat();
        let both = [words[0], words[1], code, &format!("address {address}")];
        let (said, ended) = site.run(&refused, &[]).await?;
        assert_eq!(ended, Some(2), "{name}: {said}");
        assert!(both.iter().all(|it| said.contains(it)), "{name}: {said}");
        // The check before a create finds the same, and asks nothing of RingCentral.
        site.cloud.forget();
        let row = words.iter().find(|it| it.starts_with("FAIL"));
        site.says(&ensure, 2, &["RT-714", row.unwrap()]).await?;
        assert!(!site.cloud.calls().contains(&CREATE.to_owned()), "{name}");
    }
    let words = ["SUB-524", "FAIL Certificate", "self-signed"];
    site.says(
        &["ensure", "sms", "--address", &https, "--no-check"],
        2,
        &words,
    )
    .await?;
    assert!(site.cloud.subscriptions().is_empty());

    Ok(())
}

/// SUB-520 to SUB-525 at an endpoint: what the relay saw is on the same screen, although no client is connected.
#[tokio::test]
async fn a_refused_endpoint_is_joined_with_what_the_relay_saw() -> anyhow::Result<()> {
    let front = Front::new("localhost")?;
    let relay = TestRelay::start_behind(&front.url(), &front.ca(), &[]).await?;
    let site = Site::at(relay).await?;
    let ensure = ["ensure", "sms", "--no-check"];
    let answered = "relay the validation request arrived after";
    let right = "was answered 200 with the token in";
    let (missing, unreachable) = match site.relay.database() {
        Some(_) => (
            "relay saw no validation request; the other relays may have seen one",
            "something between RingCentral and it is not",
        ),
        None => (
            "relay no validation request arrived",
            "never reached the relay",
        ),
    };
    let changed = "what stands in front of it changed the answer";
    for (directives, code, words) in [
        (
            "proxy_hide_header Validation-Token;".to_owned(),
            "SUB-520",
            [answered, right, "FAIL Token echoed", changed],
        ),
        (
            format!("add_header X-Pad {};", "x".repeat(1024)),
            "SUB-525",
            [answered, right, "FAIL Within 1024 bytes", changed],
        ),
        (
            "if ($http_validation_token) { return 201; }".to_owned(),
            "SUB-522",
            [
                missing,
                "HTTP status is 201",
                "FAIL Status 200",
                "mend the rows above",
            ],
        ),
    ] {
        let proxy = front.start_spoilt(&directives, &site.relay).await?;
        let words = [&[code][..], &words].concat();
        site.says(&ensure, 2, &words).await?;
        // Before a create, the check finds the same.
        site.says(&ensure[..2], 2, &["RT-714", words[3]]).await?;
        proxy.stop().await?;
    }
    assert!(site.cloud.subscriptions().is_empty());

    let proxy = front.start(Program::Nginx, &site.relay).await?;
    let good = "finds nothing that RingCentral would refuse";
    site.cloud.fail(CREATE, 1, Fault::LateValidation);
    let words = [
        "SUB-521",
        answered,
        right,
        good,
        "lost or late on its way back",
    ];
    site.says(&ensure, 2, &words).await?;
    // The check sends a validation request, too, and a moment before.
    let fault = Fault::Error(400, "SUB-521", "WebHook is not reachable");
    site.cloud.fail(CREATE, 2, fault);
    let words = ["SUB-521", missing, good, unreachable];
    site.says(&ensure[..2], 2, &words).await?;
    let client = site.home.listen(&["--subscribe", "sms"]).await?;
    eventually!(
        client.lines_of("subscription").iter().any(|line| {
            let reason = line["reason"].as_str().unwrap_or_default();
            line["code"] == "SUB-521" && reason.contains(unreachable)
        }),
        "the state says that nothing arrived: {:?}",
        client.lines_of("subscription")
    )?;
    site.cloud.trust(&std::fs::read(Pki::new()?.ca())?)?;
    let words = ["SUB-524", missing, good, "does not accept the certificate"];
    site.says(&ensure, 2, &words).await?;
    drop(proxy);
    Ok(())
}

#[tokio::test]
async fn other_troubles_say_what_to_change() -> anyhow::Result<()> {
    let site = Site::new().await?;
    let (cloud, ensure) = (&site.cloud, ["ensure", "sms"]);
    cloud.rules(|rules| rules.limits_rates = false);
    let words = [
        "RT-710",
        "\"smss\" is no event filter",
        "subscriptions filters",
    ];
    site.says(&["ensure", "smss"], 64, &words).await?;
    let words = ["SUB-508", "Invalid event filters: [/sms]"];
    site.says(&["ensure", "/sms"], 2, &words).await?;
    cloud.rules(|rules| rules.scopes.retain(|it| *it != "ReadMessages"));
    let words = ["CMN-401", "add the scope ReadMessages to the app"];
    site.says(&ensure, 2, &words).await?;
    cloud.rules(|rules| {
        rules.scopes.push("ReadMessages");
        rules.lacking.push("ReadMessages");
    });
    let words = ["CMN-408", "give the user the permission ReadMessages"];
    site.says(&ensure, 2, &words).await?;
    cloud.rules(|rules| {
        rules.lacking.clear();
        rules.max_subscriptions = 0;
    });
    let words = ["SUB-505", "subscriptions delete --stale --yes"];
    site.says(&ensure, 2, &words).await?;
    cloud.rules(|rules| rules.max_subscriptions = 30);
    cloud.fail(CREATE, 1, Fault::TooMany(Some(300)));
    let words = ["RT-703", "try again in 300 s"];
    site.says(&ensure, 75, &words).await?;
    site.says(&["list"], 75, &["RT-703"]).await?;

    // Another login has no penalty.
    let other = |name: &'static str, value: &str| {
        // The last one of a name counts.
        [&site.cloud.login()[..], &[(name, value.to_owned())]].concat()
    };
    let expired = other("RINGCENTRAL_JWT", "e.eyJleHAiOjE3OTAwMDAwMDB9.s");
    let words = ["invalid_grant", "the JWT expired on 2026-09-21"];
    site.says_with(&["list"], &expired, 77, &words).await?;
    let token = other("RINGCENTRAL_ACCESS_TOKEN", "revoked");
    site.says_with(&["list"], &token, 77, &["OAU-213", "Token not found"])
        .await?;
    cloud.rules(|rules| rules.jwt_flow = false);
    let words = ["OAU-251", "enable \"JWT auth flow\""];
    site.says_with(&["list"], &expired, 77, &words).await?;
    let server = other("RINGCENTRAL_SERVER_URL", "http://platform.ringcentral.com");
    site.says_with(&["list"], &server, 64, &["RT-706", "use https://"])
        .await?;

    let bot = other("RINGCENTRAL_ACCESS_TOKEN", &cloud.bot_token());
    cloud.rules(|rules| rules.disabled = vec![("message-store", "no permission")]);
    cloud.fail(CREATE, 9, Fault::Error(400, "CMN-777", "something new"));
    let words = ["RT-700", "something new (CMN-777)"];
    site.says_with(&ensure, &bot, 2, &words).await?;
    Ok(())
}

#[tokio::test]
async fn subscriptions_of_others_are_seen_and_left_alone() -> anyhow::Result<()> {
    let site = Site::new().await?;
    let cloud = &site.cloud;
    cloud.rules(|rules| rules.disabled = vec![("voicemail", "no permission")]);
    let sms = "/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS";
    let gone = cloud.has("http://127.0.0.1:1/tunnel", &[sms]);
    let words = [
        "created",
        "disabled:",
        "RT-715",
        "sends nothing for voicemail (no permission)",
    ];
    site.says(&["ensure", "sms", "voicemail"], 2, &words)
        .await?;
    let kept = ["kept", "sms voicemail", "RT-715"];
    site.says(&["ensure", "voicemail", "sms"], 2, &kept).await?;
    cloud.rules(|rules| rules.disabled.clear());
    let kept = ["kept", "sms voicemail"];
    site.says(&["ensure", "voicemail", "sms"], 0, &kept).await?;
    // The address of another tunnel is not starred, and answers nothing.
    let short = &gone[..8];
    let (said, _) = site.run(&["list"], &[]).await?;
    assert!(said.starts_with(short) && said.contains("★"), "{said}");
    site.says(&["delete", "--stale"], 64, &["RT-712", short])
        .await?;
    assert_eq!(cloud.subscriptions().len(), 2);
    site.says(&["delete", "--stale", "--yes"], 0, &[short])
        .await?;
    let ours = cloud.subscriptions().remove(0);

    let twin = cloud.has(&ours.address, &[sms]);
    let words = ["RT-713", "also delivers there", &twin[..8]];
    site.says(&["ensure", "sms", "voicemail"], 1, &words)
        .await?;
    site.says(&["ensure", "sms", "voicemail", "--yes"], 0, &["kept"])
        .await?;
    cloud.blacklist(
        &ours.id,
        "I/O operation is failed. Details: [Read timed out]",
    );
    let words = ["Blacklisted", "Read timed out", "ringtail explain"];
    site.says(&["show", &ours.id[..8]], 0, &words).await?;
    let words = ["recreated", "deleted", "Read timed out"];
    site.says(&["recreate", "--blacklisted"], 0, &words).await?;
    let now = cloud.subscriptions();
    assert_eq!((now.len(), &now[0].token), (1, &ours.token));
    cloud.forget();
    site.says(&["list", "-o", "json"], 0, &[&now[0].id]).await?;
    assert_eq!(cloud.calls(), [LIST]);
    let other = cloud.has("", &[sms]);
    cloud.deliver_by(&other, "PubNub");
    let words = ["does not deliver to a webhook, but by \"PubNub\""];
    site.says(&["recreate", &other[..8]], 64, &words).await?;
    site.says(&["logout"], 0, &["logged out"]).await?;
    site.says(&["list"], 77, &["RT-704"]).await?;
    Ok(())
}

#[tokio::test]
async fn listen_keeps_a_subscription_and_marks_a_stranger() -> anyhow::Result<()> {
    let site = Site::new().await?;
    let app = App::accepting();
    let target = app.url("/base");
    let options = [target.as_str(), "--endpoint", "hooks", "--subscribe", "sms"];
    let mut client = site.home.listen(&options).await?;
    eventually!(site.cloud.subscriptions().len() == 1, "the subscription")?;
    let ours = site.cloud.subscriptions().remove(0);
    assert_eq!(ours.address, client.url()?);
    let event = |id: &str| json!({"uuid": id, "event": "/restapi/v1.0/x", "subscriptionId": id, "body": {}});
    assert_eq!(site.cloud.notify(&ours.id, &event(&ours.id)).await?, 200);
    eventually!(app.count() == 1, "the event at the app")?;
    eventually!(client.count_of("event") == 2, "its line")?;
    let events = client.lines_of("event");
    let proofs: Vec<&Value> = events.iter().map(|event| &event["signatures"]).collect();
    let valid = json!([{"scheme": "verification-token", "outcome": "valid"}]);
    assert_eq!(proofs, [&valid, &valid], "{events:?}");

    let other = site
        .cloud
        .has(&ours.address, &["/restapi/v1.0/account/~/presence"]);
    site.cloud.notify(&other, &event(&other)).await?;
    let strange = |line: &Value| line["stranger"] == other.as_str();
    eventually!(
        client.lines_of("subscription").iter().any(strange),
        "the stranger"
    )?;
    eventually!(client.count_of("event") == 3, "its event")?;
    let events = client.lines_of("event");
    let marks = events
        .iter()
        .map(|it| (it["subscription_id"].as_str(), it["stranger"].as_bool()));
    let marks: Vec<_> = marks.filter(|(id, _)| id.is_some()).collect();
    assert_eq!(
        marks,
        [(Some(&*ours.id), Some(false)), (Some(&*other), Some(true))]
    );
    let mark = format!("(of another subscription, {})", &other[..8]);
    let seq = events.last().map(|it| it["seq"].to_string());
    let show = ["events", "show", seq.as_deref().unwrap_or_default()];
    for command in [&["events", "list"][..], &show] {
        let said = site.home.stdout(command).await?;
        let said = String::from_utf8_lossy(&said);
        assert_eq!(said.matches(&mark).count(), 1, "{command:?}: {said}");
    }
    client.stop().await?;
    assert_eq!(site.cloud.subscriptions().len(), 2, "it stays");

    // Blacklisted while the laptop was away.
    site.cloud.blacklist(&ours.id, "Read timed out");
    let options = [&options[..], &["--delete-on-exit"]].concat();
    let mut client = site.home.listen(&options).await?;
    let replaced = |line: &Value| line["replaced_because"] == "Read timed out";
    eventually!(
        client.lines_of("subscription").iter().any(replaced),
        "the new one"
    )?;
    client.stop().await?;
    let left: Vec<String> = site
        .cloud
        .subscriptions()
        .into_iter()
        .map(|it| it.id)
        .collect();
    assert_eq!(left, [other]);
    drop(site.relay);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assistant_reads_the_subscriptions_and_no_token() -> anyhow::Result<()> {
    let site = Site::new().await?;
    site.says(&["ensure", "sms"], 0, &["created"]).await?;
    let command = site.home.command(["mcp"])?;
    let mut client = McpClient::start(command.into_std(), Era::Inline);
    let result = client.call("read_subscriptions", json!({}));
    let listed = &result["structuredContent"]["subscriptions"];
    assert_eq!(listed[0]["status"], "Active", "{result}");
    let told = result.to_string();
    let verification = site.cloud.subscriptions().into_iter();
    let login = site.cloud.login().into_iter().skip(2).map(|(_, it)| it);
    let relay = site.home.environment().into_iter();
    let relay = relay.filter_map(|(name, value)| (name == "RINGTAIL_TOKEN").then_some(value));
    let tokens: Vec<String> = (site.cloud.tokens().into_iter())
        .chain(verification.filter_map(|it| it.token))
        .chain(login)
        .chain(relay)
        .collect();
    assert_eq!(tokens.len(), 5);
    for token in tokens {
        assert!(!told.contains(&token), "{token}: {told}");
    }
    let listed_by_command = site.run(&["list", "--output", "json"], &[]).await?.0;
    let by_command: Value = serde_json::from_str(&listed_by_command)?;
    assert_eq!(listed[0], by_command);
    Ok(())
}

#[tokio::test]
async fn watch_prints_what_changes_and_goes_on_after_a_failure() -> anyhow::Result<()> {
    let site = Site::new().await?;
    let cloud = &site.cloud;
    let first = cloud.has(
        "https://one.example/",
        &["/restapi/v1.0/account/~/presence"],
    );
    let arguments = ["subscriptions", "watch", "--every", "2s", "-o", "json"];
    let mut watch = Process::spawn("watch", site.home.command(arguments)?)?;
    // The end of the line that tells of an id.
    let told = async |action: &str, id: &str| {
        let is_it =
            |line: &str| line.contains(&format!("\"action\":\"{action}\"")) && line.contains(id);
        let line = watch.line(PATIENCE, is_it).await?;
        anyhow::Ok(serde_json::from_str::<Value>(&line)?)
    };
    told("found", &first).await?;
    cloud.fail(LIST, 1, Fault::NotJson(502));
    eventually!(watch.log().contains("502"), "the failure is told")?;
    let second = cloud.has(
        "https://two.example/",
        &["/restapi/v1.0/account/~/presence"],
    );
    told("found", &second).await?;
    cloud.blacklist(&first, "Read timed out");
    let line = told("changed", &first).await?;
    assert_eq!(line["blacklisted"]["reason"], "Read timed out");
    site.says(&["delete", &second, "--yes"], 0, &[&second[..8]])
        .await?;
    told("gone", &second).await?;
    // What did not change is told once.
    let lines = watch.lines().since(0);
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(watch.terminate().await?.success());
    Ok(())
}

#[tokio::test]
async fn a_reminder_of_ringcentral_renews() -> anyhow::Result<()> {
    let site = Site::new().await?;
    let mut client = site.home.listen(&["--subscribe", "sms"]).await?;
    eventually!(site.cloud.subscriptions().len() == 1, "the subscription")?;
    client.stop().await?;
    let id = site.cloud.subscriptions().remove(0).id;
    // More than a quarter is left, so that nothing but the reminder asks for a renewal.
    site.cloud.age(&id, Duration::from_secs(4 * 86_400));
    let aged = site.cloud.subscriptions().remove(0).expires;
    let told = client.count_of("subscription");
    client.resume().await?;
    let actions = || -> Vec<Value> {
        let lines = client.lines_of("subscription");
        lines[told..]
            .iter()
            .map(|line| line["action"].clone())
            .collect()
    };
    eventually!(actions().contains(&json!("kept")), "{:?}", actions())?;
    let reminder = json!({
        "uuid": "1", "event": "/restapi/v1.0/subscription/~?threshold=302400&interval=43200", "subscriptionId": id,
        "body": {"expiresIn": 259_200},
    });
    site.cloud.notify(&id, &reminder).await?;
    eventually!(actions().contains(&json!("renewed")), "{:?}", actions())?;
    let renewed = site.cloud.subscriptions().remove(0);
    assert!(renewed.id == id && renewed.expires > aged);
    Ok(())
}

#[tokio::test]
async fn a_look_creates_no_endpoint_and_no_token() -> anyhow::Result<()> {
    let site = Site::new().await?;
    let endpoints = async || {
        let listed = site.relay.run(["endpoints", "list"]).await?;
        anyhow::Ok(String::from_utf8_lossy(&listed.stdout).contains("dev/shop"))
    };
    let words = ["would create a subscription for a new endpoint: sms"];
    site.says(&["ensure", "sms", "-e", "shop", "--dry-run"], 0, &words)
        .await?;
    for (command, words) in [
        ("renew", "no subscription to renew"),
        ("delete", "no subscription to delete"),
    ] {
        site.says(&[command, "--mine", "-e", "shop"], 0, &[words])
            .await?;
    }
    assert!(!endpoints().await? && !site.home.path().join("subscriptions.json").exists());
    site.says(&["ensure", "sms", "-e", "shop"], 0, &["created"])
        .await?;
    assert!(endpoints().await?);
    let words = ["would update", "/shop-", ": calls"];
    site.says(&["ensure", "calls", "-e", "shop", "--dry-run"], 0, &words)
        .await?;
    assert_eq!(site.cloud.subscriptions()[0].filters.len(), 1);
    let other = Fault::Error(
        404,
        "CMN-102",
        "Resource for parameter [subscriptionId] is not found",
    );
    site.cloud.fail("DELETE ", 1, other);
    site.says(&["delete", "--mine", "-e", "shop", "--yes"], 0, &["shop-"])
        .await?;
    Ok(())
}
