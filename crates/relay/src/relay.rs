//! What every connection of a relay shares.

use std::sync::Arc;
use std::time::Instant;

use governor::DefaultDirectRateLimiter;
use http::{HeaderMap, header};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::{Account, SharedAccounts, Token};
use crate::api::Denied;
use crate::clock::Clock;
use crate::hosts::Hosts;
use crate::journal::Journal;
use crate::limits::Limits;
use crate::links::{End, Links};
use crate::logins::FailedLogins;
use crate::memory::Memory;
use crate::metrics::{Limit, Metrics};
use crate::proxies::{Caller, Proxies};
use crate::rates::EventRates;
use crate::server::admission;

/// One running relay.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) accounts: SharedAccounts,
    pub(crate) links: Arc<Links>,
    pub(crate) limits: Limits,
    pub(crate) hosts: Hosts,
    pub(crate) proxies: Proxies,
    /// Memory for requests to endpoints.
    pub(crate) memory: Memory,
    /// Memory for requests to anything else.
    pub(crate) stray_memory: Memory,
    /// One permit for each large body that may be looked at.
    pub(crate) large_bodies: Arc<Semaphore>,
    pub(crate) metrics: Metrics,
    pub(crate) failed_logins: FailedLogins,
    pub(crate) event_rates: EventRates,
    pub(crate) validation_notes: DefaultDirectRateLimiter,
    /// Lines of the log about events that are not stored.
    pub(crate) unstored_lines: DefaultDirectRateLimiter,
    /// What events are stamped by.
    pub(crate) clock: Clock,
    /// Connections, and the streams on them.
    pub(crate) connection_tasks: TaskTracker,
    /// Links, which outlive the connections that they were: passthrough requests in flight need them to the end.
    pub(crate) link_tasks: TaskTracker,
    /// No more requests are taken; those in flight are finished.
    pub(crate) drain: CancellationToken,
    /// Connections end as soon as nothing is in flight on them.
    pub(crate) quiet: CancellationToken,
    /// Passthrough requests are no longer waited for.
    pub(crate) give_up: CancellationToken,
    /// Links end: no passthrough needs them any more.
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
        let address = admission::group(caller.address());
        // A proxy that does not say who calls is everybody behind it: one of them must not shut the others out.
        let counts = !self.proxies.trusts(caller.address());
        // Before the token is looked at: who fails too often costs no more than this.
        if counts && let Some(wait) = self.failed_logins.blocked(address, Instant::now()) {
            self.metrics.limits.hit(Limit::FailedLogins);
            return Err(Denied::too_many_logins(wait));
        }
        let found = match bearer(headers).and_then(Token::parse) {
            Some(token) => self.accounts.authenticate(token).await.map_err(|error| {
                tracing::error!(error = &error as &dyn std::error::Error, "no login checked");
                Denied::unavailable()
            })?,
            None => None,
        };
        found.ok_or_else(|| {
            self.metrics.failed_logins.inc();
            if counts {
                self.failed_logins.add(address, Instant::now());
            }
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

    /// Ends links whose tokens stop counting or whose endpoints were deleted, until the relay stops.
    pub(crate) async fn watch_accounts(&self) {
        loop {
            tokio::select! {
                biased;
                () = self.drain.cancelled() => return,
                () = tokio::time::sleep(self.limits.accounts_interval) => {}
            }
            match self.accounts.changed().await {
                Ok(false) => {}
                Ok(true) => {
                    self.end_revoked().await;
                    self.forget_deleted().await;
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "accounts not read"
                    );
                }
            }
        }
    }

    /// Answers 404 for endpoints that were deleted, and ends their links.
    async fn forget_deleted(&self) {
        match self.accounts.forget_deleted().await {
            Ok(gone) if gone.is_empty() => {}
            Ok(gone) => {
                tracing::info!(endpoints = gone.len(), "endpoints deleted");
                self.links
                    .end_where(End::Deleted, |link| gone.contains(&link.endpoint));
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "endpoints not read"
                );
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
