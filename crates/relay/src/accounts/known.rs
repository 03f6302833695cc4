//! What a relay with its database elsewhere must know to start without it: its endpoints, in `DATA/known.json`.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringtail_files::Access;
use ringtail_protocol::event::Timestamp;
use ringtail_protocol::name::Name;
use serde::{Deserialize, Serialize};

use super::account::AccountKey;
use super::endpoint::EndpointRecord;
use super::table::EndpointTable;
use super::verify_token::VerifyTokenHash;
use crate::journal::EndpointKey;

/// The file, and the journal that its endpoints belong to.
#[derive(Debug)]
pub(crate) struct KnownFile {
    path: PathBuf,
    journal: String,
}

/// What the file has.
#[derive(Debug)]
pub(crate) struct Known {
    /// Identity of the journal.
    pub(crate) journal: String,
    pub(crate) endpoints: Vec<EndpointRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    journal: String,
    endpoints: Vec<Row>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    key: i64,
    id: String,
    account: i64,
    name: String,
    created_at: i64,
    verify_token: Option<String>,
}

impl Known {
    /// Reads the file; `None` if there is none that can be read.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read(path).ok()?;
        let content: Content = serde_json::from_slice(&text).ok()?;
        let endpoints = content.endpoints.into_iter().map(Row::into_record);
        Some(Self {
            journal: content.journal,
            endpoints: endpoints.collect::<Option<_>>()?,
        })
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
        let endpoints = table.all();
        let content = Content {
            journal: self.journal.clone(),
            endpoints: endpoints.iter().map(|it| Row::of(it)).collect(),
        };
        let written = serde_json::to_vec(&content)
            .map_err(std::io::Error::from)
            .and_then(|text| ringtail_files::replace(&self.path, &text, Access::Private));
        if let Err(error) = written {
            let path = self.path.display();
            tracing::warn!(%error, %path, "could not keep the endpoints for a start without the database");
        }
    }
}

impl Row {
    fn of(endpoint: &EndpointRecord) -> Self {
        Self {
            key: endpoint.key.0,
            id: endpoint.id.clone(),
            account: endpoint.account.0,
            name: endpoint.name.to_string(),
            created_at: endpoint.created_at.0,
            verify_token: (endpoint.verify_token.as_ref())
                .map(|token| STANDARD.encode(token.as_bytes())),
        }
    }

    fn into_record(self) -> Option<EndpointRecord> {
        let verify_token = match self.verify_token {
            None => None,
            Some(text) => {
                let hash = STANDARD.decode(text).ok()?.try_into().ok()?;
                Some(VerifyTokenHash::from_stored(hash))
            }
        };
        Some(EndpointRecord {
            key: EndpointKey(self.key),
            id: self.id,
            account: AccountKey(self.account),
            name: Name::from_stored(self.name),
            created_at: Timestamp(self.created_at),
            verify_token,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known.json");
        let endpoint = |key: i64, verify_token| EndpointRecord {
            key: EndpointKey(key),
            id: format!("dev-{key}"),
            account: AccountKey(7),
            name: Name::parse("dev").unwrap(),
            created_at: Timestamp(8),
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
