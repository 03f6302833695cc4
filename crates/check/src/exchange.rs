//! One request and its answer, with every byte of it counted.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::address::Address;
use super::limits::{ANSWER_TIME, MAX_BODY_BYTES};
use super::network::{Peer, connect};
use super::tap::{Broken, Meter, Tap, Wire};
use super::tls::{ShakeError, handshake};

/// A connection that requests can be sent on, one after the other.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    meter: Meter,
    /// Drives the connection, and ends with it.
    _driver: JoinSet<()>,
    /// How long it took to make.
    pub(super) took: Duration,
    asks_certificate: bool,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The body, or its first [`MAX_BODY_BYTES`].
    pub(super) body: Bytes,
    /// Bytes on the wire: status line, headers, body with its framing.
    pub(super) bytes: u64,
    /// Whether more of the body would have come.
    pub(super) is_cut: bool,
    /// From the request to the last byte.
    pub(super) took: Duration,
    /// Whether the server asked for a certificate of its caller.
    pub(super) asks_certificate: bool,
    /// HTTP/1.1 or 1.0.
    pub(super) version: Version,
}

/// Why no response arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The connection that an answer would come on could not be made again.
    NoConnection { reason: String },
    /// Nothing, or not all, came in time.
    TimedOut { bytes: u64 },
    /// The server closed the connection and had said nothing.
    Empty,
    /// The connection was reset.
    Reset,
    /// The server closed the connection in the middle.
    CutOff { bytes: u64 },
    /// The server speaks HTTP/2 and not HTTP/1.1.
    Http2Only,
    /// What came is not HTTP/1.1.
    NotHttp { beginning: Vec<u8> },
    /// The headers are larger than any that make sense.
    HeadersTooLarge,
    /// TLS broke off with an alert: after the handshake that is a demand for the caller's own certificate.
    Tls { reason: String },
}

impl Connection {
    /// Connects as RingCentral would.
    pub(super) async fn open(peer: &Peer, address: &Address) -> Result<Self, NoAnswer> {
        let began = Instant::now();
        if address.is_secure() {
            let shaken = handshake(peer, address, None).await;
            let (stream, asks_certificate) = shaken.map_err(|error| match error {
                ShakeError::Io(error) => unconnected(&error),
                other => unconnected(&other),
            })?;
            let mut connection = Self::over(stream, began).await?;
            connection.asks_certificate = asks_certificate;
            Ok(connection)
        } else {
            let (stream, _) = connect(peer).await.map_err(|error| unconnected(&error))?;
            Self::over(stream, began).await
        }
    }

    async fn over<T>(stream: T, began: Instant) -> Result<Self, NoAnswer>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let took = began.elapsed();
        let (tap, meter) = Tap::new(stream);
        let (sender, connection) = http1::Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(tap))
            .await
            .map_err(|error| unconnected(&error))?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // The caller that waits for the response gets the error.
            drop(connection.await);
        });
        Ok(Self {
            sender,
            meter,
            _driver: driver,
            took,
            asks_certificate: false,
        })
    }

    /// Returns true if the server left the connection open for another request.
    pub(super) async fn is_open(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Sends a request and reads its answer.
    pub(super) async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> (Wire, Result<Answer, NoAnswer>) {
        self.meter.restart();
        let result = match timeout(ANSWER_TIME, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(NoAnswer::TimedOut {
                bytes: self.meter.received_bytes(),
            }),
        };
        (self.meter.take(), result)
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
        let began = Instant::now();
        let answered = self.sender.send_request(request).await;
        let (head, body) = answered.map_err(|error| self.why(&error))?.into_parts();
        let (body, is_cut) = read(body).await.map_err(|error| self.why(&error))?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            bytes: self.meter.received_bytes(),
            is_cut,
            took: began.elapsed(),
            asks_certificate: self.asks_certificate,
            version: head.version,
        })
    }

    fn why(&self, error: &hyper::Error) -> NoAnswer {
        let bytes = self.meter.received_bytes();
        match self.meter.broken() {
            Some(Broken::Tls { reason }) => return NoAnswer::Tls { reason },
            Some(Broken::Reset) => return NoAnswer::Reset,
            None => {}
        }
        if error.is_parse_too_large() {
            return NoAnswer::HeadersTooLarge;
        }
        if error.is_parse() {
            return NoAnswer::NotHttp {
                beginning: self.meter.received(),
            };
        }
        match bytes {
            0 => NoAnswer::Empty,
            bytes => NoAnswer::CutOff { bytes },
        }
    }
}

fn unconnected(error: &dyn fmt::Display) -> NoAnswer {
    NoAnswer::NoConnection {
        reason: error.to_string(),
    }
}

/// Reads a body; true if more came than is kept.
async fn read<B>(mut body: B) -> Result<(Bytes, bool), B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            let room = MAX_BODY_BYTES - whole.len();
            whole.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                return Ok((whole.freeze(), true));
            }
        }
    }
    Ok((whole.freeze(), false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_just_fits_is_not_cut() {
        for (len, is_cut) in [(MAX_BODY_BYTES, false), (MAX_BODY_BYTES + 1, true)] {
            let body = Full::new(Bytes::from(vec![0; len]));
            let (kept, cut) = read(body).await.unwrap();
            assert_eq!((kept.len(), cut), (MAX_BODY_BYTES, is_cut));
        }
    }
}
