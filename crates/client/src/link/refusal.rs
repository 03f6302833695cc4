//! What the relay said when it did not do what it was asked.

use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::path::{self, code};

/// The largest answer in words that is read, in bytes.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Characters of a relay's message that are shown.
const MAX_MESSAGE_CHARS: usize = 500;

/// A refusal of the relay, made fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the relay refused: {message}")]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// Stable code of `protocol::path::code`, or empty when the answer was not the relay's own.
    pub code: String,
    /// One line in words, free of control characters.
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
    /// Reads a refusal from an answer. Whatever the body is, there is a refusal.
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
                code: one_line(&said.error),
                message: one_line(&said.message),
            },
            // Something between the two answered: a proxy, a captive portal, another server.
            Err(_) => Self {
                status,
                code: String::new(),
                message: format!("the answer was {status} and not from ringtail-relay"),
            },
        }
    }

    /// Says whether asking again can never help: the token, the endpoint or the version is wrong.
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

/// Makes a text of the relay fit for a terminal line: no control characters, no endless length.
fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_MESSAGE_CHARS)
        .collect();
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_relays_own_words_are_final() {
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
    fn words_of_the_relay_cannot_reach_the_terminal_raw() {
        let body = serde_json::to_vec(&path::Refusal {
            error: "x\u{7}".into(),
            message: format!("a\u{1b}]0;title\u{7}\nb{}", "é".repeat(1_000)),
        })
        .unwrap();
        let said = Refusal::parse(StatusCode::IM_A_TEAPOT, &body);
        assert_eq!(said.code, "x");
        assert!(said.message.starts_with("a ]0;title  bé"));
        assert_eq!(said.message.chars().count(), MAX_MESSAGE_CHARS);
    }
}
