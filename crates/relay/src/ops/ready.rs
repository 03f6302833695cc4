//! Whether the relay can do what it is there for.

use std::fmt;
use std::time::Duration;

use crate::journal::AppendError;
use crate::journal::sqlite::SqliteJournal;
use crate::relay::Relay;

/// How long the journal may take to write a row. RingCentral waits about as long for an answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a relay is not ready.
#[derive(Debug)]
pub(super) enum NotReady {
    /// It is being stopped.
    Draining,
    /// Events cannot be stored.
    Journal(AppendError),
    /// The disk does not answer.
    Slow,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draining => f.write_str("the relay is stopping"),
            Self::Journal(error) => write!(f, "{error}"),
            Self::Slow => write!(
                f,
                "the journal did not write within {} s",
                PROBE_TIMEOUT.as_secs()
            ),
        }
    }
}

/// Looks whether requests are taken and whether the journal writes, by writing.
pub(super) async fn check(relay: &Relay, journal: &SqliteJournal) -> Result<(), NotReady> {
    if relay.drain.is_cancelled() {
        return Err(NotReady::Draining);
    }
    tokio::time::timeout(PROBE_TIMEOUT, journal.probe())
        .await
        .map_err(|_elapsed| NotReady::Slow)?
        .map_err(NotReady::Journal)
}
