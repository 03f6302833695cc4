//! The TLS connection of a check, and the rows about it.

mod old;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use ringtail_outbound::any_certificate::AnyCertificate;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{AlertDescription, CertificateError, ClientConfig, Error, PeerIncompatible};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::Address;
use super::chain;
use super::limits::TLS_TIME;
use super::network::{Peer, connect};
use super::roots::Roots;
use super::row::{Outcome, Requirement, Row};
use super::witness::Anonymous;
use ringtail_errors::codes;
use ringtail_outbound::certificate;

/// Returns the rows of TLS and whether the check can continue. If not, one row is a failure.
pub(super) async fn rows(address: &Address, peer: &Peer, roots: &Roots) -> (Vec<Row>, bool) {
    let stream = match handshake(peer, address, None).await {
        Ok((stream, _)) => stream,
        Err(error) => {
            if error.finds_nothing_common()
                && let Some(suite) = old::suite(peer, address.server_name()).await
            {
                return (vec![agreed_version(), old_suites(suite)], false);
            }
            if is_http2_only(peer, address).await {
                let (seen, fix) = HTTP2_ONLY;
                let row = Row::fail(Requirement::Answer, seen)
                    .earns(&codes::SUB_521)
                    .fix(fix);
                return (vec![agreed_version(), row], false);
            }
            // An HTTP server may wait for the end of a line, and be silent until then.
            return (refusals(&error, speaks_http(peer).await), false);
        }
    };
    let (_, session) = stream.get_ref();
    let now = SystemTime::now();
    let judgement = chain::judge(
        session.peer_certificates().unwrap_or_default(),
        address.server_name(),
        now,
        roots,
        &provider().signature_verification_algorithms,
    );
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "1.2",
        _ => "1.3",
    };
    let suite = session
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str());
    let group = session
        .negotiated_key_exchange_group()
        .and_then(|group| group.name().as_str());
    let agreed: Vec<&str> = suite.into_iter().chain(group).collect();
    let rows = vec![
        Row::pass(Requirement::TlsVersion, version),
        Row::pass(Requirement::TlsAlgorithms, agreed.join(", ")),
        chain::row(&judgement, now),
    ];
    (rows, true)
}

/// Sends a request by plain HTTP, where TLS was not understood.
async fn speaks_http(peer: &Peer) -> bool {
    let reply = async {
        let (mut stream, _) = connect(peer).await?;
        stream.write_all(b"HEAD / HTTP/1.0\r\n\r\n").await?;
        let mut beginning = [0; 5];
        stream.read_exact(&mut beginning).await?;
        Ok::<_, io::Error>(beginning == *b"HTTP/")
    };
    matches!(timeout(TLS_TIME, reply).await, Ok(Ok(true)))
}

/// What is wrong with a server that speaks HTTP/2 only, and what to do.
pub(super) const HTTP2_ONLY: (&str, &str) = (
    "the server speaks HTTP/2 only",
    "let it speak HTTP/1.1 with callers that do not ask for more (ALPN): nothing says that RingCentral does",
);

/// Returns whether the server agrees on HTTP/2 with a caller that offers it, and not on HTTP/1.1 with one that offers that.
///
/// How such a server treats a caller that offers nothing, as RingCentral may, differs from one try to the next: it may
/// close, reset, or send frames, whichever comes first.
pub(super) async fn is_http2_only(peer: &Peer, address: &Address) -> bool {
    let agrees = async |protocol: &'static [u8]| {
        let shaken = handshake(peer, address, Some(protocol)).await;
        shaken.is_ok_and(|(stream, _)| stream.get_ref().1.alpn_protocol() == Some(protocol))
    };
    agrees(b"h2").await && !agrees(b"http/1.1").await
}

/// Makes a TLS connection and accepts any certificate: the chain is judged apart, and nothing private is sent. Returns it,
/// and whether the server asked for a certificate of its caller.
pub(super) async fn handshake(
    peer: &Peer,
    address: &Address,
    protocol: Option<&[u8]>,
) -> Result<(TlsStream<TcpStream>, bool), ShakeError> {
    let (tcp, _) = connect(peer).await.map_err(ShakeError::Io)?;
    let provider = provider();
    let anonymous = Arc::new(Anonymous::default());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(ShakeError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate::new(&provider)))
        .with_client_cert_resolver(Arc::clone(&anonymous) as Arc<dyn ResolvesClientCert>);
    // A resumed handshake would be faster than RingCentral's.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
    let connector = TlsConnector::from(Arc::new(config));
    let connected = connector.connect(address.server_name().clone(), tcp);
    match timeout(TLS_TIME, connected).await {
        Ok(Ok(stream)) => Ok((stream, anonymous.was_asked())),
        Ok(Err(error)) => Err(match tls_error(&error) {
            Some(tls @ Error::AlertReceived(_)) if anonymous.was_asked() => {
                ShakeError::WantsCertificate(tls.clone())
            }
            Some(tls) => ShakeError::Tls(tls.clone()),
            None => ShakeError::Io(error),
        }),
        Err(_) => Err(ShakeError::TimedOut),
    }
}

fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()))
}

/// Finds the error of rustls inside an error of the connection.
pub(super) fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// Why there is no TLS connection.
#[derive(Debug)]
pub(super) enum ShakeError {
    TimedOut,
    Io(io::Error),
    Tls(Error),
    /// The server asked for a client certificate and refused a client without one.
    WantsCertificate(Error),
}

impl fmt::Display for ShakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => write!(f, "no answer within {} s", TLS_TIME.as_secs()),
            Self::Io(_) => f.write_str("the connection broke"),
            Self::Tls(error) | Self::WantsCertificate(error) => error.fmt(f),
        }
    }
}

impl ShakeError {
    fn finds_nothing_common(&self) -> bool {
        matches!(
            self,
            Self::Tls(Error::AlertReceived(
                AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity
            ))
        )
    }
}

fn old_suites(suite: &str) -> Row {
    let seen = format!(
        "old suites alone, such as {suite}: nothing says whether RingCentral has them, and this check has not"
    );
    Row::warn(Requirement::TlsAlgorithms, seen).fix(MODERN)
}

const MODERN: &str = "allow the common suites (ECDHE with AES-GCM or ChaCha20) and an RSA or P-256 certificate; Mozilla's \
                      \"intermediate\" configuration does";

/// Makes the rows of a failed handshake: exactly one is a failure.
fn refusals(error: &ShakeError, is_http: bool) -> Vec<Row> {
    if is_http {
        return vec![no_tls(
            "plain HTTP where TLS is expected",
            "put the port behind a server that speaks TLS, or switch TLS on for it (nginx: `listen 443 ssl;`)",
        )];
    }
    let tls = match error {
        ShakeError::TimedOut => {
            let seen = format!(
                "accepts the connection and sends nothing for {} s",
                TLS_TIME.as_secs()
            );
            return vec![no_tls(
                seen,
                "check whether the process behind the port hangs, and whether it speaks TLS at all",
            )];
        }
        ShakeError::Io(_) => {
            return vec![no_tls(
                format!("hangs up during the TLS handshake ({error})"),
                "read the server's log, and check whether a proxy in front of it knows this name",
            )];
        }
        ShakeError::WantsCertificate(error) => {
            let row = Row::fail(
                Requirement::Answer,
                format!("the server wants a client certificate ({error})"),
            )
            .earns(&codes::SUB_521)
            .fix("do not ask for a client certificate on this path: RingCentral has none");
            return vec![agreed_version(), row];
        }
        ShakeError::Tls(error) => error,
    };
    match tls {
        Error::InvalidMessage(_) => vec![no_tls(
            "something that is neither TLS nor HTTP",
            "check whether this is the right port",
        )],
        Error::AlertReceived(AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => vec![no_tls(
            "no TLS 1.2 or higher",
            "switch TLS 1.2 and 1.3 on (nginx: `ssl_protocols TLSv1.2 TLSv1.3;`): RingCentral calls with 1.2 or higher",
        )],
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            let row = bad_certificate("wrong name: the server has no site of this name")
                .fix("add the name to the server's configuration, with a certificate for it");
            vec![unknown_version(), row]
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            let row = bad_certificate(
                "the server's signature does not fit its certificate: it holds another key, or an RSA key of fewer than 2048 bits",
            )
            .fix("configure a certificate and its own key, RSA of 2048 bits or P-256, and restart the server");
            vec![agreed_version(), row]
        }
        Error::InvalidCertificate(reason) => {
            let row = bad_certificate(format!("not usable: it {}", certificate::words(reason)))
                .fix("get a new certificate from a public authority, such as Let's Encrypt");
            vec![agreed_version(), row]
        }
        Error::AlertReceived(
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity,
        ) => vec![
            unknown_version(),
            mismatch("the server finds no common algorithm (handshake_failure)"),
        ],
        other => vec![
            unknown_version(),
            mismatch(format!("the handshake fails: {other}")),
        ],
    }
}

fn no_tls(seen: impl Into<String>, fix: &str) -> Row {
    Row::fail(Requirement::TlsVersion, seen)
        .earns(&codes::SUB_521)
        .fix(fix)
}

fn agreed_version() -> Row {
    Row::pass(Requirement::TlsVersion, "1.2 or higher")
}

fn unknown_version() -> Row {
    Row::new(
        Requirement::TlsVersion,
        Outcome::Skipped,
        "refused before a version was agreed on",
    )
}

fn bad_certificate(seen: impl Into<String>) -> Row {
    Row::fail(Requirement::Certificate, seen).earns(&codes::SUB_524)
}

fn mismatch(seen: impl Into<String>) -> Row {
    Row::fail(Requirement::TlsAlgorithms, seen)
        .earns(&codes::SUB_521)
        .fix(MODERN)
}

#[cfg(test)]
mod tests;
