//! Measures Ringtail beside its peers, in one run on one machine: only ratios mean something elsewhere.
//!
//! * [`edge`]: answers to validations, beside nginx and a bare hyper server.
//! * [`ingest`]: notifications made durable, beside a prototype that does that and nothing else.
//! * [`delivery`]: from the caller's first byte to the app's.
//! * [`passthrough`]: requests answered by the app, beside no tunnel and other tunnels.
//! * [`inspector`]: a large history, searched.
//! * [`idle`]: memory of idle links; [`startup`]: time until ready.
//!
//! Load comes from [`load`] (closed loop), [`load_http2`] and [`open_loop`]; the servers to compare with are in
//! [`servers`], the programs around them in [`peers`].

pub mod delivery;
pub mod edge;
pub mod idle;
pub mod ingest;
pub mod inspector;
pub mod load;
pub mod load_http2;
pub mod open_loop;
pub mod passthrough;
pub mod peers;
pub mod servers;
pub mod shot;
pub mod startup;
pub mod table;

use std::time::Duration;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds; the median counts. Servers take turns within a round, so that a slow minute hits all of them.
    pub rounds: usize,
    /// Time for each cell of a round.
    pub cell: Duration,
    /// Time for each open-loop cell.
    pub open: Duration,
    /// Idle links held at once.
    pub links: usize,
    /// Events in the history that the inspector looks at.
    pub events: u64,
}

impl Plan {
    /// What is needed for figures that one may compare.
    pub const FULL: Self = Self {
        rounds: 3,
        cell: Duration::from_secs(2),
        open: Duration::from_secs(10),
        links: 1_000,
        events: 1_000_000,
    };

    /// Shows that everything still runs.
    pub const QUICK: Self = Self {
        rounds: 1,
        cell: Duration::from_millis(200),
        open: Duration::from_secs(1),
        links: 50,
        events: 5_000,
    };
}
