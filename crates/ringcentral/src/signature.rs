//! What proves that a request comes from RingCentral (docs/RINGCENTRAL.md 3 and 7).
//!
//! Four schemes exist, one header each. Two are static secrets that come back unchanged, two are MACs over the
//! body. Platform webhooks have no signature at all, only [`Scheme::VerificationToken`].
//!
//! | Scheme | Header | Value |
//! | --- | --- | --- |
//! | [`Scheme::VerificationToken`] | `Verification-Token` | the secret |
//! | [`Scheme::Glip`] | `X-Glip-Signature` | hex HMAC-SHA1 of the body, bare or after `sha1=` |
//! | [`Scheme::Dimelo`] | `X-Dimelo-Secret` | the secret |
//! | [`Scheme::SourceSdk`] | `X-SMCCSDK-SIGNATURE`, or `?signature=` | hex HMAC-SHA512 of the body |
//!
//! [`Scheme::of`] says which one a callback uses, [`verify`] whether a request holds under a secret, [`sign`]
//! what a new request must carry. The source SDK signs its answers too: [`verify_answer`].
//!
//! Secrets are compared in constant time; only their length can be learnt from the time it takes. Nothing here
//! keeps, prints or logs a secret.

use std::borrow::Cow;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use serde_json::Value;
use sha1::Sha1;
use sha2::Sha512;
use subtle::ConstantTimeEq;

use crate::classify::{Callback, RequestView};
use crate::headers::{DIMELO_SECRET, GLIP_SIGNATURE, SOURCE_SDK_SIGNATURE, VERIFICATION_TOKEN};

/// What [`Scheme::Glip`] may put before the digits: the guide's words have it, its samples do not.
const GLIP_PREFIX: &str = "sha1=";

/// How a callback proves where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `deliveryMode.verificationToken` of a platform subscription, sent back with every notification and
    /// perhaps with the validation, which comes before anybody knows the subscription.
    VerificationToken,
    /// The shared secret of an app's interactive messages.
    Glip,
    /// The secret of a RingCX Digital webhook, sent with every request, validation included.
    Dimelo,
    /// The secret of a RingCX Digital source, which signs both directions.
    SourceSdk,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 4] = [
        Self::VerificationToken,
        Self::Glip,
        Self::Dimelo,
        Self::SourceSdk,
    ];

    /// Returns the scheme that the callback uses; `None` for callbacks that RingCentral does not sign.
    pub fn of(callback: Callback) -> Option<Self> {
        match callback {
            Callback::Validation | Callback::PlatformNotification => Some(Self::VerificationToken),
            Callback::InteractiveMessage => Some(Self::Glip),
            Callback::DigitalChallenge | Callback::DigitalNotification => Some(Self::Dimelo),
            Callback::SourceSdk => Some(Self::SourceSdk),
            _ => None,
        }
    }

    /// Returns the scheme as a stable machine word.
    pub fn name(self) -> &'static str {
        match self {
            Self::VerificationToken => "verification-token",
            Self::Glip => "glip-signature",
            Self::Dimelo => "dimelo-secret",
            Self::SourceSdk => "source-sdk-signature",
        }
    }

    /// Returns the header that carries the proof.
    pub fn header(self) -> HeaderName {
        match self {
            Self::VerificationToken => VERIFICATION_TOKEN,
            Self::Glip => GLIP_SIGNATURE,
            Self::Dimelo => DIMELO_SECRET,
            Self::SourceSdk => SOURCE_SDK_SIGNATURE,
        }
    }

    /// Returns the header as RingCentral's documentation spells it, for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::VerificationToken => "Verification-Token",
            Self::Glip => "X-Glip-Signature",
            Self::Dimelo => "X-Dimelo-Secret",
            Self::SourceSdk => "X-SMCCSDK-SIGNATURE",
        }
    }

    /// Returns true if the proof depends on the body, so that a request with another body must be signed again.
    pub fn covers_body(self) -> bool {
        matches!(self, Self::Glip | Self::SourceSdk)
    }
}

/// What came of looking for a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The proof is there and holds.
    Valid,
    /// There is a proof, and it does not hold.
    Wrong,
    /// A secret is configured and the request carries no proof.
    Missing,
    /// No secret is configured.
    NotConfigured,
}

impl Outcome {
    /// Returns the outcome as a stable machine word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Wrong => "wrong",
            Self::Missing => "missing",
            Self::NotConfigured => "not-configured",
        }
    }
}

