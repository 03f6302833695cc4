//! Endpoints and targets of earlier runs: a client that starts without a network knows its endpoint's id, and a replay
//! goes to the last target.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use ringtail_files::{Access, Lock, read_at_most, replace};
use ringtail_protocol::path::EndpointInfo;
use serde::{Deserialize, Serialize};

use crate::config::RelayUrl;
use ringtail_model::target::TargetUrl;
use ringtail_store::origin_name;

/// The largest such file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// One endpoint's entry in the file `endpoints.json` of a data directory. An unreadable file counts as missing: the
/// relay sends the same again.
#[derive(Debug, Clone)]
pub(crate) struct EndpointCache {
    path: PathBuf,
    key: String,
    target: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    #[serde(flatten)]
    info: EndpointInfo,
    /// The last target that its events were forwarded to.
    target: Option<String>,
}

impl EndpointCache {
    /// Opens the entry of an endpoint name on a relay, whose events go to `target`.
    pub(crate) fn new(
        data: &Path,
        relay: &RelayUrl,
        name: &str,
        target: Option<&TargetUrl>,
    ) -> Self {
        Self {
            path: path(data),
            key: format!("{relay} {name}"),
            target: target.map(TargetUrl::to_string),
        }
    }

    /// Returns the endpoint as the relay last described it.
    pub(crate) fn recall(&self) -> Option<EndpointInfo> {
        read(&self.path).remove(&self.key).map(|known| known.info)
    }

    /// Stores the endpoint as the relay describes it.
    pub(crate) async fn keep(&self, info: &EndpointInfo) {
        let (cache, info) = (self.clone(), info.clone());
        let kept = tokio::task::spawn_blocking(move || cache.write(&info)).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!(%error, "cannot cache the endpoint for the next start");
        }
    }

    fn write(&self, info: &EndpointInfo) -> io::Result<()> {
        // Engines of several processes, or several of this one, may learn of their endpoints at the same time.
        let _alone = Lock::acquire(&self.path.with_extension("lock"))?;
        let mut all = try_read(&self.path)?;
        let known = all.get(&self.key);
        let target = self.target.clone();
        let now = Remembered {
            info: info.clone(),
            target: target.or_else(|| known.and_then(|known| known.target.clone())),
        };
        if known == Some(&now) {
            return Ok(());
        }
        all.insert(self.key.clone(), now);
        replace(
            &self.path,
            &serde_json::to_vec_pretty(&all)?,
            Access::Private,
        )
    }
}

/// Returns the endpoints of earlier runs as their relays described them, by relay and name.
#[must_use]
pub fn known_endpoints(data: &Path) -> Vec<EndpointInfo> {
    let all = read(&path(data)).into_values();
    all.map(|known| known.info).collect()
}

/// Returns the target for a command that sends an event of an endpoint: the known one, else the last one, else
/// `http://localhost:3000`.
///
/// # Panics
/// Never: the fallback is a target.
#[must_use]
pub fn command_target(data: &Path, known: Option<&TargetUrl>, endpoint: &str) -> TargetUrl {
    known
        .cloned()
        .or_else(|| last_target(data, endpoint))
        .or_else(|| TargetUrl::parse("http://localhost:3000").ok())
        .expect("the fallback is a target")
}

/// Returns the last target of an endpoint, by its id. Edited copies share the target of their origins.
#[must_use]
pub fn last_target(data: &Path, endpoint: &str) -> Option<TargetUrl> {
    let all = read(&path(data));
    let is_wanted = |id: &str| {
        let name = id.rsplit_once('-').map(|(name, _)| name);
        id == endpoint || name.is_some() && name == origin_name(endpoint)
    };
    let known = all
        .into_values()
        .find(|known| is_wanted(&known.info.endpoint))?;
    TargetUrl::parse(&known.target?).ok()
}

fn path(data: &Path) -> PathBuf {
    data.join("endpoints.json")
}

fn read(path: &Path) -> BTreeMap<String, Remembered> {
    try_read(path).unwrap_or_default()
}

/// Reads the file. A missing or damaged one has no entries.
fn try_read(path: &Path) -> io::Result<BTreeMap<String, Remembered>> {
    match read_at_most(path, MAX_BYTES) {
        Ok(text) => Ok(serde_json::from_slice(&text).unwrap_or_default()),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::FileTooLarge => Ok(BTreeMap::new()),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        let cache =
            |relay: &str, name| EndpointCache::new(dir.path(), &relay.parse().unwrap(), name, None);
        let ours = cache("relay.example", "demo");
        assert_eq!(ours.recall(), None);
        ours.write(&info("demo-1")).unwrap();
        cache("relay.example", "other")
            .write(&info("other-1"))
            .unwrap();
        ours.write(&info("demo-2")).unwrap();
        assert_eq!(ours.recall(), Some(info("demo-2")));
        assert_eq!(
            cache("relay.example", "other").recall(),
            Some(info("other-1"))
        );
        assert_eq!(cache("relay2.example", "demo").recall(), None);
    }

    #[test]
    fn a_damaged_file_counts_as_missing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("endpoints.json"), "{").unwrap();
        let cache = EndpointCache::new(dir.path(), &"relay.example".parse().unwrap(), "demo", None);
        assert_eq!(cache.recall(), None);
        cache.write(&info("demo-1")).unwrap();
        assert_eq!(cache.recall(), Some(info("demo-1")));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_cannot_be_read_now_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("endpoints.json");
        std::os::unix::fs::symlink(&file, &file).unwrap();
        let cache = EndpointCache::new(dir.path(), &"relay.example".parse().unwrap(), "demo", None);
        cache.write(&info("demo-1")).unwrap_err();
        assert!(file.is_symlink());
    }

    #[test]
    fn the_last_target_of_an_endpoint_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let relay = "relay.example".parse().unwrap();
        let listen = |target: Option<&str>| {
            let target = target.map(|text| TargetUrl::parse(text).unwrap());
            let cache = EndpointCache::new(dir.path(), &relay, "demo", target.as_ref());
            cache.write(&info("demo-1")).unwrap();
        };
        let last = || last_target(dir.path(), "demo-1").map(|target| target.to_string());
        listen(None);
        assert_eq!(last(), None);
        listen(Some("3000"));
        listen(None);
        assert_eq!(last().unwrap(), "http://localhost:3000");
        assert_eq!(last_target(dir.path(), "demo"), None);
    }
}
