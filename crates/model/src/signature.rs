//! Whether an event is RingCentral's, and an answer the app's: the proofs that requests carry, held against the
//! secrets that are configured now.
//!
//! Nothing of it is stored. An event that came before its secret was configured is judged by it all the same.

use bytes::Bytes;
use http::Method;
use ringtail_protocol::event::{Header, Request, header_map};
use ringtail_ringcentral::classify::{Callback, Classified, RequestHead, RequestView};
use ringtail_ringcentral::signature::{Outcome, Scheme, verify, verify_answer};

use crate::redact;
use crate::secrets::Secrets;
use crate::{EventDetail, EventRow, Proof};

/// Whether the secrets that an event carries are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reveal {
    /// They are masked.
    #[default]
    No,
    /// They are there, because somebody asked for them.
    Yes,
}

impl From<bool> for Reveal {
    fn from(asked: bool) -> Self {
        if asked { Self::Yes } else { Self::No }
    }
}

/// Makes an event fit to be shown: with what its proofs are worth, and without the secrets.
pub fn show(detail: &mut EventDetail, secrets: &Secrets, reveal: Reveal) {
    prove(detail, secrets);
    if reveal == Reveal::No {
        redact::detail(detail);
    }
}

/// Fills in what the event's proofs are worth, and those of the app's answers. Takes as long as hashing the body.
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
        // Of a longer answer only the beginning is kept, which proves nothing.
        if attempt.body.len() as u64 == attempt.body_len && !attempt.headers.is_empty() {
            let secret = secrets.of(Scheme::SourceSdk);
            attempt.proof = Some(Proof {
                scheme: Scheme::SourceSdk,
                outcome: verify_answer(secret, &header_map(&attempt.headers), &attempt.body),
            });
        }
    }
}

/// Returns what a stored event is and what its proof is worth; `None` for what RingCentral does not sign.
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

/// Gives a request the proof that it would have under the configured secret, in place of the one it has.
///
/// # Errors
/// When RingCentral signs such requests and the secret is not configured.
pub fn sign(request: &mut Request, secrets: &Secrets) -> Result<(), NoSecret> {
    let Some((_, Proof { scheme, .. })) = of_request(request, secrets) else {
        return Ok(());
    };
    let secret = secrets.of(scheme).ok_or(NoSecret { scheme })?;
    let proof = ringtail_ringcentral::signature::sign(scheme, secret, &request.body);
    let header = scheme.header();
    let is_proof = |field: &Header| field.name.eq_ignore_ascii_case(header.as_str());
    // The source SDK may have it in the query, and then the app looks for it there. The header counts before it.
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

/// Returns a path with another proof in its query; `None` when the query has none.
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

/// Keeps requests from the app whose proof of origin is wrong or missing.
///
/// What RingCentral does not sign passes, and so does what there is no secret for.
#[derive(Debug, Clone)]
pub struct SignaturePolicy(Secrets);

impl SignaturePolicy {
    /// Judges by these secrets; `None` when there is none to judge by.
    #[must_use]
    pub fn new(secrets: &Secrets) -> Option<Self> {
        let any = Scheme::ALL
            .iter()
            .any(|scheme| secrets.of(*scheme).is_some());
        any.then(|| Self(secrets.clone()))
    }

    /// Returns the proof that a request is rejected for, if it is.
    #[must_use]
    pub fn rejects(&self, request: &Classified<'_>) -> Option<Proof> {
        let (_, proof) = of_classified(request, &self.0)?;
        matches!(proof.outcome, Outcome::Wrong | Outcome::Missing).then_some(proof)
    }
}

/// A request cannot be signed anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no secret for {}", .scheme.label())]
pub struct NoSecret {
    /// What it is wanted for.
    pub scheme: Scheme,
}

/// Returns what a request is and what its proof is worth; `None` for a callback that RingCentral does not sign.
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

/// A call of the source SDK is known by its signature. Where its secret is configured, one without is known by the
/// rest of it.
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
