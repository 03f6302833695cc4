//! One TLS ClientHello, written by hand, and the first thing that a server says to it.
//!
//! rustls speaks neither TLS 1.0 and 1.1 nor the algorithms that are no longer thought safe, and so cannot say
//! what a server would speak. This can: it asks for exactly one version with every algorithm that was ever common,
//! reads the beginning of the answer and hangs up. No handshake is completed.

use std::fmt;

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Version {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl Version {
    pub(super) const ALL: [Self; 4] = [Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    fn wire(self) -> u16 {
        match self {
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }

    fn of_wire(wire: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.wire() == wire)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls10 => "1.0",
            Self::Tls11 => "1.1",
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        })
    }
}

/// What a server said first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// It goes on in this version, with this cipher suite.
    Accepted { version: Version, suite: u16 },
    /// It refused with an alert of this number.
    Refused { alert: u8 },
    /// It speaks HTTP and no TLS.
    PlainHttp,
    /// It speaks something else.
    NotTls,
    /// It hung up.
    Closed,
    /// It said nothing in time.
    Silent,
    /// The connection could not be made again.
    NoConnection,
}

/// Alert 40: no algorithm in common, by some servers also no version in common.
pub(super) const HANDSHAKE_FAILURE: u8 = 40;
/// Alert 70: no version in common.
pub(super) const PROTOCOL_VERSION: u8 = 70;
/// Alert 71: the algorithms in common are not good enough.
pub(super) const INSUFFICIENT_SECURITY: u8 = 71;
/// Alert 112: no site of this name here.
pub(super) const UNRECOGNIZED_NAME: u8 = 112;

/// TLS 1.3's suites.
const SUITES_13: [u16; 3] = [0x1301, 0x1302, 0x1303];

/// TLS 1.2's suites with authenticated encryption.
const SUITES_12: [u16; 12] = [
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x009e, 0x009f, 0x009c, 0x009d, 0xc023, 0xc027,
];

/// Suites that older versions know too.
const SUITES_OLD: [u16; 14] = [
    0xc009, 0xc013, 0xc00a, 0xc014, 0x0033, 0x0039, 0x002f, 0x0035, 0x003c, 0x003d, 0xc012, 0x000a,
    0x0016, 0x0005,
];

/// "This client can renegotiate securely": some servers refuse clients that do not say so.
const RENEGOTIATION_SCSV: u16 = 0x00ff;

/// x25519, secp256r1, secp384r1, secp521r1.
const GROUPS: [u16; 4] = [0x001d, 0x0017, 0x0018, 0x0019];

/// ECDSA, RSA-PSS, RSA, and the SHA-1 forms that TLS 1.2 servers of old certificates need.
const SIGNATURES: [u16; 12] = [
    0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201, 0x0807,
];

/// Writes a ClientHello that offers one version alone. `random` fills its random fields.
pub(super) fn client_hello(version: Version, name: Option<&str>, random: &[u8; 64]) -> Vec<u8> {
    let (nonce, key) = random.split_at(32);
    let mut hello = Vec::with_capacity(512);
    // Versions after 1.2 are offered in an extension.
    put16(&mut hello, version.wire().min(Version::Tls12.wire()));
    hello.extend_from_slice(nonce);
    // No session to resume.
    hello.push(0);
    vector16(&mut hello, |out| {
        let suites = match version {
            Version::Tls13 => SUITES_13.to_vec(),
            Version::Tls12 => [&SUITES_12[..], &SUITES_OLD].concat(),
            Version::Tls10 | Version::Tls11 => SUITES_OLD.to_vec(),
        };
        suites.iter().for_each(|suite| put16(out, *suite));
        put16(out, RENEGOTIATION_SCSV);
    });
    // One method of compression: none.
    hello.extend_from_slice(&[1, 0]);
    vector16(&mut hello, |out| extensions(out, version, name, key));

    let mut record = vec![22];
    put16(&mut record, Version::Tls10.wire());
    vector16(&mut record, |out| {
        // A ClientHello is message 1; its length has three bytes.
        out.extend_from_slice(&[1, 0]);
        vector16(out, |out| out.extend_from_slice(&hello));
    });
    record
}

