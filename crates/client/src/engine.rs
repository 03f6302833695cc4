//! The engine: everything that runs while a client listens on one endpoint.
//!
//! It owns the link, the forwarder and the history, and prints nothing: faces watch [`Engine::status`] and read
//! [`Engine::history`] from their own position. It never gives up by itself, except when the relay refuses for
//! good.

mod failures;
mod lock;
mod memory;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::path::EndpointInfo;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::config::Account;
use crate::forward::{ForwardOptions, Forwarder, Passthrough, SendOptions, Sender, TrustError};
use crate::link::{Linker, Refusal};
use failures::Failures;
use lock::Lock;
pub use lock::LockError;
use memory::Memory;
pub use memory::{command_target, last_target};
use ringtail_model::secrets::Secrets;
use ringtail_model::signature::SignaturePolicy;
use ringtail_model::target::TargetUrl;
use ringtail_model::{Endpoint, LinkState, Status, Target, TargetState, Watermarks};
use ringtail_store::{Forwarding, History, OpenError, Retention};

/// What an engine is to do.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The relay and who calls it.
    pub account: Account,
    /// Name of the endpoint.
    pub endpoint: String,
    /// Directory of the history.
    pub data: PathBuf,
    /// Where events go; none to look at them only.
    pub target: Option<TargetUrl>,
    /// How it is asked.
    pub send: SendOptions,
    /// Whether events are forwarded as they come. Without, the target is for replays alone.
    pub forward: bool,
    /// What RingCentral and the app share on this endpoint.
    pub secrets: Secrets,
    /// Keeps from the app whose proof of origin is wrong or missing.
    pub guard: Option<SignaturePolicy>,
    /// How much of the history is kept.
    pub retention: Retention,
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
    sender: Option<Sender>,
    paused: watch::Sender<bool>,
    secrets: Secrets,
    tasks: TaskTracker,
    cancel: CancellationToken,
    refusal: Arc<OnceLock<Refusal>>,
    /// Held as long as anybody looks at the engine.
    _lock: Lock,
}

impl Engine {
    /// Opens the history and starts everything. The relay need not be there: it is waited for.
    ///
    /// # Errors
    /// When the history cannot be opened, or another process listens on the endpoint with it.
    pub async fn spawn(config: EngineConfig) -> Result<Self, SpawnError> {
        let history = open(&config).await?;
        Self::over(history, config).await
    }

    /// Starts an engine for each endpoint, over one history: data directory and retention are those of the first. Each has a link
    /// and a forwarder of its own, so that none waits for another.
    ///
    /// # Errors
    /// As [`Engine::spawn`]. Engines that run already are told to stop.
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
                    return Err(error);
                }
            }
        }
        Ok(engines)
    }

    async fn over(history: History, config: EngineConfig) -> Result<Self, SpawnError> {
        let (data, name) = (config.data.clone(), config.endpoint.clone());
        let lock = tokio::task::spawn_blocking(move || Lock::take(&data, &name));
        let lock = lock.await.map_err(|_| SpawnError::ShuttingDown)??;
        let start = *history.watermarks().borrow();
        let name = config.endpoint.clone();
        let memory = Memory::new(
            &config.data,
            &config.account.relay,
            &config.endpoint,
            config.target.as_ref(),
        );
        let recalled = memory.recall();
        let (status, watched) = watch::channel(first_status(&config, recalled.as_ref()));
        let (endpoint, known) = watch::channel(recalled);
        let sender = match config.target {
            Some(target) => Some(Sender::new(target, config.send)?),
            None => None,
        };
        let (paused, wanted) = watch::channel(false);
        let tasks = TaskTracker::new();
        let cancel = CancellationToken::new();
        let refusal = Arc::new(OnceLock::new());

        // Passthrough requests outlive the word to stop for as long as the link takes to drain.
        let passthroughs = CancellationToken::new();
        let forwarding = sender.clone().filter(|_| config.forward);
        let linker = Linker {
            account: config.account,
            name: config.endpoint,
            digital_verify_token: config.secrets.digital_verify_token_of_relay().cloned(),
            history: history.clone(),
            status: status.clone(),
            endpoint,
            passthrough: forwarding.clone().map(|sender| {
                Passthrough::new(history.clone(), sender, tasks.clone(), passthroughs.clone())
                    .guarded(config.guard.clone())
            }),
            forwarding: match (&forwarding, config.guard) {
                (Some(_), None) => Forwarding::On,
                (Some(_), Some(guard)) => Forwarding::Guarded(guard),
                (None, _) => Forwarding::Off,
            },
            cancel: cancel.child_token(),
        };
        let refused = Arc::clone(&refusal);
        // Without a link nothing else has a purpose, however the link ended; a panic must not leave the rest running.
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
            tasks.spawn(failures.run(known.clone()));
            let forward = Forward {
                history: history.clone(),
                sender,
                status,
                paused: wanted,
                tasks: tasks.clone(),
                cancel: cancel.child_token(),
            };
            tasks.spawn(
                forward
                    .run(known.clone())
                    .instrument(tracing::info_span!("forward", endpoint = name)),
            );
        }
        tasks.spawn(keep(memory, known));
        tasks.spawn(history.clone().watch_others(cancel.child_token()));
        tasks.close();
        Ok(Self {
            inner: Arc::new(Inner {
                history,
                start,
                status: watched,
                sender,
                paused,
                secrets: config.secrets,
                tasks,
                cancel,
                refusal,
                _lock: lock,
            }),
        })
    }

    /// Returns a view of what the engine is doing.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.inner.status.clone()
    }

    /// Returns the history.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.inner.history
    }

    /// Returns how far the history reached when the engine started: what is after is of this run.
    #[must_use]
    pub fn start(&self) -> Watermarks {
        self.inner.start
    }

    /// Returns what RingCentral and the app share on this endpoint.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }

    /// Holds events back from the target, or lets them go. Callers that wait for an answer still get the app's, and
    /// replays are sent. Nobody remembers it: an engine that starts again forwards.
    pub fn hold(&self, on: bool) {
        self.inner.paused.send_replace(on);
    }

    /// Returns who sends to the target, if there is one.
    #[must_use]
    pub fn sender(&self) -> Option<&Sender> {
        self.inner.sender.as_ref()
    }

    /// Tells the engine to stop. [`Engine::join`] says when it has.
    pub fn shutdown(&self) {
        self.inner.cancel.cancel();
    }

    /// Waits until everything has stopped.
    ///
    /// # Errors
    /// When it was the relay that refused.
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
        name: config.endpoint.clone(),
        endpoint: recalled.map(|info| Endpoint {
            id: info.endpoint.clone(),
            url: info.url.clone(),
        }),
        link: LinkState::Connecting,
        relay_head: 0,
        cursor: 0,
        target: config.target.as_ref().map(|url| Target {
            url: url.to_string(),
            forwards: config.forward,
            state: TargetState::Untried,
        }),
        held: 0,
        paused: false,
        failing: None,
    }
}

