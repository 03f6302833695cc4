//! What a proxy adds to a handshake's answer, measured at the start: the relay asks itself by way of its public URL.
//!
//! RingCentral takes 1024 bytes (RINGCENTRAL.md 1.3). The relay keeps its part small and cannot see the proxy's.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue};
use ringtail_ringcentral::handshake::VALIDATION_TOKEN;
use ringtail_ringcentral::limits::ANSWER_MAX_BYTES;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::config::{Host, PublicUrl};
use crate::relay::Relay;

/// Where the relay asks itself. Nobody else knows the token, and without it there is nothing here.
pub(crate) const PATH: &str = "/_ringtail/probe";

/// Before each try: the proxy may start after the relay.
const PAUSES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// How long a try may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest head of an answer that is read.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Random bytes in the token, which has a third more: several times as long as RingCentral's.
const TOKEN_BYTES: usize = 192;

/// The relay's question to itself.
#[derive(Debug)]
pub(crate) struct Probe {
    token: String,
}

impl Probe {
    pub(crate) fn fresh() -> Result<Self, getrandom::Error> {
        let mut random = [0; TOKEN_BYTES];
        getrandom::fill(&mut random)?;
        let token = URL_SAFE_NO_PAD.encode(random);
        Ok(Self { token })
    }

    /// Returns the token to echo when it is the relay that asks.
    pub(crate) fn echo(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let token = headers.get(VALIDATION_TOKEN)?;
        (token == self.token.as_str()).then(|| token.clone())
    }
}

/// Measures, and logs what is found. Nothing waits for it, and nothing fails with it.
pub(crate) async fn run(relay: Arc<Relay>) {
    let Some(probe) = &relay.probe else {
        return;
    };
    let url = relay.hosts.public_url();
    let mut failed = ProbeError::TooSlow;
    for pause in PAUSES {
        let asked = async {
            sleep(pause).await;
            timeout(TIMEOUT, ask(url, &probe.token)).await
        };
        let asked = tokio::select! {
            biased;
            () = relay.drain.cancelled() => return,
            asked = asked => asked,
        };
        match asked {
            Ok(Ok(bytes)) => return tell(url, bytes),
            Ok(Err(error)) => failed = error,
            Err(_elapsed) => failed = ProbeError::TooSlow,
        }
    }
    tracing::warn!(
        url = url.as_str(),
        error = &failed as &dyn std::error::Error,
        "the relay does not reach itself by its public URL, so it is not known what the proxy adds to a handshake's \
         answer; `ringtail check` tells from elsewhere"
    );
}

fn tell(url: &PublicUrl, bytes: usize) {
    let url = url.as_str();
    if bytes > ANSWER_MAX_BYTES {
        tracing::warn!(
            url,
            bytes,
            limit = ANSWER_MAX_BYTES,
            "the proxy makes a handshake's answer larger than RingCentral takes: let it add fewer header fields"
        );
    } else {
        tracing::info!(
            url,
            bytes,
            limit = ANSWER_MAX_BYTES,
            "a handshake's answer by the public URL fits"
        );
    }
}

/// Asks once, over HTTP/1.1 as RingCentral does, and returns the bytes of the answer's head.
async fn ask(url: &PublicUrl, token: &str) -> Result<usize, ProbeError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new(provider.clone()).map_err(ProbeError::Trust)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ProbeError::Trust)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];

    let host = url.host().to_string();
    let name = match url.host() {
        Host::Address(address) => ServerName::from(address),
        Host::Name(name) => ServerName::try_from(name)?,
    };
    let socket = TcpStream::connect((host.as_str(), url.port().unwrap_or(443)))
        .await
        .map_err(ProbeError::Connect)?;
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector
        .connect(name, socket)
        .await
        .map_err(ProbeError::Tls)?;
    let authority = url.as_str().trim_start_matches("https://");
    let request = format!(
        "POST {PATH} HTTP/1.1\r\nhost: {authority}\r\nvalidation-token: {token}\r\ncontent-length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD_BYTES {
            return Err(ProbeError::TooLong);
        }
        head.push(stream.read_u8().await?);
    }
    judge(&head, token)
}

/// Returns how long a head is, if it is the answer to the token.
fn judge(head: &[u8], token: &str) -> Result<usize, ProbeError> {
    let echoed = head
        .windows(token.len())
        .any(|window| window == token.as_bytes());
    if head.starts_with(b"HTTP/1.1 200 ") && echoed {
        Ok(head.len())
    } else {
        Err(ProbeError::Elsewhere)
    }
}

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("TLS could not be set up")]
    Trust(#[source] rustls::Error),
    #[error("the public URL's host is no name")]
    Name(#[from] InvalidDnsNameError),
    #[error("nothing listens there")]
    Connect(#[source] io::Error),
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    #[error("the answer broke off")]
    Io(#[from] io::Error),
    #[error("there was no answer within {TIMEOUT:?}")]
    TooSlow,
    #[error("the answer's head has more than {MAX_HEAD_BYTES} bytes")]
    TooLong,
    #[error("another server answers there, or the proxy does in the relay's place")]
    Elsewhere,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_relays_own_answer_is_measured() {
        let ours = b"HTTP/1.1 200 OK\r\nvalidation-token: abc\r\n\r\n";
        assert!(matches!(judge(ours, "abc"), Ok(count) if count == ours.len()));
        for other in [
            &b"HTTP/1.1 404 Not Found\r\nvalidation-token: abc\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nvalidation-token: abd\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"",
        ] {
            assert!(matches!(judge(other, "abc"), Err(ProbeError::Elsewhere)));
        }
    }

    #[test]
    fn the_token_is_echoed_to_the_relay_alone() {
        let probe = Probe::fresh().unwrap();
        assert_eq!(probe.token.len(), 256);
        let mut headers = HeaderMap::new();
        assert_eq!(probe.echo(&headers), None);
        headers.insert(VALIDATION_TOKEN, HeaderValue::from_static("guess"));
        assert_eq!(probe.echo(&headers), None);
        let own = HeaderValue::from_str(&probe.token).unwrap();
        headers.insert(VALIDATION_TOKEN, own.clone());
        assert_eq!(probe.echo(&headers), Some(own));
    }
}
