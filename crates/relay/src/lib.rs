//! The relay: answers RingCentral at the edge and keeps what it acknowledged.
//!
//! [`server`] accepts connections, the edge answers them, [`journal`] keeps events, and links carry them to clients.
//! `docs/ARCHITECTURE.md` follows one event through all of it.
#![deny(clippy::indexing_slicing)]

pub mod accounts;
mod answer;
mod api;
mod clock;
pub mod command;
pub mod config;
mod edge;
pub mod hosts;
pub mod journal;
pub mod limits;
mod links;
mod logins;
mod memory;
mod metrics;
mod ops;
pub mod output;
pub mod proxies;
mod rates;
pub mod recent;
mod relay;
pub mod server;
pub mod store;
pub mod survey;
pub mod tls;
