//! A relay under test: the built program, its data directory, its port.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use ringtail_protocol::path::{self, EndpointInfo};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::binaries;
use crate::process::{self, Process};
use crate::proxies::Front;
use crate::ringcentral::{FakeRingCentral, Hook, Place};

/// A relay is ready within this time, or it never is.
const READY_TIME: Duration = Duration::from_secs(20);

/// Options for more events than an endpoint is allowed: a load is there to be measured.
pub const ANY_RATE: &[&str] = &["--max-events-per-second", "1000000"];

/// Token of an account. Its `Debug` does not show it.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Takes a token from text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// `ringtail-relay serve`, with `--dev` or behind a proxy, on a port and a data directory of its own. Killed and restarted, it keeps both.
#[derive(Debug)]
pub struct TestRelay {
    data: TempDir,
    front: Option<(String, PathBuf)>,
    options: Vec<String>,
    address: SocketAddr,
    url: String,
    ca: PathBuf,
    process: Option<Process>,
}

impl TestRelay {
    /// Starts a relay and waits until it accepts.
    ///
    /// # Errors
    /// When it does not become ready; the error carries its log.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(&[]).await
    }

    /// Starts a relay with more options.
    ///
    /// # Errors
    /// When it does not become ready; the error carries its log.
    pub async fn start_with(options: &[&str]) -> anyhow::Result<Self> {
        Self::new(None, options).await
    }

    /// Starts a relay behind a proxy, which is to start afterwards.
    ///
    /// # Errors
    /// When it does not become ready; the error carries its log.
    pub async fn start_behind(front: &Front, options: &[&str]) -> anyhow::Result<Self> {
        Self::new(Some((front.url(), front.ca())), options).await
    }

    async fn new(front: Option<(String, PathBuf)>, options: &[&str]) -> anyhow::Result<Self> {
        let mut relay = Self {
            data: tempfile::tempdir()?,
            front,
            options: options.iter().map(ToString::to_string).collect(),
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            url: String::new(),
            ca: PathBuf::new(),
            process: None,
        };
        relay.resume().await?;
        Ok(relay)
    }

    /// Starts the relay again on the port and the data it had.
    ///
    /// # Errors
    /// When it does not become ready; the error carries its log.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        let mut command = self.command(["serve", "--output", "json"])?;
        match &self.front {
            Some((url, ca)) => {
                command.args(["--behind-proxy", "--public-url", url]);
                // What the platform trusts.
                command.env("SSL_CERT_FILE", ca);
            }
            None => {
                command.arg("--dev");
            }
        }
        command
            .args(["--listen", &self.address.to_string()])
            .args(&self.options);
        let process = Process::spawn("relay", command)?;
        let ready = process
            .line(READY_TIME, |line| line.contains("\"ready\""))
            .await?;
        let ready: Value = serde_json::from_str(&ready).context("the ready line is not JSON")?;
        let text = |name: &str| {
            let text = ready.get(name).and_then(Value::as_str);
            text.map(str::to_owned)
                .with_context(|| format!("the ready line has no {name}: {ready}"))
        };
        self.url = text("url")?;
        self.ca = match &self.front {
            Some((_, ca)) => ca.clone(),
            None => text("ca")?.into(),
        };
        self.address = text("listen")?.parse()?;
        self.process = Some(process);
        Ok(())
    }

    /// Kills the relay (SIGKILL).
    ///
    /// # Errors
    /// When it is not running.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("the relay is not running")?;
        process.kill().await
    }

    /// Kills the relay and starts it again.
    ///
    /// # Errors
    /// When it does not become ready again.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.kill().await?;
        self.resume().await
    }

    /// Asks the relay to end and waits for it.
    ///
    /// # Errors
    /// When it does not end in time, or ends with an error.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("the relay is not running")?;
        let status = process.terminate().await?;
        ensure!(
            status.success(),
            "the relay ended with {status}; its log:\n{}",
            process.log()
        );
        Ok(())
    }

    /// Adds an account and returns its token.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn account(&self, name: &str) -> anyhow::Result<Token> {
        let output = self.run(["accounts", "add", name]).await?;
        let token = String::from_utf8(output.stdout)?.trim().to_owned();
        if !output.status.success() || token.is_empty() {
            bail!(
                "account add {name} failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(Token(token))
    }

    /// Makes an endpoint, or finds it, without a client: by the relay's own API.
    ///
    /// # Errors
    /// When the relay refuses.
    pub async fn endpoint(&self, token: &Token, name: &str) -> anyhow::Result<EndpointInfo> {
        let hook = Hook::new("POST", serde_json::json!({ "name": name }).to_string())
            .header("authorization", format!("Bearer {}", token.expose()))
            .below(path::ENDPOINTS);
        let answer = self.caller()?.post(&self.url, &hook).await?;
        ensure!(
            answer.status == 200,
            "the relay refuses the endpoint {name}: {} {}",
            answer.status,
            answer.body.escape_ascii()
        );
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// Runs a command of the relay's program on the same data directory.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> anyhow::Result<Output> {
        process::output(self.command(arguments)?).await
    }

    /// Returns a caller that reaches this relay.
    ///
    /// # Errors
    /// When the CA cannot be read.
    pub fn caller(&self) -> anyhow::Result<FakeRingCentral> {
        let port = port_of(&self.url)?;
        FakeRingCentral::new((Ipv4Addr::LOCALHOST, port).into(), &self.ca)
    }

    /// Returns the relay's URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the relay's URL with another port: of a proxy in front of it.
    ///
    /// # Errors
    /// When the relay's URL is odd.
    pub fn url_at(&self, proxy: SocketAddr) -> anyhow::Result<String> {
        let place = Place::of(&self.url)?;
        Ok(format!("https://{}:{}", place.host, proxy.port()))
    }

    /// Returns where the relay listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the file with the relay's CA.
    #[must_use]
    pub fn ca(&self) -> &Path {
        &self.ca
    }

    /// Returns the relay's data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Returns the process id, while the relay runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Process::pid)
    }

    /// Returns the end of the relay's log.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    fn command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> anyhow::Result<Command> {
        let mut command = Command::new(binaries::find(binaries::RELAY)?);
        command
            .args(arguments)
            .arg("--data")
            .arg(self.data.path())
            .env_clear();
        Ok(command)
    }
}

fn port_of(url: &str) -> anyhow::Result<u16> {
    let uri: http::Uri = url.parse()?;
    uri.port_u16()
        .with_context(|| format!("{url} names no port"))
}
