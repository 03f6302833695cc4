//! A program under test: its lines, its log, its end. A process ends with its handle.

use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::binaries;
use crate::procfs;

/// Lines of log that are shown when something fails.
const SHOWN_LINES: usize = 200;

/// A command that should end by itself is given this long.
const COMMAND_TIME: Duration = Duration::from_secs(30);

/// A running program whose standard output is data and whose standard error is a log.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: Lines,
    log: Lines,
    readers: JoinSet<()>,
    ends_with_children: bool,
}

impl Process {
    /// Starts a program.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(name: &str, mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null());
        Self::spawn_with_input(name, command)
    }

    /// Starts a program whose standard input is the command's.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn_with_input(name: &str, mut command: Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} could not be started"))?;
        let lines = Lines::default();
        let log = Lines::default();
        let mut readers = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            let lines = lines.clone();
            readers.spawn(async move {
                read_lines(stdout, |line| lines.push(line)).await;
                lines.end();
            });
        }
        if let Some(stderr) = child.stderr.take() {
            let log = log.clone();
            readers.spawn(read_lines(stderr, move |line| log.push(line)));
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            lines,
            log,
            readers,
            ends_with_children: false,
        })
    }

    /// Ends the program's children with it: a killed master leaves its workers behind.
    #[must_use]
    pub fn ending_with_children(mut self) -> Self {
        self.ends_with_children = true;
        self
    }

    /// Returns the lines of standard output.
    #[must_use]
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Returns the lines of standard error.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.since(0).join("\n")
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }

    /// Returns the process id, while the program runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for a line of standard output.
    ///
    /// # Errors
    /// When none comes before the program ends or time is up; the error carries the log.
    pub async fn line(
        &self,
        within: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> anyhow::Result<String> {
        match timeout(within, self.lines.first(wanted)).await {
            Ok(Some(line)) => Ok(line),
            Ok(None) => bail!("{} ended early; its log:\n{}", self.name, self.tail()),
            Err(_) => bail!(
                "{} did not print the line within {within:?}; its log:\n{}",
                self.name,
                self.tail()
            ),
        }
    }

    /// Kills the program (SIGKILL) and reads its output to the end.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child
            .kill()
            .await
            .with_context(|| format!("{} could not be killed", self.name))?;
        while self.readers.join_next().await.is_some() {}
        Ok(())
    }

    /// Stops the program (SIGTERM).
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal("-TERM").await?;
        self.ended().await
    }

    /// Sends a signal, if the program runs.
    ///
    /// # Errors
    /// When `kill` cannot be run, or sends none.
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        if let Some(pid) = self.pid() {
            let sent = Command::new("kill").args([name, &pid.to_string()]).status();
            let sent = sent.await.context("kill(1) could not be run")?;
            ensure!(sent.success(), "kill {name} of {}: {sent}", self.name);
        }
        Ok(())
    }

    /// Returns how the program ended, if it has.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn status(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let status = self.child.try_wait();
        status.with_context(|| format!("{} could not be waited for", self.name))
    }

    /// Waits until the program ends by itself.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let Ok(status) = timeout(COMMAND_TIME, self.child.wait()).await else {
            bail!("{} does not end; its log:\n{}", self.name, self.tail());
        };
        while self.readers.join_next().await.is_some() {}
        status.with_context(|| format!("{} could not be waited for", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ends_with_children
            && let Some(pid) = self.pid()
        {
            let children = procfs::children(pid);
            let mut kill = std::process::Command::new("kill");
            kill.arg("-KILL");
            kill.arg(pid.to_string());
            kill.args(children.iter().map(u32::to_string));
            kill.status().ok();
        }
        if binaries::under_test() || std::thread::panicking() {
            show(&self.name, &self.tail());
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the test harness shows what is printed when the test fails"
)]
fn show(name: &str, log: &str) {
    for line in log.lines() {
        eprintln!("[{name}] {line}");
    }
}

/// Runs a program to its end.
///
/// # Errors
/// When it cannot be started or does not end in time.
pub async fn output(mut command: Command) -> anyhow::Result<Output> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let name = command.as_std().get_program().display().to_string();
    timeout(COMMAND_TIME, command.output())
        .await
        .with_context(|| format!("{name} did not end within {COMMAND_TIME:?}"))?
        .with_context(|| format!("{name} could not be run"))
}

async fn read_lines(from: impl AsyncRead + Unpin, mut each: impl FnMut(String)) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        match from.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => each(String::from_utf8_lossy(&line).trim_end().to_owned()),
        }
    }
}

/// Lines that grow while a program runs.
#[derive(Debug, Clone)]
pub struct Lines {
    text: Arc<Mutex<Vec<String>>>,
    seen: watch::Sender<Seen>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    count: usize,
    ended: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            text: Arc::default(),
            seen: watch::Sender::new(Seen::default()),
        }
    }
}

impl Lines {
    /// Returns the lines from number `from` on.
    #[must_use]
    pub fn since(&self, from: usize) -> Vec<String> {
        locked(&self.text).get(from..).unwrap_or_default().to_vec()
    }

    /// Waits for the first line that is wanted; `None` when the program ended without one.
    pub async fn first(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let mut seen = self.seen.subscribe();
        let mut from = 0;
        loop {
            let Seen { count, ended } = *seen.borrow_and_update();
            let found = locked(&self.text)
                .get(from..count)
                .unwrap_or_default()
                .iter()
                .find(|line| wanted(line))
                .cloned();
            if found.is_some() {
                return found;
            }
            if ended {
                return None;
            }
            from = count;
            seen.changed().await.ok()?;
        }
    }

    fn push(&self, line: String) {
        locked(&self.text).push(line);
        self.seen.send_modify(|seen| seen.count += 1);
    }

    fn end(&self) {
        self.seen.send_modify(|seen| seen.ended = true);
    }
}

/// Locks a mutex although a panic elsewhere poisoned it, so that the panic shows as the failure.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
