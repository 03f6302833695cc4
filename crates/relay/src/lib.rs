//! The relay: answers RingCentral, stores events durably, and streams them to clients.
//!
//! [`server`] accepts connections, the edge answers requests, [`journal`] stores events, and links carry them to clients.
//! `docs/ARCHITECTURE.md` follows one event through all of it.
#![deny(clippy::indexing_slicing)]

pub mod accounts;
mod api;
mod app_body;
mod clock;
pub mod command;
pub mod config;
mod edge;
pub mod hosts;
pub mod journal;
pub mod limits;
mod links;
mod memory;
mod metrics;
pub mod net;
mod ops;
pub mod output;
pub mod recent;
mod response;
pub mod server;
mod shutdown;
pub mod store;
pub mod survey;
pub mod tls;
