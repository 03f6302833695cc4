//! A relay under test: the built program with its own data directory and port.

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use ringtail_kit::app::Port;
use ringtail_kit::caller::{FakeRingCentral, Hook, endpoint};
use ringtail_kit::postgres::PostgresServer;
use ringtail_protocol::path::{self, EndpointInfo};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::binaries;
use crate::process::{self, Process};

/// Variable of the environment. With `postgres`, a relay whose test names no database stores in PostgreSQL.
const BACK_END: &str = "RINGTAIL_TEST_BACK_END";

/// A relay is ready within this time, or it never is.
const READY_TIME: Duration = Duration::from_secs(20);

/// Options that lift the limit on an endpoint's events, for load.
pub const ANY_RATE: &[&str] = &["--max-events-per-second", "1000000"];

/// Token of an account. Its `Debug` does not show it.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Makes a token from text.
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

/// How a relay differs from the default.
#[derive(Debug, Default)]
pub struct Setup {
    /// More options of `serve`.
    pub options: Vec<String>,
    /// Environment, which is otherwise empty.
    pub environment: Vec<(String, String)>,
    /// URL of a PostgreSQL database, for the relay and its commands.
    pub database: Option<String>,
    /// A program that runs the relay, with its arguments.
    pub wrapper: Vec<String>,
    /// Directory of a certificate that it has in files, instead of one of its own.
    pub certificate: Option<PathBuf>,
    /// The relay's program, if not the built one.
    pub program: Option<PathBuf>,
    /// Where it listens, if not at a port of 127.0.0.1.
    pub listen: Option<SocketAddr>,
    /// A socket that listens for the relay, as a service manager does.
    pub socket: Option<TcpListener>,
}

impl Setup {
    fn with(options: &[&str]) -> Self {
        Self {
            options: options.iter().map(ToString::to_string).collect(),
            ..Self::default()
        }
    }

    /// Stores accounts and events in a PostgreSQL database.
    #[must_use]
    pub fn in_postgres(url: &str) -> Self {
        Self {
            database: Some(url.to_owned()),
            ..Self::default()
        }
    }

    fn variable(&self) -> Option<(&'static str, &str)> {
        let url = self.database.as_deref()?;
        Some(("RINGTAIL_RELAY_DATABASE", url))
    }
}

/// Runs its arguments with standard input as the socket that a service manager passes on.
const HAND_OVER: &str = r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0 </dev/null"#;

