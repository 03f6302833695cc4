//! Where the programs under test are.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The relay's program.
pub const RELAY: &str = "ringtail-relay";

/// The client's program.
pub const CLIENT: &str = "ringtail";

/// Returns the path of a built program: beside the running program, or one level up from a test, which cargo puts
/// in `deps/`. Debug tests therefore try debug programs, and a release bench measures release programs.
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

/// Says whether the running program is a test: its output is then shown only when the test fails.
pub(crate) fn under_test() -> bool {
    std::env::current_exe()
        .ok()
        .as_deref()
        .and_then(Path::parent)
        .is_some_and(|directory| directory.ends_with("deps"))
}
