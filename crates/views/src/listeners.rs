//! What processes that listen say to others over the same history: the state of each engine, in a private file beside the
//! lock of its endpoint.
//!
//! A file counts only while a process holds the lock, so what a killed process left is not believed.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringtail_client::engine::Engine;
use ringtail_client::lock::{is_listening, status_file};
use ringtail_files::{remove_if_present, replace_for_now};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::json;

/// Least time between two versions of a file in which the link is the same. Under load a status changes with each event.
const PAUSE: Duration = Duration::from_millis(250);

/// Time between two looks at the files.
const LOOK: Duration = Duration::from_millis(500);

/// Most files that are read: a client has 16 endpoints.
const MAX_LISTENERS: usize = 64;

/// Longest file that is read.
const MAX_BYTES: u64 = 64 * 1024;

/// Tells other processes an engine's state until it ends.
pub async fn tell(engine: &Engine, data: &Path, ended: &CancellationToken) {
    let mut status = engine.status();
    let file = status_file(data, &status.borrow().name);
    let mut told = Value::Null;
    loop {
        let link = status.borrow().link.clone();
        let now = json::engine(&status.borrow_and_update());
        if told != now {
            // Always awaited: a write that is left alone could end after the removal.
            if let Err(error) = write(file.clone(), now.to_string()).await {
                let file = file.display();
                tracing::warn!(%error, %file, "cannot tell other processes the state");
            }
            told = now;
        }
        let mut other = status.clone();
        let changed = async {
            tokio::select! {
                biased;
                _ = other.wait_for(|now| now.link != link) => Ok(()),
                () = tokio::time::sleep(PAUSE) => status.changed().await,
            }
        };
        if !matches!(ended.run_until_cancelled(changed).await, Some(Ok(()))) {
            break;
        }
    }
    if let Err(error) = remove_if_present(&file) {
        tracing::debug!(%error, "cannot remove the state for other processes");
    }
}

async fn write(file: PathBuf, text: String) -> std::io::Result<()> {
    let written = tokio::task::spawn_blocking(move || replace_for_now(&file, text.as_bytes()));
    written.await.unwrap_or(Ok(()))
}

/// Returns what the processes that listen with this data directory say of their engines, by name.
#[must_use]
pub fn listeners(data: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(data).into_iter().flatten().flatten();
    let files = files.filter(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        let name = name.strip_prefix("listen-").unwrap_or_default();
        // The lock's name is made of the endpoint's as this one is.
        name.strip_suffix(".json")
            .is_some_and(|name| is_listening(data, name))
    });
    let mut found: Vec<Value> = files
        .take(MAX_LISTENERS)
        .filter_map(|file| read(&file.path()))
        .collect();
    found.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
    found
}

fn read(path: &Path) -> Option<Value> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MAX_BYTES).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Follows [`listeners`] as long as somebody watches.
pub async fn follow(data: PathBuf, told: watch::Sender<Vec<Value>>) {
    loop {
        let data = data.clone();
        let now = tokio::task::spawn_blocking(move || listeners(&data)).await;
        told.send_if_modified(|before| {
            let now = now.unwrap_or_default();
            let changed = *before != now;
            *before = now;
            changed
        });
        tokio::select! {
            biased;
            () = told.closed() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use ringtail_files::Lock;
    use ringtail_store::testing::TestHistory;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_killed_processes_left_hides_nobody() {
        let kept = TestHistory::open();
        let dir = &kept.dir;
        let told = |name: &str| {
            let text = json!({"name": name}).to_string();
            std::fs::write(status_file(dir.path(), name), text).unwrap();
        };
        (0..2 * MAX_LISTENERS).for_each(|at| told(&format!("gone-{at}")));
        told("here");
        let lock = status_file(dir.path(), "here").with_extension("lock");
        let _listens = Lock::acquire(&lock).unwrap();
        assert_eq!(listeners(dir.path()), [json!({"name": "here"})]);
    }
}
