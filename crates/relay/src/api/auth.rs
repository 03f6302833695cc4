//! Checks the tokens of API requests.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderValue, header};

use super::denied::Denied;
use super::failed_logins::FailedLogins;
use crate::accounts::{Account, SharedAccounts, Token};
use crate::budget::Owner;
use crate::metrics::{Limit, Metrics};

/// Checks tokens.
#[derive(Debug)]
pub(crate) struct Authenticator {
    accounts: SharedAccounts,
    failed: FailedLogins,
    metrics: Arc<Metrics>,
}

impl Authenticator {
    pub(crate) fn new(accounts: SharedAccounts, metrics: Arc<Metrics>) -> Self {
        Self {
            accounts,
            failed: FailedLogins::default(),
            metrics,
        }
    }

    /// Returns the account whose token the request carries. A valid one is always accepted: what others at the same address
    /// guessed must not lock out its holder.
    pub(crate) async fn authenticate(
        &self,
        caller: Option<Owner>,
        headers: &HeaderMap,
    ) -> Result<Account, Denied> {
        // A request without a token guesses nothing; any web page can make a browser send one.
        let Some(presented) = headers.get(header::AUTHORIZATION) else {
            return Err(Denied::unauthorized());
        };
        if let Some(token) = bearer(presented).and_then(Token::parse) {
            let account = self.accounts.authenticate(token).await.map_err(|error| {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "failed to verify login");
                Denied::unavailable()
            })?;
            if let Some(account) = account {
                return Ok(account);
            }
        }
        self.metrics.failed_logins.inc();
        tracing::debug!(?caller, "login failed");
        if let Some(Owner::Address(address)) = caller {
            let now = Instant::now();
            if let Some(wait) = self.failed.blocked(address, now) {
                self.metrics.limits.hit(Limit::FailedLogins);
                return Err(Denied::too_many_logins(wait));
            }
            self.failed.add(address, now);
        }
        Err(Denied::unauthorized())
    }
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
