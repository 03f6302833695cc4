//! RingCentral's traffic without RingCentral: straight at an app that checks everything, and all the way.

use std::process::Output;
use std::time::{Duration, Instant};

use ringtail_kit::app::{App, Reply, Seen};
use ringtail_kit::eventually;
use ringtail_tests::client::Home;
use ringtail_tests::process;
use ringtail_tests::verifying_app::{self, SECRETS};
use serde_json::Value;

use super::World;
use super::recordings::order;

async fn simulate(home: &Home, arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = home.command(["simulate"])?;
    command.args(arguments).envs(SECRETS);
    process::output(command).await
}

/// Plays something that must succeed, and returns its lines.
async fn played(home: &Home, arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
    let json = [arguments, &["--output", "json"]].concat();
    let output = simulate(home, &json).await?;
    let said = String::from_utf8(output.stdout)?;
    let error = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(
        output.status.success(),
        "{arguments:?}: {}\n{error}\n{said}",
        output.status
    );
    Ok(said
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?)
}

/// Returns the names that `simulate --list` has of scenarios or kinds.
pub(super) async fn names(home: &Home, kind: &str) -> anyhow::Result<Vec<String>> {
    let listed = played(home, &["--list"]).await?;
    let named = listed.iter().filter(|line| line["type"] == kind);
    Ok(named
        .filter_map(|line| line["name"].as_str().map(str::to_owned))
        .collect())
}

#[tokio::test]
async fn an_app_that_checks_everything_accepts_everything() -> anyhow::Result<()> {
    let world = World::with(verifying_app::start(), &[]).await?;
    let direct = verifying_app::start();
    let to = direct.url("/hook");
    for scenario in names(&world.home, "scenario").await? {
        let play = [&scenario, "--assert", "--no-wait", "--to"];
        played(&world.home, &[&play[..], &[&to]].concat()).await?;
        played(&world.home, &[&play[..], &[&world.url]].concat()).await?;
    }
    // Every kind of request, as steps of one scenario.
    let kinds = names(&world.home, "kind").await?;
    assert!(kinds.len() > 80, "{}", kinds.len());
    let steps: String = kinds
        .iter()
        .map(|kind| {
            let expect = match kind.starts_with("validation.") {
                true => "refused",
                false => "accepted",
            };
            format!("[[step]]\ntemplate = \"{kind}\"\nexpect = \"{expect}\"\n")
        })
        .collect();
    let file = world.home.path().join("every kind.toml");
    std::fs::write(&file, steps)?;
    let file = file.to_string_lossy();
    let lines = played(&world.home, &[&file, "--assert", "--to", &to]).await?;
    assert_eq!(lines.len(), kinds.len() + 1, "and a summary");
    Ok(())
}

#[tokio::test]
async fn a_call_reaches_the_app_in_order_and_time_or_as_the_seed_disorders_it() -> anyhow::Result<()>
{
    let world = World::with(verifying_app::start(), &[]).await?;
    let call = ["call.inbound-answered", "--assert", "--to", &world.url];
    let began = Instant::now();
    let lines = played(&world.home, &[&call[..], &["--speed", "50"]].concat()).await?;
    assert_eq!(lines.len(), 11, "a validation, nine events, a summary");
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(30_866) / 50, "{took:?}");
    eventually!(world.app.count() == 9, "the call at the app")?;
    let seen = world.app.seen();
    assert_eq!(order(&seen), [2, 3, 4, 5, 6, 7, 8, 9, 10]);

    let mut shown = Vec::new();
    for seed in ["7", "7", "8"] {
        let before = world.app.count();
        let faults = ["--no-wait", "--double=50", "--reorder=50", "--seed", seed];
        let lines = played(&world.home, &[&call[..], &faults].concat()).await?;
        let sent = lines.iter().filter(|line| line["type"] == "simulated");
        let sent = sent.filter(|line| line["callback"] != "validation").count();
        eventually!(world.app.count() == before + sent, "all of it at the app")?;
        shown.push(order(&world.app.seen()[before..]));
    }
    assert_eq!(shown[0], shown[1], "the same seed, the same disorder");
    assert_ne!(shown[0], shown[2]);
    assert!(
        shown[0].len() > 9 && !shown[0].is_sorted(),
        "{:?}",
        shown[0]
    );
    Ok(())
}

#[tokio::test]
async fn a_scenario_cut_from_the_history_plays_again() -> anyhow::Result<()> {
    let world = World::with(verifying_app::start(), &[]).await?;
    for scenario in ["call.missed", "interactive.message", "source-sdk"] {
        let play = [scenario, "--assert", "--no-wait", "--to", &world.url];
        played(&world.home, &play).await?;
    }
    let events = 9 + 2 + 2;
    eventually!(world.client.count_of("event") == events, "the events")?;
    let range = format!("1..{events}");
    let cut = simulate(&world.home, &["cut", &range]).await?;
    assert!(
        cut.status.success(),
        "{}",
        String::from_utf8_lossy(&cut.stderr)
    );
    for (_, secret) in SECRETS {
        assert!(!String::from_utf8_lossy(&cut.stdout).contains(secret));
    }
    let file = world.home.path().join("mine.toml");
    std::fs::write(&file, cut.stdout)?;
    let app = verifying_app::start();
    let play = [
        &file.to_string_lossy(),
        "--assert",
        "--no-wait",
        "--to",
        &app.url("/"),
    ];
    played(&world.home, &play).await?;
    let (before, after) = (world.app.seen(), app.seen());
    assert_eq!(order(&after), order(&before));
    let uuids = |seen: &[Seen]| -> Vec<Value> {
        let json = seen
            .iter()
            .map(|seen| serde_json::from_slice::<Value>(&seen.body));
        json.flatten()
            .map(|event| event["uuid"].clone())
            .filter(Value::is_string)
            .collect()
    };
    assert!(
        uuids(&after)
            .iter()
            .all(|uuid| !uuids(&before).contains(uuid))
    );
    Ok(())
}

#[tokio::test]
async fn wrong_answers_and_wrong_wishes_end_with_a_code() -> anyhow::Result<()> {
    let world = World::new().await?;
    let home = &world.home;
    let failing = App::replying(|seen| match seen.body.is_empty() {
        true => verifying_app::answer(seen),
        false => Reply::status(500),
    });
    let to = failing.url("/");
    let often = [
        "renewal.reminder",
        "--no-wait",
        "--repeat",
        "50",
        "--to",
        &to,
    ];
    let careless = world.app.url("/");
    for (arguments, code, said) in [
        (&["fax", "--no-wait", "--to", &to][..], 0, ""),
        (
            &["fax", "--no-wait", "--assert", "--to", &to],
            1,
            "7 of 8 responses",
        ),
        (
            &often,
            1,
            "reason: Webhook responses with code: [500], reason: [Internal Server Error]",
        ),
        (&["fax", "--to", &careless], 1, "SUB-520"),
        (
            &["source-sdk", "--assert", "--to", &careless],
            1,
            "2 of 2 responses",
        ),
        (
            &["digital.challenge", "--assert", "--to", &careless],
            1,
            "1 of 1 responses",
        ),
        (&["fax"], 64, "--to"),
        (&["fax", "--to", &to, "--set", "nmuber=1"], 64, "nmuber"),
        (&["faks", "--to", &to], 64, "--list"),
    ] {
        let output = simulate(home, arguments).await?;
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
    Ok(())
}
