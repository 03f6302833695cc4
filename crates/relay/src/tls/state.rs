//! State of the relay's certificates, for the log, the metrics and `status`.

use std::fmt;
use std::time::SystemTime;

use tokio::sync::watch;

use crate::rfc3339;

/// The relay's certificates at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateState {
    /// Their source.
    pub source: Source,
    /// The certificates in use, the default first. Empty until there is one.
    pub shown: Vec<CertificateInfo>,
    /// When the relay will renew; `None` for files.
    pub next_renewal: Option<SystemTime>,
    /// The newest failure since the last success, with its causes, escaped.
    pub error: Option<String>,
    /// Orders since the relay started.
    pub orders: OrderCounts,
}

impl CertificateState {
    /// Returns a state without a certificate.
    #[must_use]
    pub fn new(source: Source) -> Self {
        Self {
            source,
            shown: Vec::new(),
            next_renewal: None,
            error: None,
            orders: OrderCounts::default(),
        }
    }

    /// Returns whether callers can connect: there is a certificate, or a proxy in front has one.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.source == Source::Proxy || !self.shown.is_empty()
    }

    /// Returns when the first of the certificates expires.
    #[must_use]
    pub fn not_after(&self) -> Option<SystemTime> {
        self.shown.iter().map(|shown| shown.not_after).min()
    }
}

/// Source of certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The relay's own authority.
    Dev,
    /// PEM files.
    Files,
    /// The proxy in front; the relay has none.
    Proxy,
    /// An ACME authority.
    Acme,
}

impl fmt::Display for Source {
    /// Writes one word, for labels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::Files => "files",
            Self::Proxy => "proxy",
            Self::Acme => "acme",
        })
    }
}

/// A certificate in use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateInfo {
    /// Its names, wildcards and addresses, escaped.
    pub names: Vec<String>,
    /// Its issuer, escaped.
    pub issuer: String,
    /// Its serial number in hexadecimal.
    pub serial: String,
    /// Start of its validity.
    pub not_before: SystemTime,
    /// End of its validity.
    pub not_after: SystemTime,
}

/// Counts of orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct OrderCounts {
    /// Placed.
    pub placed: u64,
    /// Ended with a certificate.
    pub issued: u64,
    /// Ended without one.
    pub failed: u64,
}

/// Changes the state, and logs new certificates.
#[derive(Debug)]
pub(super) struct StateSender(watch::Sender<CertificateState>);

impl StateSender {
    pub(super) fn new(state: CertificateState) -> (Self, watch::Receiver<CertificateState>) {
        let (sender, receiver) = watch::channel(state);
        (Self(sender), receiver)
    }

    /// Changes the state, and logs the certificates if they changed.
    pub(super) fn change(&self, change: impl FnOnce(&mut CertificateState)) {
        let before = self.0.borrow().shown.clone();
        self.0.send_modify(change);
        let after = self.0.borrow();
        if after.shown != before {
            log(&after);
        }
    }
}

fn log(state: &CertificateState) {
    for shown in &state.shown {
        tracing::info!(
            source = %state.source,
            names = shown.names.join(", "),
            issuer = shown.issuer,
            serial = shown.serial,
            not_after = %rfc3339::of(shown.not_after),
            "certificate in use"
        );
    }
}
