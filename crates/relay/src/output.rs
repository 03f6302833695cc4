//! The only place that writes to stdout and stderr: stdout is data, stderr is messages.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Writes a line of data to stdout and flushes it, for scripts that wait for it.
pub fn data(line: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Writes bytes to stdout unchanged.
pub fn bytes(data: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(data)?;
    out.flush()
}

/// Writes a line of JSON to stdout.
pub fn json(value: &impl serde::Serialize) -> io::Result<()> {
    let line = serde_json::to_string(value).map_err(io::Error::other)?;
    data(line)
}

/// Takes it as success that the reader of stdout has read enough, as `head` does.
pub(crate) fn unless_closed(printed: io::Result<()>) -> io::Result<()> {
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Writes a message to stderr. Errors are ignored.
pub fn say(line: impl Display) {
    let line = line.to_string();
    drop(writeln!(
        io::stderr().lock(),
        "{}",
        ringtail_text::escape_lines(&line)
    ));
}
