//! What holds for any bytes that come from outside.
//!
//! Each module has one function, `check`, that takes bytes, hands them to the code that meets such bytes in earnest, and
//! panics when a promise is broken. The fuzz targets in `fuzz/` do nothing but call it; the tests of this package call
//! it with [`seeds`], with every input that ever broke a promise (`fuzz/findings`), and with random changes of both.

pub mod classify;
#[cfg(feature = "programs")]
pub mod config;
#[cfg(feature = "programs")]
pub mod edge;
pub mod link;
pub mod mutants;
pub mod payloads;
#[cfg(feature = "programs")]
mod place;
pub mod request;
pub mod seeds;

/// One of the fuzz targets.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its directories below `fuzz/`.
    pub name: &'static str,
    /// Panics when the bytes break a promise.
    pub check: fn(&[u8]),
    /// Makes the inputs to begin with.
    pub seeds: fn() -> Vec<seeds::Seed>,
}

/// Every fuzz target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "classify",
        check: classify::check,
        seeds: seeds::classify,
    },
    Target {
        name: "link",
        check: link::check,
        seeds: seeds::link,
    },
    #[cfg(feature = "programs")]
    Target {
        name: "config",
        check: config::check,
        seeds: config::seeds,
    },
    #[cfg(feature = "programs")]
    Target {
        name: "edge",
        check: edge::check,
        seeds: edge::seeds::all,
    },
];
