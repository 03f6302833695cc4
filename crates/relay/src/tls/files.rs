//! A certificate and its key from PEM files, refused when RingCentral would refuse it.

use std::path::{Path, PathBuf};
use std::slice;
use std::time::SystemTime;

use ringtail_errors::{Code, Coded, codes};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::inspect::{self, CertificateError};
use super::settings::PemPair;
use crate::public_url::Host;

/// Reads the pairs, and checks that one of them covers the host.
pub(super) fn load(
    pairs: &[PemPair],
    host: &Host,
    now: SystemTime,
) -> Result<Vec<CertifiedKey>, FilesError> {
    let mut keys = Vec::new();
    let mut fits = false;
    let mut refused = None;
    for pair in pairs {
        let key = load_at(&pair.cert, &pair.key, &[], now)?;
        if inspect::lacks_issuer(&key.cert) {
            tracing::warn!(
                file = %pair.cert.display(),
                "the file has no intermediate certificate: RingCentral refuses the relay unless a public root issued it; use \
                 the full chain"
            );
        }
        match inspect::check(&key.cert, slice::from_ref(host), None) {
            Ok(()) => fits = true,
            Err(source) => {
                refused.get_or_insert(FilesError::Certificate {
                    file: pair.cert.clone(),
                    source,
                });
            }
        }
        keys.push(key);
    }
    match refused {
        Some(error) if !fits => Err(error),
        _ => Ok(keys),
    }
}

/// Reads a chain and its key, and checks both.
pub(super) fn load_at(
    cert: &Path,
    key: &Path,
    hosts: &[Host],
    now: SystemTime,
) -> Result<CertifiedKey, FilesError> {
    read(cert, key, |chain| inspect::check(chain, hosts, Some(now)))
}

/// Reads a chain that passes `check`, and its key.
pub(super) fn read(
    cert: &Path,
    key: &Path,
    check: impl FnOnce(&[CertificateDer<'_>]) -> Result<(), CertificateError>,
) -> Result<CertifiedKey, FilesError> {
    let unreadable = |file: &Path| {
        let file = file.to_owned();
        |source| FilesError::Unreadable { file, source }
    };
    let chain = pem(cert)
        .and_then(|text| CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>())
        .map_err(unreadable(cert))?;
    check(&chain).map_err(|source| FilesError::Certificate {
        file: cert.to_owned(),
        source,
    })?;
    let private = pem(key)
        .and_then(|text| PrivateKeyDer::from_pem_slice(&text))
        .map_err(unreadable(key))?;
    let signing = aws_lc_rs::sign::any_supported_type(&private).map_err(|source| {
        FilesError::UnusableKey {
            file: key.to_owned(),
            source,
        }
    })?;
    let certified = CertifiedKey::new(chain, signing);
    certified
        .keys_match()
        .map_err(|_| FilesError::KeyMismatch {
            cert: cert.to_owned(),
            key: key.to_owned(),
        })?;
    Ok(certified)
}

/// Reads a PEM file as any editor saves it.
pub(super) fn pem(file: &Path) -> Result<Vec<u8>, pem::Error> {
    let bytes = std::fs::read(file).map_err(pem::Error::Io)?;
    Ok(ringtail_text::decode_bytes(bytes))
}

/// Why the certificate's files cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// A file is missing or holds no PEM of the right kind.
    #[error("{} could not be read as PEM", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: pem::Error,
    },
    /// Callers would not accept the chain.
    #[error("the certificate in {} cannot be used", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: CertificateError,
    },
    /// rustls cannot use this kind of key.
    #[error("the key in {} cannot be used", file.display())]
    UnusableKey {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// The key belongs to another certificate.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), cert.display())]
    KeyMismatch {
        /// File of the certificate.
        cert: PathBuf,
        /// File of the key.
        key: PathBuf,
    },
}

impl Coded for FilesError {
    fn code(&self) -> &'static Code {
        &codes::RELAY_CERTIFICATE
    }
}

#[cfg(test)]
mod tests;
