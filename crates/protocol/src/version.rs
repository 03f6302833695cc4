//! The version of the link, agreed by WebSocket subprotocol.

/// Version that this build speaks.
pub const SUBPROTOCOL: &str = "ringtail.v1";
