//! What must outlive the relay's process: the account, the orders and the certificate, of one authority.
//!
//! Each authority has a directory of its own, so that a relay which is moved from an authority's staging place to the
//! real one starts there with nothing, and back again with everything.

use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use instant_acme::AccountCredentials;
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};

use super::pace::Orders;
use crate::config::Host;
use crate::tls::disk::{self, Access};
use crate::tls::files::{self, FilesError};
use crate::tls::inspect;

/// The directory of an authority.
#[derive(Debug, Clone)]
pub(super) struct Store(PathBuf);

impl Store {
    pub(super) fn open(data: &Path, directory: &str) -> Result<Self, StoreError> {
        let path = acme_dir(data).join(name(directory));
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|source| StoreError {
            file: path.clone(),
            source,
        })?;
        Ok(Self(path))
    }

    /// Returns the account, if one is there that can be read.
    pub(super) fn account(&self) -> Option<AccountCredentials> {
        let text = fs::read(self.account_file()).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub(super) fn save_account(&self, account: &AccountCredentials) -> Result<(), StoreError> {
        let text = serde_json::to_vec(account).map_err(io::Error::from);
        self.save(self.account_file(), text)
    }

    /// Forgets an account that the authority does not know any more.
    pub(super) fn forget_account(&self) {
        drop(fs::remove_file(self.account_file()));
    }

    /// Returns the orders so far. None that can be read is none at all: the file is written whole or not.
    pub(super) fn orders(&self) -> Orders {
        let text = fs::read(self.orders_file()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(super) fn save_orders(&self, orders: &Orders) -> Result<(), StoreError> {
        let text = serde_json::to_vec(orders).map_err(io::Error::from);
        self.save(self.orders_file(), text)
    }

    /// Returns the certificate, if one is there whose key belongs to it, even one that has expired: it was proven when
    /// it came, and the clock may be wrong.
    pub(super) fn certificate(&self) -> Option<CertifiedKey> {
        let file = self.certificate_file();
        match files::read(&file, &file, |chain| inspect::check_form(chain, &[])) {
            Ok(key) => Some(key),
            Err(error) => {
                if file.exists() {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "the certificate in the data directory is not usable");
                }
                None
            }
        }
    }

    /// Proves a certificate and keeps it in the place of the one before. Chain and key are one file, so that they
    /// change together.
    pub(super) fn save_certificate(
        &self,
        key_and_chain: &str,
        hosts: &[Host],
        now: SystemTime,
    ) -> Result<CertifiedKey, SaveError> {
        let candidate = self.0.join("candidate.pem");
        self.save(candidate.clone(), Ok(key_and_chain.as_bytes().to_vec()))?;
        let proven = files::read(&candidate, &candidate, |chain| {
            inspect::check(chain, hosts, now)
        })?;
        let file = self.certificate_file();
        disk::rename(&candidate, &file).map_err(|source| StoreError { file, source })?;
        Ok(proven)
    }

    fn save(&self, file: PathBuf, text: io::Result<Vec<u8>>) -> Result<(), StoreError> {
        text.and_then(|text| disk::write(&file, &text, Access::Owner))
            .map_err(|source| StoreError { file, source })
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

/// Returns where all authorities' directories are.
pub(in crate::tls) fn acme_dir(data: &Path) -> PathBuf {
    data.join("acme")
}

/// A name that says which authority it is, and is no other's.
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

/// A file could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("{} could not be written", file.display())]
pub struct StoreError {
    file: PathBuf,
    #[source]
    source: io::Error,
}

/// Why a new certificate was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum SaveError {
    /// It is not what was ordered.
    #[error("the new certificate is not taken")]
    NotProven(#[from] FilesError),
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}
