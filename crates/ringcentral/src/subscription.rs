//! Webhook subscriptions as RingCentral's API returns them (docs/RINGCENTRAL.md 4), and what to do about them.
//!
//! [`plan`](plan::plan) decides, [`filters`] compares and names event filters. Times are RingCentral's.

pub mod filters;
pub mod plan;

use jiff::Timestamp;
use serde::Deserialize;

/// The status of a healthy subscription; any other is broken, whatever its name (section 2.6).
const ACTIVE: &str = "Active";

/// Longest lifetime to ask for, in seconds: more is capped (section 4.4).
pub const MAX_SECONDS: u64 = 315_360_000;

/// Lifetime in seconds if none is asked for (section 4.4).
pub const DEFAULT_SECONDS: u64 = 604_800;

/// A subscription. Whatever is missing in the response is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Filters, with ids in place of `~`.
    pub event_filters: Vec<String>,
    /// Filters that are dead although the call succeeded.
    pub disabled_filters: Vec<DisabledFilter>,
    /// `Active`, `Blacklisted`, or another word.
    pub status: String,
    /// When it was created.
    pub creation_time: Option<Timestamp>,
    /// When it ends.
    pub expiration_time: Option<Timestamp>,
    /// Where it delivers.
    pub delivery_mode: DeliveryMode,
    /// Why it is blacklisted.
    pub blacklisted_data: Option<BlacklistedData>,
}

/// A filter that delivers nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct DisabledFilter {
    /// The filter.
    pub filter: String,
    /// Why, as a word.
    pub reason: String,
    /// Why, as a sentence.
    pub message: String,
}

impl DisabledFilter {
    /// Returns why the filter is disabled, in the most readable form that there is.
    #[must_use]
    pub fn why(&self) -> &str {
        let given = [&self.message, &self.reason];
        given
            .into_iter()
            .find(|it| !it.is_empty())
            .map_or("no reason given", |it| it)
    }
}

/// How a subscription delivers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeliveryMode {
    /// `WebHook`, or another transport.
    pub transport_type: String,
    /// The webhook's address.
    pub address: String,
}

/// Since when and why a subscription is blacklisted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BlacklistedData {
    /// Since when.
    pub blacklisted_at: Option<Timestamp>,
    /// Why, as `ringtail explain -` reads it.
    pub reason: String,
}

impl Subscription {
    /// Returns whether it delivers to a webhook.
    #[must_use]
    pub fn is_webhook(&self) -> bool {
        self.delivery_mode
            .transport_type
            .eq_ignore_ascii_case("webhook")
    }

    /// Returns why it is broken: the recorded reason, else the status.
    #[must_use]
    pub fn why_broken(&self) -> &str {
        let recorded = self.blacklisted_data.as_ref();
        recorded
            .map(|it| it.reason.as_str())
            .filter(|reason| !reason.is_empty())
            .unwrap_or(&self.status)
    }

    /// Returns whether it is active at a time.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.status == ACTIVE && self.seconds_left(now) > 0
    }

    /// Returns the seconds that it has left; without an expiry it never ends.
    #[must_use]
    pub fn seconds_left(&self, now: Timestamp) -> i64 {
        self.expiration_time
            .map_or(i64::MAX, |end| end.duration_since(now).as_secs())
    }

    /// Returns the webhook's address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.delivery_mode.address
    }

    /// Returns whether it delivers to an address: scheme and host in any case, everything else exactly.
    #[must_use]
    pub fn is_for(&self, address: &str) -> bool {
        self.is_webhook() && canonical(self.address()) == canonical(address)
    }
}

/// Splits an address into its origin in small letters, without the default port, and the rest.
fn canonical(address: &str) -> (String, &str) {
    let after_scheme = address.find("://").map_or(0, |at| at + 3);
    let end = address[after_scheme..]
        .find(['/', '?'])
        .map_or(address.len(), |at| after_scheme + at);
    let (origin, rest) = address.split_at(end);
    let origin = origin.to_ascii_lowercase();
    let origin = match origin.strip_prefix("https://") {
        Some(host) => host
            .strip_suffix(":443")
            .map(|host| format!("https://{host}")),
        None => None,
    }
    .unwrap_or(origin);
    // HTTP has no empty path.
    (origin, if rest.is_empty() { "/" } else { rest })
}

#[cfg(test)]
mod tests;
