//! Compares Ringtail with its peers in one run on one machine: only ratios are comparable between machines.
//!
//! Load comes from `load` (closed loop), `load_http2` and `open_loop`; the servers to compare with are in `servers`, the
//! programs around them in `peers`.

mod delivery;
mod edge;
mod idle;
mod ingest;
mod inspector;
pub(crate) mod load;
mod load_http2;
mod open_loop;
mod passthrough;
pub mod peers;
pub mod servers;
mod shot;
mod slow_sync;
mod spent;
mod spread;
mod startup;
mod table;

use std::path::Path;
use std::time::Duration;

use clap::ValueEnum as _;

/// A table of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Section {
    /// Validation, with nginx and a bare hyper server.
    Edge,
    /// Notifications made durable, with a prototype that does nothing else.
    Ingest,
    /// From the caller's first byte to the app's.
    Delivery,
    /// Requests answered by the app, with no tunnel and other tunnels.
    #[value(alias = "exchange")]
    Passthrough,
    /// Memory of idle links.
    Idle,
    /// Time until ready.
    Startup,
    /// A large history, searched.
    Inspector,
    /// One relay, and two on PostgreSQL, with few and with many endpoints.
    Spread,
}

/// Measures the sections, or all of them if none is named. The inspector's history is kept in `keep`.
///
/// # Errors
/// When a program does not start or gives a wrong answer.
pub async fn run(
    plan: Plan,
    only: &[Section],
    keep: Option<&Path>,
    say: fn(String),
) -> anyhow::Result<()> {
    for section in Section::value_variants() {
        if !only.is_empty() && !only.contains(section) {
            continue;
        }
        say(match section {
            Section::Edge => edge::run(plan).await?,
            Section::Ingest => Box::pin(ingest::run(plan)).await?,
            Section::Delivery => delivery::run(plan).await?,
            Section::Passthrough => passthrough::run(plan).await?,
            Section::Idle => idle::run(plan).await?,
            Section::Startup => startup::run(plan).await?,
            Section::Spread => Box::pin(spread::run(plan)).await?,
            Section::Inspector => Box::pin(inspector::run(plan, keep)).await?,
        });
    }
    Ok(())
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds, of which the median counts. Servers take turns within a round, so that a slow minute hits all.
    pub rounds: usize,
    /// Time for each cell of a round.
    pub cell: Duration,
    /// Time for each open-loop cell.
    pub open: Duration,
    /// Idle links at once.
    pub links: usize,
    /// Time for which links, and then a client, are idle.
    pub idle: Duration,
    /// Events in the inspector's history.
    pub events: u64,
    /// Endpoints, first few and then many.
    pub endpoints: [usize; 2],
    /// Clients of some of them.
    pub clients: usize,
    /// Time for which events of all endpoints come in.
    pub spread: Duration,
    /// Time for which events arrive while the inspector is used, at least.
    pub arrival: Duration,
}

impl Plan {
    /// For figures to compare.
    pub const FULL: Self = Self {
        rounds: 3,
        cell: Duration::from_secs(2),
        open: Duration::from_secs(10),
        links: 1_000,
        idle: Duration::from_secs(30),
        events: 1_000_000,
        endpoints: [100, 10_000],
        clients: 100,
        spread: Duration::from_secs(600),
        arrival: Duration::from_secs(20),
    };

    /// To see that everything runs.
    pub const QUICK: Self = Self {
        rounds: 1,
        cell: Duration::from_millis(50),
        open: Duration::from_millis(200),
        links: 50,
        idle: Duration::from_secs(1),
        events: 5_000,
        endpoints: [10, 100],
        clients: 10,
        spread: Duration::from_secs(1),
        arrival: Duration::from_secs(1),
    };
}
