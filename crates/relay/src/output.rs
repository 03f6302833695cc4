//! The one door to stdout and stderr: stdout is data, stderr is talk.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Writes a line of data to stdout and flushes it, so that a script that waits for it has it.
///
/// # Errors
/// When stdout is closed.
pub fn data(line: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Writes bytes of data to stdout as they are.
///
/// # Errors
/// When stdout is closed.
pub fn bytes(data: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(data)?;
    out.flush()
}

/// Writes a line of JSON to stdout.
///
/// # Errors
/// When stdout is closed.
pub fn json(value: &impl serde::Serialize) -> io::Result<()> {
    let line = serde_json::to_string(value).map_err(io::Error::other)?;
    data(line)
}

/// Says something to whoever reads stderr. Nobody needs to.
pub fn say(line: impl Display) {
    drop(writeln!(io::stderr().lock(), "{line}"));
}
