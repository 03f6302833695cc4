//! A real terminal, read through tmux.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Context;
use tempfile::TempDir;
use tokio::process::Command;

use crate::client::Home;
use ringtail_kit::eventually;

/// A private tmux server with one window.
#[derive(Debug)]
pub struct Terminal {
    /// Has the server's socket: one that is ending still answers at its own, so that no other may start there.
    directory: TempDir,
    /// Its directory stays as long as the terminal.
    _home: Home,
}

/// What is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stroke {
    /// A key by its name in tmux.
    Key(String),
    /// Bytes as they come, which do not end with a semicolon: tmux takes that for the end of its command.
    Text(String),
}

impl Terminal {
    /// Runs a shell script in a terminal of 100 by 30.
    ///
    /// # Errors
    /// When tmux cannot be run.
    pub async fn run(home: &Home, script: &str) -> anyhow::Result<Self> {
        let directory = TempDir::new()?;
        let file = directory.path().join("run.sh");
        let environment = home.environment();
        let exports = environment
            .iter()
            .map(|(name, value)| format!("export {name}='{value}'\n"));
        std::fs::write(&file, exports.collect::<String>() + script)?;
        let terminal = Self {
            directory,
            _home: home.clone(),
        };
        let shell = format!("exec sh {}", file.display());
        let window = [
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "100",
            "-y",
            "30",
        ];
        terminal.tmux(&[&window[..], &[&shell]].concat()).await?;
        Ok(terminal)
    }

    /// Runs a command of tmux and returns what it prints.
    ///
    /// # Errors
    /// When it fails.
    pub async fn tmux(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new("tmux")
            .arg("-u")
            .arg("-S")
            .arg(self.socket())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .await
            .context("tmux could not be run: apt-get install tmux")?;
        anyhow::ensure!(
            output.status.success(),
            "tmux: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("tmux")
    }

    /// Returns the text of the screen.
    pub async fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).await.unwrap_or_default()
    }

    /// Waits until a text is on the screen.
    ///
    /// # Errors
    /// When it is not in time; the error shows the screen.
    pub async fn shows(&self, text: &str) -> anyhow::Result<()> {
        let seen = eventually!(self.screen().await.contains(text), "{text:?} on the screen");
        match seen {
            Ok(()) => Ok(()),
            Err(error) => anyhow::bail!("{error}; the screen:\n{}", self.screen().await),
        }
    }

    /// Presses a key by its name in tmux.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub async fn press(&self, key: &str) -> anyhow::Result<()> {
        self.tmux(&["send-keys", key]).await.map(drop)
    }

    /// Types characters as they are.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub async fn types(&self, text: &str) -> anyhow::Result<()> {
        self.send(&[Stroke::Text(text.to_owned())]).await
    }

    /// Types one thing after the other.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub async fn send(&self, strokes: &[Stroke]) -> anyhow::Result<()> {
        let mut arguments = Vec::new();
        for stroke in strokes {
            match stroke {
                Stroke::Key(key) => arguments.extend(["send-keys", key, ";"]),
                Stroke::Text(text) => arguments.extend(["send-keys", "-l", "--", text, ";"]),
            }
        }
        self.tmux(&arguments).await.map(drop)
    }

    /// Gives the window another size.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub async fn resize(&self, columns: u64, lines: u64) -> anyhow::Result<()> {
        let (columns, lines) = (columns.to_string(), lines.to_string());
        let size = ["resize-window", "-x", &columns, "-y", &lines];
        self.tmux(&size).await.map(drop)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut kill = std::process::Command::new("tmux");
        kill.arg("-S").arg(self.socket()).arg("kill-server");
        // It is gone already when the script has ended.
        kill.stderr(Stdio::null()).status().ok();
    }
}
