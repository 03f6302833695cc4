//! A caller that shows no certificate, and knows whether it was asked for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

/// Has no certificate to show, as RingCentral has none, and remembers whether it was asked for one.
#[derive(Debug, Default)]
pub(super) struct Anonymous {
    was_asked: AtomicBool,
}

impl Anonymous {
    pub(super) fn was_asked(&self) -> bool {
        self.was_asked.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Anonymous {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.was_asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        // Otherwise rustls does not call `resolve`.
        true
    }
}
