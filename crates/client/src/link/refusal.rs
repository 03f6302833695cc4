//! Refusals of the relay.

use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::path::{self, code};
use ringtail_text::one_line;

/// Maximum bytes of a response body.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Maximum characters of a relay's message.
const MAX_MESSAGE_CHARS: usize = 500;

/// A refusal of the relay, made fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the relay refused: {message}")]
pub struct Refusal {
    /// Status of the response.
    pub status: StatusCode,
    /// Code of `protocol::path::code`, or empty if the response was not the relay's.
    pub code: String,
    /// One line of text.
    pub message: String,
}

impl Coded for Refusal {
    fn code(&self) -> &'static Code {
        match self.code.as_str() {
            // Something between the two answered.
            "" => &codes::NOT_A_RELAY,
            code::UNAUTHORIZED => &codes::UNAUTHORIZED,
            code::NO_ENDPOINT => &codes::NO_ENDPOINT,
            code::BAD_NAME => &codes::BAD_NAME,
            code::VERSION => &codes::VERSION,
            code::UNAVAILABLE => &codes::UNAVAILABLE,
            _ => &codes::REFUSED,
        }
    }
}

impl Refusal {
    /// Reads a refusal from a response with any body.
    pub(crate) async fn read(status: StatusCode, body: Incoming) -> Self {
        match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
            Ok(whole) => Self::parse(status, &whole.to_bytes()),
            Err(_) => Self::parse(status, b""),
        }
    }

    fn parse(status: StatusCode, body: &[u8]) -> Self {
        match serde_json::from_slice::<path::Refusal>(body) {
            Ok(said) => Self {
                status,
                code: one_line(&said.error, MAX_MESSAGE_CHARS),
                message: one_line(&said.message, MAX_MESSAGE_CHARS),
            },
            // A proxy, a captive portal or another server responded.
            Err(_) => Self {
                status,
                code: String::new(),
                message: format!("the response ({status}) was not ringtail-relay's"),
            },
        }
    }

    /// Returns true if retrying cannot help: token, endpoint or version is invalid.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self.code.as_str(),
            code::UNAUTHORIZED
                | code::NO_ENDPOINT
                | code::BAD_NAME
                | code::VERSION
                | code::BAD_REQUEST
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_relays_own_refusals_are_permanent() {
        let of = |status, body: &str| Refusal::parse(status, body.as_bytes());
        let said = of(
            StatusCode::UNAUTHORIZED,
            r#"{"error":"unauthorized","message":"the token is revoked"}"#,
        );
        assert_eq!(
            (said.code.as_str(), said.message.as_str(), said.is_final()),
            ("unauthorized", "the token is revoked", true)
        );
        for (status, body, is_final) in [
            (
                StatusCode::NOT_FOUND,
                r#"{"error":"no-endpoint","message":"x"}"#,
                true,
            ),
            (
                StatusCode::UPGRADE_REQUIRED,
                r#"{"error":"version","message":"x"}"#,
                true,
            ),
            (
                StatusCode::SERVICE_UNAVAILABLE,
                r#"{"error":"unavailable","message":"x"}"#,
                false,
            ),
            (
                StatusCode::BAD_GATEWAY,
                "<html>nginx has no upstream</html>",
                false,
            ),
            (StatusCode::UNAUTHORIZED, "<html>log in to the wifi", false),
        ] {
            assert_eq!(of(status, body).is_final(), is_final, "{status} {body}");
        }
    }

    #[test]
    fn messages_of_the_relay_are_sanitized() {
        let body = serde_json::to_vec(&path::Refusal {
            error: "x\u{7}".into(),
            message: format!("a\u{1b}]0;title\u{7}\nb{}", "é".repeat(1_000)),
        })
        .unwrap();
        let said = Refusal::parse(StatusCode::IM_A_TEAPOT, &body);
        assert_eq!(said.code, "x");
        assert!(said.message.starts_with("a]0;title bé"));
        assert_eq!(said.message.chars().count(), MAX_MESSAGE_CHARS);
    }
}
