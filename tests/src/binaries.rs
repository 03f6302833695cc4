//! Where the programs under test are.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The relay's program.
pub const RELAY: &str = "ringtail-relay";

/// The client's program.
pub const CLIENT: &str = "ringtail";

/// Returns the path of a built program, which is in the directory of the running program, or above it for a test. Debug
/// tests therefore run debug programs, and a release bench release programs.
///
/// # Errors
/// When it has not been built.
pub fn find(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("the running program has no path")?;
    let beside = own
        .parent()
        .context("the running program has no directory")?;
    let directory = if under_test() {
        beside.parent().unwrap_or(beside)
    } else {
        beside
    };
    let path = directory.join(name);
    if !path.is_file() {
        bail!(
            "{} has not been built\nhint: cargo build --workspace{}",
            path.display(),
            if directory.ends_with("release") {
                " --release"
            } else {
                ""
            }
        );
    }
    Ok(path)
}

/// Returns whether the running program is a test, whose output is shown only when it fails.
pub(crate) fn under_test() -> bool {
    std::env::current_exe()
        .ok()
        .as_deref()
        .and_then(Path::parent)
        .is_some_and(|directory| directory.ends_with("deps"))
}