/// Returns the value that the scheme's header has for a body under a secret.
///
/// [`Scheme::Glip`] gives the bare digits, the form that every sample of RingCentral's compares.
pub fn sign(scheme: Scheme, secret: &[u8], body: &[u8]) -> Vec<u8> {
    match scheme {
        Scheme::VerificationToken | Scheme::Dimelo => secret.to_vec(),
        Scheme::Glip => hex(&sha1(secret, body).finalize().into_bytes()),
        Scheme::SourceSdk => hex(&sha512(secret, body).finalize().into_bytes()),
    }
}

/// Returns whether the request carries the scheme's proof under the secret.
///
/// Of repeated headers the first counts. An empty secret counts as none. `X-Glip-Signature` holds in both forms,
/// and over the body as received or over its compact form, because RingCentral's own samples sign the latter.
pub fn verify(scheme: Scheme, secret: Option<&[u8]>, request: &RequestView<'_>) -> Outcome {
    let header = request.headers.get(scheme.header());
    let proof = header.map(|value| Cow::Borrowed(value.as_bytes()));
    let proof = match scheme {
        Scheme::SourceSdk => proof.or_else(|| signature_of_query(request.query?)),
        _ => proof,
    };
    outcome(scheme, secret, proof.as_deref(), request.body)
}

/// Returns whether an app's answer to a source SDK call carries the signature of its body under the secret.
pub fn verify_answer(secret: Option<&[u8]>, headers: &HeaderMap, body: &[u8]) -> Outcome {
    let proof = headers.get(SOURCE_SDK_SIGNATURE);
    let proof = proof.map(http::HeaderValue::as_bytes);
    outcome(Scheme::SourceSdk, secret, proof, body)
}

/// Compares two secrets in constant time; for `hub.verify_token`, which comes in the query (section 7.1).
pub fn same_secret(expected: &[u8], given: &[u8]) -> bool {
    expected.ct_eq(given).into()
}

fn outcome(scheme: Scheme, secret: Option<&[u8]>, proof: Option<&[u8]>, body: &[u8]) -> Outcome {
    let Some(secret) = secret.filter(|secret| !secret.is_empty()) else {
        return Outcome::NotConfigured;
    };
    let Some(proof) = proof else {
        return Outcome::Missing;
    };
    let holds = match scheme {
        Scheme::VerificationToken | Scheme::Dimelo => same_secret(secret, proof),
        Scheme::Glip => glip_holds(secret, proof, body),
        Scheme::SourceSdk => HEXLOWER_PERMISSIVE
            .decode(proof.trim_ascii())
            .is_ok_and(|mac| sha512(secret, body).verify_slice(&mac).is_ok()),
    };
    if holds {
        Outcome::Valid
    } else {
        Outcome::Wrong
    }
}

fn glip_holds(secret: &[u8], proof: &[u8], body: &[u8]) -> bool {
    let proof = proof.trim_ascii();
    let digits = proof.strip_prefix(GLIP_PREFIX.as_bytes()).unwrap_or(proof);
    // A signature is public, so reading its digits need not be constant in time.
    let Ok(mac) = HEXLOWER_PERMISSIVE.decode(digits) else {
        return false;
    };
    let holds = |body: &[u8]| sha1(secret, body).verify_slice(&mac).is_ok();
    holds(body) || compact(body).is_some_and(|body| holds(&body))
}

/// Writes a JSON body as `JSON.stringify` would, but for numbers that JavaScript writes in another way.
///
/// `None` for a body that is no JSON, or nested deeper than the parser follows.
fn compact(body: &[u8]) -> Option<Vec<u8>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    serde_json::to_vec(&value).ok()
}

fn signature_of_query(query: &str) -> Option<Cow<'static, [u8]>> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "signature")
        .map(|(_, value)| Cow::Owned(value.into_owned().into_bytes()))
}

fn hex(mac: &[u8]) -> Vec<u8> {
    HEXLOWER.encode(mac).into_bytes()
}

fn sha1(secret: &[u8], body: &[u8]) -> Hmac<Sha1> {
    let mac = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.chain_update(body)
}

fn sha512(secret: &[u8], body: &[u8]) -> Hmac<Sha512> {
    let mac = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.chain_update(body)
}

#[cfg(test)]
mod tests;
