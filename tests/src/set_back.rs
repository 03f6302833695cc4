//! Disks that are set back, restored, copied and cleared, and clients beside each other: each client has every event that
//! was answered 200, or says that some are lost.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use anyhow::ensure;
use ringtail_kit::app::App;
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;
use ringtail_kit::postgres::PostgresServer;

use crate::client::{Home, TestClient};
use crate::hooks;
use crate::relay::TestRelay;
use crate::stores::{self, Stored};

/// Events come in so many conversations, of which each has an order.
const CONVERSATIONS: u64 = 3;

/// What happened to one client.
#[derive(Debug)]
pub struct Row {
    case: &'static str,
    client: &'static str,
    acknowledged: u64,
    /// Events that the client has not.
    missing: usize,
    /// Events that it has twice.
    doubled: usize,
    /// Whether it said that events are lost.
    told: bool,
    /// What its app missed or got twice or out of order.
    app: Option<String>,
}

impl Row {
    /// Returns whether nothing was lost in silence, and nothing came twice.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        (self.missing == 0 || self.told) && self.doubled == 0 && self.app.is_none()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let silent = if self.told { 0 } else { self.missing };
        write!(
            f,
            "{:<28} {:<14} acknowledged {:>5}  missing {:>4}  said {:<3}  lost without a gap {silent}  twice {}  app: {}",
            self.case,
            self.client,
            self.acknowledged,
            self.missing,
            if self.told { "yes" } else { "no" },
            self.doubled,
            self.app.as_deref().unwrap_or("each once and in order")
        )
    }
}

/// Runs every case with so many events, and shows a row for each client. Returns whether all are clean.
///
/// # Errors
/// When a program does not come back, or an event is not answered 200.
pub async fn run(events: u64, mut show: impl FnMut(&Row)) -> anyhow::Result<bool> {
    let mut clean = true;
    let part = events / 4;
    for rows in [
        Box::pin(rolled_back(part)).await?,
        Box::pin(restored(part)).await?,
        Box::pin(copied(part)).await?,
        Box::pin(cleared(part)).await?,
        Box::pin(two_clients(part)).await?,
    ] {
        for row in rows {
            clean &= row.is_clean();
            show(&row);
        }
    }
    Ok(clean)
}

/// A relay, and a client that forwards.
struct Scene {
    relay: TestRelay,
    first: Machine,
    posted: u64,
}

struct Machine {
    home: Home,
    app: App,
    client: TestClient,
}

impl Machine {
    async fn start(home: Home) -> anyhow::Result<Self> {
        let app = App::accepting();
        let client = home.listen(&[&app.url(""), "--endpoint", "hooks"]).await?;
        Ok(Self { home, app, client })
    }

    fn history(&self) -> anyhow::Result<Vec<u64>> {
        let events = stores::history(&self.home.data())?;
        Ok(events.iter().filter_map(Stored::number).collect())
    }
}

impl Scene {
    async fn start() -> anyhow::Result<Self> {
        let relay = TestRelay::start().await?;
        let token = relay.account("dev").await?;
        let first = Machine::start(Home::new(&relay, &token)?).await?;
        Ok(Self {
            relay,
            first,
            posted: 0,
        })
    }

    /// Starts a second client, on a machine of its own.
    async fn second(&self) -> anyhow::Result<Machine> {
        Machine::start(self.first.home.sibling()?).await
    }

    /// Posts more events, each of which must be answered 200, and waits until the clients have the last of each conversation.
    async fn post(&mut self, count: u64, clients: &[&Machine]) -> anyhow::Result<()> {
        let mut connection = self
            .relay
            .caller()?
            .connect(&self.first.client.url()?)
            .await?;
        for number in self.posted..self.posted + count {
            let conversation = usize::try_from(number % CONVERSATIONS)?;
            let hook = Hook::notification(hooks::numbered(conversation, number));
            let answer = connection.post(&hook).await?;
            ensure!(answer.status == 200, "{number}: {}", answer.status);
        }
        self.posted += count;
        self.has_last(&self.first).await?;
        for client in clients {
            self.has_last(client).await?;
        }
        Ok(())
    }

