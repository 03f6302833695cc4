//! Administration of endpoints.

use std::fmt;
use std::str::FromStr;

use ringtail_protocol::name::{Name, NameError};
use rusqlite::{OptionalExtension as _, named_params};

use super::store::{Accounts, AccountsError};
use crate::journal::EndpointKey;

/// Days for which an endpoint may keep its events, at most.
pub const MAX_RETENTION_DAYS: u16 = 3650;

/// An endpoint by name: `ACCOUNT/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointName {
    /// Name of the account.
    pub account: Name,
    /// Name of the endpoint.
    pub name: Name,
}

/// Why a text is not an endpoint's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointNameError {
    /// It has no slash.
    #[error("expected ACCOUNT/NAME")]
    NoSlash,
    /// One of its parts is not a name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl EndpointName {
    /// Parses `ACCOUNT/NAME`.
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
    /// Returns the key of an endpoint, if it exists. Blocks.
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

    /// Sets how many days the endpoint keeps its events; `None` for the relay's `--keep-days`. A serving relay applies it
    /// within a minute. Blocks.
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

    /// Returns whether the endpoint exists. Blocks.
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
