//! The engine: everything that runs while a client listens on one endpoint.
//!
//! It owns the link, the forwarder and the history, and prints nothing: front ends watch [`Engine::status`] and read
//! [`Engine::history`] from their own position. It runs until it is stopped or the relay refuses permanently.

mod failures;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::path::EndpointInfo;
use ringtail_ringcentral::secret::redacted;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::canary::{Canary, CanaryError, Listener};
use crate::config::Account;
use crate::endpoint_cache::EndpointCache;
use crate::forward::{ForwardOptions, Forwarder, Passthrough, SendOptions, Sender, TrustError};
use crate::link::{LinkSupervisor, Refusal};
use crate::lock::{self, LockError};
use failures::Failures;
use ringtail_model::secrets::Secrets;
use ringtail_model::signature::SignaturePolicy;
use ringtail_model::subscription::SubscriptionStatus;
use ringtail_model::target::TargetUrl;
use ringtail_model::{Endpoint, Status, Target, TargetState, Unanswered, Watermarks};
use ringtail_store::{Forwarding, History, OpenError, Retention, SELDOM};

/// How long a canary's way from the relay to the history may take.
pub const CANARY_TIMEOUT: Duration = Duration::from_secs(10);

/// Configuration of an engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The relay and its credentials.
    pub account: Account,
    /// Name of the endpoint.
    pub endpoint: String,
    /// Directory of the history.
    pub data: PathBuf,
    /// Where to forward events; `None` to inspect only.
    pub target: Option<TargetUrl>,
    /// How requests are sent.
    pub send: SendOptions,
    /// Whether to forward events as they arrive; otherwise the target is for replays only.
    pub forward: bool,
    /// Secrets that RingCentral and the app share on this endpoint.
    pub secrets: Secrets,
    /// Rejects requests with a missing or invalid signature or token.
    pub signature_policy: Option<SignaturePolicy>,
    /// Limits of the history.
    pub retention: Retention,
    /// Time between canaries, if any are sent.
    pub canary: Option<Duration>,
}

/// A running engine; clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    history: History,
    start: Watermarks,
    status: watch::Receiver<Status>,
    publish: watch::Sender<Status>,
    sender: Option<Sender>,
    paused: watch::Sender<bool>,
    secrets: Secrets,
    tasks: TaskTracker,
    cancel: CancellationToken,
    refusal: Arc<OnceLock<Refusal>>,
    given_up: Arc<Mutex<Vec<Unanswered>>>,
    /// Held as long as there is a handle.
    _lock: ringtail_files::Lock,
}

impl Engine {
    /// Starts an engine per endpoint over one history; data directory and retention come from the first configuration.
    /// Each has a separate link and forwarder, so they do not wait for each other. Does not wait for the relay.
    ///
    /// # Errors
    /// When the history cannot be opened, or another process listens on an endpoint with it; engines that already run are
    /// shut down.
    pub async fn spawn_all(configs: Vec<EngineConfig>) -> Result<Vec<Self>, SpawnError> {
        let mut engines: Vec<Self> = Vec::with_capacity(configs.len());
        let Some(first) = configs.first() else {
            return Ok(engines);
        };
        let history = open(first).await?;
        for config in configs {
            match Self::over(history.clone(), config).await {
                Ok(engine) => engines.push(engine),
                Err(error) => {
                    engines.iter().for_each(Self::shutdown);
                    for engine in engines {
                        drop(engine.join().await);
                    }
                    return Err(error);
                }
            }
        }
        Ok(engines)
    }

