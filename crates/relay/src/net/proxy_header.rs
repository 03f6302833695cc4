//! The PROXY protocol, version 2: a binary header ahead of a connection that names the client.
//!
//! Version 1, a line of text, is refused: its length is not announced, and every proxy that speaks it speaks 2.

use std::io;
use std::net::SocketAddr;

use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes that every header begins with; the last two are the length of the rest.
const FIXED_BYTES: usize = 16;

/// Bytes of addresses and extensions that a header may announce. Proxies send fewer than 300.
const MAX_BYTES: usize = 2048;

const CONFIG: ParseConfig = ParseConfig {
    include_tlvs: false,
    allow_v1: false,
    allow_v2: true,
};

/// Reads a header and not a byte after it. Returns the client, or `None` when the proxy speaks for itself, as in a
/// health check, or the client has no IP address.
pub(crate) async fn read(
    socket: &mut (impl AsyncRead + Unpin),
) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    let mut fixed = [0; FIXED_BYTES];
    socket.read_exact(&mut fixed).await?;
    // Before anything more is waited for: bytes that are no header have no length.
    if let Err(proxy_header::Error::Invalid) = ProxyHeader::parse(&fixed, CONFIG) {
        return Err(ProxyHeaderError::NoHeader);
    }
    let [.., high, low] = fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_BYTES {
        return Err(ProxyHeaderError::TooLong(length));
    }
    let mut header = fixed.to_vec();
    header.resize(FIXED_BYTES + length, 0);
    socket
        .read_exact(header.get_mut(FIXED_BYTES..).unwrap_or_default())
        .await?;
    let (header, _) =
        ProxyHeader::parse(&header, CONFIG).map_err(|_| ProxyHeaderError::Malformed)?;
    match header.proxied_address() {
        None => Ok(None),
        Some(address) if address.protocol == Protocol::Stream => {
            let (ip, port) = (address.source.ip(), address.source.port());
            Ok(Some(SocketAddr::new(ip.to_canonical(), port)))
        }
        Some(_) => Err(ProxyHeaderError::Malformed),
    }
}

/// Why a connection has no usable PROXY header.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyHeaderError {
    #[error("the connection of a trusted proxy does not begin with a PROXY header of version 2")]
    NoHeader,
    #[error("the PROXY header is malformed or not about TCP")]
    Malformed,
    #[error("the PROXY header announces {0} bytes; the limit is {MAX_BYTES}")]
    TooLong(usize),
    #[error("the connection ended within the PROXY header")]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    /// Reads, and returns what was left unread as well.
    fn read_all(bytes: &[u8]) -> (Result<Option<SocketAddr>, ProxyHeaderError>, &[u8]) {
        let mut left = bytes;
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let read = runtime.unwrap().block_on(read(&mut left));
        (read, left)
    }

    const V4: [u8; 12] = [203, 0, 113, 9, 10, 0, 0, 1, 0x12, 0x34, 0x01, 0xbb];

    #[test]
    fn the_source_is_read_and_nothing_after_the_header() {
        let mut v6 = "2001:db8::9".parse::<Ipv6Addr>().unwrap().octets().to_vec();
        v6.extend([0; 16]);
        v6.extend([0x12, 0x34, 0x01, 0xbb]);
        let with_tlv = [&V4[..], &[0x04, 0, 1, 0]].concat();
        for (bytes, expected) in [
            (header(0x21, 0x11, &V4), Some("203.0.113.9:4660")),
            (header(0x21, 0x11, &with_tlv), Some("203.0.113.9:4660")),
            (header(0x21, 0x21, &v6), Some("[2001:db8::9]:4660")),
            (header(0x20, 0x00, &[]), None),
            (header(0x20, 0x11, &V4), None),
            (header(0x21, 0x00, &[1, 2, 3]), None),
            (header(0x21, 0x31, &[0; 216]), None),
        ] {
            let bytes = [&bytes[..], b"GET / HTTP/1.1\r\n"].concat();
            let (read, left) = read_all(&bytes);
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(read.unwrap(), expected, "{bytes:?}");
            assert_eq!(left, b"GET / HTTP/1.1\r\n");
        }
    }

    #[test]
    fn bad_headers_are_refused() {
        for (bytes, reason) in [
            (
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
                "does not begin",
            ),
            (
                b"PROXY TCP4 203.0.113.9 10.0.0.1 4660 443\r\n".to_vec(),
                "does not begin",
            ),
            (header(0x11, 0x11, &V4), "does not begin"),
            (header(0x22, 0x11, &V4), "does not begin"),
            (header(0x21, 0x12, &V4), "not about TCP"),
            (header(0x21, 0x41, &V4), "malformed"),
            (header(0x21, 0x11, &V4[..11]), "malformed"),
            (header(0x21, 0x21, &V4), "malformed"),
            (header(0x21, 0x11, &[0; MAX_BYTES + 1]), "2049 bytes"),
            (header(0x21, 0x11, &V4)[..20].to_vec(), "ended within"),
            (Vec::new(), "ended within"),
        ] {
            let error = read_all(&bytes).0.unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    proptest! {
        #[test]
        fn mangled_headers_do_not_panic(
            rest in prop::collection::vec(any::<u8>(), 0..300),
            command: u8,
            family: u8,
            index in 0..FIXED_BYTES,
            byte: u8,
        ) {
            drop(read_all(&header(0x21, family, &rest)).0);
            let mut bytes = header(command, family, &rest);
            bytes[index] = byte;
            let (read, left) = read_all(&bytes);
            prop_assert!(left.len() <= bytes.len());
            drop(read);
            drop(read_all(&rest).0);
        }
    }
}
