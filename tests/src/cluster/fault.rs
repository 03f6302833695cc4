//! The faults.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use fastrand::Rng;
use ringtail_kit::eventually;
use ringtail_kit::postgres::PostgresServer;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use super::asker::Asker;
use super::network::{self, Cable};
use crate::faults::mounts;
use crate::relay::TestRelay;
use crate::traffic::Traffic;

/// A fault lasts until at most this many more notifications are acknowledged.
const LASTS: u64 = 100;

/// Everything recovers within this time.
pub(super) const SETTLE_TIME: Duration = Duration::from_secs(180);

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Fault {
    /// A relay dies and starts again.
    RelayKilled,
    /// A relay is stopped, and another version starts in its place.
    RelayReplaced,
    /// A relay stands still.
    RelayFrozen,
    /// A relay's machine loses all its networks.
    RelayCutOff,
    /// A relay's machine reaches neither PostgreSQL nor the other relays.
    RelayCutFromPostgres,
    /// A relay dies with a spool, and starts again.
    RelayKilledWithSpool,
    /// PostgreSQL stands still.
    PostgresFrozen,
    /// PostgreSQL crashes and starts again.
    PostgresCrashed,
    /// PostgreSQL dies, and the standby takes over.
    PostgresFailedOver,
    /// PostgreSQL's disk is full.
    PostgresFull,
}

/// A PostgreSQL server with a disk of its own.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) server: PostgresServer,
    pub(super) disk: PathBuf,
    pub(super) mebibytes: u32,
}

impl Database {
    /// Leaves no room on the disk.
    fn fill(&self) -> anyhow::Result<()> {
        // A file system cannot become smaller than what is in it.
        self.server.freeze()?;
        let used = std::process::Command::new("df")
            .args(["--output=used", "-k"])
            .arg(&self.disk)
            .output()?;
        let used = String::from_utf8(used.stdout)?;
        let used = used.lines().last().unwrap_or_default().trim();
        mounts::resize(&self.disk, used.parse()?)?;
        self.server.thaw()
    }

    /// Gives the room back. A server that has died for want of it starts again.
    async fn free(&self) -> anyhow::Result<()> {
        mounts::resize(&self.disk, u64::from(self.mebibytes) << 10)?;
        let accepts = async || {
            if !self.server.is_running().unwrap_or_default() {
                // It may be about to die when it is first asked.
                self.server.resume().ok();
            }
            self.server.accepts()
        };
        eventually!(within SETTLE_TIME, accepts().await, "PostgreSQL with room again")
    }
}

/// What faults happen to.
#[derive(Debug)]
pub(super) struct World {
    /// The one that stores first, and its standby.
    pub(super) databases: [Database; 2],
    pub(super) relays: Vec<TestRelay>,
    /// The program that replaces a relay's.
    pub(super) other: Option<PathBuf>,
    pub(super) traffic: Traffic,
    pub(super) askers: Vec<Asker>,
    /// How often the app has answered.
    pub(super) by_app: watch::Receiver<u64>,
    pub(super) rng: Rng,
}

impl World {
    /// Waits until the client's link is back: faults are to hit requests that the app would answer.
    pub(super) async fn settle(&mut self) -> anyhow::Result<()> {
        let more = 2 * self.askers.len() as u64;
        let wanted = *self.by_app.borrow() + more;
        let answered = self.by_app.wait_for(|count| *count >= wanted);
        timeout(SETTLE_TIME, answered)
            .await
            .context("no answer of the app in time")??;
        self.some_more().await
    }

    /// Waits until some more notifications are acknowledged.
    pub(super) async fn some_more(&mut self) -> anyhow::Result<()> {
        self.traffic.more(1 + self.rng.u64(..LASTS)).await
    }

    /// Lets a fault happen, and ends it.
    pub(super) async fn suffer(&mut self, fault: Fault) -> anyhow::Result<()> {
        let victim = self.rng.usize(..self.relays.len());
        match fault {
            Fault::RelayKilled => {
                self.relays[victim].kill().await?;
                self.some_more().await?;
                self.relays[victim].resume().await?;
            }
            Fault::RelayReplaced => {
                self.relays[victim].stop().await?;
                let other = self.other.clone();
                let program = &mut self.relays[victim].setup().program;
                *program = if program.is_some() { None } else { other };
                self.relays[victim].resume().await?;
            }
            Fault::RelayFrozen => {
                self.relays[victim].signal("-STOP").await?;
                self.some_more().await?;
                self.relays[victim].signal("-CONT").await?;
            }
            Fault::RelayCutOff => {
                for cable in Cable::ALL {
                    network::unplug(victim, cable)?;
                }
                self.some_more().await?;
                for cable in Cable::ALL {
                    network::plug(victim, cable)?;
                }
            }
            Fault::RelayCutFromPostgres => {
                network::unplug(victim, Cable::Inside)?;
                spools(&self.relays[victim]).await?;
                self.some_more().await?;
                network::plug(victim, Cable::Inside)?;
            }
            Fault::RelayKilledWithSpool => {
                self.databases[0].server.crash()?;
                spools(&self.relays[victim]).await?;
                self.relays[victim].kill().await?;
                self.some_more().await?;
                self.databases[0].server.resume()?;
                self.relays[victim].resume().await?;
            }
            Fault::PostgresFrozen => {
                self.databases[0].server.freeze()?;
                self.some_more().await?;
                self.databases[0].server.thaw()?;
            }
            Fault::PostgresCrashed => {
                self.databases[0].server.crash()?;
                self.some_more().await?;
                self.databases[0].server.resume()?;
            }
            Fault::PostgresFailedOver => self.fail_over().await?,
            Fault::PostgresFull => {
                self.databases[0].fill()?;
                spools(&self.relays[victim]).await?;
                self.some_more().await?;
                self.databases[0].free().await?;
            }
        }
        Ok(())
    }

    async fn fail_over(&mut self) -> anyhow::Result<()> {
        let [first, standby] = &self.databases;
        let followed = || first.server.is_followed();
        eventually!(within SETTLE_TIME, followed(), "a standby")?;
        first.server.crash()?;
        self.traffic.more(1 + self.rng.u64(..LASTS)).await?;
        standby.server.promote()?;
        self.traffic.more(1 + self.rng.u64(..LASTS)).await?;
        self.databases.swap(0, 1);
        // The old one comes back as the standby.
        let [first, standby] = &self.databases;
        standby.server.follow(&first.server)
    }
}

/// Waits until a relay spools.
async fn spools(relay: &TestRelay) -> anyhow::Result<()> {
    eventually!(within SETTLE_TIME, spooled(relay).await > Some(0), "a spool")
}

/// Returns how many events wait in a relay's spool.
pub(super) async fn spooled(relay: &TestRelay) -> Option<u64> {
    let status = relay.run(["status", "--output", "json"]).await.ok()?;
    let status: Value = serde_json::from_slice(&status.stdout).ok()?;
    status["journal"]["spooled_events"].as_u64()
}
