//! What relay and client say to each other over a link.
//!
//! The client dials a WebSocket ([`path::LINK`]) and names the version in its subprotocol ([`version`]). The
//! WebSocket's binary messages are one byte stream ([`stream`]), on which HTTP/2 runs with the roles reversed:
//! the relay asks, the client answers ([`http2`]). Three paths exist on it ([`path`]): one long-lived stream of
//! frames ([`frame`]) that carries events ([`event`]) down and cursors up, one request per passthrough, and one for the
//! app's response to a pending event.
//!
//! The codecs know no socket, no runtime and no clock; [`stream`] and [`http2`] adapt them to tokio and hyper.
#![deny(clippy::indexing_slicing)]

mod codec;
pub mod event;
pub mod field_names;
pub mod frame;
pub mod http2;
pub mod name;
pub mod path;
pub mod stream;
pub mod version;
