//! PEM files that change while the relay serves. The old certificate stays in use until the new one passes its checks.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Notify;
use tokio::time;

use super::KeeperContext;
use super::files::{self, FilesError};
use super::settings::PemPair;
use crate::limits::CERTIFICATE_INTERVAL;
use crate::public_url::Host;

/// Watches the files.
#[derive(Debug)]
pub(crate) struct FilesKeeper {
    pairs: Vec<PemPair>,
    host: Host,
    context: KeeperContext,
    asked: Arc<Notify>,
    /// Stamps of the files when they were last read.
    seen: Vec<Stamp>,
}

/// Changes when a file is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
}

impl FilesKeeper {
    /// Loads the pairs.
    pub(super) fn load(
        pairs: Vec<PemPair>,
        host: Host,
        context: KeeperContext,
        asked: Arc<Notify>,
    ) -> Result<Self, FilesError> {
        // Before they are read, to notice a change meanwhile.
        let seen = stamps(&pairs);
        let mut keeper = Self {
            pairs,
            host,
            context,
            asked,
            seen,
        };
        keeper.read()?;
        Ok(keeper)
    }

    /// Reads the files when they have changed or on request.
    pub(super) async fn run(mut self) {
        loop {
            let asked = tokio::select! {
                biased;
                () = self.asked.notified() => true,
                () = time::sleep(CERTIFICATE_INTERVAL) => false,
            };
            // A network file system that hangs blocks only this task.
            let looked = tokio::task::spawn_blocking(move || {
                self.look(asked);
                self
            });
            match looked.await {
                Ok(keeper) => self = keeper,
                // The runtime has ended.
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
            let message = ringtail_text::chain(&error);
            tracing::error!(
                error = message,
                "rejected the new certificate, keeping the old one"
            );
            self.context
                .state
                .change(|state| state.error = Some(message));
        }
    }

    fn read(&mut self) -> Result<(), FilesError> {
        let keys = files::load(&self.pairs, &self.host, self.context.clock.now())?;
        let shown = self
            .context
            .certificates
            .show(keys.into_iter().map(Arc::new).collect());
        self.context.state.change(|state| {
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

/// A missing file has the stamp of an empty one.
fn stamp(file: &Path) -> Stamp {
    let found = fs::metadata(file).ok();
    Stamp {
        modified: found.as_ref().and_then(|found| found.modified().ok()),
        len: found.as_ref().map_or(0, fs::Metadata::len),
        inode: found
            .as_ref()
            .map_or(0, std::os::unix::fs::MetadataExt::ino),
    }
}
