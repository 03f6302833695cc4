//! What the relay knows of connections before HTTP: sockets, how many are open and active, their turns on the CPU, and proxies
//! in front.

pub(crate) mod activity;
pub(crate) mod admission;
mod forwarded;
pub(crate) mod head_capture;
pub(crate) mod pace;
pub mod proxies;
pub(crate) mod proxy_header;
pub(crate) mod socket;
pub(crate) mod turns;
