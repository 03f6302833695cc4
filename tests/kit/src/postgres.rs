//! A PostgreSQL server of the test's own, in a temporary directory, at a Unix socket. The system's cluster is not used.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, bail, ensure};

/// Starts the server, and stops it when standard input ends: with this process, however that ends. It trusts whoever reaches an
/// address, and listens at none unless a test gives it one, in a network namespace.
const SUPERVISE: &str = r#"
trap '' INT TERM HUP
bin=$1 home=$2 options=$3
"$bin/initdb" --pgdata="$home/data" --username=ringtail --auth=trust --encoding=UTF8 --no-locale --no-sync \
  >"$home/initdb.log" 2>&1 &&
echo 'host all all all trust' >>"$home/data/pg_hba.conf" &&
"$bin/pg_ctl" start -w -s -D "$home/data" -l "$home/log" -o "-c unix_socket_directories=$home $options" &&
echo started && cat >/dev/null
"$bin/pg_ctl" stop -s -m immediate -D "$home/data" 2>/dev/null
rm -rf "$home"
"#;

/// A user that is not root: PostgreSQL refuses root.
const USER: &str = "postgres";

/// A running server. It stops when it is dropped, and when this process ends.
#[derive(Debug)]
pub struct PostgresServer {
    bin: PathBuf,
    home: PathBuf,
    options: String,
    supervisor: Child,
    input: Option<ChildStdin>,
    databases: AtomicU32,
}

