use std::fs;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::*;

/// An authority, an intermediate and a certificate for `hooks.example.com`, as PEM.
struct Chain {
    dir: TempDir,
    root: String,
    intermediate: String,
    leaf: String,
    key: String,
}

impl Chain {
    fn new(names: &[&str]) -> Self {
        let authority = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let root_key = KeyPair::generate().unwrap();
        let root_params = authority("root");
        let root = root_params.self_signed(&root_key).unwrap();
        let root_issuer = Issuer::new(root_params, root_key);
        let middle_key = KeyPair::generate().unwrap();
        let middle_params = authority("middle\u{1b}[2J");
        let middle = middle_params.signed_by(&middle_key, &root_issuer).unwrap();
        let middle_issuer = Issuer::new(middle_params, middle_key);
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = (SystemTime::now() - Duration::from_secs(60)).into();
        params.not_after = (SystemTime::now() + Duration::from_secs(60)).into();
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &middle_issuer).unwrap();
        Self {
            dir: TempDir::new().unwrap(),
            root: root.pem(),
            intermediate: middle.pem(),
            leaf: leaf.pem(),
            key: key.serialize_pem(),
        }
    }

    fn load_at(
        &self,
        cert: &str,
        key: &str,
        host: &Host,
        now: SystemTime,
    ) -> Result<CertifiedKey, FilesError> {
        let (cert_file, key_file) = (self.dir.path().join("c.pem"), self.dir.path().join("k.pem"));
        fs::write(&cert_file, cert).unwrap();
        fs::write(&key_file, key).unwrap();
        load_at(&cert_file, &key_file, slice::from_ref(host), now)
    }

    fn load(&self, cert: &str, key: &str) -> Result<CertifiedKey, FilesError> {
        self.load_at(cert, key, &hooks(), SystemTime::now())
    }

    fn fault(&self, cert: &str) -> CertificateError {
        match self.load(cert, &self.key) {
            Err(FilesError::Certificate { source, .. }) => source,
            other => panic!("{other:?}"),
        }
    }
}

fn hooks() -> Host {
    Host::Name("hooks.example.com".to_owned())
}

#[test]
fn whole_chain_in_order_is_taken() {
    let chain = Chain::new(&["hooks.example.com"]);
    let all = [&*chain.leaf, &chain.intermediate, &chain.root].concat();
    assert_eq!(chain.load(&all, &chain.key).unwrap().cert.len(), 3);
    let without_root = [&*chain.leaf, &chain.intermediate].concat();
    let loaded = chain.load(&without_root, &chain.key).unwrap();
    assert!(!inspect::lacks_issuer(&loaded.cert));
    let alone = chain.load(&chain.leaf, &chain.key).unwrap();
    assert!(inspect::lacks_issuer(&alone.cert));
}

#[test]
fn chains_that_callers_refuse_are_refused_with_the_reason() {
    let chain = Chain::new(&["hooks.example.com"]);
    let wrong_order = [&*chain.leaf, &chain.root, &chain.intermediate].concat();
    let CertificateError::OutOfOrder {
        number,
        expected,
        found,
    } = chain.fault(&wrong_order)
    else {
        panic!()
    };
    assert_eq!((number, &*found), (2, "CN=root"));
    assert!(!expected.contains('\u{1b}'), "{expected}");
    let authority_first = [&*chain.intermediate, &chain.leaf].concat();
    assert!(matches!(
        chain.fault(&authority_first),
        CertificateError::LeafIsAuthority { .. }
    ));
    assert_eq!(chain.fault(""), CertificateError::Empty);
    assert_eq!(chain.fault(&chain.key), CertificateError::Empty);
    let junk = "-----BEGIN CERTIFICATE-----\nanVuaw==\n-----END CERTIFICATE-----\n";
    assert_eq!(
        chain.fault(junk),
        CertificateError::NotACertificate { number: 1 }
    );
}

#[test]
fn time_and_name_must_fit() {
    let chain = Chain::new(&["hooks.example.com", "192.0.2.7"]);
    let hour = Duration::from_secs(3600);
    let at = |host: &Host, now| match chain.load_at(&chain.leaf, &chain.key, host, now) {
        Ok(_) => None,
        Err(FilesError::Certificate { source, .. }) => Some(source),
        Err(other) => panic!("{other}"),
    };
    let now = SystemTime::now();
    assert_eq!(at(&hooks(), now), None);
    assert_eq!(at(&Host::Address("192.0.2.7".parse().unwrap()), now), None);
    assert_eq!(
        at(&hooks(), now + hour),
        Some(CertificateError::Expired { number: 1 })
    );
    assert_eq!(
        at(&hooks(), now - hour),
        Some(CertificateError::NotYetValid { number: 1 })
    );
    let other = at(&Host::Name("other.example.com".to_owned()), now).unwrap();
    assert_eq!(
        other.to_string(),
        "it is for hooks.example.com, 192.0.2.7 and not for other.example.com, the host of the public URL"
    );
}

#[test]
fn keys_must_belong_to_the_certificate() {
    let chain = Chain::new(&["hooks.example.com"]);
    let other = KeyPair::generate().unwrap().serialize_pem();
    assert!(matches!(
        chain.load(&chain.leaf, &other),
        Err(FilesError::KeyMismatch { .. })
    ));
    assert!(matches!(
        chain.load(&chain.leaf, ""),
        Err(FilesError::Unreadable { .. })
    ));
    assert!(matches!(
        chain.load(&chain.leaf, &chain.leaf),
        Err(FilesError::Unreadable { .. })
    ));
    let missing = chain.dir.path().join("missing.pem");
    let error = load_at(&missing, &missing, &[hooks()], SystemTime::now()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("missing.pem could not be read as PEM")
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn files_of_any_editor_are_read() {
    let chain = Chain::new(&["hooks.example.com"]);
    let host = Host::Name("hooks.example.com".to_owned());
    let marked = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    chain
        .load_at(
            &marked(&(chain.leaf.clone() + &chain.intermediate)),
            &marked(&chain.key),
            &host,
            SystemTime::now(),
        )
        .unwrap();
}
