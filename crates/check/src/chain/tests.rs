use std::time::SystemTime;

use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;

use super::*;
use crate::row::Outcome;

/// 2030-01-01, inside the life of everything here.
const NOW: u64 = 1_893_456_000;

struct Pki {
    root: Issuer<'static, KeyPair>,
    root_der: CertificateDer<'static>,
    middle: Issuer<'static, KeyPair>,
    middle_der: CertificateDer<'static>,
}

impl Pki {
    fn new() -> Self {
        let (root_params, root_key) = (authority("Test Root"), KeyPair::generate().unwrap());
        let root_der = root_params.self_signed(&root_key).unwrap().der().clone();
        let root = Issuer::new(root_params, root_key);
        let (middle_params, middle_key) =
            (authority("Test Intermediate"), KeyPair::generate().unwrap());
        let signed = middle_params.signed_by(&middle_key, &root).unwrap();
        Self {
            middle: Issuer::new(middle_params, middle_key),
            middle_der: signed.der().clone(),
            root,
            root_der,
        }
    }

    fn roots(&self) -> Roots {
        let mut roots = nobody();
        let mut given = roots.public.clone();
        given.add(self.root_der.clone()).unwrap();
        roots.given = Some(given);
        roots
    }

    fn leaf(&self, params: &CertificateParams) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &self.middle).unwrap().der().clone()
    }
}

