//! What answering a request needs.

use std::sync::Arc;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

use super::recorder::Recorder;
use crate::accounts::{EndpointRecord, SharedAccounts};
use crate::api::ApiContext;
use crate::budget::Owner;
use crate::hosts::Hosts;
use crate::journal::EndpointKey;
use crate::limits::{EVENT_BURST_SECONDS, LARGE_BODIES, Limits};
use crate::links::registry::Links;
use crate::metrics::Metrics;
use crate::net::proxies::Caller;
use crate::shutdown::Shutdown;

/// What answering a request needs.
#[derive(Debug)]
pub(crate) struct EdgeContext {
    pub(super) api: ApiContext,
    pub(super) accounts: SharedAccounts,
    pub(super) hosts: Arc<Hosts>,
    pub(super) links: Arc<Links>,
    pub(super) recorder: Recorder,
    pub(super) limits: Arc<Limits>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) shutdown: Shutdown,
    /// One permit for each large body that is being parsed.
    pub(super) large_bodies: Arc<Semaphore>,
    /// Has a row for each endpoint that had an event; strangers cannot create endpoints.
    pub(super) event_rates: DefaultKeyedRateLimiter<EndpointKey>,
}

impl EdgeContext {
    pub(crate) fn new(api: ApiContext) -> Self {
        let links = api.links.clone();
        let per_second = links.limits.events_per_second;
        let burst = per_second.saturating_mul(EVENT_BURST_SECONDS);
        Self {
            accounts: links.accounts,
            hosts: api.hosts.clone(),
            links: links.links,
            recorder: Recorder::new(links.journal, links.metrics.clone()),
            large_bodies: Arc::new(Semaphore::new(LARGE_BODIES)),
            event_rates: RateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst)),
            limits: links.limits,
            metrics: links.metrics,
            shutdown: links.shutdown,
            api,
        }
    }

    /// Returns for whom memory of a request to an endpoint is held.
    pub(super) fn owners(&self, endpoint: &EndpointRecord, caller: Caller) -> Vec<Owner> {
        let mut owners = vec![
            Owner::Account(endpoint.account),
            Owner::Endpoint(endpoint.key),
        ];
        owners.extend(self.api.proxies.owner(caller));
        owners
    }
}
