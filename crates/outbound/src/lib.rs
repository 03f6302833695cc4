//! What every HTTP client of ours needs: whom to trust, and why a request failed, in words and as a kind.

pub mod any_certificate;
pub mod certificate;
pub mod failure;
#[cfg(feature = "testing")]
#[expect(missing_docs, missing_debug_implementations, reason = "a test kit")]
pub mod testing;
pub mod trust;
