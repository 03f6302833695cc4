//! How an administrator names an endpoint.

use std::fmt;

use ringtail_protocol::name::{Name, NameError};

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
