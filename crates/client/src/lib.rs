//! The client engine: link, history, forward, replay.

pub mod backoff;
pub mod canary;
pub mod config;
pub mod engine;
pub mod forward;
pub mod link;
pub mod relay_api;
pub mod replay;
