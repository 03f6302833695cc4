//! A group of one process that may not use more of something, where this system and user allow it (version 1 or 2 of cgroups).

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The group. Drop it when the process has ended: before, it cannot be removed.
#[derive(Debug)]
pub(crate) struct ControlGroup(PathBuf);

impl ControlGroup {
    /// Has the system kill a process that needs more memory.
    pub(crate) fn of_memory(pid: u32, mebibytes: usize) -> Option<Self> {
        let bytes = (mebibytes << 20).to_string();
        Self::of(pid, "memory", &[("memory.limit_in_bytes", &bytes)])
            .or_else(|| Self::of(pid, "", &[("memory.max", &bytes)]))
    }

    /// Gives a process a quarter of a core: 5 ms of each 20.
    pub(crate) fn of_quarter_core(pid: u32) -> Option<Self> {
        let limits = [("cpu.cfs_period_us", "20000"), ("cpu.cfs_quota_us", "5000")];
        Self::of(pid, "cpu", &limits).or_else(|| Self::of(pid, "", &[("cpu.max", "5000 20000")]))
    }

    fn of(pid: u32, controller: &str, limits: &[(&str, &str)]) -> Option<Self> {
        let name = format!("ringtail-{pid}");
        let path = Path::new("/sys/fs/cgroup").join(controller).join(name);
        std::fs::create_dir(&path).ok()?;
        let group = Self(path);
        for (file, limit) in limits {
            group.set(file, limit).ok()?;
        }
        group.set("cgroup.procs", &pid.to_string()).ok()?;
        Some(group)
    }

    /// Writes a file that must be there: in a directory that is no group, it would limit nothing.
    fn set(&self, file: &str, value: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.0.join(file))?;
        file.write_all(value.as_bytes())
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        std::fs::remove_dir(&self.0).ok();
    }
}
