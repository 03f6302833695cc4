//! Checks the signatures and tokens of requests and responses with the configured secrets.
//!
//! Results are not stored, so an event received before its secret was configured is checked with it, too.

use bytes::Bytes;
use http::Method;
use ringtail_protocol::event::{Header, Request, header_map};
use ringtail_ringcentral::classify::{Callback, Classified, RequestHead, RequestView};
use ringtail_ringcentral::signature::{Outcome, Scheme, verify, verify_answer};

use crate::redact;
use crate::secrets::Secrets;
use crate::{EventDetail, EventRow, Proof};

/// Whether to show the secrets in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reveal {
    /// Redact them.
    #[default]
    No,
    /// Show them, as the user requested.
    Yes,
}

impl From<bool> for Reveal {
    fn from(asked: bool) -> Self {
        if asked { Self::Yes } else { Self::No }
    }
}

/// Prepares an event for front ends: checks its signatures and redacts its secrets.
pub fn show(detail: &mut EventDetail, secrets: &Secrets, reveal: Reveal) {
    prove(detail, secrets);
    if reveal == Reveal::No {
        redact::detail(detail);
    }
}

/// Checks the signatures of an event and of the app's responses. Takes as long as hashing the body.
pub fn prove(detail: &mut EventDetail, secrets: &Secrets) {
    let found = of_event(&detail.event, &detail.headers, &detail.body, secrets);
    detail.proof = found.map(|(_, proof)| proof);
    let Some((callback, _)) = found else {
        return;
    };
    if callback != Callback::SourceSdk {
        return;
    }
    for attempt in &mut detail.attempts {
        // Of a longer response only the beginning is stored.
        if attempt.body.len() as u64 == attempt.body_len && !attempt.headers.is_empty() {
            let secret = secrets.of(Scheme::SourceSdk);
            attempt.proof = Some(Proof {
                scheme: Scheme::SourceSdk,
                outcome: verify_answer(secret, &header_map(&attempt.headers), &attempt.body),
            });
        }
    }
}

/// Checks a stored event; `None` if RingCentral does not sign such requests.
pub fn of_event(
    event: &EventRow,
    headers: &[Header],
    body: &Bytes,
    secrets: &Secrets,
) -> Option<(Callback, Proof)> {
    let request = Request {
        method: event.method.clone(),
        path: event.path.clone(),
        peer: String::new(),
        headers: headers.to_vec(),
        body: body.clone(),
    };
    of_request(&request, secrets)
}

/// Replaces a request's signature or token with one of the configured secret.
///
/// # Errors
/// When RingCentral signs such requests and no secret is configured.
pub fn sign(request: &mut Request, secrets: &Secrets) -> Result<(), NoSecret> {
    let Some((_, Proof { scheme, .. })) = of_request(request, secrets) else {
        return Ok(());
    };
    let secret = secrets.of(scheme).ok_or(NoSecret { scheme })?;
    let proof = ringtail_ringcentral::signature::sign(scheme, secret, &request.body);
    let header = scheme.header();
    let is_proof = |field: &Header| field.is(header.as_str());
    // The source SDK may send it in the query instead; the header takes precedence.
    let in_query = scheme == Scheme::SourceSdk && !request.headers.iter().any(is_proof);
    if in_query && let Some(path) = signed_query(&request.path, &proof) {
        request.path = path;
        return Ok(());
    }
    request.headers.retain(|field| !is_proof(field));
    request.headers.push(Header {
        name: header.as_str().to_owned(),
        value: proof.into(),
    });
    Ok(())
}

/// Replaces the signature in a path's query; `None` if it has none.
fn signed_query(path: &str, proof: &[u8]) -> Option<String> {
    let (before, query) = path.split_once('?')?;
    let proof = std::str::from_utf8(proof).ok()?;
    let is_proof = |pair: &str| pair == "signature" || pair.starts_with("signature=");
    if !query.split('&').any(is_proof) {
        return None;
    }
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match is_proof(pair) {
            true => format!("signature={proof}"),
            false => pair.to_owned(),
        })
        .collect();
    Some(format!("{before}?{}", pairs.join("&")))
}

/// Rejects requests with a missing or invalid signature or token.
///
/// Accepts requests that RingCentral does not sign or for which no secret is configured.
#[derive(Debug, Clone)]
pub struct SignaturePolicy(Secrets);

impl SignaturePolicy {
    /// Creates a policy with these secrets; `None` if there are none.
    #[must_use]
    pub fn new(secrets: &Secrets) -> Option<Self> {
        let any = Scheme::ALL
            .iter()
            .any(|scheme| secrets.of(*scheme).is_some());
        any.then(|| Self(secrets.clone()))
    }

    /// Returns the failed check if the request is to be rejected.
    #[must_use]
    pub fn rejects(&self, request: &Classified<'_>) -> Option<Proof> {
        let (_, proof) = of_classified(request, &self.0)?;
        matches!(proof.outcome, Outcome::Wrong | Outcome::Missing).then_some(proof)
    }
}

/// A request cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no secret for {}", .scheme.label())]
pub struct NoSecret {
    /// The scheme that needs it.
    pub scheme: Scheme,
}

/// Checks a request; `None` if RingCentral does not sign such requests.
fn of_request(request: &Request, secrets: &Secrets) -> Option<(Callback, Proof)> {
    let head = RequestHead::of(&request.method, &request.headers).ok()?;
    let view = head.view(&request.path, &request.body);
    of_classified(&Classified::of(view), secrets)
}

fn of_classified(event: &Classified<'_>, secrets: &Secrets) -> Option<(Callback, Proof)> {
    let (callback, view) = (event.callback, &event.request);
    let scheme = Scheme::of(callback).or_else(|| unsigned_source_sdk(view, secrets))?;
    let outcome = verify(scheme, secrets.of(scheme), view);
    // The validation may come without the token: RingCentral validates before there is a subscription.
    let absent = callback == Callback::Validation && outcome == Outcome::Missing;
    (!absent).then_some((callback, Proof { scheme, outcome }))
}

/// Detects an unsigned call of the source SDK by its body, if the SDK's secret is configured.
fn unsigned_source_sdk(view: &RequestView<'_>, secrets: &Secrets) -> Option<Scheme> {
    secrets.of(Scheme::SourceSdk)?;
    #[derive(serde::Deserialize)]
    struct Call<'a> {
        #[serde(borrow)]
        action: std::borrow::Cow<'a, str>,
    }
    if view.method != Method::POST {
        return None;
    }
    let call: Call<'_> = serde_json::from_slice(view.body).ok()?;
    // Actions are `object.verb`.
    call.action.contains('.').then_some(Scheme::SourceSdk)
}

#[cfg(test)]
mod tests;