/// `ringtail-relay serve`, with `--dev`, a certificate in files, or behind a proxy. It keeps its port and data directory when it is restarted.
#[derive(Debug)]
pub struct TestRelay {
    data: TempDir,
    front: Option<(String, PathBuf)>,
    setup: Setup,
    address: SocketAddr,
    _port: Port,
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
        Self::start_as(tempfile::tempdir()?, Setup::with(options)).await
    }

    /// Starts a relay behind a proxy that starts afterwards.
    ///
    /// # Errors
    /// When it does not become ready; the error carries its log.
    pub async fn start_behind(url: &str, ca: &Path, options: &[&str]) -> anyhow::Result<Self> {
        Self::start_behind_as(url, ca, Setup::with(options)).await
    }

    /// Starts a relay behind a proxy that starts afterwards, with a setup of the test's.
    ///
    /// # Errors
    /// When it does not become ready; the error carries its log.
    pub async fn start_behind_as(url: &str, ca: &Path, setup: Setup) -> anyhow::Result<Self> {
        let front = Some((url.to_owned(), ca.to_owned()));
        Self::new(tempfile::tempdir()?, front, setup).await
    }

    /// Starts two relays on one database of PostgreSQL.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn pair(database: &str, options: &[&str]) -> anyhow::Result<[Self; 2]> {
        let start = async || {
            let setup = Setup {
                options: options.iter().map(ToString::to_string).collect(),
                ..Setup::in_postgres(database)
            };
            Self::start_as(tempfile::tempdir()?, setup).await
        };
        Ok([start().await?, start().await?])
    }

    /// Starts a relay with a data directory and a setup of the test's.
    ///
    /// # Errors
    /// When it does not become ready; the error carries its log.
    pub async fn start_as(data: TempDir, setup: Setup) -> anyhow::Result<Self> {
        Self::new(data, None, setup).await
    }

    async fn new(
        data: TempDir,
        front: Option<(String, PathBuf)>,
        mut setup: Setup,
    ) -> anyhow::Result<Self> {
        if setup.database.is_none()
            && let Some(back_end) = std::env::var_os(BACK_END)
        {
            ensure!(back_end == "postgres", "{BACK_END} is {back_end:?}");
            setup.database = Some(PostgresServer::shared().database());
        }
        let port = Port::reserve();
        let mut relay = Self {
            data,
            front,
            address: setup.listen.unwrap_or(port.address),
            setup,
            _port: port,
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
        let process = Process::spawn_with_input("relay", self.serve(self.address)?)?;
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
        self.ca = match (&self.front, &self.setup.certificate) {
            (Some((_, ca)), _) => ca.clone(),
            (None, Some(files)) => files.join("cert.pem"),
            (None, None) => text("ca")?.into(),
        };
        self.address = text("listen")?.parse()?;
        self.process = Some(process);
        Ok(())
    }

    /// Starts a relay that must not start: returns its exit code and what it prints.
    ///
    /// # Errors
    /// When it keeps running.
    pub async fn refusal(&self) -> anyhow::Result<(Option<i32>, String)> {
        // On another port, so that the port is not the reason.
        let anywhere = (Ipv4Addr::LOCALHOST, 0).into();
        let output = process::output(self.serve(anywhere)?).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((output.status.code(), said))
    }

    /// Changes the setup for the next start.
    pub fn setup(&mut self) -> &mut Setup {
        &mut self.setup
    }

    fn serve(&self, listen: SocketAddr) -> anyhow::Result<Command> {
        let mut words: Vec<OsString> = self.setup.wrapper.iter().map(OsString::from).collect();
        if self.setup.socket.is_some() {
            words.extend(["sh", "-c", HAND_OVER, "sh"].map(OsString::from));
        }
        words.push(match &self.setup.program {
            Some(program) => program.into(),
            None => binaries::find(binaries::RELAY)?.into(),
        });
        words.extend(["serve", "--output", "json", "--listen"].map(OsString::from));
        words.push(listen.to_string().into());
        words.push("--data".into());
        words.push(self.data.path().into());
        match (&self.front, &self.setup.certificate) {
            (Some((url, _)), _) => {
                words.extend(["--behind-proxy", "--public-url", url].map(OsString::from));
            }
            (None, Some(files)) => {
                words.extend(["--cert".into(), files.join("cert.pem").into()]);
                words.extend(["--key".into(), files.join("key.pem").into()]);
                let url = format!("https://localhost:{}", listen.port());
                words.extend(["--public-url".into(), url.into()]);
            }
            (None, None) => words.push("--dev".into()),
        }
        words.extend(self.setup.options.iter().map(OsString::from));
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().context("nothing to run")?);
        command
            .args(words)
            .env_clear()
            .envs(self.setup.environment.iter().cloned())
            .envs(self.setup.variable());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        if let Some((_, ca)) = &self.front {
            // Becomes what the platform trusts.
            command.env("SSL_CERT_FILE", ca);
        }
        command.stdin(match &self.setup.socket {
            Some(socket) => Stdio::from(OwnedFd::from(socket.try_clone()?)),
            None => Stdio::null(),
        });
        Ok(command)
    }

    /// Kills the relay (SIGKILL).
    ///
    /// # Errors
    /// When it is not running.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("the relay is not running")?;
        process.kill().await
    }

    /// Sends the relay a signal, such as `-STOP`.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let process = self.process.as_ref().context("the relay is not running")?;
        process.signal(name).await
    }

    /// Kills the relay and starts it again.
    ///
    /// # Errors
    /// When it does not become ready again.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.kill().await?;
        self.resume().await
    }

    /// Stops the relay (SIGTERM).
    ///
    /// # Errors
    /// When it does not end in time, or ends with an error.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let (code, log) = self.end().await?;
        ensure!(
            code == Some(0),
            "the relay ended with {code:?}; its log:\n{log}"
        );
        Ok(())
    }

    /// Stops the relay (SIGTERM) and returns its exit code and its log.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn end(&mut self) -> anyhow::Result<(Option<i32>, String)> {
        let mut process = self.process.take().context("the relay is not running")?;
        let status = process.terminate().await?;
        Ok((status.code(), process.log()))
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

    /// Makes or finds an endpoint through the relay's API.
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
            "the relay refused the endpoint {name}: {} {}",
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
        let mut command = Command::new(binaries::find(binaries::RELAY)?);
        command.args(arguments).arg("--data").arg(self.data.path());
        command.env_clear().envs(self.setup.variable());
        process::output(command).await
    }

    /// Returns a caller that reaches this relay.
    ///
    /// # Errors
    /// When the CA cannot be read.
    pub fn caller(&self) -> anyhow::Result<FakeRingCentral> {
        let port = endpoint(&self.url)?.port_u16().context("no port")?;
        FakeRingCentral::new((Ipv4Addr::LOCALHOST, port).into(), &self.ca)
    }

    /// Returns the relay's URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the relay's URL with the port of a proxy in front of it.
    ///
    /// # Errors
    /// When the relay's URL is odd.
    pub fn url_at(&self, proxy: SocketAddr) -> anyhow::Result<String> {
        let uri = endpoint(&self.url)?;
        let host = uri.host().context("no host")?;
        Ok(format!("https://{host}:{}", proxy.port()))
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

    /// Returns the URL of the database with accounts and events, if that is PostgreSQL.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.setup.database.as_deref()
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
}
