//! RingCentral is always satisfied.

use ringtail_tests::ringcentral::Hook;
use ringtail_tests::validations::{self, check};
use ringtail_tests::{eventually, stores};

use super::World;

#[tokio::test]
async fn a_validation_is_answered_with_the_client_open_and_shut() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    for open in [true, false] {
        for below in ["", "/", "/any/path?auth_token=EXAMPLE"] {
            let token = format!("token-{open}-{}", below.len());
            let hook = Hook::validation(&token).below(below);
            check(&world.caller.post(&world.url, &hook).await?, &token)?;

            let connection = world.caller.connect_http2(&world.url).await?;
            check(&connection.post(&hook).await?, &token)?;
        }
        if open {
            eventually!(world.client.count_of("event") == 6, "six noted validations")?;
            world.client.kill().await?;
        }
    }
    assert_eq!(world.app.count(), 0, "a validation is the relay's");
    Ok(())
}

#[tokio::test]
async fn validations_on_new_connections_are_small_and_right() -> anyhow::Result<()> {
    let report = validations::run(50).await?;
    assert_eq!(report.right, 50);
    assert!(report.largest < 512, "{} bytes", report.largest);
    Ok(())
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_refused() -> anyhow::Result<()> {
    let world = World::new().await?;
    for token in [b"".as_slice(), b"a\x01b", b"a\x7fb"] {
        let hook = Hook::new("POST", "").header("validation-token", token);
        let answer = world.caller.post(&world.url, &hook).await?;
        assert_eq!(answer.status, 400, "{}", token.escape_ascii());
    }
    Ok(())
}

#[tokio::test]
async fn nobody_lives_at_an_unknown_endpoint() -> anyhow::Result<()> {
    let world = World::new().await?;
    let elsewhere = format!("{}x", world.url);
    for hook in [Hook::validation("token"), Hook::notification("{}")] {
        let answer = world.caller.post(&elsewhere, &hook).await?;
        assert_eq!(answer.status, 404);
    }
    assert_eq!(stores::journal(world.relay.data())?.len(), 0);
    Ok(())
}
