//! What every HTTP client of ours needs: whom to trust, and why a request failed, in words and as a kind.

pub mod any_certificate;
pub mod certificate;
pub mod failure;
pub mod trust;
