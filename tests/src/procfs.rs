//! What a process cost, from `/proc`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use anyhow::Context;

/// `USER_HZ`, which Linux fixes at 100 on every architecture that matters here.
const TICKS_PER_SECOND: u64 = 100;

/// Returns the CPU time that a process has used.
///
/// # Errors
/// When it is gone.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    // In user mode, and in the kernel.
    ticks(pid, 2)
}

fn ticks(pid: u32, fields: usize) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} is gone"))?;
    // The name in parentheses may hold anything; what follows it is numbers.
    let after = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest)
        .unwrap_or_default();
    let ticks: u64 = after
        .split_ascii_whitespace()
        .skip(11)
        .take(fields)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Returns the CPU time of a process and its direct children: of a server with workers.
///
/// # Errors
/// When it is gone.
pub fn cpu_with_children(pid: u32) -> anyhow::Result<Duration> {
    let mut sum = cpu(pid)?;
    for child in children(pid) {
        sum += cpu(child).unwrap_or_default();
    }
    Ok(sum)
}

/// Returns the CPU time of a process and its direct children, those included that have ended: of a server with sessions.
///
/// # Errors
/// When it is gone.
pub fn cpu_with_ended_children(pid: u32) -> anyhow::Result<Duration> {
    // Children first: one that ends in between counts twice rather than never.
    let living: Duration = children(pid)
        .into_iter()
        .filter_map(|pid| cpu(pid).ok())
        .sum();
    Ok(living + ticks(pid, 4)?)
}

/// How often each thread has given up or lost the CPU.
pub type Switches = BTreeMap<OsString, u64>;

/// Returns the context switches of the threads of a process and its direct children.
///
/// # Errors
/// When it is gone.
pub fn context_switches(pid: u32) -> anyhow::Result<Switches> {
    let mut switches = Switches::new();
    for pid in children(pid).into_iter().chain([pid]) {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
        for thread in threads.with_context(|| format!("process {pid} is gone"))? {
            let thread = thread?;
            // A thread may end meanwhile.
            let Ok(status) = std::fs::read_to_string(thread.path().join("status")) else {
                continue;
            };
            let counts = status
                .lines()
                .filter_map(|line| line.split_once("ctxt_switches:"));
            let counts = counts.filter_map(|(_, count)| count.trim().parse::<u64>().ok());
            switches.insert(thread.file_name(), counts.sum());
        }
    }
    Ok(switches)
}

/// Returns the resident memory of a process and its direct children in KiB.
///
/// # Errors
/// When it is gone.
pub fn rss_kib(pid: u32) -> anyhow::Result<u64> {
    let resident = |pid| kib(pid, "status", "VmRSS:");
    let of_children = children(pid)
        .into_iter()
        .filter_map(|pid| resident(pid).ok());
    Ok(resident(pid)? + of_children.sum::<u64>())
}

/// Returns the memory of a process that is no file's, in KiB.
///
/// # Errors
/// When it is gone.
pub fn anonymous_kib(pid: u32) -> anyhow::Result<u64> {
    kib(pid, "smaps_rollup", "Anonymous:")
}

/// Returns the most memory that a process ever had resident, in KiB.
///
/// # Errors
/// When it is gone.
pub fn peak_kib(pid: u32) -> anyhow::Result<u64> {
    kib(pid, "status", "VmHWM:")
}

/// Returns a process's share of resident memory in KiB (PSS).
///
/// # Errors
/// When it is gone.
pub fn pss_kib(pid: u32) -> anyhow::Result<u64> {
    kib(pid, "smaps_rollup", "Pss:")
}

fn kib(pid: u32, file: &str, field: &str) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}"));
    let line = text.ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with(field))?;
        line.split_ascii_whitespace().nth(1)?.parse().ok()
    });
    line.with_context(|| format!("process {pid} is gone"))
}

pub(crate) fn children(pid: u32) -> Vec<u32> {
    std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .unwrap_or_default()
        .split_ascii_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_process_has_memory_and_a_missing_one_is_an_error() {
        assert!(rss_kib(std::process::id()).unwrap() > 100);
        assert!(pss_kib(std::process::id()).unwrap() > 100);
        cpu_with_children(std::process::id()).unwrap();
        cpu_with_ended_children(std::process::id()).unwrap();
        let switches = context_switches(std::process::id()).unwrap();
        assert!(switches.values().sum::<u64>() > 0);
        context_switches(u32::MAX).unwrap_err();
        cpu(u32::MAX).unwrap_err();
    }
}
