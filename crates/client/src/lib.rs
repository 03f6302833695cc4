//! The client engine: link, history, forward, replay.

mod any_certificate;
pub mod backoff;
mod certificate;
pub mod check;
pub mod config;
pub mod diff;
pub mod edit;
pub mod engine;
pub mod export;
pub mod filter;
pub mod forward;
pub mod history;
pub mod import;
pub mod link;
pub mod mask;
pub mod model;
pub mod novelty;
pub mod pseudonyms;
pub mod relay_api;
pub mod replay;
pub mod signature;
pub mod simulate;
pub mod trust;
pub mod types;
