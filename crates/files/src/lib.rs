//! Private files, atomic replacement, locks between processes, and reading files of limited size.
//!
//! A private file has mode 0600 from the moment it exists. On Windows the profile directory's own rights protect it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone: mode 0600.
    Private,
    /// Everybody: mode 0644.
    Public,
}

/// Returns options that read and write, and give a file that they create mode 0600.
#[must_use]
pub fn private_options() -> OpenOptions {
    options(Access::Private)
}

fn options(access: Access) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(
        &mut options,
        match access {
            Access::Private => 0o600,
            Access::Public => 0o644,
        },
    );
    #[cfg(not(unix))]
    let _ = access;
    options
}

/// Creates a private file. A file or link that is already there is an error and stays as it is.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if there is something of that name, or why the file cannot be created.
pub fn create_private(path: &Path) -> io::Result<File> {
    private_options().create_new(true).open(path)
}

/// Creates a directory, and its parents, that only its owner can enter: mode 0700. An existing one keeps its mode.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Returns the mode of a file that others than its owner can access.
#[cfg(unix)]
#[must_use]
pub fn open_to_others(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

/// On Windows the profile directory's rights protect it.
#[cfg(not(unix))]
#[must_use]
pub fn open_to_others(_: &Path) -> Option<u32> {
    None
}

/// Reads a file of at most `max` bytes.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] if it is longer, or why it cannot be read.
pub fn read_at_most(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        let reason = format!("it is longer than {max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

/// Reads a private file of at most `max` bytes, and makes it if there is none. Of several processes, one makes it.
pub fn read_or_make(
    path: &Path,
    max: u64,
    make: impl FnOnce() -> io::Result<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    let known = || match read_at_most(path, max) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    };
    if let Some(content) = known()? {
        return Ok(content);
    }
    let _alone = Lock::acquire(&sibling(path, ".lock"))?;
    if let Some(content) = known()? {
        return Ok(content);
    }
    let content = make()?;
    replace(path, &content, Access::Private)?;
    Ok(content)
}

/// Replaces a file atomically and durably: a reader sees the old content or the new one, even after a power cut.
///
/// The new content is written beside the file under a name of this process's own and renamed. What is left of a
/// failed write is removed.
///
/// # Errors
/// When the new file cannot be written or renamed; the old one is then unchanged.
pub fn replace(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    replace_by(path, |fresh| {
        write_new(fresh, content, access)?.sync_all()?;
        rename(fresh, path)
    })
}

/// Replaces a private file atomically: a reader sees the old content or the new one. A power cut may take both, so nothing waits
/// for the disk.
pub fn replace_for_now(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_by(path, |fresh| {
        write_new(fresh, content, Access::Private)?;
        fs::rename(fresh, path)
    })
}

fn replace_by(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let fresh = sibling(path, &format!(".{}.new", std::process::id()));
    remove_if_present(&fresh)?;
    let result = write(&fresh);
    if result.is_err() {
        // The content may be secret.
        drop(fs::remove_file(&fresh));
    }
    result
}

fn write_new(path: &Path, content: &[u8], access: Access) -> io::Result<File> {
    let mut file = options(access).create_new(true).open(path)?;
    file.write_all(content)?;
    Ok(file)
}

/// Renames a file and syncs its directory, so that the new name survives a power cut.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_parent(to)
}

/// Syncs the directory that holds the path. A file's name is part of its directory. Windows needs no such call.
fn sync_parent(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Removes a file. A missing file is not an error.
pub fn remove_if_present(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns the path with a leading `~` replaced by the user's home directory, as a shell would: shells leave `--data=~/x`
/// as it is, and nothing expands it in a file. `./~` is a file of that name.
#[must_use]
pub fn expand_home(path: &Path) -> PathBuf {
    expand(path, std::env::home_dir())
}

fn expand(path: &Path, home: Option<PathBuf>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(below), Some(home)) => home.join(below),
        _ => path.to_owned(),
    }
}

/// Returns the path with a suffix added to its last part: `a/b` and `-wal` make `a/b-wal`.
#[must_use]
pub fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A lock on a file that one process holds at a time. The system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock if no other process has it; the file is created, private, if there is none.
    ///
    /// A symbolic link is not followed: somebody who may only write in this directory could otherwise have a file
    /// created or locked elsewhere.
    pub fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        let file = open_lock(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Waits until no other process has the lock, and takes it.
    pub fn acquire(path: &Path) -> io::Result<Self> {
        let file = open_lock(path)?;
        file.lock()?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would not release it while a child that is being started still shares the descriptor.
        drop(self.file.unlock());
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = private_options();
    options.create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn replace_leaves_only_the_new_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        for content in ["first", "second"] {
            replace(&path, content.as_bytes(), Access::Private).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        #[cfg(unix)]
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_failed_replace_leaves_the_old_content_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        // A directory in the file's place makes the rename fail.
        let path = dir.path().join("taken");
        fs::create_dir(&path).unwrap();
        replace(&path, b"new", Access::Public).unwrap_err();
        assert!(path.is_dir());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn private_files_and_directories_are_their_owners() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        create_private_dir(&inner).unwrap();
        assert_eq!(mode(&inner), 0o700);
        let path = inner.join("file");
        drop(create_private(&path).unwrap());
        assert_eq!(mode(&path), 0o600);
        let again = create_private(&path).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "1234").unwrap();
        for enough in [4, u64::MAX] {
            assert_eq!(read_at_most(&path, enough).unwrap(), b"1234");
        }
        let error = read_at_most(&path, 3).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(error.to_string(), "it is longer than 3 bytes");
        let missing = read_at_most(&dir.path().join("none"), 3).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_leading_tilde_is_the_home_directory() {
        for (path, expanded) in [
            ("~/rt", "/home/me/rt"),
            ("~", "/home/me/"),
            ("~//a/~/b", "/home/me/a/~/b"),
            ("~you/rt", "~you/rt"),
            ("./~/rt", "./~/rt"),
            ("a/~", "a/~"),
            ("/x", "/x"),
        ] {
            let home = Some(PathBuf::from("/home/me"));
            assert_eq!(expand(Path::new(path), home), Path::new(expanded));
        }
        assert_eq!(expand(Path::new("~/rt"), None), Path::new("~/rt"));
    }

    #[test]
    fn one_holder_at_a_time_has_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::try_acquire(&path).unwrap().unwrap();
        assert!(Lock::try_acquire(&path).unwrap().is_none());
        // As a child that is being started would.
        let _shared = first.file.try_clone().unwrap();
        drop(first);
        assert!(Lock::try_acquire(&path).unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_follows_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &path).unwrap();
        Lock::try_acquire(&path).unwrap_err();
        assert!(!dir.path().join("elsewhere").exists());
    }
}
