//! What processes use up meanwhile.

use std::time::Duration;

use crate::procfs;

/// CPU time and context switches of some processes and their children.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    cpu: Duration,
    switches: u64,
}

impl Spent {
    /// Returns what they have used until now.
    ///
    /// # Errors
    /// When one has ended.
    pub(crate) fn of(pids: &[u32]) -> anyhow::Result<Self> {
        let cpu = pids.iter().map(|pid| procfs::cpu_with_children(*pid));
        let switches = pids.iter().map(|pid| procfs::context_switches(*pid));
        Ok(Self {
            cpu: cpu.sum::<anyhow::Result<Duration>>()?,
            switches: switches.sum::<anyhow::Result<u64>>()?,
        })
    }

    /// Returns the milliseconds of CPU and the context switches since `before`, for one of `parts`.
    pub(crate) fn since(self, before: Self, parts: f64) -> (f64, f64) {
        let millis = self.cpu.saturating_sub(before.cpu).as_secs_f64() * 1000.0;
        let switches = self.switches.saturating_sub(before.switches) as f64;
        (millis / parts, switches / parts)
    }
}
