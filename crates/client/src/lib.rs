//! The client engine: link, history, forward, replay.

pub mod backoff;
pub mod canary;
mod canary_key;
pub mod config;
pub mod endpoint_cache;
pub mod engine;
pub mod forward;
pub mod link;
pub mod lock;
pub mod relay_api;
pub mod replay;
