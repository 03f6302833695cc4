//! The test kit of every crate: what tests wait with, call with, and are called by.
//!
//! It depends on no crate of the project, so that the relay and the client can use it in their own tests.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a helper that fails fails its test"
)]

pub mod app;
pub mod caller;
pub mod cloud;
pub mod http2;
pub mod mcp;
#[cfg(target_os = "linux")]
pub mod postgres;
pub mod proxy;
pub mod tls;
pub mod wait;
