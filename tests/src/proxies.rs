//! Proxies in front of a relay: the real programs, with the examples of `deploy/` for their configuration.
//!
//! Names, addresses and files of an example are replaced, each of which must be there: an example cannot change without
//! the tests.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use crate::bench::peers::{accepts, free_address, installed};
use crate::process::Process;
use crate::relay::TestRelay;
use ringtail_kit::tls::Identity;

const NGINX: &str = include_str!("../../deploy/nginx.conf");
const CADDY: &str = include_str!("../../deploy/Caddyfile");
const HAPROXY: &str = include_str!("../../deploy/haproxy.cfg");

/// Where proxies call the relay from, and the only one that it believes. Callers come from [`CALLER`].
pub const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A stranger's address on this machine.
pub const CALLER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A program that stands in front of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// nginx, which speaks HTTP/1.1 to the relay.
    Nginx,
    /// Caddy, with HTTP/1.1 to the relay.
    Caddy,
    /// Caddy, with HTTP/2 to the relay.
    CaddyHttp2,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nginx, Self::Caddy, Self::CaddyHttp2];
}

/// Where a proxy will listen, and its certificate: known before the relay starts, which tells clients of it.
#[derive(Debug)]
pub struct Front {
    identity: Identity,
    address: SocketAddr,
    host: String,
}

impl Front {
    /// Finds a place for a proxy of this name, and makes a certificate for it and for `localhost`.
    ///
    /// # Errors
    /// When no port or no certificate can be had.
    pub fn new(host: &str) -> anyhow::Result<Self> {
        let names = [host, "localhost", &format!("*.{host}")].map(str::to_owned);
        Ok(Self {
            identity: Identity::of(names)?,
            address: free_address()?,
            host: host.to_owned(),
        })
    }

