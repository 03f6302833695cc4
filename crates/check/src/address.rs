//! The address as it is written: what can be judged before anything is sent.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use http::Uri;
use ringtail_errors::{Code, Coded, codes};
use rustls::pki_types::ServerName;

use super::reach::{why_name_is_local, why_unreachable};
use super::row::{Requirement, Row};

/// A webhook address that can be tried.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    secure: bool,
    port: u16,
    name: ServerName<'static>,
    uri: Uri,
}

impl Address {
    /// Reads an address as it would be written into `deliveryMode.address`.
    ///
    /// # Errors
    /// When it is no URL of a web server, or carries a user and password.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let uri: Uri = text
            .parse()
            .map_err(|source| AddressError::NotAUrl { source })?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(other) => {
                return Err(AddressError::Scheme {
                    scheme: other.to_owned(),
                });
            }
            None => return Err(AddressError::NoScheme),
        };
        let authority = uri.authority().ok_or(AddressError::NoHost)?;
        if authority.as_str().contains('@') {
            return Err(AddressError::Password);
        }
        let host = authority
            .host()
            .trim_matches(['[', ']'])
            .trim_end_matches('.');
        let name =
            ServerName::try_from(host.to_ascii_lowercase()).map_err(|_| AddressError::NoHost)?;
        let port = match authority.port_u16() {
            Some(0) => return Err(AddressError::Port),
            Some(port) => port,
            // A colon with nothing or nonsense behind it.
            None if authority.as_str() != authority.host() => return Err(AddressError::Port),
            None if secure => 443,
            None => 80,
        };
        Ok(Self {
            secure,
            port,
            name,
            uri,
        })
    }

    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the host, in lower case.
    pub(super) fn host(&self) -> Cow<'_, str> {
        self.name.to_str()
    }

    /// Returns the host if it is a number.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        match self.name {
            ServerName::IpAddress(ip) => Some(ip.into()),
            _ => None,
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the name that the certificate must be for.
    pub(super) fn server_name(&self) -> &ServerName<'static> {
        &self.name
    }

    /// Returns the address.
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Returns the value of the `Host` header.
    pub(super) fn authority(&self) -> &str {
        self.uri
            .authority()
            .map_or("", http::uri::Authority::as_str)
    }

    /// Returns scheme, host and port.
    fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    /// Returns path and query as sent.
    pub(super) fn target(&self) -> &str {
        self.uri
            .path_and_query()
            .map_or("/", |target| target.as_str())
    }

    /// Returns why RingCentral cannot reach the host, judged by its name.
    pub(super) fn why_local(&self) -> Option<&'static str> {
        match self.ip() {
            Some(ip) => why_unreachable(ip),
            None => why_name_is_local(&self.host()),
        }
    }
}

impl fmt::Display for Address {
    /// Shows the address without its query, which may be a secret (docs/RINGCENTRAL.md 3.4).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_query(&self.uri.to_string()))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Replaces a URL's query by an ellipsis.
pub(super) fn without_query(url: &str) -> String {
    match url.split_once('?') {
        Some((rest, _)) => format!("{rest}?…"),
        None => url.to_owned(),
    }
}

/// Judges the address alone.
pub(super) fn row(address: &Address, local: bool) -> Row {
    let host = address.host();
    if let Some(why) = address.why_local() {
        return Row::fail(
            Requirement::Address,
            format!("RingCentral cannot reach {host}: it is {why}"),
        )
        .earns(&codes::SUB_521)
        .fix(format!(
            "give RingCentral the address of a relay: `ringtail listen {}` prints one, and carries to the app what \
             comes there; `--local` judges the rest as if this one were public",
            address.origin()
        ))
        .aside(local);
    }
    if !address.is_secure() {
        return Row::warn(
            Requirement::Address,
            "plain http: documented for development only, and nothing says that production accounts still take it",
        )
        .fix("use https on port 443");
    }
    match address.ip() {
        Some(ip) => Row::warn(
            Requirement::Address,
            format!(
                "{ip} is a number: nothing says that RingCentral takes addresses without a name"
            ),
        )
        .fix("use a name, with a certificate for it"),
        None => Row::pass(
            Requirement::Address,
            format!("https, {host}, port {}", address.port()),
        ),
    }
}

/// Why a text is not a webhook address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is not a URL.
    #[error("that is not a URL")]
    NotAUrl {
        /// The reason.
        #[source]
        source: http::uri::InvalidUri,
    },
    /// It does not begin with `https://`.
    #[error("the URL begins with neither https:// nor http://")]
    NoScheme,
    /// It is a URL of something else than a web server.
    #[error("a webhook address begins with https://, not {scheme}://")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// It names no host that could be looked up.
    #[error("the URL names no host")]
    NoHost,
    /// It names no port that could be connected to.
    #[error("the URL's port is not one")]
    Port,
    /// It carries a user and password.
    #[error(
        "the URL carries a user or password before its host, which nothing says RingCentral would send"
    )]
    Password,
}

