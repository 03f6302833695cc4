//! A quarter of a core for a program, so that what it does, and not this machine, is the limit.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Of each 20 ms, 5.
const QUOTA_US: &str = "5000";
const PERIOD_US: &str = "20000";

/// Puts itself into the control group, then becomes the program.
const ENTER: &str = r#"echo $$ >"$1/cgroup.procs" && shift && exec "$@""#;

/// A control group, of version 2 or 1.
#[derive(Debug)]
pub(super) struct QuarterCore {
    group: PathBuf,
}

impl QuarterCore {
    /// Makes the group; `None` where this process may not.
    pub(super) fn make() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringtail-bench-{}-{number}", std::process::id());
        let root = Path::new("/sys/fs/cgroup");
        let limits: [(PathBuf, Vec<(&str, String)>); 2] = [
            (
                root.join("cpu").join(&name),
                vec![
                    ("cpu.cfs_period_us", PERIOD_US.to_owned()),
                    ("cpu.cfs_quota_us", QUOTA_US.to_owned()),
                ],
            ),
            (
                root.join(&name),
                vec![("cpu.max", format!("{QUOTA_US} {PERIOD_US}"))],
            ),
        ];
        limits.into_iter().find_map(|(group, files)| {
            std::fs::create_dir(&group).ok()?;
            let made = Self { group };
            let is_set = files
                .iter()
                .all(|(file, limit)| std::fs::write(made.group.join(file), limit).is_ok());
            is_set.then_some(made)
        })
    }

    /// Returns the program that runs another one in the group.
    pub(super) fn wrapper(&self) -> Vec<String> {
        let group = self.group.display().to_string();
        ["sh", "-c", ENTER, "sh", &group]
            .map(str::to_owned)
            .to_vec()
    }
}

impl Drop for QuarterCore {
    fn drop(&mut self) {
        // Works once its programs have ended.
        std::fs::remove_dir(&self.group).ok();
    }
}
