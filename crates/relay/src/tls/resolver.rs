//! Selects a certificate by the name in the handshake. The certificates can be replaced while the relay serves.

use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::dev::HostIssuer;
use super::inspect;
use super::state::CertificateInfo;

/// The certificates in use.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    shown: RwLock<Arc<[ServedCertificate]>>,
    /// Issues for hosts that they do not cover.
    issuer: OnceLock<HostIssuer>,
}

struct ServedCertificate {
    key: Arc<CertifiedKey>,
    shown: CertificateInfo,
}

impl Certificates {
    /// Uses these from the next handshake on, and describes them. The first one is the default.
    pub(super) fn show(&self, keys: Vec<Arc<CertifiedKey>>) -> Vec<CertificateInfo> {
        let entries: Arc<[ServedCertificate]> = keys
            .into_iter()
            .map(|key| ServedCertificate {
                shown: inspect::describe(&key.cert),
                key,
            })
            .collect();
        let shown = entries.iter().map(|entry| entry.shown.clone()).collect();
        *self.shown.write() = entries;
        shown
    }

    /// Issues for the hosts of endpoints from now on.
    pub(super) fn issue_by(&self, issuer: HostIssuer) {
        self.issuer.get_or_init(|| issuer);
    }

    fn pick(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let entries = self.shown.read().clone();
        let name = name.map(str::to_ascii_lowercase);
        let by = |fits: fn(&str, &str) -> bool| {
            let name = name.as_deref()?;
            let names =
                |entry: &&ServedCertificate| entry.shown.names.iter().any(|own| fits(own, name));
            entries.iter().find(names)
        };
        let covering = by(|own, name| own == name).or_else(|| by(inspect::covers));
        if covering.is_none()
            && let Some(name) = &name
            && let Some(issued) = self.issuer.get().and_then(|issuer| issuer.issue(name))
        {
            return Some(Arc::new(issued));
        }
        let entry = covering.or(entries.first())?;
        Some(entry.key.clone())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.pick(hello.server_name())
    }
}

impl fmt::Debug for ServedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::crypto::aws_lc_rs;
    use rustls::pki_types::PrivateKeyDer;

    use super::*;

    fn certificate(names: &[&str]) -> Arc<CertifiedKey> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap();
        let certificate = certificate.self_signed(&key).unwrap();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let signing = aws_lc_rs::sign::any_supported_type(&private).unwrap();
        Arc::new(CertifiedKey::new(vec![certificate.der().clone()], signing))
    }

    #[test]
    fn a_handshake_gets_the_certificate_for_its_name() {
        let certificates = Certificates::default();
        assert!(certificates.pick(Some("hooks.example.com")).is_none());
        certificates.show(vec![
            certificate(&["other.example.com"]),
            certificate(&["*.hooks.example.com"]),
            certificate(&["hooks.example.com", "a.hooks.example.com"]),
        ]);
        for (name, expected) in [
            (Some("hooks.example.com"), "hooks.example.com"),
            (Some("Hooks.Example.com"), "hooks.example.com"),
            (Some("a.hooks.example.com"), "hooks.example.com"),
            (Some("b.hooks.example.com"), "*.hooks.example.com"),
            (Some("c.b.hooks.example.com"), "other.example.com"),
            (Some("unknown.test"), "other.example.com"),
            (None, "other.example.com"),
        ] {
            let picked = certificates.pick(name).unwrap();
            let names = inspect::describe(&picked.cert).names;
            assert_eq!(
                names.first().map(String::as_str),
                Some(expected),
                "{name:?}"
            );
        }
    }

    #[test]
    fn others_take_their_place() {
        let certificates = Certificates::default();
        let first = certificates.show(vec![certificate(&["a.test"])]);
        let second = certificates.show(vec![certificate(&["b.test"])]);
        assert_ne!(first, second);
        let picked = certificates.pick(Some("a.test")).unwrap();
        assert_eq!(inspect::describe(&picked.cert).names, ["b.test"]);
    }
}
