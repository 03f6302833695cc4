//! The built program: help, errors, exit codes, and the commands that need no relay.
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows helpers of tests only inside of test modules"
)]

mod check;
mod errors;
mod explain;
mod foreign;
mod help;
mod history;
mod listen;
mod mcp;
mod replay;
#[cfg(unix)]
mod simulate;

use std::path::Path;
use std::process::{Command, Output};

use ringtail_kit::app::App;
use ringtail_store::{Forwarding, History, Incoming};
use tokio::runtime::Runtime;

/// An app that answers 200, and the runtime that it lives in.
fn app() -> (Runtime, App) {
    let runtime = Runtime::new().unwrap();
    let app = {
        let _inside = runtime.enter();
        App::accepting()
    };
    (runtime, app)
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

/// A temporary directory with an empty configuration.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// `ringtail` with nothing of this machine's environment.
    fn ringtail(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringtail"));
        command
            .args(arguments)
            .env_clear()
            .env("TZ", "UTC")
            .env("RINGTAIL_CONFIG", self.path().join("config.toml"))
            .env("RINGTAIL_DATA", self.path().join("data"))
            .current_dir(self.path());
        command
    }

    /// Stores what an endpoint receives, and returns the history.
    fn receives(&self, endpoint: &str, batch: impl IntoIterator<Item = Incoming>) -> History {
        let history = History::open(&self.path().join("data")).unwrap();
        let stored = history.store(endpoint, "j", batch.into_iter().collect(), Forwarding::Off);
        block_on(stored).unwrap();
        history
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.ringtail(arguments).output().unwrap()
    }

    /// What a person sees: the exit code and both outputs, without what differs from run to run.
    fn seen(&self, output: &Output) -> String {
        let home = self.path().to_str().unwrap();
        format!(
            "exit {}\n{}{}",
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        )
        .replace(home, "HOME")
    }
}