    async fn over(history: History, config: EngineConfig) -> Result<Self, SpawnError> {
        let lock = lock::take_to_listen(&config.data, &config.endpoint).await?;
        // Of a process that was killed.
        drop(std::fs::remove_file(lock::status_file(
            &config.data,
            &config.endpoint,
        )));
        let start = *history.watermarks().borrow();
        let name = config.endpoint.clone();
        let cache = EndpointCache::new(
            &config.data,
            &config.account.relay,
            &config.endpoint,
            config.target.as_ref(),
        );
        let recalled = cache.recall();
        let (status, watched) = watch::channel(first_status(&config, recalled.as_ref()));
        let (endpoint, known) = watch::channel(recalled);
        let publish = status.clone();
        let sender = match config.target {
            Some(target) => Some(Sender::new(target, config.send)?),
            None => None,
        };
        let (paused, wanted) = watch::channel(false);
        let tasks = TaskTracker::new();
        let cancel = CancellationToken::new();
        let refusal = Arc::new(OnceLock::new());

        let canary = Canary {
            account: config.account.clone(),
            name: config.endpoint.clone(),
            url: String::new(),
            history: history.clone(),
            target: sender.clone().filter(|_| config.forward),
            to_app: false,
            listener: Listener::Here(watched.clone()),
            timeout: CANARY_TIMEOUT,
        };
        // On shutdown, passthrough requests may continue until the link is drained.
        let passthroughs = CancellationToken::new();
        let forwarding = sender.clone().filter(|_| config.forward);
        let give_up = Arc::new(Notify::new());
        let linker = LinkSupervisor {
            give_up: give_up.clone(),
            account: config.account,
            name: config.endpoint,
            digital_verify_token: config.secrets.digital_verify_token_of_relay().cloned(),
            history: history.clone(),
            status: status.clone(),
            endpoint,
            cache,
            passthrough: forwarding.clone().map(|sender| {
                Passthrough::new(
                    history.clone(),
                    sender,
                    tasks.clone(),
                    passthroughs.clone(),
                    config.signature_policy.clone(),
                )
            }),
            forwarding: match (&forwarding, config.signature_policy) {
                (Some(_), None) => Forwarding::On,
                (Some(_), Some(policy)) => Forwarding::Guarded(policy),
                (None, _) => Forwarding::Off,
            },
            cancel: cancel.child_token(),
        };
        let refused = Arc::clone(&refusal);
        let given_up = Arc::default();
        // Stop everything when the link task ends, also by a panic.
        let whole = cancel.clone().drop_guard();
        tasks.spawn(
            async move {
                let _ends = (passthroughs.drop_guard(), whole);
                if let Err(refusal) = linker.run().await {
                    drop(refused.set(refusal));
                }
            }
            .instrument(tracing::info_span!("link", endpoint = name)),
        );
        if let Some(sender) = forwarding {
            let failures = Failures {
                history: history.clone(),
                status: status.clone(),
                cancel: cancel.child_token(),
            };
            tasks.spawn(ending(cancel.clone(), failures.run(known.clone())));
            let forwarder = Forwarder {
                history: history.clone(),
                sender,
                options: ForwardOptions::default(),
                status: status.clone(),
                paused: wanted,
                given_up: Arc::clone(&given_up),
            };
            let forward = forward(
                forwarder,
                known.clone(),
                tasks.clone(),
                cancel.child_token(),
            );
            tasks.spawn(ending(cancel.clone(), forward));
        }
        if let Some(every) = config.canary {
            tasks.spawn(send_canaries(
                canary,
                known,
                every,
                status,
                give_up,
                cancel.child_token(),
            ));
        }
        tasks.spawn(history.clone().watch_others(SELDOM, cancel.child_token()));
        tasks.close();
        Ok(Self {
            inner: Arc::new(Inner {
                history,
                start,
                status: watched,
                publish,
                sender,
                paused,
                secrets: config.secrets,
                tasks,
                cancel,
                refusal,
                given_up,
                _lock: lock,
            }),
        })
    }

    /// Returns the engine's status.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.inner.status.clone()
    }

    /// Publishes the state of the endpoint's subscription.
    pub fn set_subscription(&self, change: impl FnOnce(&mut Option<Box<SubscriptionStatus>>)) {
        self.inner
            .publish
            .send_modify(|status| change(&mut status.subscription));
    }

    /// Returns the history.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.inner.history
    }

    /// Returns the history's watermarks at the engine's start; later rows belong to this run.
    #[must_use]
    pub fn start(&self) -> Watermarks {
        self.inner.start
    }

    /// Returns the secrets that RingCentral and the app share on this endpoint.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }

    /// Pauses or resumes forwarding. Passthrough requests and replays are still sent. The state is not stored: a
    /// restarted engine forwards.
    pub fn hold(&self, on: bool) {
        self.inner.paused.send_replace(on);
    }

    /// Returns the sender to the target, if there is a target.
    #[must_use]
    pub fn sender(&self) -> Option<&Sender> {
        self.inner.sender.as_ref()
    }

    /// Starts a shutdown; [`Engine::join`] waits for its end.
    pub fn shutdown(&self) {
        self.inner.cancel.cancel();
    }

    /// Returns the events that the app had without an answer at the end, oldest first. They are sent again after a restart.
    #[must_use]
    pub fn given_up(&self) -> Vec<Unanswered> {
        let given_up = self.inner.given_up.lock();
        given_up.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until all tasks have ended.
    ///
    /// # Errors
    /// When the relay refused permanently.
    pub async fn join(&self) -> Result<(), Refusal> {
        self.inner.tasks.wait().await;
        match self.inner.refusal.get() {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(()),
        }
    }
}

