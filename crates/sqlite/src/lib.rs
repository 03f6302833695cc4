//! What the relay's database and the client's history share: opening, one writer thread, a pool of readers.
//!
//! ```text
//! Writer::submit ─▶ queue ─▶ thread: BEGIN IMMEDIATE … COMMIT ─▶ answer each operation
//! Readers::read  ─▶ a few read-only connections, off the runtime
//! ```
//!
//! The users bring the schema and the statements. This crate knows no table.

mod database;
mod readers;
mod writer;

pub use self::database::{BUSY_TIMEOUT, Database, OpenError, Synchronous};
pub use self::readers::{ReadError, Readers};
pub use self::writer::{
    Paused, QueueLimits, Submitted, WriteError, Writer, WriterState, savepoint,
};