impl PostgresServer {
    /// Returns the server that all tests of this process share. It does not sync: a test that stops it needs its own.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("-c fsync=off").expect("PostgreSQL starts"))
    }

    /// Starts a server with these options of `postgres`. Blocks.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start; the error carries its log.
    pub fn start(options: &str) -> anyhow::Result<Self> {
        Self::start_in(&std::env::temp_dir(), options, [])
    }

    /// Starts a server with its data below a directory, and more variables in its environment until it is stopped. Blocks.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start; the error carries its log.
    pub fn start_in(
        parent: &Path,
        options: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> anyhow::Result<Self> {
        let bin = programs()?;
        let options =
            format!("-c listen_addresses= -c max_connections=200 -c shared_buffers=64MB {options}");
        // The supervisor removes it, as the user that owns its files.
        let home = tempfile::Builder::new()
            .prefix("pg-")
            .tempdir_in(parent)?
            .keep();
        give_away(&home)?;
        let mut supervisor = as_user("sh")
            .args(["-c", SUPERVISE, "sh"])
            .args([bin.as_os_str(), home.as_os_str(), options.as_ref()])
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the supervisor of PostgreSQL could not be started")?;
        let input = supervisor.stdin.take();
        let output = supervisor.stdout.take().context("piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let server = Self {
            bin,
            home,
            options,
            supervisor,
            input,
            databases: AtomicU32::new(0),
        };
        ensure!(
            line == "started\n",
            "PostgreSQL did not start: {}",
            server.log()
        );
        Ok(server)
    }

    /// Creates a database and returns its URL. Blocks.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = Command::new(self.bin.join("createdb"))
            .arg(format!("--host={}", self.home.display()))
            .args(["--username=ringtail", &name])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        format!(
            "postgres:///{name}?host={}&user=ringtail",
            self.home.display()
        )
    }

    /// Copies a database as it is, into a new one whose URL it returns. Blocks.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn copy(&self, url: &str) -> String {
        let copy = self.database();
        let ran = Command::new("sh")
            .args(["-c", r#""$1/pg_dump" "$2" | "$1/psql" --quiet "$3""#, "sh"])
            .args([self.bin.as_os_str(), url.as_ref(), copy.as_ref()])
            .output()
            .unwrap();
        assert!(ran.status.success() && ran.stderr.is_empty(), "{ran:?}");
        copy
    }

    /// Runs SQL in a database, as its administrator, and returns the rows. Blocks.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn sql(&self, url: &str, sql: &str) -> String {
        let ran = Command::new(self.bin.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set=ON_ERROR_STOP=1", "--command", sql, url])
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8_lossy(&ran.stdout).trim().to_owned()
    }

    /// Stops the server as a crash does: without a checkpoint, with every session cut off. Blocks.
    ///
    /// # Errors
    /// When it is not running.
    pub fn crash(&self) -> anyhow::Result<()> {
        self.control(&["stop", "-s", "-m", "immediate"])
    }

    /// Starts a stopped server again, and waits until it accepts. Blocks.
    ///
    /// # Errors
    /// When it does not start.
    pub fn resume(&self) -> anyhow::Result<()> {
        let options = format!(
            "-c unix_socket_directories={} {}",
            self.home.display(),
            self.options
        );
        let log = self.home.join("log").display().to_string();
        self.control(&["start", "-w", "-s", "-l", &log, "-o", &options])
    }

    /// Returns whether the server runs, if only to recover. Blocks.
    ///
    /// # Errors
    /// When `pg_ctl` cannot be run.
    pub fn is_running(&self) -> anyhow::Result<bool> {
        Ok(self.run(&["status"])?.success())
    }

    /// Returns whether the server accepts connections. Blocks.
    #[must_use]
    pub fn accepts(&self) -> bool {
        let asked = Command::new(self.bin.join("pg_isready"))
            .arg("--quiet")
            .arg(format!("--host={}", self.home.display()))
            .status();
        asked.is_ok_and(|status| status.success())
    }

    /// Freezes the server and all its sessions until [`PostgresServer::thaw`]. Blocks.
    ///
    /// # Errors
    /// When it is not running.
    pub fn freeze(&self) -> anyhow::Result<()> {
        // The master first: stopped, it begins no further session.
        kill("STOP", &[&self.master()?])?;
        self.signal("STOP")
    }

    /// Lets a frozen server run again. Blocks.
    ///
    /// # Errors
    /// When it is not running.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal("CONT")
    }

    /// Becomes the synchronous standby of another server: that one's data replaces its own. Call it while this one is stopped.
    /// Blocks.
    ///
    /// # Errors
    /// When the copy cannot be made, or does not start.
    pub fn follow(&self, primary: &Self) -> anyhow::Result<()> {
        let data = self.home.join("data");
        std::fs::remove_dir_all(&data)?;
        let copied = as_user(self.bin.join("pg_basebackup"))
            .args(["--username=ringtail", "--write-recovery-conf"])
            .args(["--checkpoint=fast", "--no-sync"])
            .arg(format!("--host={}", primary.home.display()))
            .arg(format!("--pgdata={}", data.display()))
            .output()?;
        ensure!(copied.status.success(), "pg_basebackup: {copied:?}");
        self.resume()?;
        primary.set_standbys("*")
    }

    /// Starts a stopped server again, as a standby of none. Blocks.
    ///
    /// # Errors
    /// When it does not start.
    pub fn resume_as_standby(&self) -> anyhow::Result<()> {
        let signal = self.home.join("data/standby.signal");
        let created = as_user("touch").arg(&signal).status()?;
        ensure!(created.success(), "touch {}: {created}", signal.display());
        self.resume()
    }

    /// Returns whether a synchronous standby follows this server. Blocks.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        let select = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        self.sql(&self.maintenance(), select) == "1"
    }

    /// Turns a standby into a server that stores, and waits for no standby of its own. Blocks.
    ///
    /// # Errors
    /// When it is no standby.
    pub fn promote(&self) -> anyhow::Result<()> {
        self.control(&["promote", "-w", "-s"])?;
        self.set_standbys("")
    }

    fn set_standbys(&self, names: &str) -> anyhow::Result<()> {
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
        let url = self.maintenance();
        self.sql(&url, &set);
        self.sql(&url, "SELECT pg_reload_conf()");
        Ok(())
    }

    fn maintenance(&self) -> String {
        format!(
            "postgres:///postgres?host={}&user=ringtail",
            self.home.display()
        )
    }

    fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let master = self.master()?;
        let children = std::fs::read_to_string(format!("/proc/{master}/task/{master}/children"))?;
        let mut pids: Vec<&str> = children.split_whitespace().collect();
        // The master last: running, it lets sessions that have ended vanish, and `kill` then finds none.
        pids.push(&master);
        kill(signal, &pids)
    }

    /// Returns the process id of the server, whose children are its sessions.
    ///
    /// # Errors
    /// When it is not running.
    pub fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.master()?.parse()?)
    }

    fn master(&self) -> anyhow::Result<String> {
        let file = std::fs::read_to_string(self.home.join("data/postmaster.pid"))?;
        let pid = file.lines().next().context("an empty pid file")?;
        Ok(pid.to_owned())
    }

    fn control(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let status = self.run(arguments)?;
        ensure!(status.success(), "pg_ctl {arguments:?}: {}", self.log());
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<ExitStatus> {
        let status = as_user(self.bin.join("pg_ctl"))
            .arg("-D")
            .arg(self.home.join("data"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        Ok(status)
    }

    fn log(&self) -> String {
        ["initdb.log", "log"]
            .map(|name| std::fs::read_to_string(self.home.join(name)).unwrap_or_default())
            .concat()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.thaw());
        drop(self.input.take());
        drop(self.supervisor.wait());
    }
}

fn kill(signal: &str, pids: &[&str]) -> anyhow::Result<()> {
    let sent = Command::new("kill")
        .arg(format!("-{signal}"))
        .args(pids)
        .status()?;
    ensure!(sent.success(), "kill -{signal}: {sent}");
    Ok(())
}

/// Returns the directory of the newest installed server's programs: Debian keeps them outside the path.
fn programs() -> anyhow::Result<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql");
    let versions = debian.into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|it| it.file_name().to_str()?.parse::<u32>().ok())
        .max();
    if let Some(version) = newest {
        return Ok(format!("/usr/lib/postgresql/{version}/bin").into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).find(|dir| dir.join("initdb").exists());
    found.context("PostgreSQL is not installed: apt-get install postgresql")
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0)
}

/// Returns whether there is no other user: in the user namespace of one who is not root.
fn is_only_user() -> bool {
    let users = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    users.split_whitespace().nth(2) == Some("1")
}

/// Returns a command that does not run as root.
fn as_user(program: impl AsRef<std::ffi::OsStr>) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    if is_only_user() {
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-user=1000", "--map-group=1000", "--"])
            .arg(program);
        return command;
    }
    let mut command = Command::new("setpriv");
    command
        .args([
            &format!("--reuid={USER}"),
            &format!("--regid={USER}"),
            "--clear-groups",
            "--",
        ])
        .arg(program);
    command
}

fn give_away(home: &Path) -> anyhow::Result<()> {
    if is_root() && !is_only_user() {
        let id = Command::new("id").args(["-u", USER]).output()?;
        let Ok(uid) = String::from_utf8_lossy(&id.stdout).trim().parse() else {
            bail!("there is no user {USER}: {id:?}");
        };
        chown(home, Some(uid), None)?;
    }
    Ok(())
}
