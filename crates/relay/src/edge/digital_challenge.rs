//! RingCX Digital's check of an address (docs/RINGCENTRAL.md 7.1), answered for the app when the relay has its verify token.
//!
//! ```text
//! GET /…?hub.mode=subscribe&hub.challenge=C&hub.verify_token=T   → 200 and C
//! ```

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::accounts::VerifyTokenHash;
use crate::response::{self, RelayResponse};

/// Bytes of the longest challenge that the relay answers.
const MAX_CHALLENGE_BYTES: usize = 512;

/// Returns the response, or `None` if the app must answer: another mode, another token, or a challenge that cannot be
/// echoed.
pub(super) fn respond(known: &VerifyTokenHash, query: &str) -> Option<RelayResponse> {
    let challenge = challenge(known, query)?;
    let mut response = response::with_body(StatusCode::OK, "text/plain", challenge);
    // The caller wrote the body: a browser must not take it for a page.
    let headers = response.headers_mut();
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    Some(response)
}

fn challenge(known: &VerifyTokenHash, query: &str) -> Option<Bytes> {
    let field = |wanted: &str| -> Option<Cow<'_, str>> {
        let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == wanted);
        let value = found.next()?.1;
        // The app may use either of two values.
        found.next().is_none().then_some(value)
    };
    let token = field("hub.verify_token")?;
    let challenge = field("hub.challenge")?;
    let is_plain = challenge.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = (1..=MAX_CHALLENGE_BYTES).contains(&challenge.len());
    let is_ours = field("hub.mode")? == "subscribe" && is_plain && fits && known.matches(&token);
    is_ours.then(|| Bytes::copy_from_slice(challenge.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_only_echoed_for_the_right_token() {
        let known = VerifyTokenHash::of("to ken+").expect("it fits");
        let echoed = |query: &str| {
            let found = challenge(&known, query)?;
            Some(String::from_utf8_lossy(&found).into_owned())
        };
        let right = "hub.mode=subscribe&hub.challenge=a%2Bb-1&hub.verify_token=to+ken%2B";
        assert_eq!(echoed(right).as_deref(), Some("a+b-1"));
        let long = format!(
            "hub.mode=subscribe&hub.verify_token=to+ken%2B&hub.challenge={}",
            "a".repeat(512)
        );
        assert_eq!(echoed(&long).map(|it| it.len()), Some(512));
        for wrong in [
            "hub.mode=subscribe&hub.challenge=a&hub.verify_token=to+ken",
            "hub.mode=subscribe&hub.challenge=a&hub.verify_token=",
            "hub.mode=subscribe&hub.challenge=a",
            "hub.mode=subscribe&hub.verify_token=to+ken%2B",
            "hub.mode=subscribe&hub.challenge=&hub.verify_token=to+ken%2B",
            "hub.mode=subscribe&hub.challenge=a%0Ab&hub.verify_token=to+ken%2B",
            "hub.mode=subscribe&hub.challenge=%C3%A9&hub.verify_token=to+ken%2B",
            "hub.mode=unsubscribe&hub.challenge=a&hub.verify_token=to+ken%2B",
            "hub.challenge=a&hub.verify_token=to+ken%2B",
            &format!("{right}&hub.verify_token=x"),
            &format!("{right}&hub.challenge=x"),
            &format!("{long}a"),
            "",
        ] {
            assert_eq!(echoed(wrong), None, "{wrong}");
        }
    }
}
