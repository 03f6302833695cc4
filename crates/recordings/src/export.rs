//! Events in the formats of other programs: shell commands, raw requests, HAR, files.
//!
//! Every format has method, path, header fields and body as received, without the fields of one connection
//! (`Connection`, `Transfer-Encoding`, `Host`, `Content-Length`). Commands contain only printable characters, so a terminal
//! shows exactly what it runs.

mod carried;
mod file;
mod har;
mod shell;

pub use self::file::{fixture_name, headers, raw};
pub use self::har::HarWriter;
pub use self::shell::{curl, httpie};

#[cfg(test)]
mod tests;
