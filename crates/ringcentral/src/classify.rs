//! What a request to an endpoint is, decided from the request alone.
//!
//! The rules are a table, [`TABLE`], one row per callback of docs/RINGCENTRAL.md 7; the first row that recognizes
//! the request wins, and the last recognizes everything.
//!
//! Each side makes one [`Classified`] per event and passes it on: nothing else on the live path classifies a
//! request or reads its envelope.

mod clues;
mod request;
mod table;

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use self::clues::Clues;
pub use self::request::{RequestHead, RequestView};
pub use self::table::{Callback, Expectation, Fallback, Rule, StatusRule, TABLE};
use crate::body;
use crate::envelope::Envelope;

/// A request with what it is and its envelope.
///
/// ```
/// use http::{HeaderMap, Method};
/// use ringtail_ringcentral::classify::{Callback, Classified, RequestView};
/// use ringtail_ringcentral::{catalogue::summarize, ordering::ordering_key};
///
/// let headers = HeaderMap::new();
/// let body = br#"{"uuid":"u-1","event":"/restapi/v1.0/account/1/presence","body":{}}"#;
/// let event = Classified::of(RequestView::new(&Method::POST, "/hook", &headers, body));
/// assert_eq!(event.callback, Callback::PlatformNotification);
/// assert_eq!(event.uuid(), Some("u-1"));
/// assert_eq!(ordering_key(&event), "event:/restapi/v1.0/account/1/presence");
/// assert_eq!(summarize(&event).topic, "presence");
/// ```
#[derive(Debug, Clone)]
pub struct Classified<'a> {
    /// The request.
    pub request: RequestView<'a>,
    /// What it is; [`Callback::kind`] decides who answers it.
    pub callback: Callback,
    /// RingCentral's envelope; empty for what has none.
    pub envelope: Envelope<'a>,
    /// The body as text.
    text: Cow<'a, str>,
}

impl<'a> Classified<'a> {
    /// Classifies the request and reads its envelope: one pass over the body each.
    #[must_use]
    pub fn of(request: RequestView<'a>) -> Self {
        let text = body::text(request.body);
        let envelope = match &text {
            Cow::Borrowed(text) => Envelope::parse(text),
            Cow::Owned(text) => Envelope::parse(text).into_owned(),
        };
        Self {
            callback: classify(&request),
            request,
            envelope,
            text,
        }
    }

    /// Returns the envelope's `uuid`, unless it is empty or longer than [`UUID_MAX_BYTES`].
    #[must_use]
    pub fn uuid(&self) -> Option<&str> {
        let uuid = self.envelope.uuid.as_deref()?;
        (1..=UUID_MAX_BYTES).contains(&uuid.len()).then_some(uuid)
    }

    /// Returns the id of the subscription that sent it, unless it is empty or longer than [`UUID_MAX_BYTES`].
    #[must_use]
    pub fn subscription(&self) -> Option<&str> {
        let id = self.envelope.subscription_id.as_deref()?;
        (1..=UUID_MAX_BYTES).contains(&id.len()).then_some(id)
    }

    /// Returns a digest by which duplicates are known: of `uuid`, event filter and content, because RingCentral's samples
    /// have one `uuid` in different events (section 2.8). `None` without a `uuid`.
    #[must_use]
    pub fn identity(&self) -> Option<[u8; 32]> {
        let uuid = self.uuid()?;
        let event = self.envelope.event.as_deref().unwrap_or_default();
        // What is sent again may have another time around the same content.
        let content = match &self.envelope.body {
            Some(body) => body.as_bytes(),
            None => self.request.body,
        };
        let digest = Sha256::new()
            .chain_update((uuid.len() as u64).to_be_bytes())
            .chain_update(uuid)
            .chain_update((event.len() as u64).to_be_bytes())
            .chain_update(event)
            .chain_update(content);
        Some(digest.finalize().into())
    }

    /// Returns the body as text, without a byte order mark and with invalid bytes replaced.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Longest `uuid` by which duplicates are known; RingCentral's have 19 to 36 bytes (docs/RINGCENTRAL.md 2.3).
pub const UUID_MAX_BYTES: usize = 128;

/// Returns what the request is.
///
/// The body is read only when it can be JSON or a form, and no further than needed.
#[must_use]
pub fn classify(request: &RequestView<'_>) -> Callback {
    let clues = Clues::gather(request);
    TABLE
        .iter()
        .find(|row| (row.recognise)(&clues))
        .map_or(Callback::Other, |row| row.callback)
}

#[cfg(test)]
mod tests;
