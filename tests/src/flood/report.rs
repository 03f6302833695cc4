//! The victim's requests under attack, and the relay's memory.

use std::fmt;
use std::time::Duration;

use anyhow::ensure;

use super::{KEEP_MIB, Plan, Requests};

/// MiB of an idle relay with warm SQLite caches and all threads running.
const BASE_MIB: usize = 96;

/// MiB of requests to endpoints, of other requests, and of events in the journal's queue: `buffered_bytes`,
/// `stray_bytes`, `queued_bytes`.
const SHARED_MIB: usize = 256 + 64 + 64;

/// KiB of a link beyond its connection: two pages of events, and the state of its HTTP/2. A third of the connections may be
/// links.
const LINK_KIB: usize = 192;

/// MiB of large bodies outside the shared budget: those being parsed, and those being copied.
const PASSING_MIB: usize = 4 * 16;

/// KiB of a connection at its limits: TLS records being assembled, an endless head, HTTP read-ahead, its tasks.
const CONNECTION_KIB: usize = 224;

/// MiB of the disk: events, a quarter of that for what SQLite needs beside them, new events between two sweeps of
/// retention, and the write-ahead log while something reads it.
const DISK_MIB: u64 = KEEP_MIB + KEEP_MIB / 4 + 64 + 256;

/// Outcome of a run.
#[derive(Debug)]
pub struct Report {
    plan: Plan,
    /// Whether the relay could be put into a memory cgroup of the size that the limits allow.
    pub is_in_group: bool,
    /// One for each attack.
    pub rows: Vec<Row>,
}

/// One attack.
#[derive(Debug)]
pub struct Row {
    /// Name of the attack.
    pub name: String,
    /// Validations on new connections; on a kept one, validations, notifications and passthrough requests.
    pub requests: [Requests; 4],
    /// How often the victim's client lost or regained its link.
    pub link_changes: usize,
    /// The most memory that the relay had (PSS).
    pub pss_kib: u64,
    /// The most bytes in its data directory.
    pub disk_bytes: u64,
}

impl Report {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            is_in_group: false,
            rows: Vec::new(),
        }
    }

    /// Sum of what the relay's limits allow: docs/LIMITS.md says where each part comes from.
    pub(super) fn ceiling_mib(&self) -> usize {
        let connections = self.plan.connections;
        BASE_MIB
            + SHARED_MIB
            + PASSING_MIB
            + (connections * CONNECTION_KIB + connections / 3 * LINK_KIB) / 1024
    }

    fn peak_mib(&self) -> usize {
        let peak = self.rows.iter().map(|row| row.pss_kib).max();
        usize::try_from(peak.unwrap_or_default() / 1024).unwrap_or(usize::MAX)
    }

    fn disk_mib(&self) -> u64 {
        let most = self.rows.iter().map(|row| row.disk_bytes).max();
        most.unwrap_or_default() >> 20
    }

    /// Checks that every answer was right and memory stayed within the limits.
    ///
    /// # Errors
    /// With the first failures.
    pub fn ensure_good(&self) -> anyhow::Result<()> {
        let failures = self.rows.iter().flat_map(|row| {
            let failed = row.requests.iter().flat_map(|it| &it.failed);
            failed.map(|error| format!("{}: {error}", row.name))
        });
        let failures: Vec<String> = failures.collect();
        let (count, first) = (failures.len(), failures.iter().take(10));
        let first: Vec<&str> = first.map(String::as_str).collect();
        ensure!(count == 0, "{count} requests failed:\n{}", first.join("\n"));
        let broken: usize = self.rows.iter().map(|row| row.link_changes).sum();
        ensure!(broken == 0, "the victim's link broke: {broken} changes");
        let (peak, ceiling) = (self.peak_mib(), self.ceiling_mib());
        ensure!(
            peak <= ceiling,
            "{peak} MiB exceed the {ceiling} MiB that the limits allow"
        );
        let disk = self.disk_mib();
        ensure!(
            disk <= DISK_MIB,
            "{disk} MiB on disk exceed the {DISK_MIB} MiB that the limits allow"
        );
        for row in &self.rows {
            for requests in &row.requests {
                let p99 = Duration::from_micros(requests.latency.value_at_percentile(99.0));
                let slow = self.plan.p99.filter(|limit| p99 > *limit);
                ensure!(slow.is_none(), "{}: p99 is {p99:?}", row.name);
            }
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "the victim's requests under attack, times in milliseconds: validations on new connections and on a kept one,\n\
             notifications, passthrough requests"
        )?;
        write!(f, "{:<24}", "attack")?;
        for kind in ["new", "kept", "notified", "passed"] {
            write!(f, " {kind:>9} {:>7} {:>7} {:>4} ", "p99", "max", "bad")?;
        }
        writeln!(f, " {:>5} {:>8} {:>8}", "link", "PSS MiB", "disk MiB")?;
        for row in &self.rows {
            write!(f, "{:<24}", row.name)?;
            for requests in &row.requests {
                let latency = &requests.latency;
                let millis = |micros: u64| micros as f64 / 1000.0;
                write!(
                    f,
                    " {:>9} {:>7.2} {:>7.2} {:>4} ",
                    latency.len(),
                    millis(latency.value_at_percentile(99.0)),
                    millis(latency.max()),
                    requests.failed.len()
                )?;
            }
            writeln!(
                f,
                " {:>5} {:>8} {:>8}",
                row.link_changes,
                row.pss_kib / 1024,
                row.disk_bytes >> 20
            )?;
        }
        write!(
            f,
            "memory: {} MiB at peak (PSS), {} MiB allowed by the limits ({} connections), in a cgroup of that size: {}\n\
             disk: {} MiB at peak, {DISK_MIB} MiB allowed",
            self.peak_mib(),
            self.ceiling_mib(),
            self.plan.connections,
            if self.is_in_group {
                "yes"
            } else {
                "no, none can be made here"
            },
            self.disk_mib(),
        )
    }
}
