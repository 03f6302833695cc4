use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, OtherError, RootCertStore};

use super::*;

/// An authority that issues a certificate for a name.
struct Pair {
    authority: rcgen::Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Pair {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().der().clone();
        Self {
            authority: rcgen::Issuer::new(params, key),
            root,
        }
    }

    /// Verifies a modified certificate for `localhost` and returns the reason of failure.
    fn said(&self, change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        self.verified(params.signed_by(&key, &self.authority).unwrap().der())
    }

    fn verified(&self, leaf: &CertificateDer<'_>) -> String {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
        match verifier.verify_server_cert(leaf, &[], &name, &[], now) {
            Err(rustls::Error::InvalidCertificate(error)) => words(&error),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn reasons_are_explained_in_words() {
    let pair = Pair::new();
    let said = pair.said(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 2));
    assert_eq!(said, "expired on 2020-01-02");
    let said = pair.said(|params| params.not_before = rcgen::date_time_ymd(2100, 3, 4));
    assert_eq!(said, "is not valid before 2100-03-04");
    let said = pair.said(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert!(said.starts_with("is an authority's, such as"), "{said}");
    let said = pair.said(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert_eq!(said, "is not for servers");
    let said = Pair::new().verified(&pair.root);
    assert!(said.starts_with("is "), "{said}");
    let said = pair.verified(&CertificateDer::from(vec![0x30, 0]));
    assert_eq!(said, "cannot be read");

    let key = KeyPair::generate().unwrap();
    let mut alone = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    alone
        .distinguished_name
        .push(rcgen::DnType::CommonName, "alone");
    let said = pair.verified(alone.self_signed(&key).unwrap().der());
    assert!(said.starts_with("is self-signed, issued by"), "{said}");
}

#[test]
fn the_names_of_a_certificate_are_told_and_not_too_many() {
    let pair = Pair::new();
    let said = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        pair.said(|params| *params = CertificateParams::new(names).unwrap())
    };
    assert_eq!(said(&["a.test"]), "is for a.test and no other name");
    assert_eq!(
        said(&["*.a.test", "127.0.0.1"]),
        "is for *.a.test, 127.0.0.1 and no other name"
    );
    assert_eq!(
        said(&["a.test", "b.test", "c.test", "d.test", "e.test", "f.test"]),
        "is for a.test, b.test, c.test, d.test and 2 other names"
    );
    assert_eq!(said(&[]), "has no name");
}

/// Every reason that rustls or its verifier can give, but for those whose words are made above.
#[test]
fn no_reason_is_debug_text() {
    let other = |error: Pki| CertificateError::Other(OtherError(Arc::new(error)));
    for error in [
        CertificateError::Expired,
        CertificateError::NotValidYet,
        CertificateError::NotValidForName,
        CertificateError::UnknownIssuer,
        CertificateError::BadEncoding,
        CertificateError::Revoked,
        CertificateError::BadSignature,
        CertificateError::InvalidPurpose,
        CertificateError::UnhandledCriticalExtension,
        CertificateError::UnknownRevocationStatus,
        CertificateError::ExpiredRevocationList,
        CertificateError::InvalidOcspResponse,
        CertificateError::ApplicationVerificationFailure,
        CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![1],
            supported_algorithms: Vec::new(),
        },
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![1],
            public_key_algorithm_id: vec![2],
        },
        other(Pki::CaUsedAsEndEntity),
        other(Pki::EndEntityUsedAsCa),
        other(Pki::NameConstraintViolation),
        other(Pki::PathLenConstraintViolated),
        other(Pki::CertDistrusted),
        other(Pki::UnsupportedCertVersion),
        other(Pki::MaximumPathDepthExceeded),
        other(Pki::ExtensionValueInvalid),
    ] {
        let said = words(&error);
        let is_variant = |word: &str| word.chars().skip(1).any(char::is_uppercase);
        assert!(
            !said
                .split_whitespace()
                .any(|word| is_variant(word) && word != "X.509"),
            "{error:?}: {said}"
        );
        assert!(
            !said.contains('(') && said != "is not usable",
            "{error:?}: {said}"
        );
    }
}

#[test]
fn what_a_platform_says_is_shown_and_cut() {
    let said: Arc<dyn std::error::Error + Send + Sync> =
        Arc::from(Box::from("no way ".repeat(100)));
    let said = words(&CertificateError::Other(OtherError(said)));
    assert!(
        said.starts_with("is refused by this system: no way "),
        "{said}"
    );
    assert!(said.len() < 200, "{said}");
}