/// Forwards what is owed on the endpoint, as soon as that is known, and tells how it goes.
struct Forward {
    history: History,
    sender: Sender,
    status: watch::Sender<Status>,
    paused: watch::Receiver<bool>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Forward {
    async fn run(self, mut known: watch::Receiver<Option<EndpointInfo>>) {
        loop {
            let endpoint = known.borrow_and_update().clone().map(|info| info.endpoint);
            let one = self.cancel.child_token();
            let watched = async {
                match &endpoint {
                    Some(endpoint) => self.watch(endpoint, one.clone()).await,
                    None => std::future::pending().await,
                }
            };
            // Another endpoint under the same name, which is a relay that was set up anew, gets its own forwarder.
            let other = async {
                let changed = known
                    .wait_for(|info| info.as_ref().map(|info| &info.endpoint) != endpoint.as_ref());
                if changed.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return,
                () = other => {}
                () = watched => {}
            }
            one.cancel();
        }
    }

    async fn watch(&self, endpoint: &str, cancel: CancellationToken) {
        let forwarder = Forwarder::spawn(
            self.history.clone(),
            endpoint,
            self.sender.clone(),
            ForwardOptions::default(),
            self.paused.clone(),
            &self.tasks,
            cancel,
        );
        let mut state = forwarder.state();
        let mut wanted = self.paused.clone();
        loop {
            let now = state.borrow_and_update().clone();
            let paused = *wanted.borrow_and_update();
            self.status.send_modify(|status| {
                status.held = now.held;
                status.paused = paused;
                if let Some(target) = &mut status.target {
                    target.state = now.target;
                }
            });
            tokio::select! {
                Ok(()) = state.changed() => {}
                Ok(()) = wanted.changed() => {}
                // It ends by its token alone, which ends this too.
                else => std::future::pending().await,
            }
        }
    }
}

/// Keeps what the relay tells of the endpoint for the next start.
async fn keep(memory: Memory, mut known: watch::Receiver<Option<EndpointInfo>>) {
    let memory = Arc::new(memory);
    while known.changed().await.is_ok() {
        let Some(info) = known.borrow_and_update().clone() else {
            continue;
        };
        let memory = Arc::clone(&memory);
        let kept = tokio::task::spawn_blocking(move || memory.keep(&info)).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!(%error, "the endpoint is not remembered for the next start");
        }
    }
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
    /// The target cannot be asked.
    #[error(transparent)]
    Target(#[from] TrustError),
    /// The runtime ends.
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