    /// Returns where the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the proxy's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}:{}", self.host, self.address.port())
    }

    /// Returns the file of the authority that callers trust.
    #[must_use]
    pub fn ca(&self) -> std::path::PathBuf {
        self.identity.directory().join("cert.pem")
    }

    /// Starts the program in front of the relay.
    ///
    /// # Errors
    /// When it is not installed or does not come up; the error carries its log.
    pub async fn start(&self, program: Program, relay: &TestRelay) -> anyhow::Result<Proxy> {
        let directory = tempfile::tempdir()?;
        let process = match program {
            Program::Nginx => self.nginx(directory.path(), relay.address(), "")?,
            Program::Caddy | Program::CaddyHttp2 => {
                self.caddy(directory.path(), relay.address(), program)?
            }
        };
        self.accepting(process, directory).await
    }

    /// Starts nginx with more directives for the server, which spoil what the example does right.
    ///
    /// # Errors
    /// As [`Front::start`].
    pub async fn start_spoilt(&self, directives: &str, relay: &TestRelay) -> anyhow::Result<Proxy> {
        let directory = tempfile::tempdir()?;
        let process = self.nginx(directory.path(), relay.address(), directives)?;
        self.accepting(process, directory).await
    }

    async fn accepting(&self, process: Process, directory: TempDir) -> anyhow::Result<Proxy> {
        accepts(&process, "the proxy", self.address).await?;
        Ok(Proxy {
            process,
            _directory: directory,
        })
    }

    /// Starts HAProxy in front of relays, which take turns, with more directives for them.
    ///
    /// # Errors
    /// When it is not installed or does not come up; the error carries its log.
    pub async fn start_haproxy(
        &self,
        relays: &[TestRelay],
        directives: &str,
    ) -> anyhow::Result<Proxy> {
        let directory = tempfile::tempdir()?;
        let pem = directory.path().join("both.pem");
        let certificates = self.identity.directory();
        let both = ["cert.pem", "key.pem"].map(|name| std::fs::read(certificates.join(name)));
        let [certificate, key] = both;
        std::fs::write(&pem, [certificate?, key?].concat())?;
        let mut servers = directives.to_owned();
        for (name, relay) in ["first", "second", "third"].iter().zip(relays) {
            writeln!(servers, "    server {name} {}", relay.address())?;
        }
        let config = replaced(
            HAPROXY,
            &[
                ("bind :443", &format!("bind {}", self.address)),
                (
                    "/etc/haproxy/hooks.example.com.pem",
                    &pem.display().to_string(),
                ),
                (
                    "hdr host hooks.example.com",
                    &format!("hdr host {}", self.host),
                ),
                (
                    "    server first 10.0.0.1:8443\n    server second 10.0.0.2:8443\n",
                    &servers,
                ),
            ],
        )?;
        let file = directory.path().join("haproxy.cfg");
        std::fs::write(&file, config)?;
        let mut command = Command::new(installed("haproxy").context("haproxy is not installed")?);
        // In the foreground.
        command.arg("-db").arg("-f").arg(&file);
        let process = Process::spawn("haproxy", command)?;
        self.accepting(process, directory).await
    }

    fn nginx(
        &self,
        directory: &Path,
        relay: SocketAddr,
        directives: &str,
    ) -> anyhow::Result<Process> {
        let certificates = self.identity.directory().display();
        let site = replaced(
            NGINX,
            &[
                ("    listen [::]:443 ssl http2;\n", ""),
                ("listen 443 ssl", &format!("listen {} ssl", self.address)),
                (
                    "    server_name hooks.example.com;",
                    &format!("    server_name {0} *.{0};\n{directives}\n", self.host),
                ),
                (
                    "/etc/letsencrypt/live/hooks.example.com/fullchain.pem",
                    &format!("{certificates}/cert.pem"),
                ),
                (
                    "/etc/letsencrypt/live/hooks.example.com/privkey.pem",
                    &format!("{certificates}/key.pem"),
                ),
                ("server 127.0.0.1:8443;", &format!("server {relay};")),
            ],
        )?;
        let place = directory.display();
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary: String = kinds
            .map(|kind| format!("  {kind}_temp_path {place}/{kind};\n"))
            .concat();
        let main = format!(
            "daemon off; worker_processes 1; pid {place}/pid; error_log stderr;\nevents {{ }}\nhttp {{\n\
             {temporary}  include {place}/site.conf;\n}}\n"
        );
        std::fs::write(directory.join("site.conf"), site)?;
        std::fs::write(directory.join("nginx.conf"), main)?;
        let mut command = Command::new(installed("nginx").context("nginx is not installed")?);
        command
            .arg("-p")
            .arg(directory)
            .args(["-e", "stderr", "-c"]);
        command.arg(directory.join("nginx.conf"));
        Ok(Process::spawn("nginx", command)?.ending_with_children())
    }

    fn caddy(
        &self,
        directory: &Path,
        relay: SocketAddr,
        program: Program,
    ) -> anyhow::Result<Process> {
        let certificates = self.identity.directory().display();
        let block = "\n\treverse_proxy 127.0.0.1:8443 {\n\t\timport relay\n\t}\n";
        let mut example = CADDY.to_owned();
        if program == Program::CaddyHttp2 {
            // The blocks change places: what was a comment counts.
            let (before, after) = example.split_once(block).context("no reverse_proxy")?;
            let after = after
                .replace("\t#reverse_proxy", "\treverse_proxy")
                .replace("\t#\timport", "\t\timport")
                .replace("\t#}", "\t}");
            ensure!(after.contains("\treverse_proxy h2c://"), "no HTTP/2");
            example = format!("{before}{after}");
        }
        let port = self.address.port();
        let config = replaced(
            &example,
            &[
                // The port alone is ours, and neither an API nor redirects on another.
                (
                    "{\n\tservers {",
                    "{\n\tadmin off\n\tauto_https off\n\tservers {",
                ),
                (
                    "\nhooks.example.com {",
                    &format!(
                        "\nhttps://{0}:{port}, https://*.{0}:{port}, https://localhost:{port} {{\n\tbind 127.0.0.1",
                        self.host
                    ),
                ),
                (
                    "\t# tls /etc/ssl/fullchain.pem /etc/ssl/privkey.pem",
                    &format!("\ttls {certificates}/cert.pem {certificates}/key.pem"),
                ),
                ("127.0.0.1:8443", &relay.to_string()),
            ],
        )?;
        std::fs::write(directory.join("Caddyfile"), config)?;
        let mut command = Command::new(installed("caddy").context("caddy is not installed")?);
        command
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(directory.join("Caddyfile"))
            .env_clear()
            .env("HOME", directory)
            .env("XDG_DATA_HOME", directory)
            .env("XDG_CONFIG_HOME", directory);
        Process::spawn("caddy", command)
    }
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    process: Process,
    _directory: TempDir,
}

impl Proxy {
    /// Stops the proxy.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.process.terminate().await.map(drop)
    }

    /// Returns the end of the proxy's log.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}

fn replaced(example: &str, pairs: &[(&str, &str)]) -> anyhow::Result<String> {
    let mut text = example.to_owned();
    for (from, to) in pairs {
        ensure!(text.contains(from), "the example has no {from:?}");
        text = text.replace(from, to);
    }
    Ok(text)
}
