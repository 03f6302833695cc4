//! A disk whose every sync takes longer: a library that is loaded before the system's.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

/// Waits for 2 ms before each sync.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
static int after_2_ms(const char *name, int file) {
  int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  usleep(2000);
  return sync(file);
}
int fsync(int file) { return after_2_ms("fsync", file); }
int fdatasync(int file) { return after_2_ms("fdatasync", file); }
"#;

/// The library.
#[derive(Debug)]
pub(super) struct SlowSync {
    directory: TempDir,
}

impl SlowSync {
    /// Compiles the library.
    ///
    /// # Errors
    /// When there is no C compiler.
    pub(super) fn compile() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        // PostgreSQL's user reads it.
        let all = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(directory.path(), all)?;
        let slow = Self { directory };
        let source = slow.directory.path().join("sync.c");
        std::fs::write(&source, SOURCE)?;
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o", &slow.library()])
            .arg(&source)
            .output()
            .context("cc could not be run")?;
        ensure!(compiled.status.success(), "cc: {compiled:?}");
        Ok(slow)
    }

    /// Returns the variable of the environment that loads it.
    pub(super) fn variable(&self) -> (String, String) {
        ("LD_PRELOAD".to_owned(), self.library())
    }

    fn library(&self) -> String {
        let path = self.directory.path().join("sync.so");
        path.display().to_string()
    }
}
