//! The relay: answers RingCentral at the edge and keeps what it acknowledged.

pub mod accounts;
pub mod journal;
pub mod store;
