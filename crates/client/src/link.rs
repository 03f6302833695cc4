//! The link to the relay: dial, serve, and dial again when it ends.
//!
//! ```text
//! get the endpoint ─▶ read the cursor ─▶ dial ─▶ serve events and passthrough requests ─▶ link ends
//!        ▲                                                                                  │
//!        └────── wait: longer after each failure, not at all after the machine slept ◀──────┘
//! ```
//!
//! Only a permanent refusal stops it: an invalid token, endpoint name or protocol version.

mod answer;
mod batch;
mod clock;
pub(crate) mod dial;
mod events;
mod handshake;
mod passthrough;
mod redial;
pub(crate) mod refusal;
mod session;

use std::sync::Arc;
use std::time::Instant;

use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::event::Timestamp;
use ringtail_protocol::path::{EndpointInfo, code};
use ringtail_protocol::stream::ByteStream;
use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

pub use dial::DialError;
pub use events::ReceiveError;
pub use refusal::Refusal;
pub use session::SessionEnd;

use self::events::EventSink;
use self::handshake::LinkParams;
use self::redial::Redial;
use crate::canary_key::CanaryKey;
use crate::config::Account;
use crate::endpoint_cache::EndpointCache;
use crate::forward::Passthrough;
use crate::relay_api::{ApiError, CALL_TIMEOUT, RelayApi};
use ringtail_model::{Endpoint, LinkState, Status};
use ringtail_store::{Forwarding, History, ReadError};

/// Keeps one endpoint's link up; owns everything that outlives a single link.
#[derive(Debug)]
pub(crate) struct LinkSupervisor {
    pub(crate) account: Account,
    /// Name of the endpoint.
    pub(crate) name: String,
    pub(crate) history: History,
    pub(crate) status: watch::Sender<Status>,
    /// The endpoint as the relay last described it.
    pub(crate) endpoint: watch::Sender<Option<EndpointInfo>>,
    /// Where it is written down, for the next start and for other processes.
    pub(crate) cache: EndpointCache,
    /// Token with which the edge answers RingCX Digital's challenges, if known.
    pub(crate) digital_verify_token: Option<SecretString>,
    pub(crate) passthrough: Option<Passthrough>,
    pub(crate) forwarding: Forwarding,
    /// Ends a link that seems to be up and brings nothing.
    pub(crate) give_up: Arc<Notify>,
    pub(crate) cancel: CancellationToken,
}

