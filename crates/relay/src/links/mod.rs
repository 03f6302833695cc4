//! Links: the WebSocket connections between relay and clients, on which events and passthrough requests travel.
//!
//! A link is attached once its client has answered the relay's first request, so a passthrough request never waits for
//! a client that only dialled.

mod events;
pub(crate) mod passthrough;
pub(crate) mod registry;
pub(crate) mod revocation;
pub(crate) mod session;

use std::sync::Arc;

use self::registry::Links;
use crate::accounts::{Account, SharedAccounts};
use crate::journal::Journal;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;

/// What every link's task needs.
#[derive(Debug, Clone)]
pub(crate) struct LinkContext {
    pub(crate) links: Arc<Links>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) accounts: SharedAccounts,
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shutdown: Shutdown,
}

impl LinkContext {
    /// Returns true if the token that opened a link is still valid. A database error ends no link.
    async fn is_current(&self, account: &Account) -> bool {
        let current = self.accounts.is_current(account.clone()).await;
        current.unwrap_or_else(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "could not check a link's token");
            true
        })
    }
}
