//! A request prepared once and sent many times, each time with a new stamp.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};
use memchr::memmem;
use ringtail_kit::caller::{Hook, endpoint};
use ringtail_kit::tls;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Bytes of a stamp.
pub(crate) const STAMP: usize = 16;

const _: () = assert!(STAMP == Stamp::PLACE.len());

/// The digits of a stamp. HPACK's Huffman code gives exactly these ten characters five bits each, from 0 to 9, so
/// the coded form of a stamp is as easily made as the plain one, and an echo can be checked without a decoder.
const DIGITS: &[u8; 10] = b"012aceiost";

/// A number as text, unique in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp([u8; STAMP]);

impl Stamp {
    /// Placeholder of a stamp in a request.
    pub(crate) const PLACE: &str = "sssssssssssssss0";

    /// Returns the next stamp.
    #[must_use]
    pub(crate) fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self::of(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Writes a number.
    #[must_use]
    pub(crate) fn of(mut number: u64) -> Self {
        let mut text = [DIGITS[0]; STAMP];
        for place in text.iter_mut().rev() {
            *place = DIGITS[(number % 10) as usize];
            number /= 10;
        }
        Self(text)
    }

    /// Reads a number back.
    #[must_use]
    pub(crate) fn number(text: &[u8]) -> Option<u64> {
        text.iter().try_fold(0_u64, |number, byte| {
            let digit = DIGITS.iter().position(|digit| digit == byte)?;
            number.checked_mul(10)?.checked_add(digit as u64)
        })
    }

    /// Returns the plain form.
    #[must_use]
    pub(crate) fn plain(&self) -> &[u8; STAMP] {
        &self.0
    }

    /// Returns the form that HPACK's Huffman code gives it: 16 times 5 bits.
    #[must_use]
    pub(crate) fn huffman(&self) -> [u8; 10] {
        let mut coded = [0; 10];
        for (half, out) in self.0.chunks(8).zip(coded.chunks_mut(5)) {
            let bits = half.iter().fold(0_u64, |bits, byte| {
                let digit = DIGITS.iter().position(|digit| digit == byte);
                bits << 5 | digit.unwrap_or_default() as u64
            });
            out.copy_from_slice(&bits.to_be_bytes()[3..]);
        }
        coded
    }
}

/// Where shots go.
#[derive(Debug, Clone)]
pub(crate) struct Aim {
    /// Address.
    pub(crate) address: SocketAddr,
    /// URL, for path and name.
    pub(crate) url: String,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

impl Aim {
    /// Aims at a URL of a server that is reached at `address` and whose CA is in a file.
    ///
    /// # Errors
    /// When the CA cannot be read.
    pub(crate) fn new(address: SocketAddr, url: &str, ca: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            address,
            url: url.to_owned(),
            http1: tls::caller(ca, tls::HTTP1)?,
            http2: tls::caller(ca, tls::HTTP2)?,
        })
    }

    pub(super) async fn dial(&self, http2: bool) -> anyhow::Result<TlsStream<TcpStream>> {
        let config = if http2 { &self.http2 } else { &self.http1 };
        let tcp = TcpStream::connect(self.address).await?;
        tcp.set_nodelay(true)?;
        let uri = endpoint(&self.url)?;
        let name = ServerName::try_from(uri.host().context("no host")?.to_owned())?;
        Ok(TlsConnector::from(Arc::clone(config))
            .connect(name, tcp)
            .await?)
    }
}

/// What an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// 200 with the stamp in the head.
    Echo,
    /// 200.
    Accepted,
    /// 200 with a body of this length.
    Body(usize),
}

/// A request as bytes.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    wire: Vec<u8>,
    stamps_at: Vec<usize>,
    /// What the answer must be.
    pub(crate) expect: Expect,
}

impl Shot {
    /// Prepares a request that holds [`Stamp::PLACE`] once or more.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn new(aim: &Aim, hook: &Hook, expect: Expect) -> anyhow::Result<Self> {
        let uri = endpoint(&aim.url)?;
        let path = match format!("{}{}", uri.path().trim_end_matches('/'), hook.below) {
            path if path.is_empty() => "/".to_owned(),
            path => path,
        };
        let host = uri.authority().context("no authority")?;
        let mut wire = format!("{} {path} HTTP/1.1\r\nhost: {host}\r\n", hook.method).into_bytes();
        for (name, value) in &hook.headers {
            wire.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        wire.extend(format!("content-length: {}\r\n\r\n", hook.body.len()).bytes());
        wire.extend(&hook.body);
        let stamps_at: Vec<usize> = memmem::find_iter(&wire, Stamp::PLACE).collect();
        ensure!(!stamps_at.is_empty(), "the request has no stamp");
        Ok(Self {
            wire,
            stamps_at,
            expect,
        })
    }

    /// Puts a stamp in its places and returns the request.
    pub(crate) fn stamped(&mut self, stamp: Stamp) -> &[u8] {
        for at in &self.stamps_at {
            if let Some(place) = self.wire.get_mut(*at..at + STAMP) {
                place.copy_from_slice(stamp.plain());
            }
        }
        &self.wire
    }
}

/// A validation request whose token is the stamp.
#[must_use]
pub(crate) fn validation() -> Hook {
    Hook::validation(Stamp::PLACE)
}

/// A notification of 1 kB with the stamp in its `uuid`, so that no two are duplicates.
#[must_use]
pub(crate) fn notification() -> Hook {
    let filler = "x".repeat(1024 - 225);
    let body = format!(
        r#"{{"uuid":"{}","event":"/restapi/v1.0/account/400100001/extension/400100002/presence","timestamp":"2026-01-05T10:00:00.000Z","subscriptionId":"{}","body":{{"extensionId":"400100002","note":"{filler}"}}}}"#,
        Stamp::PLACE,
        crate::hooks::SUBSCRIPTION
    );
    Hook::notification(body)
}

/// A request that only the app can answer, with a body of `bytes`.
#[must_use]
pub(crate) fn passthrough(bytes: usize) -> Hook {
    let mut body = b"stamp=".to_vec();
    body.extend_from_slice(Stamp::PLACE.as_bytes());
    body.resize(bytes, b'x');
    Hook::new("POST", body)
        .header("content-type", "application/octet-stream")
        .below("/app")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_and_its_huffman_form_is_rfc_7541s() {
        assert_eq!(
            Stamp::number(Stamp::of(9_876_543_210).plain()),
            Some(9_876_543_210)
        );
        assert_eq!(Stamp::number(b"x"), None);
        // RFC 7541, appendix B: '0' is 00000, '1' 00001, '2' 00010, 'a' 00011.
        assert_eq!(Stamp::of(123).plain(), b"000000000000012a");
        assert_eq!(
            Stamp::of(123).huffman(),
            [0, 0, 0, 0, 0, 0, 0, 0, 0x04, 0x43]
        );
    }

    #[test]
    fn a_notification_is_a_kilobyte() {
        let length = notification().body.len();
        assert!((1000..1050).contains(&length), "{length}");
    }
}
