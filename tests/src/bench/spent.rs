//! What processes use up meanwhile.

use std::time::Duration;

use crate::procfs::{self, Switches};

/// CPU time and context switches of some processes and their children.
#[derive(Debug, Clone)]
pub(crate) struct Spent {
    cpu: Duration,
    switches: Switches,
}

impl Spent {
    /// Returns what they have used until now.
    ///
    /// # Errors
    /// When one has ended.
    pub(crate) fn of(pids: &[u32]) -> anyhow::Result<Self> {
        let cpu = pids.iter().map(|pid| procfs::cpu_with_children(*pid));
        let mut switches = Switches::new();
        for pid in pids {
            switches.extend(procfs::context_switches(*pid)?);
        }
        Ok(Self {
            cpu: cpu.sum::<anyhow::Result<Duration>>()?,
            switches,
        })
    }

    /// Returns the milliseconds of CPU and the context switches since `before`, for one of `parts`. Those of threads that have
    /// ended meanwhile are missing.
    pub(crate) fn since(&self, before: &Self, parts: f64) -> (f64, f64) {
        let millis = self.cpu.saturating_sub(before.cpu).as_secs_f64() * 1000.0;
        let fresh = |(thread, count): (_, &u64)| {
            count.saturating_sub(before.switches.get(thread).copied().unwrap_or(0))
        };
        let switches: u64 = self.switches.iter().map(fresh).sum();
        (millis / parts, switches as f64 / parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ends_takes_nothing_from_the_others() {
        let spent = |switches: &[(&str, u64)]| Spent {
            cpu: Duration::ZERO,
            switches: switches
                .iter()
                .map(|(it, count)| (it.into(), *count))
                .collect(),
        };
        let before = spent(&[("1", 10), ("2", 1_000)]);
        let after = spent(&[("1", 14), ("3", 6)]);
        assert_eq!(after.since(&before, 2.0), (0.0, 5.0));
    }
}