async fn open(config: &EngineConfig) -> Result<History, SpawnError> {
    let (data, retention) = (config.data.clone(), config.retention);
    let opened = tokio::task::spawn_blocking(move || History::open_keeping(&data, retention));
    Ok(opened.await.map_err(|_| SpawnError::ShuttingDown)??)
}

fn first_status(config: &EngineConfig, recalled: Option<&EndpointInfo>) -> Status {
    Status {
        endpoint: recalled.map(|info| Endpoint {
            id: info.endpoint.clone(),
            url: info.url.clone(),
        }),
        target: config.target.as_ref().map(|url| Target {
            url: redacted(&url.to_string()).into_owned(),
            forwards: config.forward,
            state: TargetState::Untried,
        }),
        ..Status::new(&config.endpoint)
    }
}

/// Runs a task without which an engine has no purpose: its end, also by a panic, stops the others.
async fn ending(cancel: CancellationToken, task: impl Future<Output = ()>) {
    let _ends = cancel.drop_guard();
    task.await;
}

/// Forwards the endpoint's pending events as soon as the endpoint is known. A forwarder that panics ends it.
async fn forward(
    forwarder: Forwarder,
    mut known: watch::Receiver<Option<EndpointInfo>>,
    tasks: TaskTracker,
    cancel: CancellationToken,
) {
    let of = |info: &Option<EndpointInfo>| info.as_ref().map(|info| info.endpoint.clone());
    let follow = async {
        loop {
            let endpoint = of(&known.borrow_and_update());
            let one = cancel.child_token();
            let running = endpoint
                .as_ref()
                .map(|endpoint| forwarder.spawn(endpoint, &tasks, one.clone()));
            let ended = async {
                match running {
                    Some(running) => drop(running.await),
                    None => std::future::pending().await,
                }
            };
            // A relay that was set up again gives the same name another endpoint, which gets another forwarder.
            let moved = async { known.wait_for(|info| of(info) != endpoint).await.is_ok() };
            tokio::select! {
                biased;
                is_known = moved => if !is_known { return },
                () = ended => return,
            }
            one.cancel();
        }
    };
    cancel.run_until_cancelled(follow).await;
}

/// Sends a canary at each interval, the first one an interval after the endpoint is known.
async fn send_canaries(
    mut canary: Canary,
    mut known: watch::Receiver<Option<EndpointInfo>>,
    every: Duration,
    status: watch::Sender<Status>,
    give_up: Arc<Notify>,
    cancel: CancellationToken,
) {
    let rounds = async {
        loop {
            let Ok(url) = known.wait_for(Option::is_some).await.map(|known| {
                known
                    .as_ref()
                    .map_or_else(String::new, |known| known.url.clone())
            }) else {
                return;
            };
            canary.url = url;
            tokio::time::sleep(every).await;
            let report = canary.send().await;
            if let Some(CanaryError::Silent { .. }) = report.lost {
                // Only a link that is up waits for it.
                give_up.notify_waiters();
            }
            let state = report.state();
            if let Err(lost) = &state.result {
                tracing::warn!(hop = lost.hop, code = lost.code, "a canary was lost");
            }
            status.send_modify(|status| status.canary = Some(state));
        }
    };
    cancel.run_until_cancelled(rounds).await;
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The history cannot be used.
    #[error(transparent)]
    History(#[from] OpenError),
    /// Another process listens on the endpoint.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The sender to the target cannot be set up.
    #[error(transparent)]
    Target(#[from] TrustError),
    /// The runtime is shutting down.
    #[error("the program is shutting down")]
    ShuttingDown,
}

impl Coded for SpawnError {
    fn code(&self) -> &'static Code {
        match self {
            Self::History(error) => error.code(),
            Self::Lock(error) => error.code(),
            Self::Target(error) => error.code(),
            Self::ShuttingDown => &codes::FAILED,
        }
    }
}

#[cfg(test)]
mod tests;
