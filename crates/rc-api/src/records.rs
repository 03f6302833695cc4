//! What this machine created: the verification token of each endpoint, and the ids of its subscriptions. Private.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ringtail_files::{Lock, create_private_dir};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::login::{LoginFileError, read_private, write_private};

/// Ids that are kept per endpoint, the newest: RingCentral allows fewer at once for a login.
const MAX_IDS: usize = 64;

/// The file's content.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    records: Vec<Record>,
}

/// One endpoint, or an address that is none.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// URL of the relay; empty if the address is not an endpoint.
    pub relay: String,
    /// Name of the endpoint, or the address.
    pub endpoint: String,
    token: String,
    /// Ids of the subscriptions that were created with the token, oldest first.
    pub ids: Vec<String>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({} {})", self.relay, self.endpoint)
    }
}

impl Record {
    /// Returns the verification token.
    #[must_use]
    pub fn token(&self) -> SecretString {
        self.token.as_str().into()
    }
}

impl Records {
    /// Reads the records in a directory; without a file there are none.
    ///
    /// # Errors
    /// When the file cannot be used, or others than its owner can read it.
    pub fn read(directory: &Path) -> Result<Self, LoginFileError> {
        let path = directory.join("subscriptions.json");
        let records = read_private(&path)?.unwrap_or_default();
        Ok(Self { path, records })
    }

    /// Iterates over the records.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.records.iter()
    }

    /// Returns the record of an endpoint.
    #[must_use]
    pub fn find(&self, relay: &str, endpoint: &str) -> Option<&Record> {
        self.iter()
            .find(|it| it.relay == relay && it.endpoint == endpoint)
    }

    /// Returns an endpoint's record with the configured token, or else with the token that it has, or with a new one.
    ///
    /// # Errors
    /// When the file cannot be written, or the system has no random bytes.
    pub fn prepare(
        &mut self,
        relay: &str,
        endpoint: &str,
        configured: Option<&SecretString>,
    ) -> Result<Record, LoginFileError> {
        let fresh = fresh_token().map_err(|source| LoginFileError::Write {
            path: self.path.clone(),
            source,
        })?;
        let token = configured.unwrap_or(&fresh);
        self.change(relay, endpoint, token, |record| {
            if let Some(token) = configured {
                token.expose_secret().clone_into(&mut record.token);
            }
        })
    }

    /// Replaces the ids of an endpoint, in the file too. `token` is for an endpoint without a record.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(
        &mut self,
        relay: &str,
        endpoint: &str,
        token: &SecretString,
        ids: &[String],
    ) -> Result<(), LoginFileError> {
        let newest = &ids[ids.len().saturating_sub(MAX_IDS)..];
        let changed = self.change(relay, endpoint, token, |record| {
            record.ids = newest.to_vec()
        });
        changed.map(drop)
    }

    fn change(
        &mut self,
        relay: &str,
        endpoint: &str,
        token: &SecretString,
        change: impl FnOnce(&mut Record),
    ) -> Result<Record, LoginFileError> {
        // Another process, or another endpoint of this one, may write at the same time.
        let lock = self.path.with_extension("lock");
        let failed = |source| LoginFileError::Write {
            path: lock.clone(),
            source,
        };
        if let Some(directory) = lock.parent() {
            create_private_dir(directory).map_err(failed)?;
        }
        let _turn = Lock::acquire(&lock).map_err(failed)?;
        if let Some(records) = read_private(&self.path)? {
            self.records = records;
        }
        let before = self.find(relay, endpoint).cloned();
        let mut record = before.clone().unwrap_or_else(|| Record {
            relay: relay.to_owned(),
            endpoint: endpoint.to_owned(),
            token: token.expose_secret().to_owned(),
            ids: Vec::new(),
        });
        change(&mut record);
        if before.as_ref() != Some(&record) {
            self.records
                .retain(|it| it.relay != relay || it.endpoint != endpoint);
            self.records.push(record.clone());
            write_private(&self.path, &self.records)?;
        }
        Ok(record)
    }
}

/// Makes a verification token: 32 letters and digits, which RingCentral is known to take (docs/RINGCENTRAL.md 3.3).
///
/// # Errors
/// When the system has no random bytes.
fn fresh_token() -> std::io::Result<SecretString> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(HEXLOWER.encode(&bytes).into())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn the_newest_ids_are_kept() {
        let home = TempDir::new().unwrap();
        let ids: Vec<String> = (0..70).map(|number| number.to_string()).collect();
        let mut records = Records::read(home.path()).unwrap();
        records.keep("r", "e", &"t".into(), &ids).unwrap();
        let records = Records::read(home.path()).unwrap();
        assert_eq!(records.find("r", "e").unwrap().ids, ids[6..]);
    }

    #[test]
    fn what_another_process_wrote_meanwhile_stays() {
        let home = TempDir::new().unwrap();
        let read = || Records::read(home.path()).unwrap();
        let (mut one, mut two) = (read(), read());
        let token = |record: Record| record.token().expose_secret().to_owned();
        let first = token(one.prepare("r", "e", None).unwrap());
        one.keep("r", "e", &"other".into(), &["1".to_owned()])
            .unwrap();
        let record = two.prepare("r", "e", None).unwrap();
        assert_eq!(record.ids, ["1"]);
        assert_eq!(token(record), first);
        let configured = two.prepare("r", "e", Some(&"mine".into())).unwrap();
        assert_eq!(configured.ids, ["1"]);
        assert_eq!(token(configured), "mine");
    }
}
