//! End to end: the built programs, real TLS, real sockets, real kills. Each promise is seen once with everything wired
//! together; tests beside the code show that a rule holds in every case.

mod accounts;
mod bad_input;
mod canary;
mod check;
#[cfg(target_os = "linux")]
mod cluster;
mod delivery;
mod doctor;
mod durability;
mod edge;
mod endpoints;
mod mcp;
mod outbound;
mod output;
mod packages;
mod pages;
mod passthrough;
mod proxies;
mod recordings;
mod secrets;
mod signatures;
mod simulate;
mod subscriptions;
mod terminal;
mod web;

use anyhow::ensure;
use bytes::Bytes;
use ringtail_kit::app::App;
use ringtail_kit::caller::{FakeRingCentral, Hook};
use ringtail_tests::binaries;
use ringtail_tests::client::{Home, TestClient};
use ringtail_tests::relay::TestRelay;
use ringtail_tests::terminal::Terminal;

/// A relay, a developer's machine, an app, and a client that forwards.
struct World {
    relay: TestRelay,
    home: Home,
    app: App,
    client: TestClient,
    caller: FakeRingCentral,
    url: String,
}

impl World {
    /// With an app that answers 200.
    async fn new() -> anyhow::Result<Self> {
        Self::with(App::accepting(), &[]).await
    }

    /// With an app and options of the relay.
    async fn with(app: App, options: &[&str]) -> anyhow::Result<Self> {
        Self::on(TestRelay::start_with(options).await?, app).await
    }

    /// With a relay.
    async fn on(relay: TestRelay, app: App) -> anyhow::Result<Self> {
        let token = relay.account("dev").await?;
        let home = Home::new(&relay, &token)?;
        Self::at(relay, home, app).await
    }

    /// With a developer's machine.
    async fn at(relay: TestRelay, home: Home, app: App) -> anyhow::Result<Self> {
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

    /// Posts a notification, which must be answered 200.
    async fn notify(&self, body: impl Into<Bytes>) -> anyhow::Result<()> {
        let answer = self
            .caller
            .post(&self.url, &Hook::notification(body))
            .await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    }

    /// Runs `listen` in a terminal instead of the client, until `q` and Enter: `before` is a shell script, `after` another.
    async fn terminal(&mut self, before: &str, after: &str) -> anyhow::Result<Terminal> {
        self.client.stop().await.ok();
        let client = binaries::find(binaries::CLIENT)?;
        let (client, app) = (client.display(), self.app.url("/base"));
        let script = format!("{before}{client} listen {app} --endpoint hooks{after}\nread line\n");
        let terminal = Terminal::run(&self.home, &script).await?;
        terminal.shows("connected").await?;
        Ok(terminal)
    }
}
