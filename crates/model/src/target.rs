//! The target: its URL as the user writes it, and the URLs of requests below it.

use std::fmt;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use ringtail_errors::{Code, Coded, codes};

/// A local URL that events are forwarded to: `http` or `https`, a host, a port, perhaps a path and a query.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl {
    scheme: Scheme,
    authority: Authority,
    /// Empty, or begins with a slash. Its own trailing slash is kept.
    path: String,
    query: Option<String>,
}

/// Why a text is not a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The text is empty.
    #[error("the target is empty; give a port (3000) or a URL (http://localhost:3000/hooks)")]
    Empty,
    /// The port is invalid.
    #[error("{port:?} is not a port; ports are 1 to 65535")]
    Port {
        /// The invalid port.
        port: String,
    },
    /// It has neither scheme nor port.
    #[error("{text:?} has no port; give {text}:3000, or http://{text} for port 80")]
    NoPort {
        /// The text.
        text: String,
    },
    /// Another scheme than `http` and `https`.
    #[error("{scheme}:// cannot be forwarded to; use http:// or https://")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// A name and password before the host.
    #[error(
        "a target with a name or password is not supported; let the app accept local requests without"
    )]
    Credentials,
    /// A fragment.
    #[error("a target has no #fragment: it is never sent")]
    Fragment,
    /// Not a URL at all.
    #[error("{text:?} is not a target; give a port (3000) or a URL (http://localhost:3000/hooks)")]
    Invalid {
        /// The text.
        text: String,
    },
}

impl Coded for TargetError {
    fn code(&self) -> &'static Code {
        &codes::TARGET
    }
}

impl TargetUrl {
    /// Parses `3000`, `:3000`, `host:3000/path`, or a URL.
    ///
    /// # Errors
    /// When the text has none of these forms.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TargetError::Empty);
        }
        if text.contains('#') {
            return Err(TargetError::Fragment);
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::of_url(&format!("http://localhost:{}", port(text)?));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return match scheme.to_ascii_lowercase().as_str() {
                "http" | "https" => Self::of_url(text),
                _ => Err(TargetError::Scheme {
                    scheme: scheme.to_owned(),
                }),
            };
        }
        if text.starts_with(':') {
            return Self::of_url(&format!("http://localhost{text}"));
        }
        let target = Self::of_url(&format!("http://{text}"))?;
        if target.authority.port().is_none() {
            return Err(TargetError::NoPort {
                text: text.to_owned(),
            });
        }
        Ok(target)
    }

    fn of_url(url: &str) -> Result<Self, TargetError> {
        let invalid = || TargetError::Invalid {
            text: url.to_owned(),
        };
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(invalid());
        };
        if authority.as_str().contains('@') {
            return Err(TargetError::Credentials);
        }
        if authority.host().is_empty() {
            return Err(invalid());
        }
        // After the last colon outside of an IPv6 address there must be a port.
        if let Some((host, digits)) = authority.as_str().rsplit_once(':')
            && !digits.ends_with(']')
            && !host.is_empty()
        {
            port(digits)?;
        }
        let path_and_query = parts.path_and_query;
        let path = path_and_query.as_ref().map_or("", PathAndQuery::path);
        let query = path_and_query.as_ref().and_then(PathAndQuery::query);
        // `Uri` adds a slash to a URL without a path.
        let bare = !url
            .split_once("://")
            .is_some_and(|(_, rest)| rest.contains('/'));
        Ok(Self {
            scheme,
            authority,
            path: if bare { String::new() } else { path.to_owned() },
            query: query.map(str::to_owned),
        })
    }

    /// Returns the URL of a request whose path below the endpoint is `below`: empty, or starting with `/` or `?`.
    ///
    /// The target's path comes first, joined by one slash; percent-encoding is preserved; the target's query comes before
    /// the request's.
    ///
    /// # Errors
    /// When the result is too long for a URL, or `below` is invalid in one.
    pub fn join(&self, below: &str) -> Result<Uri, http::Error> {
        let (path, query) = match below.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (below, None),
        };
        let mut joined = String::with_capacity(self.path.len() + below.len() + 16);
        if path.is_empty() {
            joined.push_str(&self.path);
        } else {
            joined.push_str(self.path.strip_suffix('/').unwrap_or(&self.path));
            if !path.starts_with('/') {
                joined.push('/');
            }
            joined.push_str(path);
        }
        if joined.is_empty() {
            joined.push('/');
        }
        for (separator, query) in merged(self.query.as_deref(), query) {
            joined.push(separator);
            joined.push_str(query);
        }
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(joined)
            .build()
    }

    /// Returns true for an `https` target.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Returns host and port for the `Host` header.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.as_str()
    }
}

