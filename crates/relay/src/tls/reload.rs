//! PEM files that change while the relay serves: the new pair is shown once it is proven, and the old one until then.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Notify;
use tokio::time;

use super::clock::Clock;
use super::files::{self, FilesError};
use super::resolver::Certificates;
use super::state::{Failure, StateSender};
use crate::config::{Host, PemPair};
use crate::limits::CERTIFICATE_INTERVAL;

/// Watches the files, for as long as the relay runs.
#[derive(Debug)]
pub(crate) struct Keeper {
    pairs: Vec<PemPair>,
    host: Host,
    certificates: Arc<Certificates>,
    state: StateSender,
    clock: Clock,
    asked: Arc<Notify>,
    /// How the files looked when they were read last.
    seen: Vec<Stamp>,
}

/// What tells a file from the one that was in its place before.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    #[cfg(unix)]
    inode: u64,
}

impl Keeper {
    /// Loads the pairs.
    pub(super) fn load(
        pairs: Vec<PemPair>,
        host: Host,
        around: super::Surroundings,
    ) -> Result<Self, FilesError> {
        // Before they are read: a change meanwhile is then seen as one.
        let seen = stamps(&pairs);
        let mut keeper = Self {
            pairs,
            host,
            certificates: around.certificates,
            state: around.state,
            clock: around.clock,
            asked: around.asked,
            seen,
        };
        keeper.read()?;
        Ok(keeper)
    }

    /// Keeps looking, and reads the files when they have changed or somebody asks.
    pub(super) async fn run(mut self) {
        loop {
            let asked = tokio::select! {
                biased;
                () = self.asked.notified() => true,
                () = time::sleep(CERTIFICATE_INTERVAL) => false,
            };
            // Files are small and rarely read; a network file system that hangs would hang this task alone.
            let looked = tokio::task::spawn_blocking(move || {
                self.look(asked);
                self
            });
            match looked.await {
                Ok(keeper) => self = keeper,
                // The runtime ends.
                Err(_) => return,
            }
        }
    }

    fn look(&mut self, asked: bool) {
        let seen = stamps(&self.pairs);
        if seen == self.seen && !asked {
            return;
        }
        self.seen = seen;
        if let Err(error) = self.read() {
            let message = super::state::message(&error);
            tracing::error!(
                error = message,
                "the new certificate is not taken, the old one is kept"
            );
            let at = self.clock.now();
            self.state
                .change(|state| state.error = Some(Failure { at, message }));
        }
    }

    fn read(&mut self) -> Result<(), FilesError> {
        let keys = files::load(&self.pairs, &self.host, self.clock.now())?;
        let shown = self
            .certificates
            .show(keys.into_iter().map(Arc::new).collect());
        self.state.change(|state| {
            state.shown = shown;
            state.error = None;
        });
        Ok(())
    }
}

fn stamps(pairs: &[PemPair]) -> Vec<Stamp> {
    pairs
        .iter()
        .flat_map(|pair| [stamp(&pair.cert), stamp(&pair.key)])
        .collect()
}

/// A file that is not there looks like an empty one, and becomes another when it is.
fn stamp(file: &Path) -> Stamp {
    let found = fs::metadata(file).ok();
    Stamp {
        modified: found.as_ref().and_then(|found| found.modified().ok()),
        len: found.as_ref().map_or(0, fs::Metadata::len),
        #[cfg(unix)]
        inode: found
            .as_ref()
            .map_or(0, std::os::unix::fs::MetadataExt::ino),
    }
}