fn nobody() -> Roots {
    Roots {
        public: RootCertStore::empty(),
        given: None,
        exact: Vec::new(),
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn server() -> CertificateParams {
    let mut params = CertificateParams::new(["hooks.example.com".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "hooks");
    params
}

/// As [`server`], with the note that a public authority leaves.
fn public_server() -> CertificateParams {
    let mut params = server();
    params.custom_extensions.push(fetchable());
    params
}

/// Authority information access: caIssuers at `http://a/`.
fn fetchable() -> CustomExtension {
    let mut content = vec![
        0x30, 0x17, 0x30, 0x15, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, 9,
    ];
    content.extend_from_slice(b"http://a/");
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}

fn judged(chain: &[CertificateDer<'static>], roots: &Roots) -> Judgement {
    let name = ServerName::try_from("hooks.example.com").unwrap();
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    judge(chain, &name, now(), roots, &algorithms)
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn words(chain: &[CertificateDer<'static>], roots: &Roots) -> String {
    row(&judged(chain, roots), now()).seen
}

#[test]
fn a_whole_chain_is_trusted_by_whom_it_should_be() {
    let pki = Pki::new();
    let chain = [pki.leaf(&server()), pki.middle_der.clone()];
    let mut roots = pki.roots();
    let private = judged(&chain, &roots);
    assert_eq!(private.faults, []);
    assert!(private.is_private);
    let warned = row(&private, now());
    assert_eq!((warned.outcome, warned.set_aside), (Outcome::Warn, true));
    roots.public.add(pki.root_der.clone()).unwrap();
    assert_eq!(row(&judged(&chain, &roots), now()).outcome, Outcome::Pass);
    let with_root = [chain.as_slice(), std::slice::from_ref(&pki.root_der)].concat();
    assert_eq!(judged(&with_root, &roots).faults, []);
    let with_unneeded = [chain.as_slice(), &[Pki::new().root_der]].concat();
    assert_eq!(judged(&with_unneeded, &roots).faults, []);
}

#[test]
fn each_fault_has_a_name_of_its_own() {
    let pki = Pki::new();
    let roots = pki.roots();
    let (middle, root) = (pki.middle_der.clone(), pki.root_der.clone());
    let good = pki.leaf(&server());
    let mut expired = server();
    expired.not_after = rcgen::date_time_ymd(2029, 12, 1);
    let mut early = server();
    early.not_before = rcgen::date_time_ymd(2030, 2, 1);
    let mut other = CertificateParams::new(["*.example.org".to_owned()]).unwrap();
    other.distinguished_name.push(DnType::CommonName, "other");
    let key = KeyPair::generate().unwrap();
    let own = server().self_signed(&key).unwrap().der().clone();
    let mut own_authority = server();
    own_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own_authority = own_authority.self_signed(&key).unwrap().der().clone();
    for (chain, expected) in [
        (
            vec![pki.leaf(&expired), middle.clone()],
            "expired on 2029-12-01",
        ),
        (
            vec![pki.leaf(&early), middle.clone()],
            "not yet valid: begins on 2030-02-01",
        ),
        (
            vec![pki.leaf(&other), middle.clone()],
            "wrong name: the certificate is for \"*.example.org\", not for hooks.example.com",
        ),
        (vec![own], "self-signed: the certificate vouches for itself"),
        (
            vec![own_authority],
            "self-signed: the certificate vouches for itself",
        ),
        (
            vec![pki.leaf(&public_server())],
            "incomplete: \"CN=hooks\" is issued by \"CN=Test Intermediate\", whose certificate is not sent",
        ),
        (
            vec![good.clone()],
            "unknown root: the chain ends below \"CN=Test Intermediate\", which is neither sent nor a public authority",
        ),
        (
            vec![middle.clone(), good.clone()],
            "in the wrong order: \"CN=Test Intermediate\", \"CN=hooks\"",
        ),
        (
            vec![good.clone(), CertificateDer::from(vec![0x30, 0])],
            "certificate 2 cannot be read",
        ),
        (vec![], "certificate 1 cannot be read"),
    ] {
        assert_eq!(words(&chain, &roots), expected);
    }
    assert_eq!(
        words(&[good.clone(), middle.clone(), root], &nobody()),
        "unknown root: the chain ends at \"CN=Test Root\", which is no public authority"
    );
}

/// For hooks.example.com until 2046, issued by "Test Root" with SHA-1.
const SIGNED_WITH_SHA1: &str = "\
-----BEGIN CERTIFICATE-----
MIICRzCCAS+gAwIBAgIUczceOqxC16gilJyeLF969lCsTPgwDQYJKoZIhvcNAQEF
BQAwFDESMBAGA1UEAwwJVGVzdCBSb290MB4XDTI2MTEyOTE3NTkyNVoXDTQ2MDEy
ODE3NTkyNVowEDEOMAwGA1UEAwwFaG9va3MwWTATBgcqhkjOPQIBBggqhkjOPQMB
BwNCAARny0tNh0gYI4UfIBryBmlYjRF/KeSIthQrE9itH/ngyjrw2kxlTvBX2VKG
t4QpwDUXL3KKyU+468AcTSeVn0t9o2AwXjAcBgNVHREEFTATghFob29rcy5leGFt
cGxlLmNvbTAdBgNVHQ4EFgQUpxoxtjCS1cXoEIlEAAVUZtJyVXswHwYDVR0jBBgw
FoAUwKlSkHCuZQdhAC7wQyhQEsjnshIwDQYJKoZIhvcNAQEFBQADggEBAM6v/s9y
5tvgtjsCW33uWx+lKvfFGzJDpJrXnnUiIQW+I2kWdgzuY75b+hwmyxrZtFOI0l6g
WSka5K3XxOySBIIUBHLTpEVAWFGZ6EawZDf3o5Npm1Dy5uq+u+8TOfKTzSUwLkgM
FM6qCI3H4oAASUT+sZ67U9hYHahiOZ3ITEUZfukRdAozMfcfbtmM37v2MPNOOhrP
DvR0S00eQr/8AQcBloZWBZuHLWlHFjZ72lfqXLAY4HlKwf1Ll1vsWbLp+AEVUIWU
FmnlNnpdfO866m85bKHHDLs2A0PtiI2Yf2y3M4kGwSooG8svtKoQBFJvlZrscOcJ
WXt/vDigOQfeKEY=
-----END CERTIFICATE-----
";

#[test]
fn an_old_signature_is_not_taken_for_an_unknown_root() {
    let leaf = CertificateDer::from_pem_slice(SIGNED_WITH_SHA1.as_bytes()).unwrap();
    assert_eq!(
        words(&[leaf], &nobody()),
        "not usable: it is signed with SHA-1 or MD5, which nobody accepts any more"
    );
}

#[test]
fn a_certificate_that_was_given_itself_is_trusted() {
    let mut params = server();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let own = params.self_signed(&key).unwrap().der().clone();
    let mut roots = nobody();
    roots.exact.push(own.clone());
    let judgement = judged(&[own], &roots);
    assert_eq!((judgement.faults, judgement.is_private), (vec![], true));
}

#[test]
fn faults_that_come_together_are_all_told() {
    let pki = Pki::new();
    let mut params = CertificateParams::new(["other.example".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2029, 12, 1);
    let chain = [pki.leaf(&params), pki.middle_der.clone()];
    assert_eq!(
        words(&chain, &pki.roots()),
        "expired on 2029-12-01; wrong name: the certificate is for \"other.example\", not for hooks.example.com"
    );
}

#[test]
fn an_expired_intermediate_is_named() {
    let pki = Pki::new();
    let mut params = authority("Old Intermediate");
    params.not_after = rcgen::date_time_ymd(2029, 12, 1);
    let key = KeyPair::generate().unwrap();
    let old = params.signed_by(&key, &pki.root).unwrap().der().clone();
    let issuer = Issuer::new(params, key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = server()
        .signed_by(&leaf_key, &issuer)
        .unwrap()
        .der()
        .clone();
    assert_eq!(
        words(&[leaf, old], &pki.roots()),
        "expired (\"CN=Old Intermediate\") on 2029-12-01"
    );
}

#[test]
fn a_trusted_chain_in_the_wrong_order_is_a_warning() {
    let pki = Pki::new();
    let mut roots = nobody();
    roots.public.add(pki.root_der.clone()).unwrap();
    let leaf = pki.leaf(&server());
    let chain = [leaf, pki.root_der.clone(), pki.middle_der.clone()];
    let row = row(&judged(&chain, &roots), now());
    assert_eq!(
        (row.outcome, row.code()),
        (Outcome::Warn, Some("SUB-524")),
        "{}",
        row.seen
    );
    let words = "; in the wrong order: \"CN=hooks\", \"CN=Test Root\", \"CN=Test Intermediate\"";
    assert!(row.seen.ends_with(words), "{}", row.seen);
}

/// As Let's Encrypt's chain had: the root is trusted, and its copy that an older root signed has ended.
#[test]
fn an_expired_copy_of_a_trusted_root_does_no_harm() {
    let pki = Pki::new();
    let (older_params, older_key) = (authority("Older Root"), KeyPair::generate().unwrap());
    let older = Issuer::new(older_params, older_key);
    let (mut root, key) = (authority("New Root"), KeyPair::generate().unwrap());
    let own = root.self_signed(&key).unwrap().der().clone();
    root.not_after = rcgen::date_time_ymd(2029, 12, 1);
    let copy = root.signed_by(&key, &older).unwrap().der().clone();
    let issuer = Issuer::new(root, key);
    let leaf_key = KeyPair::generate().unwrap();
    let sign =
        |params: CertificateParams| params.signed_by(&leaf_key, &issuer).unwrap().der().clone();
    let chain = [sign(server()), copy.clone()];
    let mut roots = pki.roots();
    roots.public.add(own).unwrap();
    assert_eq!(judged(&chain, &roots).faults, []);
    let mut ended = server();
    ended.not_after = rcgen::date_time_ymd(2029, 11, 1);
    assert_eq!(words(&[sign(ended), copy], &roots), "expired on 2029-11-01");
}

#[test]
fn a_certificate_that_ends_soon_is_a_warning() {
    let pki = Pki::new();
    let mut roots = pki.roots();
    roots.public.add(pki.root_der.clone()).unwrap();
    let mut params = server();
    params.not_after = rcgen::date_time_ymd(2030, 1, 6);
    let row = row(
        &judged(&[pki.leaf(&params), pki.middle_der.clone()], &roots),
        now(),
    );
    assert_eq!(row.outcome, Outcome::Warn);
    assert!(row.seen.contains(", which is in 5 days, "), "{}", row.seen);
}

proptest! {
    #[test]
    fn damaged_certificates_do_not_panic(place in 0usize..400, byte: u8, cut in 0usize..500) {
        let pki = Pki::new();
        let mut leaf = pki.leaf(&server()).to_vec();
        let place = place % leaf.len();
        leaf[place] = byte;
        leaf.truncate(leaf.len() - cut % leaf.len());
        judged(&[CertificateDer::from(leaf), pki.middle_der.clone()], &pki.roots());
    }
}
