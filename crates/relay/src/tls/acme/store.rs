//! Files of one ACME authority: the account, the orders and the certificate.
//!
//! Each authority has its own directory, so that a relay can switch between a staging and a production authority.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use instant_acme::AccountCredentials;
use ringtail_files::Access;
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};

use super::pace::Orders;
use crate::public_url::Host;
use crate::tls::files::{self, FilesError};
use crate::tls::inspect;

/// The directory of an authority.
#[derive(Debug, Clone)]
pub(super) struct Store(PathBuf);

impl Store {
    pub(super) fn open(data: &Path, directory: &str) -> Result<Self, AcmeFileError> {
        let path = acme_dir(data).join(name(directory));
        ringtail_files::create_private_dir(&path).map_err(|source| AcmeFileError {
            file: path.clone(),
            source,
        })?;
        Ok(Self(path))
    }

    /// Returns the saved account, if it can be read.
    pub(super) fn account(&self) -> Option<AccountCredentials> {
        let text = fs::read(self.account_file()).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub(super) fn save_account(&self, account: &AccountCredentials) -> Result<(), AcmeFileError> {
        let text = serde_json::to_vec(account).map_err(io::Error::from);
        self.save(self.account_file(), text)
    }

    /// Deletes an account that the authority no longer knows.
    pub(super) fn forget_account(&self) {
        drop(fs::remove_file(self.account_file()));
    }

    /// Returns the orders so far; an unreadable file counts as none.
    pub(super) fn orders(&self) -> Orders {
        let text = fs::read(self.orders_file()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(super) fn save_orders(&self, orders: &Orders) -> Result<(), AcmeFileError> {
        let text = serde_json::to_vec(orders).map_err(io::Error::from);
        self.save(self.orders_file(), text)
    }

    /// Returns the certificate if its key matches, even an expired one: it was checked when it was saved, and the clock may
    /// be wrong.
    pub(super) fn certificate(&self) -> Option<CertifiedKey> {
        let file = self.certificate_file();
        match files::read(&file, &file, |chain| inspect::check(chain, &[], None)) {
            Ok(key) => Some(key),
            Err(error) => {
                if file.exists() {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "cannot use the certificate in the data directory");
                }
                None
            }
        }
    }

    /// Checks a certificate and replaces the saved one. Chain and key are one file, so that they change together.
    pub(super) fn save_certificate(
        &self,
        key_and_chain: &str,
        hosts: &[Host],
        now: SystemTime,
    ) -> Result<CertifiedKey, SaveError> {
        let candidate = self.0.join("candidate.pem");
        self.save(candidate.clone(), Ok(key_and_chain.as_bytes().to_vec()))?;
        let checked = files::read(&candidate, &candidate, |chain| {
            inspect::check(chain, hosts, Some(now))
        })?;
        let file = self.certificate_file();
        ringtail_files::rename(&candidate, &file)
            .map_err(|source| AcmeFileError { file, source })?;
        Ok(checked)
    }

    fn save(&self, file: PathBuf, text: io::Result<Vec<u8>>) -> Result<(), AcmeFileError> {
        text.and_then(|text| ringtail_files::replace(&file, &text, Access::Private))
            .map_err(|source| AcmeFileError { file, source })
    }

    fn account_file(&self) -> PathBuf {
        self.0.join("account.json")
    }

    fn orders_file(&self) -> PathBuf {
        self.0.join("orders.json")
    }

    fn certificate_file(&self) -> PathBuf {
        self.0.join("certificate.pem")
    }
}

/// Returns the parent of all authorities' directories.
pub(crate) fn acme_dir(data: &Path) -> PathBuf {
    data.join("acme")
}

/// Returns a readable and unique name for an authority's directory.
fn name(directory: &str) -> String {
    let authority = directory.strip_prefix("https://").unwrap_or(directory);
    let host: String = authority
        .chars()
        .take_while(|c| *c != '/')
        .take(100)
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let hash: [u8; 32] = Sha256::digest(directory).into();
    let [a, b, c, d, ..] = hash;
    format!("{host}-{:08x}", u32::from_be_bytes([a, b, c, d]))
}

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{} could not be written", file.display())]
pub struct AcmeFileError {
    file: PathBuf,
    #[source]
    source: io::Error,
}

/// Why a new certificate was not saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum SaveError {
    /// It is not what was ordered.
    #[error("the new certificate was rejected")]
    Rejected(#[from] FilesError),
    /// It could not be written.
    #[error(transparent)]
    Store(#[from] AcmeFileError),
}
