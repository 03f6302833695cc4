//! The client engine: link, history, forward, replay.

pub mod model;
