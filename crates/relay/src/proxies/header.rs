//! The PROXY protocol, version 2: a binary header ahead of a connection that says from whom it came.
//!
//! ```text
//! signature 12 | version and command u8 | family and transport u8 | length u16 of what follows | addresses | TLVs
//! ```
//!
//! Version 1, a line of text, is refused: it has no length ahead of it, and every proxy that speaks it speaks 2.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes of addresses and additions that a header may announce. What proxies send is below 300.
pub(crate) const MAX_BYTES: usize = 2048;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Reads a header to its end and not a byte further. Returns whom it names; nobody when the proxy speaks for itself,
/// as it does to see whether the relay is there, or when the caller has no address.
pub(crate) async fn read(
    socket: &mut (impl AsyncRead + Unpin),
) -> Result<Option<SocketAddr>, HeaderError> {
    let mut fixed = [0; 16];
    socket.read_exact(&mut fixed).await?;
    let opening = Opening::parse(fixed)?;
    let mut rest = [0; MAX_BYTES];
    let rest = rest
        .get_mut(..opening.length)
        .ok_or(HeaderError::TooLong(opening.length))?;
    socket.read_exact(rest).await?;
    opening.source(rest)
}

/// The part of a header that is always there.
#[derive(Debug)]
struct Opening {
    is_local: bool,
    family: u8,
    length: usize,
}

impl Opening {
    fn parse(fixed: [u8; 16]) -> Result<Self, HeaderError> {
        let [signature @ .., command, family, high, low] = fixed;
        if signature != SIGNATURE {
            return Err(HeaderError::NoHeader);
        }
        let is_local = match command {
            0x20 => true,
            0x21 => false,
            other => return Err(HeaderError::Command(other)),
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > MAX_BYTES {
            return Err(HeaderError::TooLong(length));
        }
        Ok(Self {
            is_local,
            family,
            length,
        })
    }

    /// What follows the addresses is passed over.
    fn source(&self, rest: &[u8]) -> Result<Option<SocketAddr>, HeaderError> {
        if self.is_local {
            return Ok(None);
        }
        let (ip, port): (IpAddr, [u8; 2]) = match self.family {
            // Unspecified, or a socket of the file system.
            0x00 | 0x31 => return Ok(None),
            0x11 => {
                let (ip, rest) = rest.split_first_chunk::<4>().ok_or(HeaderError::TooShort)?;
                (Ipv4Addr::from(*ip).into(), port(rest, 4)?)
            }
            0x21 => {
                let (ip, rest) = rest
                    .split_first_chunk::<16>()
                    .ok_or(HeaderError::TooShort)?;
                (Ipv6Addr::from(*ip).to_canonical(), port(rest, 16)?)
            }
            other => return Err(HeaderError::Family(other)),
        };
        Ok(Some((ip, u16::from_be_bytes(port)).into()))
    }
}

/// Returns the source's port, which stands after the destination's address and before the destination's port.
fn port(rest: &[u8], skip: usize) -> Result<[u8; 2], HeaderError> {
    let ports = rest.get(skip..).and_then(<[u8]>::first_chunk::<4>);
    let [high, low, _, _] = ports.ok_or(HeaderError::TooShort)?;
    Ok([*high, *low])
}

/// Why a connection's PROXY header is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("the connection of a trusted proxy does not begin with a PROXY header of version 2")]
    NoHeader,
    #[error("the PROXY header has version and command {0:#04x}")]
    Command(u8),
    #[error("the PROXY header has family and transport {0:#04x}")]
    Family(u8),
    #[error("the PROXY header has {0} bytes where {MAX_BYTES} are taken")]
    TooLong(usize),
    #[error("the PROXY header is shorter than its addresses")]
    TooShort,
    #[error("the connection ended within the PROXY header")]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    /// Reads, and returns what was left unread as well.
    fn read_all(bytes: &[u8]) -> (Result<Option<SocketAddr>, HeaderError>, &[u8]) {
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
    fn what_is_no_header_is_refused() {
        for (bytes, why) in [
            (
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
                "does not begin",
            ),
            (
                b"PROXY TCP4 203.0.113.9 10.0.0.1 4660 443\r\n".to_vec(),
                "does not begin",
            ),
            (header(0x11, 0x11, &V4), "version and command 0x11"),
            (header(0x22, 0x11, &V4), "version and command 0x22"),
            (header(0x21, 0x12, &V4), "family and transport 0x12"),
            (header(0x21, 0x11, &V4[..11]), "shorter"),
            (header(0x21, 0x21, &V4), "shorter"),
            (header(0x21, 0x11, &[0; MAX_BYTES + 1]), "2049 bytes"),
            (header(0x21, 0x11, &V4)[..20].to_vec(), "ended within"),
            (Vec::new(), "ended within"),
        ] {
            let error = read_all(&bytes).0.unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_source_survives(ip in any::<IpAddr>(), port: u16, tlvs in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut rest = match ip {
                IpAddr::V4(ip) => [&ip.octets()[..], &[0; 4]].concat(),
                IpAddr::V6(ip) => [&ip.octets()[..], &[0; 16]].concat(),
            };
            rest.extend(port.to_be_bytes());
            rest.extend([0, 80]);
            rest.extend(tlvs);
            let family = if ip.is_ipv4() { 0x11 } else { 0x21 };
            let bytes = header(0x21, family, &rest);
            let (read, left) = read_all(&bytes);
            prop_assert_eq!(read.unwrap(), Some((ip.to_canonical(), port).into()));
            prop_assert!(left.is_empty());
        }

        #[test]
        fn mangled_headers_do_not_panic(
            rest in prop::collection::vec(any::<u8>(), 0..300),
            command: u8,
            family: u8,
            place in 0..16_usize,
            byte: u8,
        ) {
            drop(read_all(&header(0x21, family, &rest)).0);
            let mut bytes = header(command, family, &rest);
            bytes[place] = byte;
            let (read, left) = read_all(&bytes);
            prop_assert!(left.len() <= bytes.len());
            drop(read);
            drop(read_all(&rest).0);
        }
    }
}
