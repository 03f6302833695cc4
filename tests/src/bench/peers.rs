//! Programs to compare with, each started for the run and ended with it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::ValueEnum as _;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Command;

use super::servers::{self, Kind};
use crate::process::Process;
use ringtail_kit::tls::Identity;
use ringtail_kit::wait;

/// A peer is up within this time, or it never is.
const READY_TIME: Duration = Duration::from_secs(10);

/// A server of [`servers`] as a process.
#[derive(Debug)]
pub struct Own {
    process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    _data: TempDir,
}

impl Own {
    /// Starts one.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(kind: Kind, identity: &Identity) -> anyhow::Result<Self> {
        Self::start_in(tempfile::tempdir()?, kind, identity).await
    }

    /// Starts one that copies bytes to another server.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn before(
        kind: Kind,
        identity: &Identity,
        upstream: SocketAddr,
    ) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        std::fs::write(data.path().join(servers::UPSTREAM), upstream.to_string())?;
        Self::start_in(data, kind, identity).await
    }

    async fn start_in(data: TempDir, kind: Kind, identity: &Identity) -> anyhow::Result<Self> {
        for file in ["cert.pem", "key.pem"] {
            std::fs::copy(identity.directory().join(file), data.path().join(file))?;
        }
        let mut command = Command::new(std::env::current_exe()?);
        let kind = kind.to_possible_value().context("a kind without a name")?;
        command
            .args(["bench-server", kind.get_name()])
            .arg(data.path());
        let process = Process::spawn(kind.get_name(), command)?;
        let line = process
            .line(READY_TIME, |line| line.starts_with("ready "))
            .await?;
        let address = line.trim_start_matches("ready ").parse()?;
        Ok(Self {
            process,
            address,
            _data: data,
        })
    }

    /// Returns its process id.
    ///
    /// # Errors
    /// When it has ended.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.process.pid().context("the server has ended")
    }
}

/// nginx with TLS: echoes validations at `/`, and below `/app` passes requests to an upstream.
#[derive(Debug)]
pub struct Nginx {
    process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    _directory: TempDir,
}

impl Nginx {
    /// Starts nginx; `None` when it is not installed.
    ///
    /// # Errors
    /// When it is installed and does not come up.
    pub async fn start(identity: &Identity, upstream: SocketAddr) -> anyhow::Result<Option<Self>> {
        let Some(program) = installed("nginx") else {
            return Ok(None);
        };
        let directory = tempfile::tempdir()?;
        let address = free_address()?;
        let config = directory.path().join("nginx.conf");
        std::fs::write(
            &config,
            nginx_config(directory.path(), identity, address, upstream),
        )?;
        let mut command = Command::new(program);
        command
            .arg("-p")
            .arg(directory.path())
            .arg("-e")
            .arg("stderr")
            .arg("-c")
            .arg(&config);
        let process = Process::spawn("nginx", command)?.ending_with_children();
        accepts(&process, "nginx", address).await?;
        Ok(Some(Self {
            process,
            address,
            _directory: directory,
        }))
    }

    /// Returns the process id of its master.
    ///
    /// # Errors
    /// When it has ended.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.process.pid().context("nginx has ended")
    }
}

fn nginx_config(
    directory: &Path,
    identity: &Identity,
    address: SocketAddr,
    upstream: SocketAddr,
) -> String {
    let (directory, identity) = (directory.display(), identity.directory().display());
    format!(
        "daemon off; worker_processes auto; user root; pid {directory}/pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  tcp_nodelay on;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  upstream app {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen {address} ssl http2 backlog=4096;
    ssl_certificate {identity}/cert.pem;
    ssl_certificate_key {identity}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_tickets off;
    default_type application/json;
    location / {{ add_header Validation-Token $http_validation_token; return 200; }}
    location /app {{
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_set_header Host $host;
    }}
  }}
}}
"
    )
}

/// A tunnel that copies bytes from its port to the app, behind nginx.
#[derive(Debug)]
pub struct ByteTunnel {
    /// Its name and the way it works.
    pub name: &'static str,
    /// Where its public side listens.
    pub address: SocketAddr,
    server: Process,
    client: Process,
    _files: Option<TempDir>,
}

impl ByteTunnel {
    /// Starts bore (plain TCP inside); `None` when it is not installed.
    ///
    /// # Errors
    /// When it is installed and does not come up.
    pub async fn bore(app: SocketAddr) -> anyhow::Result<Option<Self>> {
        let Some(program) = installed("bore") else {
            return Ok(None);
        };
        // Its control port can be chosen from 0.6 on; before, it is this one.
        let control: SocketAddr = (Ipv4Addr::LOCALHOST, 7835).into();
        let address = free_address()?;
        let mut server = Command::new(&program);
        server.args(["server", "--bind-addr", "127.0.0.1"]);
        let server = Process::spawn("bore server", server)?;
        accepts(&server, "bore server", control).await?;
        let mut client = Command::new(&program);
        client
            .args(["local", &app.port().to_string()])
            .args(["--to", "127.0.0.1"])
            .args(["--port", &address.port().to_string()]);
        let client = Process::spawn("bore local", client)?;
        Self::up("bore + nginx (plain inside)", address, server, client, None).await
    }

    /// Starts wstunnel (TLS inside, as Ringtail's link); `None` when it is not installed.
    ///
    /// # Errors
    /// When it is installed and does not come up.
    pub async fn wstunnel(app: SocketAddr) -> anyhow::Result<Option<Self>> {
        let Some(program) = installed("wstunnel") else {
            return Ok(None);
        };
        let (control, address) = (free_address()?, free_address()?);
        let mut server = Command::new(&program);
        server.args(["server", &format!("wss://{control}")]);
        let server = Process::spawn("wstunnel server", server)?;
        accepts(&server, "wstunnel server", control).await?;
        let mut client = Command::new(&program);
        client
            .args(["client", "-R", &format!("tcp://{address}:{app}")])
            .arg(format!("wss://{control}"));
        let client = Process::spawn("wstunnel client", client)?;
        Self::up(
            "wstunnel + nginx (TLS inside)",
            address,
            server,
            client,
            None,
        )
        .await
    }

