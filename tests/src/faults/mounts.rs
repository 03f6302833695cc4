//! File systems of the program's own: in a mount namespace, so that they go with it, however it ends.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};

/// Set in the program that runs in the namespace.
const INSIDE: &str = "RINGTAIL_FAULTS_NAMESPACE";

/// Runs the program again in a namespace where it may mount, unless it is in one, and in `more` namespaces, options of
/// unshare(1). Returns when it is.
///
/// # Errors
/// When the system allows none.
pub fn enter(more: &[&str]) -> anyhow::Result<()> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok(());
    }
    let mut namespaces = vec!["--mount"];
    if !is_root() {
        namespaces.extend(["--user", "--map-root-user"]);
    }
    namespaces.extend(more);
    let allowed = Command::new("unshare")
        .args(&namespaces)
        .arg("true")
        .output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        bail!(
            "this user may not mount file systems, not even in a namespace of its own\n\
             hint: run it as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
        );
    }
    let own = std::env::current_exe().context("the running program has no path")?;
    let error = Command::new("unshare")
        .args(namespaces)
        .arg(own)
        .args(std::env::args_os().skip(1).collect::<Vec<OsString>>())
        .env(INSIDE, if is_root() { "root" } else { "user" })
        .exec();
    Err(error).context("unshare(1) could not be run")
}

/// Returns whether file systems that need a device can be mounted: only root can.
pub(super) fn devices() -> bool {
    std::env::var(INSIDE).is_ok_and(|who| who == "root")
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// Mounts an empty file system in memory.
pub(super) fn memory(at: &Path, mebibytes: u32) -> anyhow::Result<()> {
    memory_for(at, mebibytes, "0700")
}

/// Mounts an empty file system in memory whose top directory has this mode.
pub(crate) fn memory_for(at: &Path, mebibytes: u32, mode: &str) -> anyhow::Result<()> {
    let options = format!("size={mebibytes}m,mode={mode}");
    run(Command::new("mount")
        .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
        .arg(at))
}

/// Makes an ext4 file system in a file.
pub(super) fn make_ext4(image: &Path, mebibytes: u64) -> anyhow::Result<()> {
    std::fs::File::create(image)?.set_len(mebibytes << 20)?;
    run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image))
}

/// Mounts a file system that is in a file.
pub(super) fn image(image: &Path, at: &Path) -> anyhow::Result<()> {
    run(Command::new("mount")
        .args(["-o", "loop"])
        .arg(image)
        .arg(at))?;
    // The relay wants its directory for itself.
    run(Command::new("chmod").arg("700").arg(at))
}

/// Remounts with other options.
pub(super) fn remount(at: &Path, options: &str) -> anyhow::Result<()> {
    let options = format!("remount,{options}");
    run(Command::new("mount").args(["-o", &options]).arg(at))
}

/// Gives a file system in memory another size.
pub(crate) fn resize(at: &Path, kibibytes: u64) -> anyhow::Result<()> {
    let options = format!("remount,size={kibibytes}k");
    // In a user namespace, the options that it has cannot be given again.
    run(Command::new("mount")
        .args(["--options-mode", "ignore", "-t", "tmpfs", "-o", &options])
        .arg("tmpfs")
        .arg(at))
}

/// Takes a file system away.
pub(super) fn unmount(at: &Path) -> anyhow::Result<()> {
    run(Command::new("umount").arg(at))
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} could not be run"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(())
}
