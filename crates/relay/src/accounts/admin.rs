//! What an operator sets for an endpoint.

use std::fmt;
use std::str::FromStr;

use ringtail_protocol::name::{Name, NameError};
use rusqlite::{OptionalExtension as _, named_params};

use super::store::{Accounts, AccountsError};
use crate::journal::EndpointKey;

/// The most days that an endpoint may keep its events.
pub const MAX_RETENTION_DAYS: u16 = 3650;

/// An endpoint as people name it: `ACCOUNT/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointName {
    /// Name of the account.
    pub account: Name,
    /// Name of the endpoint there.
    pub name: Name,
}

/// Why a text names no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointNameError {
    /// There is no slash in it.
    #[error("an endpoint is named ACCOUNT/NAME")]
    NoSlash,
    /// One of its parts is no name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl EndpointName {
    /// Reads `ACCOUNT/NAME`.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, EndpointNameError> {
        let (account, name) = text.split_once('/').ok_or(EndpointNameError::NoSlash)?;
        Ok(Self {
            account: Name::parse(account)?,
            name: Name::parse(name)?,
        })
    }
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.name)
    }
}

impl FromStr for EndpointName {
    type Err = EndpointNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Accounts {
    /// Returns the number of an endpoint, if there is one of that name. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn endpoint_named(
        &self,
        endpoint: &EndpointName,
    ) -> Result<Option<EndpointKey>, AccountsError> {
        let reader = self.reader();
        let key = reader.connection().query_row(
            "SELECT endpoint.key FROM endpoint JOIN account ON account.key = endpoint.account
             WHERE account.name = :account AND endpoint.name = :name",
            named_params! {
                ":account": endpoint.account.as_str(),
                ":name": endpoint.name.as_str(),
            },
            |row| row.get(0).map(EndpointKey),
        );
        Ok(key.optional()?)
    }

    /// Sets for how many days the endpoint keeps its events; `None` is the relay's own `--keep-days`. A relay that
    /// serves follows with its next sweep, within a minute. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn set_retention(
        &self,
        endpoint: EndpointKey,
        days: Option<u16>,
    ) -> Result<(), AccountsError> {
        self.writer().execute(
            "UPDATE endpoint SET retention_days = :days WHERE key = :endpoint",
            named_params! { ":endpoint": endpoint.0, ":days": days },
        )?;
        Ok(())
    }

    /// Returns whether the endpoint is there still. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn has_endpoint(&self, endpoint: EndpointKey) -> Result<bool, AccountsError> {
        let reader = self.reader();
        let found = reader
            .connection()
            .prepare_cached("SELECT 1 FROM endpoint WHERE key = :endpoint")?
            .exists(named_params! { ":endpoint": endpoint.0 })?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_named_by_account_and_name() {
        let named = EndpointName::parse("anna/sms").unwrap();
        assert_eq!(named.to_string(), "anna/sms");
        for bad in ["", "anna", "anna/", "/sms", "anna/sms/x", "Anna/sms"] {
            assert!(EndpointName::parse(bad).is_err(), "{bad}");
        }
    }
}
