//! A client under test: the built program in its own home directory, configured by its environment.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::binaries;
use crate::process::{self, Process, locked};
use crate::relay::{TestRelay, Token};
use crate::wine::Wine;
use ringtail_kit::wait;

/// A developer's machine: home directory, relay, token.
#[derive(Debug, Clone)]
pub struct Home {
    directory: Arc<TempDir>,
    relay: String,
    ca: PathBuf,
    token: Option<Token>,
    variables: Vec<(&'static str, String)>,
    wine: Option<Arc<Wine>>,
}

impl Home {
    /// Makes a machine that is logged in at a relay.
    ///
    /// # Errors
    /// When no directory can be made.
    pub fn new(relay: &TestRelay, token: &Token) -> anyhow::Result<Self> {
        Ok(Self {
            directory: Arc::new(tempfile::tempdir()?),
            relay: relay.url().to_owned(),
            ca: relay.ca().to_owned(),
            token: Some(token.clone()),
            variables: Vec::new(),
            wine: None,
        })
    }

    /// Makes a machine without a relay, for commands on the history.
    ///
    /// # Errors
    /// When no directory can be made.
    pub fn alone() -> anyhow::Result<Self> {
        Ok(Self {
            directory: Arc::new(tempfile::tempdir()?),
            relay: "https://localhost:1".to_owned(),
            ca: PathBuf::new(),
            token: None,
            variables: Vec::new(),
            wine: None,
        })
    }

    /// Runs the client on Windows, with its configuration and data where they are there.
    #[must_use]
    pub fn on(mut self, wine: Arc<Wine>) -> Self {
        self.wine = Some(wine);
        self
    }

    /// Reaches the relay by another URL.
    #[must_use]
    pub fn via(mut self, url: &str) -> Self {
        url.clone_into(&mut self.relay);
        self
    }

    /// Replaces the token; `None` for a machine that is not logged in.
    #[must_use]
    pub fn token(mut self, token: Option<&Token>) -> Self {
        self.token = token.cloned();
        self
    }

    /// Sets a variable of the environment, which is otherwise what configures the client.
    #[must_use]
    pub fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Returns another machine of the same developer, with the same relay and token.
    ///
    /// # Errors
    /// When no directory can be made.
    pub fn sibling(&self) -> anyhow::Result<Self> {
        Ok(Self {
            directory: Arc::new(tempfile::tempdir()?),
            ..self.clone()
        })
    }

    /// Returns the machine's data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Returns the machine's home directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Runs a command of the client to its end.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> anyhow::Result<Output> {
        process::output(self.command(arguments)?).await
    }

    /// Runs a command of the client that must succeed, and returns its standard output.
    ///
    /// # Errors
    /// When it fails.
    pub async fn stdout<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> anyhow::Result<Vec<u8>> {
        let output = self.run(arguments).await?;
        ensure!(
            output.status.success(),
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output.stdout)
    }

    /// Returns a command of the client in this machine's environment only.
    ///
    /// # Errors
    /// When the client has not been built.
    pub fn command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> anyhow::Result<Command> {
        let mut words = self.client()?.into_iter();
        let mut command = Command::new(words.next().context("nothing to run")?);
        command.args(words).args(arguments);
        command.env_clear().envs(self.environment());
        Ok(command)
    }

    /// Returns the words that run the client.
    ///
    /// # Errors
    /// When the client has not been built.
    pub fn client(&self) -> anyhow::Result<Vec<PathBuf>> {
        match &self.wine {
            Some(wine) => Ok(wine.client().map(Path::to_owned).to_vec()),
            None => Ok(vec![binaries::find(binaries::CLIENT)?]),
        }
    }

    /// Returns the environment that configures the client.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let (mut environment, ca) = match &self.wine {
            Some(wine) => (wine.environment(), Wine::path(&self.ca)),
            None => {
                let own = vec![
                    ("HOME", path(self.path())),
                    ("RINGTAIL_DATA", path(&self.data())),
                    ("RINGTAIL_CONFIG", path(&self.path().join("config.toml"))),
                ];
                (own, path(&self.ca))
            }
        };
        environment.push(("RINGTAIL_RELAY", self.relay.clone()));
        environment.push(("RINGTAIL_CA", ca));
        if let Some(token) = &self.token {
            environment.push(("RINGTAIL_TOKEN", token.expose().to_owned()));
        }
        environment.extend(self.variables.iter().cloned());
        environment
    }

    /// Starts `ringtail listen --output json` with more arguments and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready; the error carries its log.
    pub async fn listen(&self, arguments: &[&str]) -> anyhow::Result<TestClient> {
        let mut client = TestClient {
            home: self.clone(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            process: None,
            lines: Mutex::default(),
            ready: Value::Null,
        };
        client.resume().await?;
        Ok(client)
    }
}

