use std::sync::Arc;

use proptest::prelude::*;
use rustls::server::Acceptor;
use rustls::{ServerConfig, ServerConnection};

use super::*;

/// What a rustls server says to a ClientHello of ours.
fn answer(version: Version, speaks: &[&'static rustls::SupportedProtocolVersion]) -> Vec<u8> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(speaks)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    let hello = client_hello(version, Some("localhost"), &[7; 64]);
    server.read_tls(&mut hello.as_slice()).unwrap();
    drop(server.process_new_packets());
    let mut said = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut said).unwrap();
    }
    said
}

#[test]
fn a_server_understands_the_hello_and_its_answer_is_understood() {
    use rustls::version::{TLS12, TLS13};
    let reply = |version, speaks: &[_]| read_reply(&answer(version, speaks)).unwrap();
    let refused = Reply::Refused {
        alert: PROTOCOL_VERSION,
    };
    for old in [Version::Tls10, Version::Tls11] {
        // Servers differ in the alert that they choose for these.
        let reply = reply(old, &[&TLS12, &TLS13]);
        assert!(matches!(reply, Reply::Refused { .. }), "{reply:?}");
    }
    assert_eq!(reply(Version::Tls12, &[&TLS13]), refused);
    assert_eq!(reply(Version::Tls13, &[&TLS12]), refused);
    for (version, speaks) in [(Version::Tls12, &TLS12), (Version::Tls13, &TLS13)] {
        assert!(
            matches!(reply(version, &[speaks]), Reply::Accepted { version: seen, .. } if seen == version),
        );
    }
}

#[test]
fn the_hello_names_the_host() {
    let hello = client_hello(Version::Tls13, Some("hooks.example.com"), &[7; 64]);
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut hello.as_slice()).unwrap();
    let accepted = acceptor.accept().unwrap().unwrap();
    assert_eq!(
        accepted.client_hello().server_name(),
        Some("hooks.example.com")
    );
}

#[test]
fn old_versions_and_other_protocols_are_told_apart() {
    // A TLS 1.1 ServerHello: record, message, version, random, no session, suite, no compression.
    let mut old = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    old.extend_from_slice(&[9; 32]);
    old.extend_from_slice(&[0, 0x00, 0x2f, 0]);
    let accepted = Reply::Accepted {
        version: Version::Tls11,
        suite: 0x002f,
    };
    for (bytes, reply) in [
        (old.as_slice(), Some(accepted)),
        (&old[..20], None),
        (
            &[21, 3, 1, 0, 2, 2, 40],
            Some(Reply::Refused {
                alert: HANDSHAKE_FAILURE,
            }),
        ),
        (&[21, 3, 1], None),
        (b"", None),
        (b"HTT", None),
        (b"HTTP/1.1 400 Bad Request\r\n", Some(Reply::PlainHttp)),
        (b"SSH-2.0-OpenSSH", Some(Reply::NotTls)),
        (b"\0\0\x12\x04", Some(Reply::NotTls)),
    ] {
        assert_eq!(read_reply(bytes), reply, "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn no_answer_panics_or_asks_for_ever(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        if read_reply(&bytes).is_none() {
            prop_assert!(bytes.len() < ENOUGH_BYTES);
        }
        let mut record = vec![22, 3, 3];
        record.extend(bytes);
        if read_reply(&record).is_none() {
            prop_assert!(record.len() < ENOUGH_BYTES);
        }
    }
}
