//! End to end: the built programs, real TLS, real sockets, real kills. That a rule holds in every case is shown
//! beside the code; here each promise is seen once, with everything wired together.

mod accounts;
mod bad_input;
mod check;
mod delivery;
mod durability;
mod edge;
mod endpoints;
mod operating;
mod output;
mod packages;
mod pages;
mod passthrough;
mod proxies;
mod recordings;
mod secrets;
mod signatures;
mod simulate;
mod terminal;

use ringtail_tests::client::{Home, TestClient};
use ringtail_tests::relay::TestRelay;
use ringtail_tests::ringcentral::FakeRingCentral;
use ringtail_tests::target::LocalTarget;

/// A relay, a developer's machine, an app, and a client between them.
struct World {
    relay: TestRelay,
    home: Home,
    app: LocalTarget,
    client: TestClient,
    caller: FakeRingCentral,
    url: String,
}

impl World {
    /// Builds one whose app answers 200.
    async fn new() -> anyhow::Result<Self> {
        Self::with(LocalTarget::start()?, &[]).await
    }

    /// Builds one around an app, with more options for the relay.
    async fn with(app: LocalTarget, options: &[&str]) -> anyhow::Result<Self> {
        let relay = TestRelay::start_with(options).await?;
        let token = relay.account("dev").await?;
        let home = Home::new(&relay, &token)?;
        let client = home
            .listen(&[&app.url("/base"), "--endpoint", "hooks"])
            .await?;
        Ok(Self {
            caller: relay.caller()?,
            url: client.url()?,
            relay,
            home,
            app,
            client,
        })
    }
}
