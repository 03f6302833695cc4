//! Signatures and tokens from end to end, rejection of forged requests, and the challenge at the edge.

use std::fmt::Write as _;

use anyhow::Context as _;
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;
use ringtail_tests::client::Home;
use ringtail_tests::verifying_app::{self, SECRETS};
use ringtail_tests::{process, stores};
use serde_json::Value;

use super::World;

/// A kind of request for each scheme, and the variable of its secret.
const KINDS: [(&str, &str, &str); 4] = [
    (
        "verification-token",
        "sms.inbound",
        "RINGTAIL_VERIFICATION_TOKEN",
    ),
    (
        "glip-signature",
        "interactive.submit",
        "RINGTAIL_GLIP_SECRET",
    ),
    ("dimelo-secret", "digital.events", "RINGTAIL_DIMELO_SECRET"),
    (
        "source-sdk-signature",
        "source-sdk.info",
        "RINGTAIL_SOURCE_SDK_SECRET",
    ),
];

/// Plays a kind of request at the world's endpoint, signed with `secret`, or not at all; returns the event's line.
async fn sent(world: &World, kind: usize, proof: &str) -> anyhow::Result<Value> {
    let (scheme, template, variable) = KINDS[kind];
    let (_, right) = SECRETS
        .into_iter()
        .find(|(name, _)| *name == variable)
        .unwrap_or_default();
    let before = world.client.count_of("event");
    if proof == "missing" {
        let body = match scheme {
            "verification-token" => {
                r#"{"uuid":"1","event":"/restapi/v1.0/x","subscriptionId":"s","body":{}}"#
            }
            "glip-signature" => r#"{"type":"button_submit","data":{}}"#,
            "dimelo-secret" => r#"{"id":"1","domain_id":"d","events":[]}"#,
            _ => r#"{"action":"messages.list","params":{},"time":"t"}"#,
        };
        let hook = Hook::new("POST", body).header("content-type", "application/json");
        world.caller.post(&world.url, &hook).await?;
    } else {
        let mut command = world.home.command([
            "simulate",
            template,
            "--no-validation",
            "--no-wait",
            "--to",
            &world.url,
        ])?;
        command.env(variable, if proof == "wrong" { "other" } else { right });
        let output = process::output(command).await?;
        anyhow::ensure!(output.status.success(), "{template}: {output:?}");
    }
    eventually!(world.client.count_of("event") > before, "the event")
        .with_context(|| format!("{template} {proof}; {}", world.client.log()))?;
    let mut events = world.client.lines_of("event");
    Ok(events.swap_remove(before))
}

/// Writes the configuration of a machine, as an editor would, for its owner alone.
pub(super) fn configure(home: &Home, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = home.path().join("config.toml");
    std::fs::write(&path, text)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(())
}

/// [`SECRETS`] as a table of the configuration file.
pub(super) fn table() -> String {
    let keys = [
        "verification_token",
        "glip",
        "dimelo",
        "digital_verify_token",
        "source_sdk",
    ];
    let lines = keys.iter().zip(SECRETS);
    let lines = lines.map(|(key, (_, secret))| format!("{key} = '{secret}'\n"));
    format!("[endpoints.hooks.secrets]\n{}", lines.collect::<String>())
}

