//! TLS as a stranger meets it: versions, algorithms, certificates.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::join_all;
use ringtail_errors::codes;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{AlertDescription, CertificateError, ClientConfig, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::{Address, Host};
use super::answer::no_answer;
use super::chain;
use super::exchange::NoAnswer;
use super::hello::{
    ENOUGH_BYTES, HANDSHAKE_FAILURE, INSUFFICIENT_SECURITY, PROTOCOL_VERSION, Reply,
    UNRECOGNIZED_NAME, Version, client_hello, read_reply, suite_name,
};
use super::limits::TLS_TIME;
use super::network::connect;
use super::roots::Roots;
use super::row::{Outcome, Requirement, Row};
use super::witness::Anonymous;
use ringtail_outbound::any_certificate::AnyCertificate;
use ringtail_outbound::certificate;

/// Makes the rows of TLS. The last of them is a failure when no handshake could be completed.
pub(super) async fn rows(address: &Address, peer: SocketAddr, roots: &Roots) -> (Vec<Row>, bool) {
    let name = match address.host() {
        Host::Name(name) => Some(name.as_str()),
        Host::Ip(_) => None,
    };
    let probes =
        Version::ALL.map(|version| async move { (version, probe(peer, version, name).await) });
    let replies = join_all(probes).await;
    let shaken = if replies.iter().all(|(_, reply)| *reply == Reply::Silent) {
        Err(ShakeError::TimedOut)
    } else {
        handshake(peer, address).await
    };
    let is_http = match shaken {
        Ok(_) => false,
        Err(_) => {
            replies.iter().any(|(_, reply)| *reply == Reply::PlainHttp) || speaks_http(peer).await
        }
    };
    let now = SystemTime::now();
    match shaken {
        Ok(stream) => {
            let (_, session) = stream.get_ref();
            let judgement = chain::judge(
                session.peer_certificates().unwrap_or_default(),
                address.server_name(),
                now,
                roots,
                &provider().signature_verification_algorithms,
            );
            let agreed = [
                session
                    .negotiated_cipher_suite()
                    .and_then(|suite| suite.suite().as_str().map(str::to_owned)),
                session
                    .negotiated_key_exchange_group()
                    .and_then(|group| group.name().as_str().map(str::to_owned)),
            ];
            let agreed: Vec<String> = agreed.into_iter().flatten().collect();
            let spoken = match session.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => Version::Tls12,
                _ => Version::Tls13,
            };
            let rows = vec![
                version_row(&replies, Some(spoken)),
                Row::pass(Requirement::TlsAlgorithms, agreed.join(", ")),
                chain::row(&judgement, now),
            ];
            (rows, true)
        }
        Err(error) => (refusals(&replies, &error, is_http), false),
    }
}

/// Asks for one version by hand.
async fn probe(peer: SocketAddr, version: Version, name: Option<&str>) -> Reply {
    let mut random = [0; 64];
    if getrandom::fill(&mut random).is_err() {
        return Reply::NoConnection;
    }
    let Ok((mut stream, _)) = connect(peer).await else {
        return Reply::NoConnection;
    };
    let hello = client_hello(version, name, &random);
    let exchange = async {
        if stream.write_all(&hello).await.is_err() {
            return Reply::Closed;
        }
        let mut said = Vec::with_capacity(ENOUGH_BYTES);
        loop {
            match (&mut stream)
                .take(ENOUGH_BYTES as u64)
                .read_buf(&mut said)
                .await
            {
                Ok(0) | Err(_) if said.is_empty() => return Reply::Closed,
                Ok(0) | Err(_) => return Reply::NotTls,
                Ok(_) => {}
            }
            if let Some(reply) = read_reply(&said) {
                return reply;
            }
        }
    };
    timeout(TLS_TIME, exchange).await.unwrap_or(Reply::Silent)
}

