//! Answers to the authority's challenges while an order is open.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The ALPN protocol of TLS-ALPN-01 (RFC 8737).
pub(crate) const PROTOCOL: &[u8] = b"acme-tls/1";

/// The present answers.
#[derive(Debug, Default)]
pub(crate) struct Challenges {
    open: Mutex<OpenChallenges>,
}

#[derive(Debug, Default)]
struct OpenChallenges {
    /// By name.
    certificates: HashMap<String, Arc<CertifiedKey>>,
    /// By token.
    texts: HashMap<String, String>,
}

impl Challenges {
    /// Returns the answer of HTTP-01 to a token.
    pub(crate) fn text(&self, token: &str) -> Option<String> {
        self.open.lock().texts.get(token).cloned()
    }

    pub(super) fn answer_http(&self, token: String, text: String) {
        self.open.lock().texts.insert(token, text);
    }

    /// Creates the certificate for TLS-ALPN-01.
    pub(super) fn answer_tls(&self, name: String, digest: &[u8]) -> Result<(), rcgen::Error> {
        let mut params = CertificateParams::new(vec![name.clone()])?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let signing = aws_lc_rs::sign::any_supported_type(&private)
            .map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
        // `CertifiedKey::from_der` would refuse the critical extension.
        let certified = CertifiedKey::new(vec![certificate.der().clone()], signing);
        self.open
            .lock()
            .certificates
            .insert(name, Arc::new(certified));
        Ok(())
    }

    /// Removes all answers.
    pub(super) fn clear(&self) {
        *self.open.lock() = OpenChallenges::default();
    }
}

impl ResolvesServerCert for Challenges {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_ascii_lowercase();
        self.open.lock().certificates.get(&name).cloned()
    }
}

/// Returns the TLS settings for the authority's handshakes.
pub(crate) fn server_config(challenges: Arc<Challenges>) -> ServerConfig {
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(challenges);
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}