impl LinkSupervisor {
    /// Keeps a link up until cancelled.
    ///
    /// # Errors
    /// When the relay refuses permanently.
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
        let mut redial = Redial::default();
        let mut away: Option<Away> = None;
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
                    let served = session::serve(
                        stream,
                        sink,
                        passthrough,
                        &self.cancel,
                        &self.give_up,
                        on_begin,
                    );
                    let end = served.await;
                    if began.is_some() {
                        away = None;
                    }
                    match end {
                        SessionEnd::Stopped => return Ok(()),
                        SessionEnd::Silent => {
                            tracing::warn!("a canary did not come over the link; dialling again");
                            continue;
                        }
                        SessionEnd::Slept => {
                            tracing::info!("the machine slept; dialling again");
                            redial.reset();
                            continue;
                        }
                        end => {
                            if let Some(began) = began {
                                redial.worked(began.elapsed());
                            }
                            LinkError::Session(end)
                        }
                    }
                }
                Err(error) => error,
            };
            if let Some(refusal) = error.refusal() {
                tracing::error!(code = refusal.code, "the relay refused permanently");
                return Err(refusal.clone());
            }
            let away = away.get_or_insert_with(|| Away {
                since: Timestamp::now(),
                failures: 0,
            });
            away.failures = away.failures.saturating_add(1);
            if self.wait(&error, &mut redial, *away).await == Wait::Stopped {
                return Ok(());
            }
        }
    }

    async fn establish(&self) -> Result<(ByteStream<TlsStream<TcpStream>>, EventSink), LinkError> {
        let info = RelayApi::new(self.account.clone())
            .endpoint(&self.name, self.digital_verify_token.as_ref())
            .await?;
        let after = self.history.cursor(&info.endpoint, &info.journal).await?;
        // Before anybody is told: other processes look there for what this one listens on.
        self.cache.keep(&info).await;
        self.status.send_modify(|status| {
            status.endpoint = Some(Endpoint {
                id: info.endpoint.clone(),
                url: info.url.clone(),
            });
            status.cursor = after.unwrap_or(0);
            status.relay_head = status.cursor;
        });
        self.endpoint.send_replace(Some(info.clone()));
        let params = LinkParams {
            endpoint: info.endpoint.clone(),
            forward: self.passthrough.is_some(),
            after: after.map(|seq| (info.journal.clone(), seq)),
            event: self.history.newest(&info.endpoint, &info.journal).await?,
        };
        let stream = dial::dial(&self.account.relay, &self.account)
            .await
            .map_err(ApiError::from)?;
        let upgraded = handshake::upgrade(stream, &self.account, &params);
        let stream = tokio::time::timeout(CALL_TIMEOUT, upgraded)
            .await
            .unwrap_or(Err(ApiError::Timeout));
        if let Err(ApiError::Refused(refusal)) = &stream
            && refusal.code == code::SET_BACK
        {
            tracing::warn!(cursor = after, "the relay's journal was set back");
            let forgotten = self.history.forget_journal(&info.endpoint, &info.journal);
            if let Err(error) = forgotten.await {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "could not forget the cursor");
            }
        }
        let stream = stream?;
        let sink = EventSink {
            canary: CanaryKey::of(&self.account),
            endpoint: info.endpoint,
            journal: info.journal,
            forwarding: self.forwarding.clone(),
            history: self.history.clone(),
            status: self.status.clone(),
        };
        Ok((stream, sink))
    }

    /// Waits before the next try and publishes why and until when.
    async fn wait(&self, error: &LinkError, redial: &mut Redial, away: Away) -> Wait {
        let wait = redial.failed(random());
        let reason = error.in_words();
        let Away { since, failures } = away;
        tracing::info!(reason, failures, ?wait, "no link");
        let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        self.say(LinkState::Waiting {
            code: error.code().id,
            reason,
            retry_at: Timestamp(Timestamp::now().0.saturating_add(micros)),
            failures,
            since,
        });
        // `biased`: check for shutdown first. After suspend, skip the wait: the network may have changed.
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Wait::Stopped,
            () = clock::slept() => {
                redial.reset();
                Wait::Over
            }
            () = tokio::time::sleep(wait) => Wait::Over,
        }
    }

    fn say(&self, state: LinkState) {
        self.status.send_modify(|status| status.link = state);
    }
}

/// The time without a link.
#[derive(Debug, Clone, Copy)]
struct Away {
    /// When it began.
    since: Timestamp,
    /// Failures since then.
    failures: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Wait {
    Over,
    Stopped,
}

/// Returns randomness for the jitter; without a source of it, the longest wait.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The relay could not be reached, or did not return the endpoint or open a link.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The history's cursor could not be read.
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
            // The link ended because of this machine, not of the relay.
            Self::Session(SessionEnd::Events(ReceiveError::Store(error))) => error.code(),
            Self::Session(_) => &codes::RELAY_BROKE,
            Self::History(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => error.hint(),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

impl LinkError {
    /// Returns the refusal if it is permanent.
    fn refusal(&self) -> Option<&Refusal> {
        let Self::Api(ApiError::Refused(refusal)) = self else {
            return None;
        };
        refusal.is_final().then_some(refusal)
    }

    /// Returns the error, its causes and a hint on one line.
    fn in_words(&self) -> String {
        let mut words = ringtail_text::chain(self);
        if let Some(hint) = self.hint() {
            words.push_str(" (");
            words.push_str(&hint);
            words.push(')');
        }
        words
    }
}

#[cfg(test)]
mod tests;