    /// Copies what is stored in PostgreSQL, if it is there.
    fn copied_database(&self) -> Option<String> {
        let database = self.relay.database();
        database.map(|url| PostgresServer::shared().copy(url))
    }

    async fn has_last(&self, machine: &Machine) -> anyhow::Result<()> {
        let last: Vec<u64> = (self.posted.saturating_sub(CONVERSATIONS)..self.posted).collect();
        let has = |numbers: Vec<u64>| last.iter().all(|it| numbers.contains(it));
        eventually!(
            machine.history().is_ok_and(has) && has(hooks::numbers(&machine.app)),
            "the last event of each conversation, {last:?}, at a client and its app"
        )
    }

    /// Waits until each attempt is stored: a client that is killed before sends the event again.
    async fn has_attempts(&self, machine: &Machine) -> anyhow::Result<()> {
        let all = usize::try_from(self.posted)?;
        let stored = || machine.client.count_of("attempt") == all;
        eventually!(stored(), "{all} attempts")
    }

    fn row(
        &self,
        case: &'static str,
        client: &'static str,
        machine: &Machine,
    ) -> anyhow::Result<Row> {
        let numbers = machine.history()?;
        let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
        let all: BTreeSet<u64> = (0..self.posted).collect();
        let said = |line: &serde_json::Value| {
            line["type"] == "gap"
                || line["reason"]
                    .as_str()
                    .is_some_and(|it| it.contains("earlier state"))
        };
        Ok(Row {
            case,
            client,
            acknowledged: self.posted,
            missing: all.difference(&distinct).count(),
            doubled: numbers.len() - distinct.len(),
            told: machine.client.lines().iter().any(said),
            app: wrong_at_app(&hooks::numbers(&machine.app), &distinct),
        })
    }
}

/// Returns how what an app received differs from what its client has.
fn wrong_at_app(received: &[u64], history: &BTreeSet<u64>) -> Option<String> {
    (0..CONVERSATIONS).find_map(|conversation| {
        let of = |number: &&u64| **number % CONVERSATIONS == conversation;
        let received: Vec<&u64> = received.iter().filter(of).collect();
        let expected: Vec<&u64> = history.iter().filter(of).collect();
        let at = received.iter().zip(&expected).position(|(a, b)| a != b);
        (received.len() != expected.len() || at.is_some()).then(|| {
            format!(
                "{} of {} in conversation {conversation}, other from {at:?} on",
                received.len(),
                expected.len()
            )
        })
    })
}

/// A hoster puts back a snapshot of the relay's disk.
async fn rolled_back(part: u64) -> anyhow::Result<Vec<Row>> {
    const CASE: &str = "relay's disk set back";
    let mut scene = Scene::start().await?;
    let mut second = scene.second().await?;
    scene.post(part, &[&second]).await?;
    scene.relay.stop().await?;
    let snapshot = tempfile::tempdir()?;
    copy_files(scene.relay.data(), snapshot.path())?;
    let database = scene.copied_database();
    scene.relay.resume().await?;
    scene.post(part / 2, &[&second]).await?;
    second.client.stop().await?;
    scene.post(part / 2, &[]).await?;
    scene.relay.stop().await?;
    std::fs::remove_file(scene.relay.data().join("relay.db-wal")).ok();
    copy_files(snapshot.path(), scene.relay.data())?;
    scene.relay.setup().database = database;
    scene.relay.resume().await?;
    scene.post(2 * part, &[]).await?;
    // By now the second client's cursor is below the newest number; only the event of that number tells.
    second.client.resume().await?;
    scene.has_last(&second).await?;
    let mut row = scene.row(CASE, "connected", &scene.first)?;
    let is_logged = scene
        .relay
        .log()
        .contains("the journal is older than a client's cursor");
    row.told &= is_logged;
    Ok(vec![row, scene.row(CASE, "away meanwhile", &second)?])
}

