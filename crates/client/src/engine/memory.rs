//! The endpoints of earlier runs, so that a client that starts without a network knows whose events it holds.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ringtail_protocol::path::EndpointInfo;

use crate::config::RelayUrl;

/// The largest such file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// The file `endpoints.json` of a data directory. It is a convenience: what cannot be read is as if it were not
/// there, and the relay tells it again.
#[derive(Debug)]
pub(super) struct Memory {
    path: PathBuf,
    key: String,
}

impl Memory {
    /// Looks after one name on one relay.
    pub(super) fn new(data: &Path, relay: &RelayUrl, name: &str) -> Self {
        Self {
            path: data.join("endpoints.json"),
            key: format!("{relay} {name}"),
        }
    }

    /// Returns what the relay told the last time.
    pub(super) fn recall(&self) -> Option<EndpointInfo> {
        self.read().remove(&self.key)
    }

    /// Keeps what the relay told.
    pub(super) fn keep(&self, info: &EndpointInfo) -> io::Result<()> {
        let mut all = self.read();
        if all.get(&self.key) == Some(info) {
            return Ok(());
        }
        all.insert(self.key.clone(), info.clone());
        let fresh = self
            .path
            .with_extension(format!("{}.new", std::process::id()));
        fs::write(&fresh, serde_json::to_vec_pretty(&all)?)?;
        fs::rename(&fresh, &self.path)
    }

    fn read(&self) -> BTreeMap<String, EndpointInfo> {
        let small = fs::metadata(&self.path).is_ok_and(|file| file.len() <= MAX_BYTES);
        let text = if small {
            fs::read(&self.path).ok()
        } else {
            None
        };
        text.and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(endpoint: &str) -> EndpointInfo {
        EndpointInfo {
            endpoint: endpoint.into(),
            url: format!("https://relay.example/{endpoint}"),
            journal: "j".into(),
        }
    }

    #[test]
    fn endpoints_are_known_by_relay_and_name() {
        let dir = tempfile::tempdir().unwrap();
        let memory = |relay: &str, name| Memory::new(dir.path(), &relay.parse().unwrap(), name);
        let ours = memory("relay.example", "demo");
        assert_eq!(ours.recall(), None);
        ours.keep(&info("demo-1")).unwrap();
        memory("relay.example", "other")
            .keep(&info("other-1"))
            .unwrap();
        ours.keep(&info("demo-2")).unwrap();
        assert_eq!(ours.recall(), Some(info("demo-2")));
        assert_eq!(
            memory("relay.example", "other").recall(),
            Some(info("other-1"))
        );
        assert_eq!(memory("relay2.example", "demo").recall(), None);
    }

    #[test]
    fn a_damaged_file_is_as_none() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("endpoints.json"), "{").unwrap();
        let memory = Memory::new(dir.path(), &"relay.example".parse().unwrap(), "demo");
        assert_eq!(memory.recall(), None);
        memory.keep(&info("demo-1")).unwrap();
        assert_eq!(memory.recall(), Some(info("demo-1")));
    }
}
