//! Checks the tokens of API requests.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, header};

use super::denied::Denied;
use super::failed_logins::FailedLogins;
use crate::accounts::{Account, SharedAccounts, Token};
use crate::metrics::{Limit, Metrics};
use crate::net::admission::address_group;
use crate::net::proxies::{Caller, Proxies};

/// Checks tokens.
#[derive(Debug)]
pub(crate) struct Authenticator {
    accounts: SharedAccounts,
    proxies: Arc<Proxies>,
    failed: FailedLogins,
    metrics: Arc<Metrics>,
}

impl Authenticator {
    pub(crate) fn new(
        accounts: SharedAccounts,
        proxies: Arc<Proxies>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            accounts,
            proxies,
            failed: FailedLogins::default(),
            metrics,
        }
    }

    /// Returns the account whose token the request carries.
    pub(crate) async fn authenticate(
        &self,
        caller: Caller,
        headers: &HeaderMap,
    ) -> Result<Account, Denied> {
        let address = address_group(caller.address());
        // A proxy that does not name its callers stands for all of them: one must not lock out the others.
        let is_counted = !self.proxies.trusts(caller.address());
        // Checked first, so that a blocked address costs no database lookup.
        if is_counted && let Some(wait) = self.failed.blocked(address, Instant::now()) {
            self.metrics.limits.hit(Limit::FailedLogins);
            return Err(Denied::too_many_logins(wait));
        }
        let account = match bearer(headers).and_then(Token::parse) {
            Some(token) => self.accounts.authenticate(token).await.map_err(|error| {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "failed to verify login");
                Denied::unavailable()
            })?,
            None => None,
        };
        account.ok_or_else(|| {
            self.metrics.failed_logins.inc();
            if is_counted {
                self.failed.add(address, Instant::now());
            }
            tracing::debug!(%caller, "login failed");
            Denied::unauthorized()
        })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