#[tokio::test]
async fn proofs_of_every_scheme_are_shown_for_what_they_are() -> anyhow::Result<()> {
    let mut world = World::with(verifying_app::start(), &[]).await?;
    let mut printed = String::from("scheme                outcome         events show\n");
    for configured in [false, true] {
        if configured {
            configure(&world.home, &table())?;
            world.client.stop().await?;
            world.client.resume().await?;
        }
        let proofs: &[&str] = match configured {
            true => &["valid", "wrong", "missing"],
            false => &["not-configured"],
        };
        for (kind, (scheme, _, _)) in KINDS.iter().enumerate() {
            for proof in proofs {
                let event = sent(&world, kind, proof).await?;
                let expected = serde_json::json!([{"scheme": scheme, "outcome": proof}]);
                assert_eq!(event["signatures"], expected, "{event}");
                let seq = event["seq"].to_string();
                let shown = world.home.stdout(["events", "show", &seq]).await?;
                let shown = String::from_utf8(shown)?;
                let line = shown.lines().find(|line| line.starts_with("signature: "));
                let line = line.unwrap_or_default();
                assert!(line.ends_with(&proof.replace('-', " ")), "{shown}");
                let json = world
                    .home
                    .stdout(["events", "show", &seq, "--output", "json"]);
                let json: Value = serde_json::from_slice(&json.await?)?;
                assert_eq!(json["signatures"], expected);
                let _ = writeln!(printed, "{scheme:<21} {proof:<15} {line}");
                if (*scheme, *proof) == ("source-sdk-signature", "valid") {
                    let answer = &json["attempts"][0]["signatures"][0]["outcome"];
                    assert_eq!(answer, "valid", "{json}");
                    assert!(shown.contains("signature of the response: X-SMCCSDK-SIGNATURE valid"));
                }
            }
        }
    }
    println!("{printed}");
    Ok(())
}

#[tokio::test]
async fn a_replay_is_signed_anew_when_asked() -> anyhow::Result<()> {
    let world = World::new().await?;
    let event = sent(&world, 1, "wrong").await?;
    configure(&world.home, &table())?;
    let app = verifying_app::start();
    let seq = event["seq"].to_string();
    for (sign, status) in [(&[][..], 401), (&["--sign"], 200)] {
        let to = app.url("/hook");
        let replay = [&["replay", &seq, "--target", &to, "--output", "json"], sign].concat();
        let line: Value = serde_json::from_slice(&world.home.stdout(replay).await?)?;
        assert_eq!(line["status"], status, "{line}");
    }
    Ok(())
}

#[tokio::test]
async fn a_challenge_is_answered_at_the_edge_once_its_token_is_known() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let hook = |token: &str| {
        let query = format!("?hub.mode=subscribe&hub.challenge=c-123&hub.verify_token={token}");
        Hook::new("GET", "").below(&query)
    };
    let right = "digital+verify%2Btoken";
    world.client.stop().await?;
    let answer = world.caller.post(&world.url, &hook(right)).await?;
    assert_eq!(answer.status, 503, "nobody knows the token yet");
    configure(&world.home, &table())?;
    world.client.resume().await?;
    world.client.stop().await?;
    let before = stores::journal_head(&world.relay)?;
    for restarted in [false, true] {
        if restarted {
            // The relay answers them before they are stored.
            let stored = || stores::journal_head(&world.relay).is_ok_and(|head| head == before + 2);
            eventually!(stored(), "both requests in the journal")?;
            world.relay.restart().await?;
        }
        let answer = world.caller.post(&world.url, &hook(right)).await?;
        assert_eq!((answer.status, &answer.body[..]), (200, &b"c-123"[..]));
        let answer = world.caller.post(&world.url, &hook("wrong")).await?;
        assert_eq!(answer.status, 503);
    }
    configure(
        &world.home,
        "[endpoints.hooks.secrets]\ndigital_verify_token = ''\n",
    )?;
    world.client.resume().await?;
    world.client.stop().await?;
    let answer = world.caller.post(&world.url, &hook(right)).await?;
    assert_eq!(answer.status, 503, "the relay has forgotten it");
    world.client.resume().await?;
    let validations = || {
        let events = world.client.lines_of("event").into_iter();
        events.filter(|event| event["kind"] == "validation").count()
    };
    eventually!(validations() == 2, "the challenges")?;
    assert_eq!(world.app.count(), 0, "the app was not asked");
    Ok(())
}

