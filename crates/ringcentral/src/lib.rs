//! RingCentral's webhook rules as pure code: no runtime, no socket, no clock.
//!
//! The relay asks [`classify`](mod@classify) what a request is and [`validation`] how to answer one; the client asks
//! [`ordering`] what must stay in order, [`catalogue`] what an event says, [`facts`](mod@facts) what it
//! can be found by, [`signature`] whether a request is
//! RingCentral's, [`verdict`] what RingCentral would have made of the app's answer, and [`subscription`] what to do so that
//! events come at all.
//! Docs that speak of a section mean docs/RINGCENTRAL.md, the collected facts about RingCentral's callbacks that this crate
//! is the code form of.
//!
//! Everything here reads bytes from strangers. Nothing panics, every pass is linear in the size of the
//! request, and nesting costs no stack: unneeded values are skipped, never built.

pub mod body;
pub mod catalogue;
pub mod classify;
pub mod envelope;
pub mod facts;
pub mod headers;
mod json;
pub mod limits;
pub mod ordering;
#[cfg(any(test, feature = "samples"))]
#[expect(missing_docs, clippy::unwrap_used, reason = "a test kit")]
pub mod samples;
pub mod secret;
pub mod signature;
pub mod subscription;
pub mod timeline;
pub mod validation;
pub mod verdict;
