//! Windows, as wine has it.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use tokio::process::Command;

/// The directory of the machine's drive `C:`.
const PREFIX: &str = "wine";

/// A Windows machine, whose drive `Z:` is this system. It ends with its handle.
#[derive(Debug)]
pub struct Wine {
    directory: TempDir,
    client: PathBuf,
}

impl Wine {
    /// Starts a machine with a `ringtail.exe`.
    ///
    /// # Errors
    /// When wine cannot be run.
    pub async fn start(client: &Path) -> anyhow::Result<Self> {
        let wine = Self {
            directory: tempfile::tempdir()?,
            client: std::path::absolute(client)?,
        };
        std::fs::create_dir(wine.directory.path().join(PREFIX))?;
        for (program, argument) in [("wineserver", "--persistent"), ("wineboot", "--init")] {
            let ended = wine.run(program, argument).await?;
            ensure!(ended.success(), "{program} {argument}: {ended}");
        }
        Ok(wine)
    }

    async fn run(&self, program: &str, argument: &str) -> anyhow::Result<ExitStatus> {
        let mut command = Command::new(program);
        command.arg(argument).env_clear().envs(self.environment());
        // What it starts stays, and would keep a pipe open.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let ended = command.stderr(Stdio::null()).status().await;
        ended.with_context(|| format!("{program} could not be run"))
    }

    /// Returns the words that run the client.
    #[must_use]
    pub fn client(&self) -> [&Path; 2] {
        [Path::new("wine"), &self.client]
    }

    /// Returns the variables that wine needs.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        let home = self.directory.path().display().to_string();
        vec![
            ("PATH", path),
            ("WINEPREFIX", format!("{home}/{PREFIX}")),
            ("XDG_RUNTIME_DIR", home.clone()),
            ("HOME", home),
            // Not what wine says of itself.
            ("WINEDEBUG", "-all".to_owned()),
            // Neither .NET nor a browser; `cryptnet.dll` is the one of `tests/wine`.
            ("WINEDLLOVERRIDES", "mscoree,mshtml=;cryptnet=n".to_owned()),
        ]
    }

    /// Returns the user's directory.
    ///
    /// # Errors
    /// When there is none.
    pub fn profile(&self) -> anyhow::Result<PathBuf> {
        let users = self.directory.path().join(PREFIX).join("drive_c/users");
        let users = std::fs::read_dir(&users).with_context(|| users.display().to_string())?;
        let mut paths = users.flatten().map(|entry| entry.path());
        let own = paths.find(|path| !path.ends_with("Public"));
        own.context("there is no user")
    }

    /// Returns a path of this system as programs on Windows know it.
    #[must_use]
    pub fn path(path: &Path) -> String {
        format!("Z:{}", path.display()).replace('/', "\\")
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        let mut kill = std::process::Command::new("wineserver");
        kill.args(["--kill", "--wait"]).envs(self.environment());
        kill.stderr(Stdio::null()).status().ok();
    }
}
