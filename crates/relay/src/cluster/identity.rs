//! Keys by which relays know each other: raw public keys (RFC 7250), one pair for each run of a relay.

use std::sync::Arc;

use rcgen::{KeyPair, PublicKeyData as _};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::aws_lc_rs::{self, sign};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};
use uuid::Uuid;

/// Why a relay has no key pair.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// It could not be made.
    #[error("no key pair could be made")]
    Key(#[from] rcgen::Error),
    /// TLS does not take it.
    #[error("TLS does not take the key pair")]
    Tls(#[from] Error),
}

/// One run of this relay, and its key pair.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) public_key: Vec<u8>,
    key: Arc<CertifiedKey>,
    /// Settings for connections from relays. Any key is let in, and the listener looks it up.
    pub(super) server: Arc<ServerConfig>,
}

impl Identity {
    pub(super) fn new() -> Result<Self, IdentityError> {
        let pair = KeyPair::generate()?;
        let public_key = pair.subject_public_key_info();
        let private = PrivatePkcs8KeyDer::from(pair.serialize_der()).into();
        let key = sign::any_supported_type(&private)?;
        let certificate = CertificateDer::from(public_key.clone());
        let key = Arc::new(CertifiedKey::new(vec![certificate], key));
        let mut server = ServerConfig::builder_with_protocol_versions(&[&TLS13])
            .with_client_cert_verifier(Arc::new(Pinned::new(None)))
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(
                key.clone(),
            )));
        // A resumed session would outlive the other relay's row.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Self {
            id: Uuid::now_v7().to_string(),
            public_key,
            key,
            server: Arc::new(server),
        })
    }

    /// Returns the settings for a connection to the relay that has this key.
    pub(super) fn client(&self, public_key: &[u8]) -> ClientConfig {
        let mut config = ClientConfig::builder_with_protocol_versions(&[&TLS13])
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned::new(Some(public_key.to_vec()))))
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
                self.key.clone(),
            )));
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        config
    }
}

/// Lets the peer in that proves to have this key, or any key.
#[derive(Debug)]
struct Pinned {
    key: Option<Vec<u8>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    fn new(key: Option<Vec<u8>>) -> Self {
        Self {
            key,
            algorithms: aws_lc_rs::default_provider().signature_verification_algorithms,
        }
    }

    fn check(&self, key: &CertificateDer<'_>) -> Result<(), Error> {
        match &self.key {
            Some(wanted) if wanted.as_slice() != key.as_ref() => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(()),
        }
    }

    fn signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(key.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }
}

/// Neither end offers it.
fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("relays speak TLS 1.3".to_owned()))
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(key).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, key, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        key: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(key).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, key, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    /// Returns whether the server is let in, and the client's key that it sees.
    async fn handshake(pinned: &[u8], server: &Identity, client: &Identity) -> Option<Vec<u8>> {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let acceptor = TlsAcceptor::from(server.server.clone());
        let connector = TlsConnector::from(Arc::new(client.client(pinned)));
        let name = ServerName::try_from("relay").unwrap();
        let (accepted, connected) =
            tokio::join!(acceptor.accept(far), connector.connect(name, near));
        connected.ok()?;
        let accepted = accepted.unwrap();
        let keys = accepted.get_ref().1.peer_certificates().unwrap();
        Some(keys[0].to_vec())
    }

    #[tokio::test]
    async fn both_ends_prove_their_keys() {
        ringtail_kit::tls::install();
        let (one, two) = (Identity::new().unwrap(), Identity::new().unwrap());
        let seen = handshake(&one.public_key, &one, &two).await;
        assert_eq!(seen, Some(two.public_key.clone()));
        // One that answers at the address of another.
        assert_eq!(handshake(&two.public_key, &one, &two).await, None);
    }
}
