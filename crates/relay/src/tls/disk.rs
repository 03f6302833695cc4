//! Files that are there whole or not at all, whatever happens meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// The relay's user alone.
    Owner,
    /// Everybody.
    Everybody,
}

/// Writes beside the file, to the disk, and renames: a reader sees the old text or the new one, after a power cut too.
pub(super) fn write(path: &Path, text: &[u8], access: Access) -> io::Result<()> {
    let fresh = path.with_extension("new");
    if let Err(error) = fs::remove_file(&fresh)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if access == Access::Owner {
            0o600
        } else {
            0o644
        });
    }
    let mut file = options.open(&fresh)?;
    file.write_all(text)?;
    file.sync_all()?;
    rename(&fresh, path)
}

/// Puts a file that is on the disk in another's place, to the disk.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_directory(to)
}

/// The new name is the directory's, and gets to the disk with it.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        // Windows opens no directories, and needs no such call.
        Some(parent) if cfg!(unix) => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}
