//! Validation.

use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;
use ringtail_tests::stores;
use ringtail_tests::validation::{self, check};

use super::World;

#[tokio::test]
async fn validation_is_answered_with_and_without_a_client() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    for open in [true, false] {
        for below in ["", "/", "/any/path?auth_token=EXAMPLE"] {
            let token = format!("token-{open}-{}", below.len());
            let hook = Hook::validation(&token).below(below);
            check(&world.caller.post(&world.url, &hook).await?, &token)?;

            let mut connection = world.caller.connect_http2(&world.url).await?;
            check(&connection.post(&hook).await?, &token)?;
        }
        if open {
            eventually!(world.client.count_of("event") == 6, "six validation events")?;
            world.client.kill().await?;
        }
    }
    assert_eq!(world.app.count(), 0, "validation is the relay's");
    Ok(())
}

#[tokio::test]
async fn validation_answers_on_new_connections_are_small_and_right() -> anyhow::Result<()> {
    let report = validation::run(50).await?;
    assert_eq!(report.latency.len(), 50);
    assert!(report.largest < 512, "{} bytes", report.largest);
    Ok(())
}

#[tokio::test]
async fn an_unknown_endpoint_answers_404() -> anyhow::Result<()> {
    let world = World::new().await?;
    let elsewhere = format!("{}x", world.url);
    for hook in [Hook::validation("token"), Hook::notification("{}")] {
        let answer = world.caller.post(&elsewhere, &hook).await?;
        assert_eq!(answer.status, 404);
    }
    assert_eq!(stores::journal(&world.relay)?.len(), 0);
    Ok(())
}
