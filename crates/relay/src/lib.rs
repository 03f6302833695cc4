//! The relay: answers RingCentral, stores events durably, and streams them to clients.
//!
//! [`server`] accepts connections, the edge answers requests, [`journal`] stores events, and links carry them to clients.
//! `docs/ARCHITECTURE.md` follows one event through all of it.
#![deny(clippy::indexing_slicing)]

#[cfg(windows)]
compile_error!("ringtail-relay runs on Linux and macOS; on Windows use WSL or a container");

pub mod accounts;
mod api;
mod app_body;
mod budget;
mod clock;
pub mod cluster;
pub mod command;
pub mod config;
pub mod database;
pub mod db_stats;
mod edge;
mod fair_pool;
mod fair_queue;
pub mod hosts;
pub mod journal;
pub mod limits;
mod links;
mod metrics;
pub mod migrate;
pub mod net;
mod ops;
pub mod output;
pub mod postgres;
pub mod public_url;
pub mod recent_log;
mod response;
mod rfc3339;
pub mod server;
mod shutdown;
pub mod store;
pub mod tls;
