//! RingCX Digital's check of an address (RINGCENTRAL.md 7.1), answered in the app's name when its verify token is known.
//!
//! ```text
//! GET /…?hub.mode=subscribe&hub.challenge=C&hub.verify_token=T   → 200 and C
//! ```

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::accounts::VerifyTokenHash;
use crate::answer::{self, Answer};

/// The longest challenge that is answered, in bytes.
const MAX_CHALLENGE_BYTES: usize = 512;

/// Returns the answer, or `None` when the app is to be asked: another mode, another token, or no challenge that can be
/// given back.
pub(super) fn answer(known: &VerifyTokenHash, query: &str) -> Option<Answer> {
    let challenge = challenge(known, query)?;
    let mut answer = answer::with_body(StatusCode::OK, "text/plain", challenge);
    // The body is the caller's own words: no browser may take them for a page.
    answer.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    Some(answer)
}

fn challenge(known: &VerifyTokenHash, query: &str) -> Option<Bytes> {
    let field = |wanted: &str| -> Option<Cow<'_, str>> {
        let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == wanted);
        let value = found.next()?.1;
        // Of two values nobody knows which the app would believe.
        found.next().is_none().then_some(value)
    };
    let token = field("hub.verify_token")?;
    let challenge = field("hub.challenge")?;
    let plain = challenge.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = (1..=MAX_CHALLENGE_BYTES).contains(&challenge.len());
    let ours = field("hub.mode")? == "subscribe" && plain && fits && known.matches(&token);
    ours.then(|| Bytes::copy_from_slice(challenge.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_given_back_for_the_token_alone() {
        let known = VerifyTokenHash::of("to ken+").expect("it fits");
        let said = |query: &str| {
            let found = challenge(&known, query)?;
            Some(String::from_utf8_lossy(&found).into_owned())
        };
        let right = "hub.mode=subscribe&hub.challenge=a%2Bb-1&hub.verify_token=to+ken%2B";
        assert_eq!(said(right).as_deref(), Some("a+b-1"));
        let long = format!(
            "hub.mode=subscribe&hub.verify_token=to+ken%2B&hub.challenge={}",
            "a".repeat(512)
        );
        assert_eq!(said(&long).map(|it| it.len()), Some(512));
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
            assert_eq!(said(wrong), None, "{wrong}");
        }
    }
}