    /// Starts rathole with its noise transport; `None` when it is not installed.
    ///
    /// # Errors
    /// When it is installed and does not come up.
    pub async fn rathole(app: SocketAddr) -> anyhow::Result<Option<Self>> {
        let Some(program) = installed("rathole") else {
            return Ok(None);
        };
        let (control, address) = (free_address()?, free_address()?);
        let files = tempfile::tempdir()?;
        let keys = Command::new(&program).arg("--genkey").output().await?;
        let keys = String::from_utf8(keys.stdout)?;
        let key = |name: &str| {
            let mut lines = keys.lines().skip_while(|line| !line.starts_with(name));
            lines.nth(1).context("rathole made no key")
        };
        let (private, public) = (key("Private")?, key("Public")?);
        let start = |side: &str, address: &str, key: String, service: String| {
            let file = files.path().join(side);
            std::fs::write(
                &file,
                format!(
                    "[{side}]
{address} = \"{control}\"
[{side}.transport]
type = \"noise\"
[{side}.transport.noise]
{key}
[{side}.services.app]
token = \"token\"
{service}
"
                ),
            )?;
            let mut command = Command::new(&program);
            command.arg(file);
            Process::spawn(&format!("rathole {side}"), command)
        };
        let server = start(
            "server",
            "bind_addr",
            format!("local_private_key = \"{private}\""),
            format!("bind_addr = \"{address}\""),
        )?;
        accepts(&server, "rathole server", control).await?;
        let client = start(
            "client",
            "remote_addr",
            format!("remote_public_key = \"{public}\""),
            format!("local_addr = \"{app}\""),
        )?;
        let name = "rathole + nginx (noise inside)";
        Self::up(name, address, server, client, Some(files)).await
    }

    /// Starts OpenSSH with a remote port; `None` when its server is not installed.
    ///
    /// # Errors
    /// When it is installed and does not come up.
    pub async fn ssh(app: SocketAddr) -> anyhow::Result<Option<Self>> {
        let (Some(sshd), Some(ssh)) = (installed("sshd"), installed("ssh")) else {
            return Ok(None);
        };
        let (control, address) = (free_address()?, free_address()?);
        let files = tempfile::tempdir()?;
        let path = |name: &str| files.path().join(name).display().to_string();
        for key in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", &path(key)]);
            let made = keygen.status().await?;
            ensure!(made.success(), "ssh-keygen made no key");
        }
        // Its directory for processes without rights, which the package makes when its service starts.
        std::fs::create_dir_all("/run/sshd").ok();
        let mut server = Command::new(sshd);
        server.args(["-D", "-e", "-f", "/dev/null"]);
        for option in [
            format!("ListenAddress={control}"),
            format!("HostKey={}", path("host")),
            format!("AuthorizedKeysFile={}", path("user.pub")),
            "StrictModes=no".to_owned(),
            "PasswordAuthentication=no".to_owned(),
            "PidFile=none".to_owned(),
        ] {
            server.args(["-o", &option]);
        }
        let server = Process::spawn("sshd", server)?.ending_with_children();
        accepts(&server, "sshd", control).await?;
        let mut client = Command::new(ssh);
        client.args(["-N", "-F", "/dev/null", "-i", &path("user")]);
        for option in ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"] {
            client.args(["-o", option]);
        }
        client
            .args(["-o", "ExitOnForwardFailure=yes"])
            .args(["-R", &format!("{address}:{app}")])
            .args(["-p", &control.port().to_string(), &control.ip().to_string()]);
        let client = Process::spawn("ssh", client)?;
        Self::up("ssh -R + nginx", address, server, client, Some(files)).await
    }

    async fn up(
        name: &'static str,
        address: SocketAddr,
        server: Process,
        client: Process,
        files: Option<TempDir>,
    ) -> anyhow::Result<Option<Self>> {
        accepts(&client, name, address).await?;
        Ok(Some(Self {
            name,
            address,
            server,
            client,
            _files: files,
        }))
    }

    /// Returns the process ids of its two ends.
    ///
    /// # Errors
    /// When one has ended.
    pub fn pids(&self) -> anyhow::Result<(u32, u32)> {
        let pids = self.server.pid().zip(self.client.pid());
        pids.with_context(|| format!("{} has ended", self.name))
    }
}

/// Finds a program on the path, or where cargo installs.
#[must_use]
pub fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cargo = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo/bin"));
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .chain(cargo)
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}

/// Returns a free address for programs that cannot choose one and tell: below the ports that Linux gives to sockets without one,
/// which another test might get before the program is up.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    let any = || (Ipv4Addr::LOCALHOST, fastrand::u16(10_000..32_768)).into();
    let is_free = |address: &SocketAddr| TcpListener::bind(address).is_ok();
    let free = std::iter::repeat_with(any).take(1000).find(is_free);
    free.context("1,000 ports are taken")
}

pub(crate) async fn accepts(
    process: &Process,
    name: &str,
    address: SocketAddr,
) -> anyhow::Result<()> {
    let connected = wait::until(
        READY_TIME,
        || format!("{name} at {address}"),
        async || TcpStream::connect(address).await.ok(),
    );
    if let Err(error) = connected.await {
        bail!("{error:#}; its log:\n{}", process.log());
    }
    Ok(())
}
