use tempfile::TempDir;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::*;

fn load_or_create(data: &Path, host: &Host, endpoints: Option<&Domain>) -> Result<Dev, DevError> {
    super::load_or_create(data, host, endpoints, SystemTime::now())
}

fn text(dir: &TempDir, file: &str) -> String {
    fs::read_to_string(dir.path().join(file)).unwrap()
}

fn serial(key: &CertifiedKey) -> Vec<u8> {
    let (_, certificate) = X509Certificate::from_der(&key.cert[0]).unwrap();
    certificate.raw_serial().to_vec()
}

fn localhost() -> Host {
    Host::Name("localhost".to_owned())
}

#[test]
fn certificate_and_authority_are_kept() {
    let dir = TempDir::new().unwrap();
    load_or_create(dir.path(), &localhost(), None).unwrap();
    let (ca, leaf) = (text(&dir, "ca.pem"), text(&dir, "server.pem"));
    let again = load_or_create(dir.path(), &localhost(), None).unwrap();
    assert_eq!(again.ca, dir.path().join("ca.pem"));
    assert_eq!((text(&dir, "ca.pem"), text(&dir, "server.pem")), (ca, leaf));
}

#[test]
fn local_names_are_in_it_and_the_public_one() {
    let dir = TempDir::new().unwrap();
    let public = Host::Name("relay.test".to_owned());
    load_or_create(dir.path(), &public, None).unwrap();
    for host in [
        localhost(),
        public,
        Host::Address("127.0.0.1".parse().unwrap()),
        Host::Address("::1".parse().unwrap()),
    ] {
        let (cert, key) = (dir.path().join("server.pem"), dir.path().join("server.key"));
        files::load_at(&cert, &key, &[host], SystemTime::now()).unwrap();
    }
}

#[test]
fn authority_stays_when_its_certificate_is_gone_or_near_its_end() {
    let dir = TempDir::new().unwrap();
    load_or_create(dir.path(), &localhost(), None).unwrap();
    let (ca, leaf) = (text(&dir, "ca.pem"), text(&dir, "server.pem"));
    fs::remove_file(dir.path().join("server.key")).unwrap();
    load_or_create(dir.path(), &localhost(), None).unwrap();
    assert_eq!(text(&dir, "ca.pem"), ca);
    assert_ne!(text(&dir, "server.pem"), leaf);

    let leaf = text(&dir, "server.pem");
    let late = SystemTime::now() + LEAF_LIFE - RENEW_BEFORE / 2;
    super::load_or_create(dir.path(), &localhost(), None, late).unwrap();
    assert_eq!(text(&dir, "ca.pem"), ca);
    assert_ne!(text(&dir, "server.pem"), leaf);
}

#[test]
fn authority_for_other_names_or_near_its_end_is_replaced() {
    let dir = TempDir::new().unwrap();
    load_or_create(dir.path(), &localhost(), None).unwrap();
    let ca = text(&dir, "ca.pem");
    load_or_create(dir.path(), &Host::Name("relay.test".to_owned()), None).unwrap();
    let wider = text(&dir, "ca.pem");
    assert_ne!(wider, ca);
    // The wider one still serves the narrower name.
    load_or_create(dir.path(), &localhost(), None).unwrap();
    assert_eq!(text(&dir, "ca.pem"), wider);
    let late = SystemTime::now() + CA_LIFE - LEAF_LIFE / 2;
    super::load_or_create(dir.path(), &localhost(), None, late).unwrap();
    assert_ne!(text(&dir, "ca.pem"), wider);
}

#[test]
fn each_host_below_the_domain_gets_a_certificate_of_the_authority() {
    let dir = TempDir::new().unwrap();
    let load = |domain: &str| {
        let domain = Domain::parse(domain).unwrap();
        let dev = load_or_create(dir.path(), &localhost(), Some(&domain)).unwrap();
        (dev.issuer.unwrap(), text(&dir, "ca.pem"))
    };
    load_or_create(dir.path(), &localhost(), None).unwrap();
    let plain = text(&dir, "ca.pem");
    let (issuer, ca) = load("localhost");
    assert_eq!(ca, plain, "it may issue below localhost already");
    let issued = issuer.issue("sms-x.localhost").unwrap();
    let host = Host::Name("sms-x.localhost".to_owned());
    inspect::check(&issued.cert, &[host], Some(SystemTime::now())).unwrap();
    let ca = CertificateDer::from_pem_slice(ca.as_bytes()).unwrap();
    assert_eq!(
        inspect::describe(&issued.cert).issuer,
        inspect::describe(&[ca]).issuer
    );
    let other = issuer.issue("calls-x.localhost").unwrap();
    assert_ne!(serial(&issued), serial(&other));
    for host in ["localhost", "notlocalhost", "sms-x.test"] {
        assert!(issuer.issue(host).is_none(), "{host}");
    }
    let (_, wider) = load("hooks.test");
    assert_ne!(wider, plain, "another domain needs another name constraint");
    assert_eq!(load("hooks.test").1, wider);
}

#[test]
fn keys_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = TempDir::new().unwrap();
    load_or_create(dir.path(), &localhost(), None).unwrap();
    for file in ["ca.key", "server.key"] {
        let mode = fs::metadata(dir.path().join(file)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{file}");
    }
}
