//! Shared by all HTTP clients: the proxy on the way out, certificate verification, and failures in words and as a kind.

pub mod any_certificate;
pub mod certificate;
pub mod failure;
pub mod localhost;
pub mod proxy;
pub mod trust;