/// Asks for a page by plain HTTP, where TLS was not understood.
async fn speaks_http(peer: SocketAddr) -> bool {
    let exchange = async {
        let (mut stream, _) = connect(peer).await?;
        stream.write_all(b"HEAD / HTTP/1.0\r\n\r\n").await?;
        let mut beginning = [0; 5];
        stream.read_exact(&mut beginning).await?;
        Ok::<_, io::Error>(beginning == *b"HTTP/")
    };
    matches!(timeout(TLS_TIME, exchange).await, Ok(Ok(true)))
}

/// Makes a TLS connection to whoever answers: certificates are judged elsewhere, and nothing private is sent.
pub(super) async fn handshake(
    peer: SocketAddr,
    address: &Address,
) -> Result<TlsStream<TcpStream>, ShakeError> {
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
    let connector = TlsConnector::from(Arc::new(config));
    let connected = connector.connect(address.server_name().clone(), tcp);
    match timeout(TLS_TIME, connected).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(match tls_error(&error) {
            Some(tls @ Error::AlertReceived(_)) if anonymous.was_asked() => {
                ShakeError::Unnamed(tls.clone())
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

/// Finds what rustls said inside of an error of the connection.
pub(super) fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// Why there is no TLS connection.
#[derive(Debug)]
pub(super) enum ShakeError {
    TimedOut,
    Io(io::Error),
    Tls(Error),
    /// The server asked for a certificate, and refused a caller without.
    Unnamed(Error),
}

impl fmt::Display for ShakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => write!(f, "no answer within {} s", TLS_TIME.as_secs()),
            Self::Io(_) => f.write_str("the connection broke"),
            Self::Tls(error) | Self::Unnamed(error) => error.fmt(f),
        }
    }
}

fn version_row(replies: &[(Version, Reply)], spoken: Option<Version>) -> Row {
    let requirement = Requirement::TlsVersion;
    let (mut offers, mut refuses) = (Vec::new(), Vec::new());
    for version in Version::ALL.into_iter().rev() {
        let is_offered = spoken == Some(version)
            || replies.iter().any(
                |(_, reply)| matches!(reply, Reply::Accepted { version: seen, .. } if *seen == version),
            );
        if is_offered {
            &mut offers
        } else {
            &mut refuses
        }
        .push(version.to_string());
    }
    let seen = match (offers.is_empty(), refuses.is_empty()) {
        (true, _) => format!("refuses {}", refuses.join(", ")),
        (false, true) => format!("speaks {}", offers.join(", ")),
        (false, false) => format!(
            "speaks {}; refuses {}",
            offers.join(", "),
            refuses.join(", ")
        ),
    };
    if offers
        .iter()
        .any(|version| version == "1.2" || version == "1.3")
    {
        return Row::pass(requirement, seen);
    }
    Row::fail(requirement, seen)
        .earns(&codes::SUB_521)
        .fix("switch TLS 1.2 and 1.3 on (nginx: `ssl_protocols TLSv1.2 TLSv1.3;`): RingCentral calls with 1.2 or higher")
}

/// The rows when no handshake could be completed: exactly one is a failure.
fn refusals(replies: &[(Version, Reply)], error: &ShakeError, is_http: bool) -> Vec<Row> {
    let version = |row: Row| vec![row];
    let (all, any) = (
        |wanted: Reply| replies.iter().all(|(_, reply)| *reply == wanted),
        // To versions that they do not know servers say this and that; those that count are 1.2 and 1.3.
        |wanted: u8| {
            replies.iter().any(|(version, reply)| {
                *version >= Version::Tls12 && *reply == Reply::Refused { alert: wanted }
            })
        },
    );
    let newest = replies
        .iter()
        .filter_map(|(_, reply)| match reply {
            Reply::Accepted { version, suite } => Some((*version, *suite)),
            _ => None,
        })
        .max();
    match newest {
        Some((spoken, suite)) if spoken >= Version::Tls12 => {
            let seen = version_row(replies, None);
            let broken = broken_off(error, suite);
            return vec![seen, broken];
        }
        Some(_) => return version(version_row(replies, None)),
        None => {}
    }
    if is_http {
        return version(
            Row::fail(Requirement::TlsVersion, "plain HTTP where TLS is expected")
                .earns(&codes::SUB_521)
                .fix("put the port behind a server that speaks TLS, or switch TLS on for it (nginx: `listen 443 ssl;`)"),
        );
    }
    if any(UNRECOGNIZED_NAME) {
        let row = Row::fail(
            Requirement::Certificate,
            "wrong name: the server has no site of this name",
        )
        .earns(&codes::SUB_524)
        .fix("add the name to the server's configuration, with a certificate for it");
        return vec![untold(), row];
    }
    if any(HANDSHAKE_FAILURE) || any(INSUFFICIENT_SECURITY) {
        return vec![
            untold(),
            mismatch("the server finds no algorithm that it could use (handshake_failure)"),
        ];
    }
    if any(PROTOCOL_VERSION) {
        return version(version_row(replies, None));
    }
    let (seen, fix) = if all(Reply::Silent) {
        (
            format!(
                "accepts the connection and says nothing for {} s",
                TLS_TIME.as_secs()
            ),
            "look whether the process behind the port hangs, and whether it speaks TLS at all",
        )
    } else if replies.iter().any(|(_, reply)| *reply == Reply::NotTls) {
        (
            "something that is neither TLS nor HTTP".to_owned(),
            "look whether this is the right port",
        )
    } else {
        (
            format!("hangs up during the TLS handshake ({error})"),
            "look at the server's log, and whether a proxy before it knows this name",
        )
    };
    version(
        Row::fail(Requirement::TlsVersion, seen)
            .earns(&codes::SUB_521)
            .fix(fix),
    )
}

/// A server that would go on by hand, and with which rustls cannot.
fn broken_off(error: &ShakeError, suite: u16) -> Row {
    match error {
        ShakeError::Tls(Error::InvalidCertificate(CertificateError::BadSignature)) => Row::fail(
            Requirement::Certificate,
            "the server does not hold the key of the certificate that it sends",
        )
        .earns(&codes::SUB_524)
        .fix("configure certificate and key that belong together, and restart the server"),
        ShakeError::Tls(Error::InvalidCertificate(reason)) => Row::fail(
            Requirement::Certificate,
            format!("not usable: it {}", certificate::words(reason)),
        )
        .earns(&codes::SUB_524)
        .fix("get a new certificate of a public authority, such as Let's Encrypt"),
        ShakeError::Unnamed(error) => no_answer(
            Requirement::Answer,
            &NoAnswer::Tls {
                reason: format!("the server wants a certificate of its caller ({error})"),
            },
        ),
        ShakeError::Tls(Error::AlertReceived(
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity,
        )) if !is_known(suite) => mismatch(&format!(
            "the server would choose {}, which is no longer thought safe",
            suite_name(suite)
        )),
        other => mismatch(&format!("the handshake breaks off: {other}")),
    }
}

/// Says whether rustls would go on with a cipher suite.
fn is_known(suite: u16) -> bool {
    let mut known = provider().cipher_suites.clone().into_iter();
    known.any(|known| u16::from(known.suite()) == suite)
}

fn mismatch(seen: &str) -> Row {
    Row::fail(Requirement::TlsAlgorithms, seen)
        .earns(&codes::SUB_521)
        .fix(
            "allow the common suites (ECDHE with AES-GCM or ChaCha20) and an RSA or P-256 certificate; Mozilla's \
             \"intermediate\" configuration does",
        )
}

fn untold() -> Row {
    Row::new(
        Requirement::TlsVersion,
        Outcome::Skipped,
        "refused before a version was agreed on",
    )
}

#[cfg(test)]
mod tests;
