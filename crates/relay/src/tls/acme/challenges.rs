//! Answers to the authority's challenges, for as long as an order needs them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};

/// The protocol that TLS-ALPN-01 is spoken in (RFC 8737).
pub(in crate::tls) const PROTOCOL: &[u8] = b"acme-tls/1";

/// What the authority may be told at the moment.
#[derive(Debug, Default)]
pub(crate) struct Challenges {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// By name.
    certificates: HashMap<String, Arc<CertifiedKey>>,
    /// By token.
    texts: HashMap<String, String>,
}

impl Challenges {
    /// Returns what HTTP-01 answers to a token.
    pub(crate) fn text(&self, token: &str) -> Option<String> {
        self.open().texts.get(token).cloned()
    }

    pub(super) fn answer_http(&self, token: String, text: String) {
        self.open().texts.insert(token, text);
    }

    /// Makes the certificate that TLS-ALPN-01 asks for.
    pub(super) fn answer_tls(&self, name: String, digest: &[u8]) -> Result<(), rcgen::Error> {
        let mut params = CertificateParams::new(vec![name.clone()])?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let signing = aws_lc_rs::sign::any_supported_type(&private)
            .map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
        // Not through rustls' checks of a certificate: they refuse the critical extension that this one is about.
        let certified = CertifiedKey::new(vec![certificate.der().clone()], signing);
        self.open().certificates.insert(name, Arc::new(certified));
        Ok(())
    }

    /// Forgets all answers.
    pub(super) fn clear(&self) {
        *self.open() = Open::default();
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for Challenges {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_ascii_lowercase();
        self.open().certificates.get(&name).cloned()
    }
}

/// Returns the settings for the authority's handshakes, which end where others begin.
pub(in crate::tls) fn server_config(
    challenges: Arc<Challenges>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(challenges);
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
