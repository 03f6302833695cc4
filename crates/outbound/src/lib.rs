//! Shared by all HTTP clients: certificate verification, and failures in words and as a kind.

pub mod any_certificate;
pub mod certificate;
pub mod failure;
pub mod trust;
