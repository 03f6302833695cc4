//! What every connection of a relay shares.

use std::sync::Arc;

use http::{HeaderMap, header};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::{Account, SharedAccounts, Token};
use crate::allowance::Allowance;
use crate::api::Denied;
use crate::hosts::Hosts;
use crate::journal::Journal;
use crate::limits::Limits;
use crate::links::{End, Links};
use crate::metrics::Metrics;
use crate::proxies::{Caller, Proxies};

/// One running relay.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) accounts: SharedAccounts,
    pub(crate) links: Arc<Links>,
    pub(crate) limits: Limits,
    pub(crate) hosts: Hosts,
    pub(crate) proxies: Proxies,
    /// One permit for each byte of a request's body that may be in memory.
    pub(crate) budget: Arc<Semaphore>,
    pub(crate) metrics: Metrics,
    pub(crate) handshake_notes: Allowance,
    /// Connections, and the streams on them.
    pub(crate) connection_tasks: TaskTracker,
    /// Links, which outlive the connections that they were: exchanges in flight need them to the end.
    pub(crate) link_tasks: TaskTracker,
    /// No more requests are taken; those in flight are finished.
    pub(crate) drain: CancellationToken,
    /// Links end: no exchange needs them any more.
    pub(crate) end_links: CancellationToken,
    /// Nothing is finished any more.
    pub(crate) abort: CancellationToken,
}

impl Relay {
    /// Returns the account whose token the request shows.
    pub(crate) async fn authenticate(
        &self,
        caller: Caller,
        headers: &HeaderMap,
    ) -> Result<Account, Denied> {
        let found = match bearer(headers).and_then(Token::parse) {
            Some(token) => self.accounts.authenticate(token).await.map_err(|error| {
                tracing::error!(error = &error as &dyn std::error::Error, "no login checked");
                Denied::unavailable()
            })?,
            None => None,
        };
        found.ok_or_else(|| {
            self.metrics.failed_logins.inc();
            tracing::debug!(%caller, "login failed");
            Denied::unauthorized()
        })
    }

    /// Says whether the token that proved the account still counts. A store that cannot say ends nobody's link.
    pub(crate) async fn still_current(&self, account: &Account) -> bool {
        match self.accounts.is_current(account.clone()).await {
            Ok(current) => current,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no token checked");
                true
            }
        }
    }

    /// Ends links whose tokens stop counting, until the relay stops.
    pub(crate) async fn watch_accounts(&self) {
        loop {
            tokio::select! {
                biased;
                () = self.drain.cancelled() => return,
                () = tokio::time::sleep(self.limits.accounts_interval) => {}
            }
            match self.accounts.changed().await {
                Ok(false) => {}
                Ok(true) => self.end_revoked().await,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "accounts not read"
                    );
                }
            }
        }
    }

    async fn end_revoked(&self) {
        for account in self.links.accounts() {
            if !self.still_current(&account).await {
                self.links
                    .end_where(End::Revoked, |link| link.account == account);
            }
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
