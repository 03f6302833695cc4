//! Whether the relay can accept requests and store events.

use std::time::{Duration, SystemTime};

use super::Ops;
use crate::journal::AppendError;
use crate::shutdown::Phase;
use crate::tls::CertificateState;

/// How long the journal may take to write a row: about RingCentral's timeout.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a relay is not ready.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReady {
    /// It is being stopped.
    #[error("the relay is stopping")]
    Draining,
    /// The first certificate is missing.
    #[error("there is no certificate")]
    NoCertificate,
    /// A certificate has expired.
    #[error("a certificate has expired")]
    Expired,
    /// Events cannot be stored.
    #[error("{0}")]
    Journal(AppendError),
    /// The journal did not write in time.
    #[error("the journal did not write within {} s", PROBE_TIMEOUT.as_secs())]
    Slow,
}

/// Checks the phase, the certificate, and the journal by a write.
pub(super) async fn check(ops: &Ops) -> Result<(), NotReady> {
    if ops.shutdown.has_reached(Phase::Draining) {
        return Err(NotReady::Draining);
    }
    certified(&ops.certificate.borrow())?;
    tokio::time::timeout(PROBE_TIMEOUT, ops.journal.probe())
        .await
        .map_err(|_elapsed| NotReady::Slow)?
        .map_err(NotReady::Journal)
}

/// Checks the certificate. Behind a proxy there is none here.
fn certified(state: &CertificateState) -> Result<(), NotReady> {
    if !state.is_ready() {
        return Err(NotReady::NoCertificate);
    }
    match state.not_after() {
        Some(end) if end <= SystemTime::now() => Err(NotReady::Expired),
        _ => Ok(()),
    }
}
