//! The link to the relay: dialled, served, and dialled again when it ends, for ever.
//!
//! ```text
//! ask for the endpoint ─▶ cursor of the history ─▶ dial ─▶ serve events and passthrough requests ─▶ it ends
//!        ▲                                                                                  │
//!        └────────── wait, longer after each failure, not at all after sleep ◀──────────────┘
//! ```
//!
//! Only a refusal that asking again cannot change ends it: a wrong token, a name that cannot be, a version that
//! the relay does not speak.

mod batch;
mod clock;
pub(crate) mod dial;
mod events;
mod handshake;
mod passthrough;
pub(crate) mod refusal;
mod session;
mod tcp;

use std::time::{Duration, Instant};

use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::event::Timestamp;
use ringtail_protocol::path::EndpointInfo;
use ringtail_protocol::stream::ByteStream;
use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

pub use dial::DialError;
pub use events::ReceiveError;
pub use handshake::HandshakeError;
pub use refusal::Refusal;
pub use session::SessionEnd;

use self::events::EventSink;
use self::handshake::Wanted;
use crate::backoff::Backoff;
use crate::config::Account;
use crate::forward::Passthrough;
use crate::relay_api::{ApiError, RelayApi};
use ringtail_model::{Endpoint, LinkState, Status};
use ringtail_store::{Forwarding, History, ReadError};

/// How long the WebSocket handshake may take once TLS stands.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that a link needs and that outlives it.
#[derive(Debug)]
pub(crate) struct Linker {
    pub(crate) account: Account,
    /// Name of the endpoint.
    pub(crate) name: String,
    pub(crate) history: History,
    pub(crate) status: watch::Sender<Status>,
    /// The endpoint, as the relay told it last.
    pub(crate) endpoint: watch::Sender<Option<EndpointInfo>>,
    /// What RingCX Digital's challenges are to be answered by at the edge, when it is known.
    pub(crate) digital_verify_token: Option<SecretString>,
    pub(crate) passthrough: Option<Passthrough>,
    pub(crate) forwarding: Forwarding,
    pub(crate) cancel: CancellationToken,
}

impl Linker {
    /// Keeps a link up until it is cancelled.
    ///
    /// # Errors
    /// When the relay refuses for good.
    pub(crate) async fn run(self) -> Result<(), Refusal> {
        let result = self.keep_up().await;
        self.say(match &result {
            Ok(()) => LinkState::Stopped,
            Err(refusal) => LinkState::Refused {
                code: refusal.code().id,
                reason: refusal.message.clone(),
            },
        });
        result
    }

    async fn keep_up(&self) -> Result<(), Refusal> {
        let mut backoff = Backoff::default();
        loop {
            self.say(LinkState::Connecting);
            let established = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Ok(()),
                established = self.establish() => established,
            };
            let error = match established {
                Ok((stream, sink)) => {
                    let mut began = None;
                    let on_begin = || {
                        began = Some(Instant::now());
                        tracing::info!("the link is up");
                        self.say(LinkState::Connected);
                    };
                    let passthrough = self.passthrough.clone();
                    match session::serve(stream, sink, passthrough, &self.cancel, on_begin).await {
                        SessionEnd::Stopped => return Ok(()),
                        SessionEnd::Slept => {
                            tracing::info!("this machine slept; dialling again at once");
                            backoff.reset();
                            continue;
                        }
                        end => {
                            if let Some(began) = began {
                                backoff.worked(began.elapsed());
                            }
                            LinkError::Session(end)
                        }
                    }
                }
                Err(error) => error,
            };
            if let Some(refusal) = error.refusal() {
                tracing::error!(code = refusal.code, "the relay refused for good");
                return Err(refusal.clone());
            }
            if self.wait(&error, &mut backoff).await == Wait::Stopped {
                return Ok(());
            }
        }
    }

    async fn establish(&self) -> Result<(ByteStream<TlsStream<TcpStream>>, EventSink), LinkError> {
        let info = RelayApi::new(self.account.clone())
            .endpoint(&self.name, self.digital_verify_token.as_ref())
            .await?;
        let after = self.history.cursor(&info.endpoint, &info.journal).await?;
        self.status.send_modify(|status| {
            status.endpoint = Some(Endpoint {
                id: info.endpoint.clone(),
                url: info.url.clone(),
            });
            status.cursor = after.unwrap_or(0);
            status.relay_head = status.cursor;
        });
        self.endpoint.send_replace(Some(info.clone()));
        let wanted = Wanted {
            endpoint: info.endpoint.clone(),
            forward: self.passthrough.is_some(),
            after: after.map(|seq| (info.journal.clone(), seq)),
        };
        let stream = dial::dial(&self.account.relay, &self.account.trust).await?;
        let upgraded = handshake::upgrade(stream, &self.account, &wanted);
        let stream = tokio::time::timeout(UPGRADE_TIMEOUT, upgraded)
            .await
            .map_err(|_| LinkError::UpgradeTimeout)??;
        let sink = EventSink {
            endpoint: info.endpoint,
            journal: info.journal,
            forwarding: self.forwarding.clone(),
            history: self.history.clone(),
            status: self.status.clone(),
        };
        Ok((stream, sink))
    }

    /// Waits before the next try, and says why and until when.
    async fn wait(&self, error: &LinkError, backoff: &mut Backoff) -> Wait {
        let wait = backoff.failed(random());
        let reason = error.in_words();
        tracing::info!(reason, failures = backoff.failures(), ?wait, "no link");
        let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        self.say(LinkState::Waiting {
            code: error.code().id,
            reason,
            retry_at: Timestamp(Timestamp::now().0.saturating_add(micros)),
            failures: backoff.failures(),
        });
        // To stop comes first. After sleep the network is another one, and the wait for the old one has no sense.
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Wait::Stopped,
            () = clock::slept() => {
                backoff.reset();
                Wait::Over
            }
            () = tokio::time::sleep(wait) => Wait::Over,
        }
    }

    fn say(&self, state: LinkState) {
        self.status.send_modify(|status| status.link = state);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Wait {
    Over,
    Stopped,
}

/// Returns randomness for the backoff. Without it the wait is the longest: rather late than a stampede.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}

/// Why there is no link, or none any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The relay did not tell the endpoint.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The relay could not be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The relay did not open a link.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The relay took too long to open it.
    #[error("the relay did not open a link within {} s", UPGRADE_TIMEOUT.as_secs())]
    UpgradeTimeout,
    /// The history does not say where it stands.
    #[error(transparent)]
    History(#[from] ReadError),
    /// The link ended.
    #[error(transparent)]
    Session(SessionEnd),
}

impl Coded for LinkError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Api(error) => error.code(),
            Self::Dial(error) => error.code(),
            Self::Handshake(error) => error.code(),
            Self::UpgradeTimeout | Self::Session(_) => &codes::RELAY_BROKE,
            Self::History(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => error.hint(),
            Self::Dial(error) => error.hint(),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

impl LinkError {
    /// Returns the refusal that ends the link for good, if it is one.
    fn refusal(&self) -> Option<&Refusal> {
        let (Self::Api(ApiError::Refused(refusal))
        | Self::Handshake(HandshakeError::Refused(refusal))) = self
        else {
            return None;
        };
        refusal.is_final().then_some(refusal)
    }

    /// Says in one line what is wrong, why, and what to do about it.
    fn in_words(&self) -> String {
        let mut words = chain(self);
        if let Some(hint) = self.hint() {
            words.push_str(" (");
            words.push_str(&hint);
            words.push(')');
        }
        words
    }
}

/// Returns an error with all its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests;