impl Coded for AddressError {
    fn code(&self) -> &'static Code {
        &codes::ADDRESS
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoScheme | Self::NotAUrl { .. } | Self::NoHost => {
                "give the whole address, such as https://hooks.example.com/ringcentral"
            }
            Self::Password => "a secret fits in the path or query",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Outcome;

    #[test]
    fn addresses_are_read_and_their_query_is_not_shown() {
        let address =
            Address::parse("https://Hooks.Example.com/a/b?auth_token=secret#top").unwrap();
        assert_eq!(address.to_string(), "https://Hooks.Example.com/a/b?…");
        assert_eq!(
            format!("{address:?}"),
            "Address(https://Hooks.Example.com/a/b?…)"
        );
        assert_eq!(address.target(), "/a/b?auth_token=secret");
        assert_eq!(address.host(), "hooks.example.com");
        assert_eq!(address.port(), 443);
        assert_eq!(Address::parse("http://example.com").unwrap().port(), 80);
        let number = Address::parse("https://[2001:DB8:0::7]:8443/").unwrap();
        assert_eq!(
            (number.host().as_ref(), number.port()),
            ("2001:db8::7", 8443)
        );
        assert_eq!(Address::parse("https://example.com").unwrap().target(), "/");
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        for (text, error) in [
            ("", "that is not a URL"),
            ("https://", "that is not a URL"),
            (
                "example.com",
                "the URL begins with neither https:// nor http://",
            ),
            ("/path", "the URL begins with neither https:// nor http://"),
            (
                "ftp://example.com",
                "a webhook address begins with https://, not ftp://",
            ),
            ("https://exa mple.com", "that is not a URL"),
            ("https://a..b/", "the URL names no host"),
            ("https://example.com:0/", "the URL's port is not one"),
            ("https://example.com:/", "the URL's port is not one"),
            ("https://example.com:99999/", "the URL's port is not one"),
            (
                "https://user:pass@example.com/",
                "the URL carries a user or password before its host, which nothing says RingCentral would send",
            ),
        ] {
            let seen = Address::parse(text).map_err(|error| error.to_string());
            assert_eq!(seen.unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn what_ringcentral_cannot_reach_is_told_from_what_it_may_not_take() {
        for (text, local, outcome) in [
            ("https://example.com", false, Outcome::Pass),
            ("http://example.com", false, Outcome::Warn),
            ("https://8.8.8.8", false, Outcome::Warn),
            ("https://localhost:3000", false, Outcome::Fail),
            ("https://localhost:3000", true, Outcome::Warn),
            ("https://192.168.1.2", false, Outcome::Fail),
            ("https://[::1]/", false, Outcome::Fail),
            ("https://printer.local/", false, Outcome::Fail),
        ] {
            let row = row(&Address::parse(text).unwrap(), local);
            assert_eq!(row.outcome, outcome, "{text}");
            assert_eq!(row.set_aside, local && outcome == Outcome::Warn);
            assert_eq!(row.fix.is_some(), outcome != Outcome::Pass);
        }
    }
}
