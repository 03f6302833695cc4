//! The target: its URL as the user writes it, and the URLs of requests below it.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use ringtail_errors::{Code, Coded, codes};

/// A local URL that events are forwarded to: `http` or `https`, a host, a port, perhaps a path and a query. Or a Unix
/// socket with perhaps a path and a query, as `unix:/tmp/app.sock:/base`.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl {
    scheme: Scheme,
    /// `localhost` for a socket.
    authority: Authority,
    /// `unix:` and the socket's absolute path.
    socket: Option<String>,
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
    #[error("\"{port}\" is not a port; ports are 1 to 65535")]
    Port {
        /// The invalid port.
        port: String,
    },
    /// It has neither scheme nor port.
    #[error("{host}{path} has no port; give {host}:3000{path}, or http://{host}{path} for port 80")]
    NoPort {
        /// What stands before the path.
        host: String,
        /// The path, perhaps with a query.
        path: String,
    },
    /// A Unix socket without a whole path.
    #[error("\"{text}\" does not name a socket; give its whole path (unix:/tmp/app.sock)")]
    Socket {
        /// The text.
        text: String,
    },
    /// Another scheme than `http` and `https`.
    #[error("{scheme}:// cannot be forwarded to; use http://, https:// or unix:/path")]
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
    #[error(
        "\"{text}\" is not a target; give a port (3000) or a URL (http://localhost:3000/hooks)"
    )]
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
    /// Parses `3000`, `3000/path`, `:3000`, `host:3000/path`, a URL, or `unix:/socket:/path`.
    ///
    /// Apps print `0.0.0.0`, `[::]` or `*` when they listen on every interface, and people paste it: it means `localhost`.
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
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme, rest) => (scheme.to_ascii_lowercase(), rest),
            _ => (String::new(), text),
        };
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        match scheme.as_str() {
            "unix" => return Self::of_socket(text, rest),
            // As in nginx.
            "http" if rest.starts_with("unix:") => return Self::parse(rest),
            "" | "http" | "https" => {}
            _ => return Err(TargetError::Scheme { scheme }),
        }
        let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(path_at);
        let is_number = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_digit());
        let (host, digits) = match host.rsplit_once(':') {
            _ if is_number => ("", Some(host)),
            Some((host, digits)) if !digits.ends_with(']') => (host, Some(digits)),
            _ => (host, None),
        };
        let host = match host {
            "0.0.0.0" | "[::]" | "*" => "localhost",
            "" if digits.is_some() => "localhost",
            "" => return Err(invalid(text)),
            host => host,
        };
        let authority = match digits {
            Some(digits) => format!("{host}:{}", port(digits)?),
            // As in `http//localhost`.
            None if path.starts_with("//") => return Err(invalid(text)),
            None if !is_host(host) => return Err(invalid(text)),
            None if scheme.is_empty() => {
                let (host, path) = (host.to_owned(), path.to_owned());
                return Err(TargetError::NoPort { host, path });
            }
            None => host.to_owned(),
        };
        let scheme = if scheme == "https" { "https" } else { "http" };
        Self::of_url(&format!("{scheme}://{authority}{path}"))
    }

    fn of_socket(text: &str, rest: &str) -> Result<Self, TargetError> {
        let (socket, path) = match rest.find(":/") {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, ""),
        };
        if !socket.starts_with('/') || socket.ends_with('/') || socket.contains('\0') {
            let text = text.to_owned();
            return Err(TargetError::Socket { text });
        }
        let mut target = Self::of_url(&format!("http://localhost{path}"))?;
        target.socket = Some(format!("{SOCKET}{socket}"));
        Ok(target)
    }

    fn of_url(url: &str) -> Result<Self, TargetError> {
        let invalid = || invalid(url);
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
        let path_and_query = parts.path_and_query;
        let path = path_and_query.as_ref().map_or("", PathAndQuery::path);
        let query = path_and_query.as_ref().and_then(PathAndQuery::query);
        // `Uri` adds a slash to a URL without a path.
        let bare = !url
            .split_once("://")
            .is_some_and(|(_, rest)| rest.split('?').next().is_some_and(|it| it.contains('/')));
        Ok(Self {
            scheme,
            authority,
            socket: None,
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
        match (self.query.as_deref(), query) {
            (None, None) => {}
            (Some(query), None | Some("")) | (None | Some(""), Some(query)) => {
                joined.extend(["?", query]);
            }
            (Some(target), Some(request)) => joined.extend(["?", target, "&", request]),
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

    /// Returns true for a port of this machine: `localhost`, `127.0.0.0/8` and `::1`. Returns false for a Unix socket, which may
    /// belong to a program that does what requests say, such as a container engine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let is_address = address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        self.socket.is_none() && (host.eq_ignore_ascii_case("localhost") || is_address)
    }

    /// Returns host and port, or the socket with `unix:` before it, for people.
    #[must_use]
    pub fn host(&self) -> &str {
        self.socket.as_deref().unwrap_or(self.authority.as_str())
    }

    /// Returns host and port for the `Host` header.
    #[must_use]
    pub fn host_field(&self) -> &str {
        self.authority.as_str()
    }

    /// Returns the path of the Unix socket.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        Some(Path::new(self.socket.as_deref()?.strip_prefix(SOCKET)?))
    }

    /// Returns a URL that [`TargetUrl::join`] made, for people: it names the socket.
    #[must_use]
    pub fn show(&self, joined: &Uri) -> String {
        match &self.socket {
            Some(socket) => format!(
                "{socket}:{}",
                joined.path_and_query().map_or("/", |it| it.as_str())
            ),
            None => joined.to_string(),
        }
    }
}

fn invalid(text: &str) -> TargetError {
    let text = text.to_owned();
    TargetError::Invalid { text }
}

/// Before the path of a Unix socket.
const SOCKET: &str = "unix:";

/// Returns true if what stands before the first colon is a scheme, and not a host before its port.
fn is_scheme(scheme: &str, rest: &str) -> bool {
    let is = |known| scheme.eq_ignore_ascii_case(known);
    let is_port = rest.starts_with(|first: char| first.is_ascii_digit());
    rest.starts_with("//") || is("http") || is("https") || is("unix") && !is_port
}

/// Returns true if it may be a host that lacks its port.
fn is_host(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.[]:".contains(&byte);
    text.bytes().all(is_part) && text.bytes().any(|byte| byte.is_ascii_alphanumeric())
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
        match &self.socket {
            Some(socket) if self.path.is_empty() => write!(f, "{socket}")?,
            Some(socket) => write!(f, "{socket}:{}", self.path)?,
            None => write!(f, "{}://{}{}", self.scheme, self.authority, self.path)?,
        }
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
    fn only_ports_of_this_machine_are_loopback() {
        for local in [
            "3000",
            "localhost:1",
            "LOCALHOST:1",
            "http://127.8.9.1/x",
            "[::1]:80",
            "0.0.0.0:3000",
        ] {
            assert!(TargetUrl::parse(local).unwrap().is_loopback(), "{local}");
        }
        for other in [
            "https://example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "10.0.0.1:80",
            "http://169.254.169.254/latest",
            "unix:/var/run/docker.sock",
        ] {
            assert!(!TargetUrl::parse(other).unwrap().is_loopback(), "{other}");
        }
    }

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
            ("http://app.test?x=/", "http://app.test?x=/"),
            ("3000/webhook", "http://localhost:3000/webhook"),
            ("3000?x=1", "http://localhost:3000?x=1"),
            (":3000/webhook", "http://localhost:3000/webhook"),
            ("//localhost:3000/a", "http://localhost:3000/a"),
            ("http:localhost:3000", "http://localhost:3000"),
            ("http:3000/a", "http://localhost:3000/a"),
            ("http://3000/webhook", "http://localhost:3000/webhook"),
            ("http://:3000", "http://localhost:3000"),
            ("0.0.0.0:3000", "http://localhost:3000"),
            ("http://[::]:3000/a", "http://localhost:3000/a"),
            ("*:3000", "http://localhost:3000"),
            ("app.test:3000?a=b:c/d", "http://app.test:3000?a=b:c/d"),
            ("unix:/tmp/a.sock", "unix:/tmp/a.sock"),
            ("UNIX:///tmp/a.sock:/", "unix:/tmp/a.sock:/"),
            (
                "unix:/tmp/a b:c.sock:/base/?x=:/",
                "unix:/tmp/a b:c.sock:/base/?x=:/",
            ),
            ("http://unix:/tmp/a.sock:/base", "unix:/tmp/a.sock:/base"),
            ("unix:3000", "http://unix:3000"),
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
            ("http://:", "not a port"),
            (
                "localhost/a?b",
                "give localhost:3000/a?b, or http://localhost/a?b",
            ),
            ("/webhook", "is not a target"),
            ("unix:app.sock", "whole path"),
            ("unix:/", "whole path"),
            ("unix:/tmp/a.sock:/a b", "is not a target"),
            ("[::1]", "has no port"),
            ("http//localhost", "is not a target"),
            ("localhost 3000", "is not a target"),
            ("3000,3001", "is not a target"),
            ("\u{ff13}000", "is not a target"),
            ("./app", "is not a target"),
            ("https:", "is not a target"),
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
            ("unix:/a.sock", "?y=2", "unix:/a.sock:/?y=2"),
            ("unix:/a.sock:/b?x=1", "/c?y=2", "unix:/a.sock:/b/c?x=1&y=2"),
        ] {
            let target = TargetUrl::parse(target).unwrap();
            let joined = target.join(below).unwrap();
            assert_eq!(target.show(&joined), url, "{target} + {below}");
        }
    }

    #[test]
    fn what_no_url_may_hold_is_an_error() {
        let target = TargetUrl::parse("3000").unwrap();
        assert!(target.join("/a b").is_err());
        assert!(target.join(&"/a".repeat(40_000)).is_err());
    }
}
