//! What a relay with its database elsewhere must know to start without it: its endpoints, in `DATA/known.json`.

use std::path::{Path, PathBuf};

use ringtail_files::Access;
use serde::{Deserialize, Serialize};

use super::endpoint::EndpointRecord;
use super::table::EndpointTable;

/// The file, and the journal that its endpoints belong to.
#[derive(Debug)]
pub(crate) struct KnownFile {
    path: PathBuf,
    journal: String,
}

/// What the file has.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Known {
    /// Identity of the journal.
    pub(crate) journal: String,
    pub(crate) endpoints: Vec<EndpointRecord>,
}

impl Known {
    /// Reads the file; `None` if there is none that can be read.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read(path).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

impl KnownFile {
    pub(crate) fn new(path: PathBuf, journal: &str) -> Self {
        Self {
            path,
            journal: journal.to_owned(),
        }
    }

    /// Replaces the file. Without it, the relay does not start without its database, which is no reason to stop now.
    pub(super) fn write(&self, table: &EndpointTable) {
        let known = Known {
            journal: self.journal.clone(),
            endpoints: table.all(),
        };
        let written = serde_json::to_vec(&known)
            .map_err(std::io::Error::from)
            .and_then(|text| ringtail_files::replace(&self.path, &text, Access::Private));
        if let Err(error) = written {
            let path = self.path.display();
            tracing::warn!(%error, %path, "could not keep the endpoints for a start without the database");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{AccountKey, VerifyTokenHash};
    use crate::journal::EndpointKey;

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known.json");
        let endpoint = |key: i64, verify_token| EndpointRecord {
            key: EndpointKey(key),
            id: format!("dev-{key}"),
            account: AccountKey(7),
            verify_token,
        };
        let endpoints = vec![endpoint(1, None), endpoint(2, VerifyTokenHash::of("hush"))];
        assert!(Known::read(&path).is_none());
        let table = EndpointTable::new(endpoints.clone());
        KnownFile::new(path.clone(), "journal").write(&table);
        let mut known = Known::read(&path).unwrap();
        known.endpoints.sort_by_key(|it| it.key.0);
        assert_eq!(
            (known.journal, known.endpoints),
            ("journal".to_owned(), endpoints)
        );
        std::fs::write(&path, "{").unwrap();
        assert!(Known::read(&path).is_none());
    }
}