/// The parts of both queries with what goes before each.
fn merged<'a>(target: Option<&'a str>, request: Option<&'a str>) -> Vec<(char, &'a str)> {
    match (target, request) {
        (None, None) => Vec::new(),
        (Some(query), None | Some("")) | (None | Some(""), Some(query)) => vec![('?', query)],
        (Some(target), Some(request)) => vec![('?', target), ('&', request)],
    }
}

fn port(digits: &str) -> Result<u16, TargetError> {
    match digits.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(TargetError::Port {
            port: digits.to_owned(),
        }),
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)?;
        match &self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TargetUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_understood() {
        for (text, url) in [
            ("3000", "http://localhost:3000"),
            (":3000", "http://localhost:3000"),
            (" 3000 ", "http://localhost:3000"),
            ("localhost:3000", "http://localhost:3000"),
            ("127.0.0.1:80/hooks", "http://127.0.0.1:80/hooks"),
            ("[::1]:3000", "http://[::1]:3000"),
            ("http://localhost", "http://localhost"),
            ("http://app.test:1/", "http://app.test:1/"),
            ("HTTPS://app.test/a/?x=1", "https://app.test/a/?x=1"),
            ("http://app.test?x=/", "http://app.test/?x=/"),
        ] {
            assert_eq!(TargetUrl::parse(text).unwrap().to_string(), url, "{text}");
        }
    }

    #[test]
    fn what_is_no_target_is_told_why() {
        for (text, reason) in [
            ("", "is empty"),
            ("0", "ports are 1 to 65535"),
            ("65536", "ports are 1 to 65535"),
            ("localhost", "has no port"),
            ("localhost:", "not a port"),
            ("localhost:99999", "not a"),
            ("http://localhost:0", "ports are 1 to 65535"),
            ("ftp://localhost:1", "ftp:// cannot"),
            ("http://me:secret@localhost:1", "name or password"),
            ("http://localhost:1/#a", "fragment"),
            ("http://", "is not a target"),
            ("a b:1", "is not a target"),
            ("http://:80", "is not a target"),
        ] {
            let error = TargetUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn paths_meet_in_one_slash_and_queries_are_merged() {
        for (target, below, url) in [
            ("1", "", "http://localhost:1/"),
            ("1", "/", "http://localhost:1/"),
            ("1", "/a", "http://localhost:1/a"),
            ("1", "?y=2", "http://localhost:1/?y=2"),
            ("1", "//a//b/", "http://localhost:1//a//b/"),
            ("h:1/base", "", "http://h:1/base"),
            ("h:1/base/", "", "http://h:1/base/"),
            ("h:1/base", "/", "http://h:1/base/"),
            ("h:1/base", "/a", "http://h:1/base/a"),
            ("h:1/base/", "/a", "http://h:1/base/a"),
            ("h:1/base/", "/a%2Fb%20c", "http://h:1/base/a%2Fb%20c"),
            ("h:1/base?x=1", "/a?y=2", "http://h:1/base/a?x=1&y=2"),
            ("h:1?x=1", "", "http://h:1/?x=1"),
            ("h:1?x=1", "?", "http://h:1/?x=1"),
            ("h:1", "/a?", "http://h:1/a?"),
            ("h:1", "/a?b?c", "http://h:1/a?b?c"),
        ] {
            let joined = TargetUrl::parse(target).unwrap().join(below).unwrap();
            assert_eq!(joined.to_string(), url, "{target} + {below}");
        }
    }

    #[test]
    fn what_no_url_may_hold_is_an_error() {
        let target = TargetUrl::parse("3000").unwrap();
        assert!(target.join("/a b").is_err());
        assert!(target.join(&"/a".repeat(40_000)).is_err());
    }
}
