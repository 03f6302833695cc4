//! What the end-to-end tests and the programs behind `scripts/` are written in.
//!
//! Everything runs for real: the built programs, sockets on `127.0.0.1`, TLS, SQLite files in temporary directories,
//! SIGKILL.

pub mod apps;
pub mod bench;
pub mod binaries;
pub mod catch_up;
pub mod chaos;
pub mod check_servers;
pub mod client;
pub mod cluster;
mod control_group;
pub mod crash;
pub mod demo;
pub mod faults;
pub mod flood;
pub mod hooks;
pub mod passthrough_loss;
pub mod process;
pub mod procfs;
pub mod proxies;
pub mod relay;
pub mod set_back;
pub mod soak;
pub mod stopping;
pub mod stores;
pub mod terminal;
pub mod traffic;
pub mod validation;
pub mod verifying_app;
pub mod wait_races;
pub mod windows;
pub mod wine;
