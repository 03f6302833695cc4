use rustls::InvalidMessage;

use super::*;

#[test]
fn each_refusal_fails_one_row() {
    use Requirement::{Answer, Certificate, TlsAlgorithms, TlsVersion};
    let alert = |alert| ShakeError::Tls(Error::AlertReceived(alert));
    let certificate = |error| ShakeError::Tls(Error::InvalidCertificate(error));
    let hung_up = || ShakeError::Io(io::ErrorKind::UnexpectedEof.into());
    for (error, is_http, expected) in [
        (
            alert(AlertDescription::HandshakeFailure),
            false,
            TlsAlgorithms,
        ),
        (alert(AlertDescription::InternalError), false, TlsAlgorithms),
        (alert(AlertDescription::ProtocolVersion), false, TlsVersion),
        (
            ShakeError::Tls(PeerIncompatible::ServerDoesNotSupportTls12Or13.into()),
            false,
            TlsVersion,
        ),
        (
            alert(AlertDescription::UnrecognisedName),
            false,
            Certificate,
        ),
        (
            certificate(CertificateError::BadSignature),
            false,
            Certificate,
        ),
        (
            certificate(CertificateError::BadEncoding),
            false,
            Certificate,
        ),
        (
            ShakeError::WantsCertificate(Error::AlertReceived(
                AlertDescription::CertificateRequired,
            )),
            false,
            Answer,
        ),
        (
            ShakeError::Tls(InvalidMessage::InvalidContentType.into()),
            false,
            TlsVersion,
        ),
        (
            ShakeError::Tls(InvalidMessage::InvalidContentType.into()),
            true,
            TlsVersion,
        ),
        (hung_up(), true, TlsVersion),
        (hung_up(), false, TlsVersion),
        (ShakeError::TimedOut, false, TlsVersion),
    ] {
        let rows = refusals(&error, is_http);
        let failing: Vec<_> = rows
            .iter()
            .filter(|row| row.outcome == Outcome::Fail)
            .map(|row| (row.requirement, row.fix.is_some(), row.earns.is_some()))
            .collect();
        assert_eq!(failing, [(expected, true, true)], "{error:?}");
    }
}