fn extensions(out: &mut Vec<u8>, version: Version, name: Option<&str>, key: &[u8]) {
    if let Some(name) = name {
        extension(out, 0, |out| {
            vector16(out, |out| {
                out.push(0);
                vector16(out, |out| out.extend_from_slice(name.as_bytes()));
            });
        });
    }
    extension(out, 10, |out| {
        vector16(out, |out| {
            GROUPS.iter().for_each(|group| put16(out, *group))
        });
    });
    // Points are not compressed.
    extension(out, 11, |out| out.extend_from_slice(&[1, 0]));
    if version >= Version::Tls12 {
        extension(out, 13, |out| {
            vector16(out, |out| {
                SIGNATURES.iter().for_each(|scheme| put16(out, *scheme))
            });
        });
    }
    if version == Version::Tls13 {
        extension(out, 43, |out| {
            out.push(2);
            put16(out, version.wire());
        });
        extension(out, 51, |out| {
            vector16(out, |out| {
                put16(out, GROUPS[0]);
                vector16(out, |out| out.extend_from_slice(key));
            });
        });
    }
}

fn extension(out: &mut Vec<u8>, number: u16, body: impl FnOnce(&mut Vec<u8>)) {
    put16(out, number);
    vector16(out, body);
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Writes what `body` writes behind its length.
fn vector16(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    body(&mut inner);
    let len =
        u16::try_from(inner.len()).expect("names are at most 253 bytes and the rest is constant");
    put16(out, len);
    out.extend_from_slice(&inner);
}

/// Reads the beginning of a server's answer. `None` asks for more bytes; it never does so for more than
/// [`ENOUGH_BYTES`].
pub(super) fn read_reply(bytes: &[u8]) -> Option<Reply> {
    match bytes {
        [] => None,
        // An alert: type, version, length 2, level, description.
        [21, 3, _, 0, 2, _, alert, ..] => Some(Reply::Refused { alert: *alert }),
        [21, 3, _, 0, 2, ..] | [21, 3, _, 0] | [21, 3, _] | [21, 3] | [21] => None,
        [22, 3, _, rest @ ..] => match server_hello(rest) {
            Err(Short) if bytes.len() < ENOUGH_BYTES => None,
            Err(Short) | Ok(None) => Some(Reply::NotTls),
            Ok(Some((version, suite))) => Some(Reply::Accepted { version, suite }),
        },
        [22, 3] | [22] => None,
        _ if b"HTTP/".starts_with(bytes) => None,
        _ if bytes.starts_with(b"HTTP/") => Some(Reply::PlainHttp),
        _ => Some(Reply::NotTls),
    }
}

/// Bytes in which a ServerHello to this ClientHello is whole.
pub(super) const ENOUGH_BYTES: usize = 2048;

/// The bytes end in the middle.
struct Short;

/// Reads a ServerHello behind the record's type and version; `None` when it is something else.
fn server_hello(bytes: &[u8]) -> Result<Option<(Version, u16)>, Short> {
    let mut rest = bytes;
    take(&mut rest, 2)?;
    if take(&mut rest, 1)? != [2] {
        return Ok(None);
    }
    take(&mut rest, 3)?;
    let legacy = take16(&mut rest)?;
    take(&mut rest, 32)?;
    let session = take(&mut rest, 1)?[0];
    take(&mut rest, usize::from(session))?;
    let suite = take16(&mut rest)?;
    take(&mut rest, 1)?;
    let version = if SUITES_13.contains(&suite) {
        // The version proper is in an extension, and its suites exist in no other version.
        Some(Version::Tls13)
    } else {
        Version::of_wire(legacy)
    };
    Ok(version.map(|version| (version, suite)))
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], Short> {
    let (taken, rest) = bytes.split_at_checked(len).ok_or(Short)?;
    *bytes = rest;
    Ok(taken)
}

fn take16(bytes: &mut &[u8]) -> Result<u16, Short> {
    let taken = take(bytes, 2)?;
    Ok(u16::from_be_bytes([taken[0], taken[1]]))
}

/// Returns the name of a cipher suite that rustls does not know, or its number.
pub(super) fn suite_name(suite: u16) -> String {
    let name = match suite {
        0x0005 => "TLS_RSA_WITH_RC4_128_SHA",
        0x000a => "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
        0x0016 => "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA",
        0x002f => "TLS_RSA_WITH_AES_128_CBC_SHA",
        0x0033 => "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
        0x0035 => "TLS_RSA_WITH_AES_256_CBC_SHA",
        0x0039 => "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
        0x003c => "TLS_RSA_WITH_AES_128_CBC_SHA256",
        0x003d => "TLS_RSA_WITH_AES_256_CBC_SHA256",
        0x009c => "TLS_RSA_WITH_AES_128_GCM_SHA256",
        0x009d => "TLS_RSA_WITH_AES_256_GCM_SHA384",
        0x009e => "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
        0x009f => "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
        0xc009 => "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        0xc00a => "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        0xc012 => "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
        0xc013 => "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        0xc014 => "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        0xc023 => "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
        0xc027 => "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
        _ => return format!("cipher suite 0x{suite:04x}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests;
