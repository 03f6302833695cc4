//! Sends a ClientHello with old algorithms and reads the answer, to distinguish a server that has only old ones.
//!
//! The check's TLS has no CBC suites and no RSA key exchange. Nothing says whether RingCentral's has.

use std::io;
use std::time::Duration;

use rustls::CipherSuite;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::network::{Peer, connect};

/// Longest wait for the server's choice.
const TIME: Duration = Duration::from_secs(5);

/// Suites of TLS 1.2 that the check's TLS lacks, by their names in RFC 5246, 5288, 5289, 8422.
const SUITES: [(u16, &str); 15] = [
    (0xc013, "ECDHE-RSA-AES128-SHA"),
    (0xc014, "ECDHE-RSA-AES256-SHA"),
    (0xc027, "ECDHE-RSA-AES128-SHA256"),
    (0xc028, "ECDHE-RSA-AES256-SHA384"),
    (0xc009, "ECDHE-ECDSA-AES128-SHA"),
    (0xc00a, "ECDHE-ECDSA-AES256-SHA"),
    (0xc023, "ECDHE-ECDSA-AES128-SHA256"),
    (0xc024, "ECDHE-ECDSA-AES256-SHA384"),
    (0x009c, "AES128-GCM-SHA256"),
    (0x009d, "AES256-GCM-SHA384"),
    (0x002f, "AES128-SHA"),
    (0x0035, "AES256-SHA"),
    (0x003c, "AES128-SHA256"),
    (0x003d, "AES256-SHA256"),
    (0x000a, "DES-CBC3-SHA"),
];

/// Returns the old suite that the server chooses, if it chooses one.
pub(super) async fn suite(peer: &Peer, name: &ServerName<'_>) -> Option<&'static str> {
    let asked = async {
        let (mut stream, _) = connect(peer).await?;
        stream.write_all(&hello(name)).await?;
        let mut head = [0; 5];
        stream.read_exact(&mut head).await?;
        let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut body).await?;
        Ok::<_, io::Error>((head[0], body))
    };
    let (kind, body) = timeout(TIME, asked).await.ok()?.ok()?;
    let chosen = (kind == HANDSHAKE).then(|| chosen(&body)).flatten()?;
    let known = SUITES.iter().find(|(number, _)| *number == chosen);
    known.map(|(_, name)| *name)
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const TLS12: [u8; 2] = [3, 3];

/// Reads the suite of a ServerHello: kind, length, version, random, session, suite.
fn chosen(body: &[u8]) -> Option<u16> {
    let rest = body.strip_prefix(&[SERVER_HELLO])?.get(3..)?;
    let rest = rest.strip_prefix(&TLS12)?.get(32..)?;
    let (session, rest) = rest.split_first()?;
    let suite = rest.get(usize::from(*session)..)?.first_chunk()?;
    Some(u16::from_be_bytes(*suite))
}

/// Makes a ClientHello of TLS 1.2 with old suites.
fn hello(name: &ServerName<'_>) -> Vec<u8> {
    let suites = SUITES.iter().flat_map(|(number, _)| number.to_be_bytes());
    // RFC 5746, without a second suite a server may refuse.
    let suites: Vec<u8> = suites
        .chain(u16::from(CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV).to_be_bytes())
        .collect();
    let mut extensions = Vec::new();
    if let ServerName::DnsName(name) = name {
        let entry = [&[0][..], &sized(name.as_ref().as_bytes())].concat();
        extensions.extend([0, 0]);
        extensions.extend(sized(&sized(&entry)));
    }
    // supported_groups, with P-256, P-384 and X25519; ec_point_formats, uncompressed; signature_algorithms.
    extensions.extend([0, 10, 0, 8, 0, 6, 0, 23, 0, 24, 0, 29]);
    extensions.extend([0, 11, 0, 2, 1, 0]);
    extensions.extend([0, 13, 0, 14, 0, 12, 4, 1, 4, 3, 5, 1, 5, 3, 2, 1, 2, 3]);
    let body = [
        &TLS12[..],
        // The random bytes do not matter: the handshake ends here.
        &[0x52; 32],
        &[0],
        &sized(&suites),
        &[1, 0],
        &sized(&extensions),
    ]
    .concat();
    let message = [&[CLIENT_HELLO, 0][..], &sized(&body)].concat();
    [&[HANDSHAKE, 3, 1][..], &sized(&message)].concat()
}

/// Puts the length before bytes, which are few.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_read_and_nothing_else() {
        let hello = |session: &[u8], suite: [u8; 2]| {
            let length = u8::try_from(session.len()).unwrap();
            let body = [&TLS12[..], &[7; 32], &[length], session, &suite, &[0]].concat();
            let size = u8::try_from(body.len()).unwrap();
            [&[SERVER_HELLO, 0, 0, size][..], &body].concat()
        };
        assert_eq!(chosen(&hello(&[], [0, 0x2f])), Some(0x2f));
        assert_eq!(chosen(&hello(&[9; 32], [0xc0, 0x13])), Some(0xc013));
        let whole = hello(&[], [0, 0x2f]);
        for cut in 0..whole.len() - 1 {
            assert_eq!(chosen(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(chosen(&[1, 0, 0, 9]), None);
    }

    #[test]
    fn the_hello_is_one_that_servers_read() {
        let name = ServerName::try_from("hooks.example.com").unwrap();
        let mut acceptor = rustls::server::Acceptor::default();
        acceptor.read_tls(&mut hello(&name).as_slice()).unwrap();
        let accepted = acceptor.accept().unwrap().unwrap();
        let hello = accepted.client_hello();
        assert_eq!(hello.server_name(), Some("hooks.example.com"));
        assert!(
            hello
                .cipher_suites()
                .contains(&CipherSuite::TLS_RSA_WITH_AES_128_CBC_SHA)
        );
    }
}