/// The operator restores a backup.
async fn restored(part: u64) -> anyhow::Result<Vec<Row>> {
    let mut scene = Scene::start().await?;
    scene.post(part, &[]).await?;
    let file = scene.first.home.path().join("backup.db");
    let file = file.display().to_string();
    let database = scene.copied_database();
    if database.is_none() {
        let backup = scene.relay.run(["backup", &file]).await?;
        ensure!(backup.status.success(), "{backup:?}");
    }
    scene.post(part, &[]).await?;
    scene.relay.stop().await?;
    if let Some(url) = database {
        // As docs/CLUSTER.md says.
        let identity =
            "UPDATE ringtail.meta SET value = md5(random()::text) WHERE name = 'journal'";
        PostgresServer::shared().sql(&url, identity);
        scene.relay.setup().database = Some(url);
    } else {
        let restored = scene.relay.run(["restore", &file, "--force"]).await?;
        ensure!(restored.status.success(), "{restored:?}");
    }
    scene.relay.resume().await?;
    scene.post(2 * part, &[]).await?;
    Ok(vec![scene.row(
        "backup restored",
        "connected",
        &scene.first,
    )?])
}

/// A developer's second laptop begins with a copy of the first one's history.
async fn copied(part: u64) -> anyhow::Result<Vec<Row>> {
    const CASE: &str = "client's history copied";
    let mut scene = Scene::start().await?;
    scene.post(part, &[]).await?;
    scene.first.client.stop().await?;
    let home = scene.first.home.sibling()?;
    std::fs::create_dir(home.data())?;
    std::fs::set_permissions(
        home.data(),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )?;
    copy_files(&scene.first.home.data(), &home.data())?;
    scene.first.client.resume().await?;
    scene.post(part, &[]).await?;
    let second = Machine::start(home).await?;
    // What came before the copy was forwarded by the first client.
    scene.post(2 * part, &[&second]).await?;
    let mut row = scene.row(CASE, "the copy", &second)?;
    let since: BTreeSet<u64> = (part..scene.posted).collect();
    row.app = wrong_at_app(&hooks::numbers(&second.app), &since);
    Ok(vec![scene.row(CASE, "the original", &scene.first)?, row])
}

/// A developer deletes the history.
async fn cleared(part: u64) -> anyhow::Result<Vec<Row>> {
    let mut scene = Scene::start().await?;
    scene.post(2 * part, &[]).await?;
    scene.first.client.stop().await?;
    std::fs::remove_dir_all(scene.first.home.data())?;
    let forwarded = hooks::numbers(&scene.first.app).len();
    scene.first.client.resume().await?;
    scene.post(2 * part, &[]).await?;
    let mut row = scene.row("client's history cleared", "connected", &scene.first)?;
    // Everything that the relay has comes again, and the app gets it again.
    let again = hooks::numbers(&scene.first.app).split_off(forwarded);
    let all: BTreeSet<u64> = (0..scene.posted).collect();
    row.app = wrong_at_app(&again, &all);
    Ok(vec![row])
}

/// Two clients listen, and each is killed in turn.
async fn two_clients(part: u64) -> anyhow::Result<Vec<Row>> {
    const CASE: &str = "two clients";
    let mut scene = Scene::start().await?;
    let mut second = scene.second().await?;
    scene.post(part, &[&second]).await?;
    scene.has_attempts(&second).await?;
    second.client.kill().await?;
    scene.post(part, &[]).await?;
    second.client.resume().await?;
    scene.has_last(&second).await?;
    scene.has_attempts(&scene.first).await?;
    scene.first.client.kill().await?;
    scene.first.client.resume().await?;
    scene.post(2 * part, &[&second]).await?;
    Ok(vec![
        scene.row(CASE, "the first", &scene.first)?,
        scene.row(CASE, "the second", &second)?,
    ])
}

fn copy_files(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
