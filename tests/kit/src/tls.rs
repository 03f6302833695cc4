//! TLS as a caller that trusts one CA, and as a server with its own certificate.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// HTTP/1.1 by ALPN.
pub const HTTP1: &str = "http/1.1";

/// HTTP/2 by ALPN.
pub const HTTP2: &str = "h2";

/// Installs the process-wide cryptography. The first call counts.
pub fn install() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

/// Returns a caller's configuration that trusts a CA and offers protocols. Nothing is resumed: RingCentral's handshakes
/// are full.
///
/// # Errors
/// When the text holds no certificate.
pub fn trusting(pem: &[u8], alpn: &[&str]) -> anyhow::Result<Arc<ClientConfig>> {
    install();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.context("not a PEM certificate")?)?;
    }
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// As [`trusting`], with the CA in a file and one protocol.
///
/// # Errors
/// When the file holds no certificate.
pub fn caller(ca: &Path, alpn: &str) -> anyhow::Result<Arc<ClientConfig>> {
    let pem = std::fs::read(ca).with_context(|| format!("{} could not be read", ca.display()))?;
    trusting(&pem, &[alpn])
}

/// A self-signed certificate, which is its own CA, in `cert.pem` with its key in `key.pem`.
#[derive(Debug)]
pub struct Identity(tempfile::TempDir);

impl Identity {
    /// Makes a certificate for `localhost`.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn new() -> anyhow::Result<Self> {
        Self::of(["localhost".to_owned(), "127.0.0.1".to_owned()])
    }

    /// Makes a certificate for other names.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn of(names: impl Into<Vec<String>>) -> anyhow::Result<Self> {
        install();
        let made = rcgen::generate_simple_self_signed(names)?;
        let directory = tempfile::tempdir()?;
        let key = made.signing_key.serialize_pem();
        std::fs::write(directory.path().join("cert.pem"), made.cert.pem())?;
        std::fs::write(directory.path().join("key.pem"), key)?;
        Ok(Self(directory))
    }

    /// Returns the directory with the files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.0.path()
    }
}

/// Returns the configuration of a server with an [`Identity`]'s files.
///
/// # Errors
/// When there are none.
pub fn server(directory: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    install();
    let certificate = CertificateDer::from_pem_file(directory.join("cert.pem"))?;
    let key = PrivateKeyDer::from_pem_file(directory.join("key.pem"))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = [HTTP2, HTTP1].map(|name| name.as_bytes().to_vec()).into();
    Ok(Arc::new(config))
}
