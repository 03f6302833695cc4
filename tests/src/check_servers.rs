//! Servers that are broken in exactly one way, for `ringtail check` to find out which.
//!
//! Each listens on a port of its own and ends with its handle. TLS is real and its chains are made on the spot; what
//! rustls would not say, such as a ServerHello of TLS 1.1, is said by hand.

mod pki;
mod raw;
mod scripted;
mod table;

pub use pki::{Chain, Pki};
pub use raw::{Greeting, RawServer, nothing_listens};
pub use scripted::{Asked, Reply, Server, answer, validation};
pub use table::{Case, Seen, Table, check, command};
