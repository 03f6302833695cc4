//! How many events each endpoint may take in a second.

use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::journal::EndpointKey;
use crate::limits::EVENT_BURST_SECONDS;

/// Takes what an endpoint does not use for [`EVENT_BURST_SECONDS`] into account, so that a burst passes.
///
/// The table has a row for every endpoint that had an event, and strangers cannot make endpoints.
#[derive(Debug)]
pub(crate) struct EventRates(DefaultKeyedRateLimiter<EndpointKey>);

impl EventRates {
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        let burst = per_second.saturating_mul(EVENT_BURST_SECONDS);
        Self(RateLimiter::keyed(
            Quota::per_second(per_second).allow_burst(burst),
        ))
    }

    /// Takes one event's place, if the endpoint has one left.
    pub(crate) fn take(&self, endpoint: EndpointKey) -> bool {
        self.0.check_key(&endpoint).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_each_endpoint_has_its_own() {
        let rates = EventRates::new(NonZeroU32::MIN);
        let burst = usize::try_from(EVENT_BURST_SECONDS.get()).expect("small");
        for endpoint in [EndpointKey(1), EndpointKey(2)] {
            let taken = (0..10 * burst).take_while(|_| rates.take(endpoint)).count();
            // A machine that stands still for a second gives one more.
            assert!((burst..2 * burst).contains(&taken), "{taken}");
        }
    }
}
