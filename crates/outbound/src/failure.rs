//! Why a request to the target failed, in words and as a kind.

use std::error::Error;
use std::io;

use hyper_util::client::legacy;

use crate::certificate;
use crate::proxy::ProxyError;
use ringtail_model::FailureKind;
use ringtail_model::target::TargetUrl;

/// Why a request to the target failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SendFailure {
    /// The kind.
    pub kind: FailureKind,
    /// The failure in words, with the target's host.
    pub message: String,
    /// Whether a connection was established, so the app may have seen the request.
    pub connected: bool,
}

impl SendFailure {
    /// Explains why a connection to a target failed, with the hint for its untrusted certificate.
    pub fn of_target(error: &(dyn Error + 'static), target: &TargetUrl) -> Self {
        let mut failure = Self::connecting(error, target);
        if is_of_certificate(error) {
            failure
                .message
                .push_str("; if it is your app's own, give --insecure");
        }
        failure
    }

    /// Explains hyper's error.
    pub fn of(error: &legacy::Error, target: &TargetUrl) -> Self {
        if error.is_connect() {
            Self::connecting(error, target)
        } else {
            Self::answering(error, target)
        }
    }

    fn connecting(error: &(dyn Error + 'static), target: &TargetUrl) -> Self {
        let host = target.host();
        let (kind, message) = if let Some(error) = find::<rustls::Error>(error) {
            (FailureKind::Tls, tls_words(error, target))
        } else if let Some(error) = find::<ProxyError>(error) {
            (FailureKind::Unreachable, ringtail_text::chain(error))
        } else if is_dns(error) {
            (
                FailureKind::Unreachable,
                format!("the name of {host} has no address"),
            )
        } else {
            match find::<io::Error>(error).map(io::Error::kind) {
                Some(io::ErrorKind::ConnectionRefused) => (
                    FailureKind::Refused,
                    format!("nothing listens at {host} (connection refused)"),
                ),
                Some(io::ErrorKind::NotFound) if target.socket().is_some() => (
                    FailureKind::Refused,
                    format!("nothing listens at {host} (no such socket)"),
                ),
                Some(io::ErrorKind::TimedOut) => (
                    FailureKind::Unreachable,
                    format!("{host} does not answer (connecting timed out)"),
                ),
                Some(io::ErrorKind::AddrNotAvailable) => (
                    FailureKind::Unreachable,
                    format!(
                        "this machine has no free port for another connection to {host}, or no address from which to reach it"
                    ),
                ),
                _ if target.is_https() && is_broken(error) => (
                    FailureKind::Tls,
                    format!("{host} hung up during the TLS handshake; does it speak plain HTTP?"),
                ),
                _ => (
                    FailureKind::Unreachable,
                    format!("{host} cannot be reached: {}", innermost(error)),
                ),
            }
        };
        Self {
            kind,
            message,
            connected: false,
        }
    }

    /// The target switched protocols without being asked.
    pub fn switched(target: &TargetUrl) -> Self {
        let host = target.host();
        Self {
            kind: FailureKind::NotHttp,
            message: format!("{host} switched protocols (101) without being asked"),
            connected: true,
        }
    }

    /// Explains an error after the connection was established.
    pub fn answering(error: &(dyn Error + 'static), target: &TargetUrl) -> Self {
        let host = target.host();
        let hyper = find::<hyper::Error>(error);
        let (kind, message) = if let Some(error) = find::<rustls::Error>(error) {
            (FailureKind::Tls, tls_words(error, target))
        } else if find::<RequestBroken>(error).is_some() {
            (
                FailureKind::Reset,
                "the caller disconnected before its request was complete".to_owned(),
            )
        } else if hyper.is_some_and(hyper::Error::is_parse_too_large) {
            (
                FailureKind::NotHttp,
                format!("{host} answered with headers larger than can be read"),
            )
        } else if hyper.is_some_and(is_malformed_field) {
            (
                FailureKind::NotHttp,
                format!("{host} answered with a malformed header field"),
            )
        } else if hyper.is_some_and(hyper::Error::is_parse) {
            (
                FailureKind::NotHttp,
                format!("{host} answered with something that is not HTTP; is it the right port?"),
            )
        } else if is_malformed_chunk(error) {
            (
                FailureKind::NotHttp,
                format!("{host} answered with a malformed chunk"),
            )
        } else if hyper.is_some_and(hyper::Error::is_timeout) {
            (
                FailureKind::TimedOut,
                format!("{host} did not answer in time"),
            )
        } else {
            (
                FailureKind::Reset,
                format!("{host} closed the connection before the response was complete"),
            )
        };
        Self {
            kind,
            message,
            connected: true,
        }
    }
}

/// The caller's request body was truncated, which is not the target's fault.
#[derive(Debug, thiserror::Error)]
#[error("the caller disconnected before its request was complete")]
pub struct RequestBroken(#[source] pub Box<dyn Error + Send + Sync>);

fn tls_words(error: &rustls::Error, target: &TargetUrl) -> String {
    let host = target.host();
    match error {
        rustls::Error::InvalidMessage(_) => {
            format!("{host} does not speak TLS; is its URL http:// and not https://?")
        }
        rustls::Error::InvalidCertificate(reason) => format!(
            "the certificate of {host} is not trusted: it {}",
            certificate::words(reason)
        ),
        error => format!("TLS with {host} failed: {error}"),
    }
}

/// Returns true if a field of a response's head is malformed, and not its first line. The error's type is not public.
fn is_malformed_field(error: &hyper::Error) -> bool {
    let words = error.to_string();
    error.is_parse()
        && ["header", "content-length", "transfer-encoding"]
            .iter()
            .any(|word| words.contains(word))
}

/// Returns true if a chunked body cannot be read. hyper's decoder gives these kinds, and a socket never.
fn is_malformed_chunk(error: &(dyn Error + 'static)) -> bool {
    let kind = find::<io::Error>(error).map(io::Error::kind);
    matches!(
        kind,
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
    )
}

/// Returns true if a connection failed because the name has no address. The error's type is not public.
pub fn is_dns(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| error.to_string() == "dns error")
}

/// Returns true if a connection failed because the certificate is not trusted.
pub fn is_of_certificate(error: &(dyn Error + 'static)) -> bool {
    let tls = find::<rustls::Error>(error);
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

fn is_broken(error: &(dyn Error + 'static)) -> bool {
    matches!(
        find::<io::Error>(error).map(io::Error::kind),
        Some(
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
        )
    )
}

/// Returns the innermost I/O error among the causes.
#[must_use]
pub fn io_cause(error: &(dyn Error + 'static)) -> io::Error {
    match find::<io::Error>(error) {
        None => io::Error::other(innermost(error)),
        Some(cause) => match cause.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(cause.kind(), cause.to_string()),
        },
    }
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// Returns the innermost cause of a type.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    // The innermost `io::Error` has the system's reason; wrappers have kind `Other`.
    chain(error).filter_map(|error| error.downcast_ref()).last()
}

/// Iterates over the causes. `io::Error` skips the error that it wraps in `source`, so include that.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
    .take(MAX_CAUSES)
}

/// Bound of the walk; real errors have fewer causes.
const MAX_CAUSES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn causes_are_found_inside_of_io_errors() {
        let tls = rustls::Error::HandshakeNotComplete;
        let error = Outer(io::Error::other(io::Error::new(
            io::ErrorKind::InvalidData,
            tls.clone(),
        )));
        assert_eq!(find::<rustls::Error>(&error), Some(&tls));
        assert_eq!(innermost(&error), tls.to_string());
        assert!(find::<hyper::Error>(&error).is_none());
    }
}
