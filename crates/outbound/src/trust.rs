//! Verification of the relay's certificate.
//!
//! The platform's verifier decides, so company roots work. For a relay with a private authority, such as
//! `ringtail-relay serve --dev`, that authority is added.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringtail_errors::{Code, Coded, codes};
use ringtail_files::read_at_most;
use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

/// Maximum bytes of a certificate file, far above any bundle of roots.
const MAX_CA_BYTES: u64 = 4 * 1024 * 1024;

/// TLS settings for the relay. Offers only HTTP/1.1, because a WebSocket is an HTTP/1.1 upgrade.
#[derive(Debug, Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
}

impl Trust {
    /// Trusts the platform's authorities and those in the PEM file `ca`.
    ///
    /// # Errors
    /// When the file cannot be used, or neither it nor the platform has any authority.
    pub fn load(ca: Option<&Path>) -> Result<Self, TrustError> {
        let extra = match ca {
            Some(path) => read_authorities(path)?,
            None => Vec::new(),
        };
        let provider = CryptoProvider::get_default()
            .cloned()
            .unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
        let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
            .map_err(|source| TrustError::Unusable { source })?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|source| TrustError::Unusable { source })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// Returns the settings without ALPN, for a client that sets it.
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols.clear();
        config
    }

    /// Returns a connector with these settings.
    #[must_use]
    pub fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::clone(&self.config))
    }
}

/// Reads the authorities in a PEM file.
///
/// # Errors
/// When it cannot be read, is too large, is not PEM or has no certificate.
pub fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let text = read_at_most(path, MAX_CA_BYTES).map_err(|source| TrustError::Read {
        path: path.to_owned(),
        source,
    })?;
    let text = ringtail_text::decode_bytes(text);
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TrustError::NotPem {
            path: path.to_owned(),
            source,
        })?;
    if certificates.is_empty() {
        return Err(TrustError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(certificates)
}

/// Why certificate verification cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file of authorities could not be read or is too large.
    #[error("cannot read the certificate authority {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The file of authorities is damaged.
    #[error("{} is not a PEM file of certificates", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: pem::Error,
    },
    /// The file holds no certificate.
    #[error("{} contains no certificate", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// rustls rejected an authority, or there is none.
    #[error("cannot set up TLS towards the relay")]
    Unusable {
        /// The reason.
        #[source]
        source: rustls::Error,
    },
}

impl Coded for TrustError {
    fn code(&self) -> &'static Code {
        &codes::CERTIFICATES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(content: &[u8]) -> Result<Trust, TrustError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, content).unwrap();
        Trust::load(Some(&path))
    }

    #[test]
    fn a_bad_file_of_authorities_is_named() {
        let missing = Trust::load(Some(Path::new("/nowhere/ca.pem"))).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "cannot read the certificate authority /nowhere/ca.pem"
        );
        assert!(matches!(
            load(b"hello").unwrap_err(),
            TrustError::Empty { .. }
        ));
        let cut = b"-----BEGIN CERTIFICATE-----\nMIIB\n";
        assert!(matches!(load(cut).unwrap_err(), TrustError::NotPem { .. }));
        let huge = vec![b'\n'; usize::try_from(MAX_CA_BYTES).unwrap() + 1];
        let error = ringtail_text::chain(&load(&huge).unwrap_err());
        assert!(
            error.ends_with("ca.pem: it is longer than 4194304 bytes"),
            "{error}"
        );
    }

    #[test]
    fn an_own_authority_is_enough() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        load(pem.as_bytes()).unwrap();
        let utf16 = pem.encode_utf16().flat_map(u16::to_le_bytes);
        for saved in [
            [b"\xef\xbb\xbf", pem.as_bytes()].concat(),
            [0xff, 0xfe].into_iter().chain(utf16).collect(),
            [b"# M\xfcnchen\n", pem.as_bytes()].concat(),
        ] {
            load(&saved).unwrap();
        }
    }
}
