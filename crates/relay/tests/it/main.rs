//! The relay over real TLS sockets and SQLite files.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod acme;
mod admin;
mod api;
mod arguments;
mod callers;
mod floods;
#[cfg(target_os = "linux")]
mod handed;
mod kit;
mod limits;
mod linger;
mod links;
mod notification;
mod ops;
mod passthrough;
mod program;
mod proxy;
mod reload;
mod shares;
mod shutdown;
mod validation;
mod wildcard;
