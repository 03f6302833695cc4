//! What RingCentral and the app share, from the environment: an argument would be seen by everybody on the machine.

use http::HeaderValue;
use ringtail_ringcentral::simulate::Secrets;

/// The variables, and what each holds.
pub const VARIABLES: [(&str, &str); 5] = [
    (
        "RINGTAIL_VERIFICATION_TOKEN",
        "verification token of the subscription",
    ),
    (
        "RINGTAIL_GLIP_SECRET",
        "shared secret of interactive messages",
    ),
    (
        "RINGTAIL_DIMELO_SECRET",
        "secret of a RingCX Digital webhook",
    ),
    (
        "RINGTAIL_DIGITAL_VERIFY_TOKEN",
        "verify token of a RingCX Digital webhook",
    ),
    (
        "RINGTAIL_SOURCE_SDK_SECRET",
        "secret of a RingCX Digital source",
    ),
];

/// Takes the secrets from variables, of which an empty one says nothing.
///
/// # Errors
/// When one cannot be what it should be.
pub fn secrets_of(
    variable: impl Fn(&str) -> Option<std::ffi::OsString>,
) -> Result<Secrets, SecretError> {
    let mut found = VARIABLES.iter().map(|(name, _)| read(name, &variable));
    let mut next = || found.next().unwrap_or(Ok(None));
    Ok(Secrets {
        verification_token: next()?,
        glip: next()?,
        dimelo: next()?,
        digital_verify_token: next()?,
        source_sdk: next()?,
    })
}

fn read(
    name: &'static str,
    variable: impl Fn(&str) -> Option<std::ffi::OsString>,
) -> Result<Option<Vec<u8>>, SecretError> {
    let Some(value) = variable(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let text = value.into_string().map_err(|_| SecretError { name })?;
    // Two of them travel as a header's value; the rest are as plain in RingCentral's console.
    match HeaderValue::from_str(&text) {
        Ok(_) if text.trim() == text => Ok(Some(text.into_bytes())),
        _ => Err(SecretError { name }),
    }
}

/// A variable holds something that is no secret of RingCentral's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name} cannot be sent: it has characters that no header carries, or spaces around it")]
pub struct SecretError {
    /// The variable.
    pub name: &'static str,
}
