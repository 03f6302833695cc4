//! The test kit: what the end-to-end tests and the programs behind `scripts/` are written in.
//!
//! Everything runs for real: the built programs, sockets on `127.0.0.1`, TLS, SQLite files in temporary
//! directories, SIGKILL. Nothing waits for time to pass: see [`wait`].

pub mod bench;
pub mod binaries;
pub mod chaos;
pub mod client;
pub mod hooks;
pub mod http1;
pub mod payloads;
pub mod process;
pub mod procfs;
pub mod relay;
pub mod ringcentral;
pub mod target;
pub mod tls;
pub mod wait;
