//! What every front end reads of the history: pages, updates, events, calls and pairs to compare, redacted or masked.
//!
//! Terminal UI, lines, local page and MCP server show the same events in the same words. [`Store`] reads them, [`json`]
//! writes them as docs/OUTPUT.md says, [`listeners`] tells processes over one history of each other, [`find`](mod@find) finds what a person names, and [`replayer`] sends them again. How
//! they look is left to the front ends.

mod blocking;
pub mod compare;
pub mod copy;
pub mod find;
pub mod json;
pub mod listeners;
pub mod replayer;
mod store;

pub use crate::blocking::blocking;
pub use crate::store::{
    CompareError, PAGE, PagePosition, QueryError, Store, Updates, changed, search,
};
