//! What answering a request needs.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

use super::recorder::Recorder;
use crate::accounts::{AccountKey, EndpointRecord, SharedAccounts};
use crate::api::ApiContext;
use crate::budget::Owner;
use crate::cluster::Cluster;
use crate::hosts::Hosts;
use crate::journal::EndpointKey;
use crate::limits::{ACCOUNT_EVENT_RATE, EVENT_BURST_SECONDS, LARGE_BODIES, Limits};
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
    /// The other relays of the database.
    pub(super) cluster: Option<Arc<Cluster>>,
    pub(super) recorder: Recorder,
    pub(super) limits: Arc<Limits>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) shutdown: Shutdown,
    /// One permit for each large body that is being parsed.
    pub(super) large_bodies: Arc<Semaphore>,
    /// Have a row for each endpoint and account that had an event; strangers cannot create them.
    pub(super) endpoint_rates: DefaultKeyedRateLimiter<EndpointKey>,
    pub(super) account_rates: DefaultKeyedRateLimiter<AccountKey>,
}

impl EdgeContext {
    pub(crate) fn new(api: ApiContext, cluster: Option<Arc<Cluster>>) -> Self {
        let links = api.links.clone();
        let quota = |per_second: NonZeroU32| {
            Quota::per_second(per_second)
                .allow_burst(per_second.saturating_mul(EVENT_BURST_SECONDS))
        };
        let of_endpoint = links.limits.events_per_second;
        let of_account = of_endpoint.saturating_mul(ACCOUNT_EVENT_RATE);
        Self {
            accounts: links.accounts,
            hosts: api.hosts.clone(),
            links: links.links,
            cluster,
            recorder: Recorder::new(
                links.journal,
                links.metrics.clone(),
                links.limits.queued_bytes,
            ),
            large_bodies: Arc::new(Semaphore::new(LARGE_BODIES)),
            endpoint_rates: RateLimiter::keyed(quota(of_endpoint)),
            account_rates: RateLimiter::keyed(quota(of_account)),
            limits: links.limits,
            metrics: links.metrics,
            shutdown: links.shutdown,
            api,
        }
    }

    /// Returns true if the endpoint's or its account's events come too fast; else counts this one.
    pub(super) fn has_too_many_events(&self, endpoint: &EndpointRecord) -> bool {
        self.endpoint_rates.check_key(&endpoint.key).is_err()
            || self.account_rates.check_key(&endpoint.account).is_err()
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
