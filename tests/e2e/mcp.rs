//! `ringtail mcp` beside a client that listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::ensure;
use ringtail_kit::app::{App, Reply};
use ringtail_kit::eventually;
use ringtail_kit::mcp::{Era, McpClient};
use serde_json::{Value, json};

use super::World;

/// An assistant: it knows the results of its calls, and nothing else.
struct Assistant(McpClient);

impl Assistant {
    fn start(world: &World, era: Era) -> anyhow::Result<Self> {
        let command = world.home.command(["mcp", "--allow-send"])?;
        Ok(Self(McpClient::start(command.into_std(), era)))
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let mut result = self.0.call(tool, arguments);
        assert_ne!(result["isError"], true, "{tool}: {result}");
        result["structuredContent"].take()
    }
}

/// An app that fails on text messages until somebody mends it.
fn sample_app() -> (App, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = Arc::clone(&mended);
    let app = App::replying(move |seen| match seen.json()["body"]["type"].as_str() {
        Some("SMS") if !is_mended.load(Ordering::SeqCst) => {
            Reply::status(500).body("KeyError: 'attachments'")
        }
        _ => Reply::status(200),
    });
    (app, mended)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assistant_finds_explains_and_proves_a_fix_from_results_alone() -> anyhow::Result<()> {
    for era in [Era::Initialized, Era::Inline] {
        let (app, mended) = sample_app();
        let world = World::with(app, &[]).await?;
        let mut assistant = Assistant::start(&world, era)?;
        let mut status = Value::Null;
        eventually!(
            {
                status = assistant.call("read_status", json!({}));
                status["endpoints"][0]["link"]["state"] == "connected"
            },
            "the client's link"
        )?;
        let endpoint = &status["endpoints"][0];
        ensure!(
            endpoint["listening"] == true && endpoint["url"] == world.url.as_str(),
            "{status}"
        );

        // RingCentral's traffic comes in, and the app fails on one event.
        let simulated =
            json!({"scenario": "sms.inbound", "to": "relay", "endpoint": endpoint["name"]});
        let simulated = assistant.call("send_simulated", simulated);
        ensure!(
            simulated["end"] == "done" && simulated["failed"] == 0,
            "{simulated}"
        );
        let wait = json!({"filter": "status:5xx", "after": status["cursor"], "seconds": 50});
        let failed = assistant.call("wait_for_events", wait);
        ensure!(failed["status"] == "arrived", "{failed}");
        let number = failed["events"][0]["seq"].clone();
        ensure!(
            simulated["events"]
                .as_array()
                .is_some_and(|all| all.contains(&number)),
            "{simulated}"
        );

        // Why?
        let number = number.to_string();
        let event = assistant.call("read_event", json!({"event": number}));
        let attempt = &event["attempts"][0];
        ensure!(
            attempt["verdict"] == "status" && attempt["status"] == 500,
            "{event}"
        );
        let explained = assistant.call("read_explanation", json!({"text": attempt["code"]}));
        let next = explained["explanations"][0]["next"]
            .as_array()
            .map_or(0, Vec::len);
        ensure!(next > 0, "{explained}");

        // The developer mends the app; a replay proves it.
        mended.store(true, Ordering::SeqCst);
        let replayed = assistant.call("send_replay", json!({"events": [number]}));
        ensure!(replayed["attempts"][0]["verdict"] == "ok", "{replayed}");
        ensure!(replayed["changed"][0]["before"] == "500", "{replayed}");
        let left = assistant.call("read_events", json!({"filter": "status:5xx"}));
        ensure!(left["events"] == json!([]), "{left}");
        ensure!(assistant.0.end(), "the server failed");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_is_followed_and_the_hop_that_loses_it_named() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let mut assistant = Assistant::start(&world, Era::Initialized)?;
    let canary = assistant.call("read_canary", json!({"endpoint": "hooks"}));
    ensure!(
        canary["state"] == "arrived" && canary["history_ms"].is_number(),
        "{canary}"
    );
    ensure!(world.app.count() == 0, "the app got it");
    world.client.stop().await?;
    let lost = assistant.call("read_canary", json!({"endpoint": "hooks"}));
    ensure!(lost["state"] == "lost" && lost["hop"] == "client", "{lost}");
    let status = assistant.call("read_status", json!({}));
    let endpoint = &status["endpoints"][0];
    ensure!(
        endpoint["listening"] == false && endpoint["link"].is_null(),
        "{status}"
    );
    // The history is read without the relay, too.
    world.relay.stop().await?;
    assistant.call("read_events", json!({}));
    Ok(())
}
