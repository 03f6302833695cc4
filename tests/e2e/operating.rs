//! What an operator does to a relay, as its clients live through it; and what its log never says.

use anyhow::ensure;
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;
use ringtail_tests::{hooks, stores};

use super::World;

async fn post(world: &World, marks: std::ops::Range<u64>) -> anyhow::Result<()> {
    for mark in marks {
        let hook = Hook::notification(hooks::numbered(0, mark));
        let answer = world.caller.post(&world.url, &hook).await?;
        ensure!(answer.status == 200, "{mark}: {}", answer.status);
    }
    Ok(())
}

/// The relay is put back to a time before events that the client has: their numbers are given to others.
#[tokio::test]
async fn after_a_restore_clients_get_what_is_new_and_nothing_twice() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let file = world.home.path().join("backup.db").display().to_string();
    post(&world, 0..10).await?;
    eventually!(world.app.count() == 10, "ten at the app")?;
    let backup = world.relay.run(["backup", &file]).await?;
    ensure!(backup.status.success(), "{backup:?}");
    post(&world, 10..15).await?;
    eventually!(world.app.count() == 15, "fifteen at the app")?;
    world.relay.stop().await?;
    let restored = world.relay.run(["restore", &file, "--force"]).await?;
    ensure!(restored.status.success(), "{restored:?}");
    world.relay.resume().await?;
    post(&world, 15..22).await?;
    eventually!(world.app.count() >= 22, "what is new at the app")?;
    let mut marks = hooks::numbers(&world.app);
    marks.sort_unstable();
    assert_eq!(marks, (0..22).collect::<Vec<_>>());
    assert_eq!(stores::history_len(&world.home.data())?, 22);
    Ok(())
}
