//! Tokens.

use ringtail_kit::eventually;
use ringtail_tests::client::Home;
use ringtail_tests::relay::{TestRelay, Token};

use super::World;

/// The relay refused.
const REFUSED: Option<i32> = Some(77);
/// Configuration incomplete.
const CONFIG: Option<i32> = Some(78);

#[tokio::test]
async fn a_token_that_is_wrong_missing_or_revoked_is_refused() -> anyhow::Result<()> {
    let relay = TestRelay::start().await?;
    let token = relay.account("dev").await?;
    let home = Home::new(&relay, &token)?;
    let wrong = Token::new("rt_wrong");
    let listen = ["listen", "--output", "json"];
    let output = home.clone().token(Some(&wrong)).run(listen).await?;
    assert_eq!(output.status.code(), REFUSED);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("ringtail login"), "what to do next: {said}");
    assert!(!said.contains("rt_wrong"), "a token is never shown: {said}");

    let output = home.clone().token(None).run(listen).await?;
    assert_eq!(output.status.code(), CONFIG);

    let revoked = relay.run(["accounts", "revoke", "dev"]).await?;
    assert!(revoked.status.success());
    // A running relay looks for changes now and then.
    eventually!(
        home.run(listen)
            .await
            .is_ok_and(|output| output.status.code() == REFUSED),
        "the revoked token refused"
    )
}

#[tokio::test]
async fn a_rotated_token_replaces_the_old_one_and_keeps_the_endpoints() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let rotated = world.relay.run(["accounts", "rotate", "dev"]).await?;
    let fresh = Token::new(String::from_utf8(rotated.stdout)?.trim());
    assert_eq!(world.client.ended().await?, REFUSED, "the old one");
    let client = world.home.clone().token(Some(&fresh));
    let client = client.listen(&["--endpoint", "hooks"]).await?;
    assert_eq!(client.url()?, world.url);
    Ok(())
}
