//! Links: the WebSocket connections between relay and clients, on which events and passthrough requests travel.
//!
//! A link is attached once its client has answered the relay's first request, so a passthrough request never waits for
//! a client that only dialled.

pub(crate) mod context;
mod events;
pub(crate) mod passthrough;
pub(crate) mod registry;
pub(crate) mod revocation;
pub(crate) mod session;
