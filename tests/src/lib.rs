//! The test kit: what the end-to-end tests and the programs behind `scripts/` are written in.
//!
//! Everything runs for real: the built programs, sockets on `127.0.0.1`, TLS, SQLite files in temporary
//! directories, SIGKILL. Nothing waits for time to pass: see [`wait`].

pub mod bench;
pub mod binaries;
pub mod careful_app;
pub mod catch_up;
pub mod chance;
pub mod chaos;
pub mod check_servers;
pub mod client;
pub mod crash;
pub mod demo;
pub mod dependencies;
pub mod faults;
pub mod flood;
pub mod hooks;
pub mod http1;
pub mod mutants;
pub mod payloads;
pub mod process;
pub mod procfs;
pub mod proxies;
pub mod relay;
pub mod ringcentral;
pub mod soak;
pub mod stopping;
pub mod stores;
pub mod target;
pub mod terminal;
pub mod tls;
pub mod traffic;
pub mod validations;
pub mod wait;
