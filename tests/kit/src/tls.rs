//! TLS as a caller that trusts one CA, and as a server with a certificate of its own.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// HTTP/1.1 by ALPN.
pub const HTTP1: &[u8] = b"http/1.1";

/// HTTP/2 by ALPN.
pub const HTTP2: &[u8] = b"h2";

/// Chooses the process-wide cryptography. The first call counts.
pub fn install() {
    // Fails when it is installed already, which is as good.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
}

/// Returns a caller's configuration that trusts the CA of a PEM file and offers one protocol. Every connection is a
/// full handshake: resumption would make the second cheaper than RingCentral's are.
///
/// # Errors
/// When the file holds no certificate.
pub fn caller(ca: &Path, alpn: &[u8]) -> anyhow::Result<Arc<ClientConfig>> {
    install();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca)
        .with_context(|| format!("{} could not be read", ca.display()))?
    {
        roots.add(certificate.context("not a PEM certificate")?)?;
    }
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// A certificate, by default for `localhost`, with the files that other servers want.
#[derive(Debug)]
pub struct Identity {
    directory: tempfile::TempDir,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Makes a self-signed certificate.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn new() -> anyhow::Result<Self> {
        Self::of(["localhost".to_owned(), "127.0.0.1".to_owned()])
    }

    /// Makes a self-signed certificate for other names.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn of(names: impl Into<Vec<String>>) -> anyhow::Result<Self> {
        install();
        let made = rcgen::generate_simple_self_signed(names)?;
        let directory = tempfile::tempdir()?;
        std::fs::write(directory.path().join("cert.pem"), made.cert.pem())?;
        std::fs::write(
            directory.path().join("key.pem"),
            made.signing_key.serialize_pem(),
        )?;
        Ok(Self {
            certificate: made.cert.der().clone(),
            key: PrivateKeyDer::try_from(made.signing_key.serialize_der())
                .map_err(anyhow::Error::msg)?,
            directory,
        })
    }

    /// Reads the certificate that [`Identity::new`] left in a directory of another process.
    ///
    /// # Errors
    /// When there is none.
    pub fn server_from(directory: &Path) -> anyhow::Result<Arc<ServerConfig>> {
        install();
        let certificate = CertificateDer::from_pem_file(directory.join("cert.pem"))?;
        let key = PrivateKeyDer::from_pem_file(directory.join("key.pem"))?;
        server(certificate, key)
    }

    /// Returns the directory with `cert.pem` and `key.pem`; the certificate is its own CA.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns a server's configuration.
    ///
    /// # Errors
    /// When certificate and key do not fit.
    pub fn server(&self) -> anyhow::Result<Arc<ServerConfig>> {
        server(self.certificate.clone(), self.key.clone_key())
    }
}

fn server(
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> anyhow::Result<Arc<ServerConfig>> {
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    Ok(Arc::new(config))
}
