//! Which code of [`own`] a trouble with the relay has, wherever it is told.

use ringtail_protocol::path::code;
use ringtail_ringcentral::errors::{Entry, own};

use super::{DialError, HandshakeError, LinkError, Refusal};
use crate::relay_api::ApiError;

/// Returns the code of a link that is not there.
pub(super) fn link(error: &LinkError) -> &'static Entry {
    match error {
        LinkError::Api(error) => api(error),
        LinkError::Dial(error) => dial(error),
        LinkError::Handshake(HandshakeError::Refused(refusal)) => refused(refusal),
        LinkError::Handshake(HandshakeError::NotALink) => &own::NOT_A_RELAY,
        LinkError::History(_) => &own::HISTORY_READ,
        _ => &own::RELAY_BROKE,
    }
}

/// Returns the code of a call to the relay that failed.
#[must_use]
pub fn api(error: &ApiError) -> &'static Entry {
    match error {
        ApiError::Dial(error) => dial(error),
        ApiError::Refused(refusal) => refused(refusal),
        ApiError::NotARelay { .. } => &own::NOT_A_RELAY,
        _ => &own::RELAY_BROKE,
    }
}

/// Returns the code of a connection that was not made.
#[must_use]
pub fn dial(error: &DialError) -> &'static Entry {
    match error {
        DialError::Resolve { .. } => &own::RELAY_NAME,
        DialError::Refused { .. } => &own::RELAY_REFUSED,
        DialError::Certificate { .. } | DialError::Tls { .. } => &own::RELAY_TLS,
        _ => &own::RELAY_UNREACHABLE,
    }
}

/// Returns the code of a relay's refusal.
#[must_use]
pub fn refused(refusal: &Refusal) -> &'static Entry {
    match refusal.code.as_str() {
        // Something between the two answered.
        "" => &own::NOT_A_RELAY,
        code::UNAUTHORIZED => &own::UNAUTHORIZED,
        code::NO_ENDPOINT => &own::NO_ENDPOINT,
        code::BAD_NAME => &own::BAD_NAME,
        code::VERSION => &own::VERSION,
        code::UNAVAILABLE => &own::UNAVAILABLE,
        _ => &own::REFUSED,
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        for (word, wanted) in [
            (code::UNAUTHORIZED, "RT-310"),
            (code::NO_ENDPOINT, "RT-311"),
            (code::BAD_NAME, "RT-312"),
            (code::VERSION, "RT-313"),
            (code::BAD_REQUEST, "RT-314"),
            (code::UNAVAILABLE, "RT-300"),
            ("something-new", "RT-314"),
            ("", "RT-305"),
        ] {
            let refusal = Refusal {
                status: StatusCode::IM_A_TEAPOT,
                code: word.to_owned(),
                message: String::new(),
            };
            assert_eq!(refused(&refusal).code, wanted);
        }
    }
}
