//! The local page: what the terminal UI shows, in a browser on the same machine, and the HTTP API that the page uses.
//!
//! The server listens on the loopback interface only. `gate` lets in requests with the token of the printed URL, and nothing
//! that another site's page sends. `api` answers with the JSON of docs/OUTPUT.md; `page` is the frame, whose script and
//! style are in the binary, and [`picture`] draws. Texts of strangers become text nodes, never markup. docs/WEB.md describes the API.

mod api;
mod connection;
mod error;
mod gate;
mod lines;
mod page;
pub mod picture;
mod share;
mod token;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ringtail_errors::{Code, Coded, codes};
use ringtail_recordings::diff::Noise;
use ringtail_views::listeners::{follow, listeners};
use ringtail_views::replayer::{OptionsCheck, Replayer};
use ringtail_views::{Store, blocking};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gate::Gate;
pub use crate::token::TokenError;
use crate::token::{SessionToken, tokens};

/// Streams of updates that are open at once: tabs of a few browsers.
const STREAMS: usize = 32;

/// Settings of the page.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0 for any.
    pub port: u16,
    /// Whether everything is masked, whatever the page asks for.
    pub mask: bool,
    /// What is not compared.
    pub noise: Noise,
    /// Checks the options of a replay.
    pub check_options: fn(&str) -> OptionsCheck,
}

/// The page's server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    token: SessionToken,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The port is taken.
    #[error("cannot serve the page on 127.0.0.1:{port}")]
    Bind {
        /// The port.
        port: u16,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The token is missing.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Coded for SpawnError {
    fn code(&self) -> &'static Code {
        &codes::FAILED
    }

    fn hint(&self) -> Option<String> {
        match self {
            // Not the URL with the token: another program may have the port.
            Self::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse => Some(
                "open the URL that the other ringtail printed, or choose another port, 0 for any"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// What the handlers share.
#[derive(Debug)]
struct Shared {
    store: Store,
    /// What other processes that fill the history say of their engines.
    others: watch::Receiver<Vec<Value>>,
    options: Options,
    gate: Gate,
    streams: Arc<Semaphore>,
    cancel: CancellationToken,
}

impl Shared {
    /// Returns whether personal data is masked in an answer.
    fn masks(&self, asked: bool) -> bool {
        asked || self.options.mask
    }
}

impl Server {
    /// Binds the port and serves the page until [`Server::stop`].
    ///
    /// # Errors
    /// When the port is taken, or the token in the data directory cannot be read or made.
    pub async fn spawn(
        store: Store,
        replayer: impl Replayer,
        options: Options,
    ) -> Result<Self, SpawnError> {
        let data = store.data.clone();
        let (tokens, others) = blocking(move || (tokens(&data), listeners(&data))).await;
        let (token, page_token) = tokens?;
        let (told, others) = watch::channel(others);
        let port = options.port;
        let bound = async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let bound = bound.await;
        let (listener, address) = bound.map_err(|source| SpawnError::Bind { port, source })?;
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        let following = follow(store.data.clone(), told);
        let stopped = cancel.clone();
        tasks.spawn(async move { stopped.run_until_cancelled(following).await });
        let shared = Arc::new(Shared {
            others,
            gate: Gate::new(address.port(), token.clone(), page_token),
            store,
            options,
            streams: Arc::new(Semaphore::new(STREAMS)),
            cancel: cancel.clone(),
        });
        let router = api::router(shared, replayer);
        tasks.spawn(connection::accept(
            listener,
            router,
            tasks.clone(),
            cancel.clone(),
        ));
        tasks.close();
        Ok(Self {
            address,
            token,
            tasks,
            cancel,
        })
    }

    /// Returns the page's URL, with the token.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/?token={}", self.address, self.token.text())
    }

    /// Stops serving. A response that has begun may end, within a moment.
    pub async fn stop(&self) {
        self.cancel.cancel();
        self.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests;