#[tokio::test]
async fn an_app_that_fails_hears_of_the_failure_clock() -> anyhow::Result<()> {
    use ringtail_kit::app::{App, Reply};
    use std::sync::atomic::{AtomicU16, Ordering};
    let status = std::sync::Arc::new(AtomicU16::new(500));
    let answers = std::sync::Arc::clone(&status);
    let app = App::replying(move |_| Reply::status(answers.load(Ordering::Relaxed)));
    let mut world = World::with(app, &[]).await?;
    let states = |world: &World| -> Vec<String> {
        let lines = world.client.lines_of("failure_clock").into_iter();
        lines.map(|line| line["state"].to_string()).collect()
    };
    sent(&world, 0, "valid").await?;
    eventually!(states(&world) == ["\"failing\""], "the clock")?;
    // It is the history that knows, so that a restart does not help.
    world.client.stop().await?;
    world.client.resume().await?;
    eventually!(states(&world).len() == 2, "the clock")?;
    let lines = world.client.lines_of("failure_clock");
    assert_eq!(lines[0], lines[1]);
    let reason = lines[0]["reason"].to_string();
    assert!(reason.contains("[500]"), "{reason}");
    status.store(200, Ordering::Relaxed);
    sent(&world, 0, "valid").await?;
    eventually!(
        states(&world).last().is_some_and(|state| state == "\"ok\""),
        "the clock"
    )?;
    Ok(())
}

#[tokio::test]
async fn an_app_that_is_not_there_fails_too() -> anyhow::Result<()> {
    use ringtail_kit::app::{App, Reply};
    let mut world = World::with(App::down(|_| Reply::status(200)), &[]).await?;
    sent(&world, 0, "valid").await?;
    eventually!(world.client.count_of("failure_clock") == 1, "the clock")?;
    let line = world.client.lines_of("failure_clock").remove(0);
    assert_eq!(line["state"], "failing", "{line}");
    world.app.up();
    // What was held is accepted now.
    eventually!(world.client.count_of("failure_clock") == 2, "the clock")?;
    assert_eq!(world.client.lines_of("failure_clock")[1]["state"], "ok");
    Ok(())
}

/// Forged requests are sent, and the app sees those alone that are not; a passthrough request is refused.
#[tokio::test]
async fn forged_requests_do_not_reach_the_app_where_that_is_wanted() -> anyhow::Result<()> {
    let mut world = World::with(verifying_app::start(), &[]).await?;
    for configured in ["", "reject_forged = true\n"] {
        configure(&world.home, &format!("{configured}{}", table()))?;
        world.client.stop().await?;
        world.client.resume().await?;
        let rejects = !configured.is_empty();
        for (kind, (scheme, _, _)) in KINDS.iter().enumerate() {
            for proof in ["valid", "wrong", "missing"] {
                let event = sent(&world, kind, proof).await?;
                let rejected = rejects && proof != "valid";
                assert_eq!(
                    event["forward"] == "rejected",
                    rejected,
                    "{scheme} {proof}: {event}"
                );
                let seq = event["seq"].to_string();
                let shown = String::from_utf8(world.home.stdout(["events", "show", &seq]).await?)?;
                assert_eq!(shown.contains("explain RT-411"), rejected, "{shown}");
            }
        }
    }
    let before = world.client.count_of("event");
    let press = Hook::new("POST", r#"{"type":"button_submit","data":{}}"#)
        .header("content-type", "application/json");
    assert_eq!(world.caller.post(&world.url, &press).await?.status, 403);
    eventually!(world.client.count_of("event") > before, "the event")?;
    let events = world.client.lines_of("event");
    let ids = |rejected: bool| -> Vec<Value> {
        let those = events
            .iter()
            .filter(|event| (event["forward"] == "rejected") == rejected);
        those.map(|event| event["id"].clone()).collect()
    };
    let asked = |id: &Value| {
        let attempts = world.client.lines_of("attempt");
        attempts.iter().any(|attempt| attempt["event_id"] == *id)
    };
    // Everything else has reached the app, so that what was rejected is not only late.
    eventually!(ids(false).iter().all(&asked), "the app's turns")?;
    assert!(ids(true).len() > 2 * KINDS.len());
    assert!(!ids(true).iter().any(&asked));
    // A person may send one all the same.
    let last = events[before]["seq"].to_string();
    let to = world.app.url("/hook");
    let replay = [
        "replay", &last, "--target", &to, "--sign", "--output", "json",
    ];
    let line: Value = serde_json::from_slice(&world.home.stdout(replay).await?)?;
    assert_eq!(line["status"], 200, "{line}");
    Ok(())
}
