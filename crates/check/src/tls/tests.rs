use super::*;

fn all(reply: Reply) -> Vec<(Version, Reply)> {
    Version::ALL.map(|version| (version, reply)).to_vec()
}

fn failing(rows: &[Row]) -> Vec<(Requirement, &'static str)> {
    rows.iter()
        .filter(|row| row.outcome == Outcome::Fail)
        .map(|row| (row.requirement, row.code().unwrap_or_default()))
        .collect()
}

fn alert(alert: u8) -> Vec<(Version, Reply)> {
    all(Reply::Refused { alert })
}

fn broken() -> ShakeError {
    ShakeError::Io(io::ErrorKind::UnexpectedEof.into())
}

#[test]
fn versions_are_listed_and_two_of_them_are_enough() {
    let refused = Reply::Refused {
        alert: PROTOCOL_VERSION,
    };
    let accepted = |version| Reply::Accepted {
        version,
        suite: 0x002f,
    };
    let mut replies = all(refused);
    replies[3].1 = accepted(Version::Tls13);
    let row = version_row(&replies, Some(Version::Tls13));
    assert_eq!(
        (row.outcome, row.seen.as_str()),
        (Outcome::Pass, "speaks 1.3; refuses 1.2, 1.1, 1.0")
    );
    // A server that is offered more than it knows answers with what it knows.
    let old = all(accepted(Version::Tls11));
    let row = version_row(&old, None);
    assert_eq!(
        (row.outcome, row.seen.as_str()),
        (Outcome::Fail, "speaks 1.1; refuses 1.3, 1.2, 1.0")
    );
    assert_eq!(
        failing(&refusals(&old, &broken(), false)),
        [(Requirement::TlsVersion, "SUB-521")]
    );
}

#[test]
fn each_refusal_fails_one_row() {
    use Requirement::{Answer, Certificate, TlsAlgorithms, TlsVersion};
    let unsafe_suite = all(Reply::Accepted {
        version: Version::Tls12,
        suite: 0x002f,
    });
    let safe_suite = all(Reply::Accepted {
        version: Version::Tls12,
        suite: 0xc02f,
    });
    // What is said to 1.0 and 1.1 is no sign of what is wrong with the rest.
    let mut mixed = alert(HANDSHAKE_FAILURE);
    mixed[2..].copy_from_slice(&alert(PROTOCOL_VERSION)[2..]);
    let unnamed = ShakeError::Unnamed(Error::AlertReceived(AlertDescription::HandshakeFailure));
    let no_common = || ShakeError::Tls(Error::AlertReceived(AlertDescription::HandshakeFailure));
    let other_key = ShakeError::Tls(Error::InvalidCertificate(CertificateError::BadSignature));
    for (replies, error, is_http, expected) in [
        (alert(HANDSHAKE_FAILURE), no_common(), false, TlsAlgorithms),
        (unsafe_suite.clone(), no_common(), false, TlsAlgorithms),
        (unsafe_suite, other_key, false, Certificate),
        (safe_suite.clone(), no_common(), false, TlsAlgorithms),
        (safe_suite, unnamed, false, Answer),
        (alert(PROTOCOL_VERSION), broken(), false, TlsVersion),
        (mixed, broken(), false, TlsVersion),
        (alert(UNRECOGNIZED_NAME), broken(), false, Certificate),
        (all(Reply::PlainHttp), broken(), true, TlsVersion),
        (all(Reply::Closed), broken(), true, TlsVersion),
        (all(Reply::Closed), broken(), false, TlsVersion),
        (all(Reply::NotTls), broken(), false, TlsVersion),
        (all(Reply::Silent), ShakeError::TimedOut, false, TlsVersion),
    ] {
        let rows = refusals(&replies, &error, is_http);
        let failing: Vec<_> = failing(&rows)
            .into_iter()
            .map(|(requirement, _)| requirement)
            .collect();
        assert_eq!(failing, [expected], "{replies:?}");
        assert!(
            rows.iter()
                .all(|row| row.fix.is_some() || row.outcome != Outcome::Fail)
        );
    }
}
