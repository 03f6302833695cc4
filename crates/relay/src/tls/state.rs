//! What is known of the relay's certificates, for the log, the metrics and `status`.

use std::error::Error;
use std::fmt;
use std::time::SystemTime;

use tokio::sync::watch;

/// The relay's certificates at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateState {
    /// Where they come from.
    pub source: Source,
    /// The certificates shown, the one for callers that name no host first. Empty until there is one.
    pub shown: Vec<Shown>,
    /// When the relay means to renew by itself; never for files.
    pub next_renewal: Option<SystemTime>,
    /// What went wrong last, until it has gone right since.
    pub error: Option<Failure>,
    /// Orders placed with the authority since the relay started.
    pub orders: Orders,
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
            orders: Orders::default(),
        }
    }

    /// Says whether callers can be answered: there is a certificate, or a proxy in front has one.
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

/// Where certificates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// An authority of the relay's own.
    Dev,
    /// PEM files.
    Files,
    /// The proxy in front: the relay shows none.
    Proxy,
    /// An authority that speaks ACME.
    Acme {
        /// URL of its directory.
        directory: String,
    },
}

impl fmt::Display for Source {
    /// Writes one word, for a label.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::Files => "files",
            Self::Proxy => "proxy",
            Self::Acme { .. } => "acme",
        })
    }
}

/// A certificate that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shown {
    /// What it is for: names, some with a star, and addresses. They come from whoever made it, and are escaped.
    pub names: Vec<String>,
    /// Who issued it, escaped.
    pub issuer: String,
    /// Its number there, in hexadecimal.
    pub serial: String,
    /// From when it is valid.
    pub not_before: SystemTime,
    /// To when.
    pub not_after: SystemTime,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// When.
    pub at: SystemTime,
    /// What, with its causes, escaped.
    pub message: String,
}

/// Counts of orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Orders {
    /// Placed.
    pub placed: u64,
    /// Ended with a certificate that is shown.
    pub issued: u64,
    /// Ended without.
    pub failed: u64,
}

/// The writing end: changes are told to whoever looks, and logged.
#[derive(Debug)]
pub(super) struct StateSender(watch::Sender<CertificateState>);

impl StateSender {
    pub(super) fn new(state: CertificateState) -> (Self, watch::Receiver<CertificateState>) {
        let (sender, receiver) = watch::channel(state);
        (Self(sender), receiver)
    }

    /// Changes the state, and logs it when other certificates are shown than before.
    pub(super) fn change(&self, change: impl FnOnce(&mut CertificateState)) {
        let before = self.0.borrow().shown.clone();
        self.0.send_modify(change);
        let after = self.0.borrow();
        if after.shown != before {
            tell(&after);
        }
    }
}

fn tell(state: &CertificateState) {
    for shown in &state.shown {
        tracing::info!(
            source = %state.source,
            names = shown.names.join(", "),
            issuer = shown.issuer,
            serial = shown.serial,
            not_after = %time(shown.not_after),
            "certificate shown"
        );
    }
}

/// Returns an error with its causes on one line.
pub(super) fn message(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // A transparent error says what its cause says.
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

/// Returns a time as the log has it.
pub(super) fn time(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(
        |_| "unknown".to_owned(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}