/// A listening client and its JSON lines.
#[derive(Debug)]
pub struct TestClient {
    home: Home,
    arguments: Vec<String>,
    process: Option<Process>,
    lines: Mutex<Parsed>,
    ready: Value,
}

#[derive(Debug, Default)]
struct Parsed {
    /// Lines of the running process that have been parsed.
    taken: usize,
    lines: Vec<Value>,
}

impl TestClient {
    /// Starts the client again on the history it had, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready; the error carries its log.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        self.launch()?;
        let process = self.process.as_ref().context("the client is not running")?;
        let ready = process
            .line(wait::PATIENCE, |line| line.contains("\"type\":\"ready\""))
            .await?;
        self.ready = serde_json::from_str(&ready)?;
        Ok(())
    }

    /// Starts the client again and does not wait.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn launch(&mut self) -> anyhow::Result<()> {
        let mut command = self.home.command(["listen", "--output", "json"])?;
        command.args(&self.arguments);
        locked(&self.lines).taken = 0;
        self.process = Some(Process::spawn("client", command)?);
        Ok(())
    }

    /// Kills the client (SIGKILL).
    ///
    /// # Errors
    /// When it is not running.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let mut process = self.take()?;
        process.kill().await?;
        self.parse(&process);
        Ok(())
    }

    /// Sends the client a signal, such as `-STOP`.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let process = self.process.as_ref().context("the client is not running")?;
        process.signal(name).await
    }

    /// Stops the client (SIGTERM) and returns its exit code.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn stop(&mut self) -> anyhow::Result<Option<i32>> {
        let mut process = self.take()?;
        let status = process.terminate().await?;
        self.parse(&process);
        Ok(status.code())
    }

    /// Waits until the client ends by itself, and returns its exit code.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn ended(&mut self) -> anyhow::Result<Option<i32>> {
        let mut process = self.take()?;
        let status = process.ended().await?;
        self.parse(&process);
        Ok(status.code())
    }

    fn take(&mut self) -> anyhow::Result<Process> {
        self.process.take().context("the client is not running")
    }

    /// Returns the public URL of its endpoint.
    ///
    /// # Errors
    /// When the ready line named none.
    pub fn url(&self) -> anyhow::Result<String> {
        text(&self.ready, "url")
    }

    /// Returns every line so far, of all its processes.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        if let Some(process) = &self.process {
            self.parse(process);
        }
        locked(&self.lines).lines.clone()
    }

    /// Returns every line of one type.
    #[must_use]
    pub fn lines_of(&self, kind: &str) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line["type"] == kind);
        lines
    }

    /// Returns the number of lines of one type.
    #[must_use]
    pub fn count_of(&self, kind: &str) -> usize {
        self.lines_of(kind).len()
    }

    /// Returns the process id, while the client runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Process::pid)
    }

    /// Returns the end of the client's log.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    fn parse(&self, process: &Process) {
        let mut parsed = locked(&self.lines);
        let fresh = process.lines().since(parsed.taken);
        parsed.taken += fresh.len();
        // What is not JSON is kept as text, for the test that checks the lines.
        let values = fresh
            .into_iter()
            .map(|line| serde_json::from_str(&line).unwrap_or(Value::String(line)));
        parsed.lines.extend(values);
    }
}

fn text(line: &Value, name: &str) -> anyhow::Result<String> {
    line.get(name)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("no {name} in {line}"))
}

/// Returns the body of an event line as bytes.
///
/// # Errors
/// When it has none, or one that is not base64.
pub fn body_of(event: &Value) -> anyhow::Result<Vec<u8>> {
    use base64::Engine as _;
    if let Some(body) = event.get("body").and_then(Value::as_str) {
        return Ok(body.as_bytes().to_vec());
    }
    let body = text(event, "body_base64")?;
    Ok(base64::engine::general_purpose::STANDARD.decode(body)?)
}
