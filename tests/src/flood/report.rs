//! What an attack did to RingCentral's validations, and how much memory the relay took.

use std::fmt;

use super::Shaken;

/// MiB that the relay has before anybody calls, with its caches of SQLite filled and its threads at work.
const BASE_MIB: usize = 96;

/// MiB of requests to endpoints, of other requests, and of events that wait for the disk: `buffered_bytes`,
/// `stray_bytes`, `QueueLimits::bytes`.
const SHARED_MIB: usize = 256 + 64 + 64;

/// MiB that large bodies take beside their share: each that is looked at, and each that is being copied.
const PASSING_MIB: usize = 4 * 16;

/// KiB that a connection takes when it holds the most that it may: records of TLS being put together, a head that does
/// not end, what HTTP reads ahead, its tasks.
const CONNECTION_KIB: usize = 224;

/// Validations under attack.
#[derive(Debug)]
pub struct Report {
    connections: usize,
    /// One for each attack.
    pub rows: Vec<Row>,
}

/// One attack.
#[derive(Debug)]
pub struct Row {
    /// Name of the attack.
    pub name: String,
    /// Validations on new connections.
    pub new: Shaken,
    /// Validations on a connection that is kept.
    pub kept: Shaken,
    /// Most memory that the relay had so far.
    pub peak_kib: u64,
}

impl Report {
    pub(super) fn new(connections: usize) -> Self {
        Self {
            connections,
            rows: Vec::new(),
        }
    }

    /// Returns what the relay may take at the most, in MiB: the sum of what its limits allow. `docs/LIMITS.md` says
    /// where each part comes from.
    #[must_use]
    pub fn ceiling_mib(&self) -> usize {
        BASE_MIB + SHARED_MIB + PASSING_MIB + self.connections * CONNECTION_KIB / 1024
    }

    /// Returns the most memory that the relay had, in MiB.
    #[must_use]
    pub fn peak_mib(&self) -> usize {
        let peak = self.rows.iter().map(|row| row.peak_kib).max();
        usize::try_from(peak.unwrap_or_default() / 1024).unwrap_or(usize::MAX)
    }

    /// Returns the validations that failed, in words.
    pub fn failures(&self) -> impl Iterator<Item = String> {
        self.rows.iter().flat_map(|row| {
            let failed = row.new.failed.iter().chain(&row.kept.failed);
            failed.map(|error| format!("{}: {error}", row.name))
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "validations under attack, times in milliseconds, on new connections and on a kept one"
        )?;
        writeln!(
            f,
            "{:<24} {:>6} {:>7} {:>7} {:>7} {:>5}  {:>6} {:>7} {:>7} {:>7} {:>5}  {:>8}",
            "attack",
            "new",
            "p50",
            "p99",
            "max",
            "bad",
            "kept",
            "p50",
            "p99",
            "max",
            "bad",
            "peak MiB"
        )?;
        for row in &self.rows {
            write!(f, "{:<24}", row.name)?;
            for shaken in [&row.new, &row.kept] {
                let latency = &shaken.latency;
                let millis = |micros: u64| micros as f64 / 1000.0;
                write!(
                    f,
                    " {:>6} {:>7.2} {:>7.2} {:>7.2} {:>5} ",
                    latency.len(),
                    millis(latency.value_at_percentile(50.0)),
                    millis(latency.value_at_percentile(99.0)),
                    millis(latency.max()),
                    shaken.failed.len()
                )?;
            }
            writeln!(f, " {:>8}", row.peak_kib / 1024)?;
        }
        write!(
            f,
            "memory: {} MiB at the most, {} MiB allowed by the limits ({} connections)",
            self.peak_mib(),
            self.ceiling_mib(),
            self.connections
        )
    }
}
