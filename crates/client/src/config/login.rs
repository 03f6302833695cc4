//! The file that `ringtail login` writes: `login.toml`, next to the configuration and readable by its owner only.
//!
//! It names the relay of the token, so the token is never sent to another.

use std::io;
use std::path::{Path, PathBuf};

use ringtail_errors::{Code, Coded, codes};
use ringtail_files::{Access, open_to_others, replace};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::file::{FileError, read_toml};

/// A relay with its token and its certificate authority.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// URL of the relay.
    pub relay: String,
    /// The token.
    pub token: SecretString,
    /// PEM file of the relay's own authority.
    pub ca: Option<PathBuf>,
}

/// A login with its token in the clear, as the file has it.
#[derive(Serialize)]
struct Stored<'a> {
    relay: &'a str,
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<&'a Path>,
}

impl Login {
    /// Reads the login; `None` when there is none.
    ///
    /// # Errors
    /// When the file cannot be used, or others than its owner can read it.
    pub fn read(path: &Path) -> Result<Option<Self>, LoginError> {
        check_private(path)?;
        Ok(read_toml(path)?)
    }

    /// Replaces the login atomically.
    ///
    /// # Errors
    /// When the file or its directory cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), LoginError> {
        let written = |source| LoginError::Write {
            path: path.to_owned(),
            source,
        };
        let stored = Stored {
            relay: &self.relay,
            token: self.token.expose_secret(),
            ca: self.ca.as_deref(),
        };
        let text = toml::to_string(&stored).map_err(|error| written(io::Error::other(error)))?;
        if let Some(dir) = path.parent() {
            ringtail_files::create_private_dir(dir).map_err(written)?;
        }
        replace(path, text.as_bytes(), Access::Private).map_err(written)
    }
}

fn check_private(path: &Path) -> Result<(), LoginError> {
    match open_to_others(path) {
        None => Ok(()),
        Some(mode) => Err(LoginError::NotPrivate {
            path: path.to_owned(),
            mode,
        }),
    }
}

/// Why a login could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// Others than the owner can read the token.
    #[error("{} holds a token and others can read it (mode {mode:03o})", path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

impl Coded for LoginError {
    fn code(&self) -> &'static Code {
        match self {
            Self::NotPrivate { .. } => &codes::LOGIN_OPEN,
            Self::File(_) | Self::Write { .. } => &codes::LOGIN_FILE,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotPrivate { path, .. } => Some(format!(
                "run `chmod 600 {}`; if others may have read it, rotate the token",
                path.display()
            )),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn login(token: &str) -> Login {
        Login {
            relay: "https://relay.example".into(),
            token: token.into(),
            ca: Some("/etc/ca.pem".into()),
        }
    }

    #[test]
    fn a_login_is_written_and_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/ringtail/login.toml");
        assert!(Login::read(&path).unwrap().is_none());
        for token in ["first", "second \"quoted\""] {
            login(token).write(&path).unwrap();
            let read = Login::read(&path).unwrap().unwrap();
            assert_eq!(read.token.expose_secret(), token);
            assert_eq!(read.relay, "https://relay.example");
            assert_eq!(read.ca, Some("/etc/ca.pem".into()));
        }
        let files = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(files, 1, "nothing is left beside the file");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ringtail/login.toml");
        login("t").write(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Login::read(&path).unwrap_err();
        assert!(
            error.to_string().ends_with("others can read it (mode 640)"),
            "{error}"
        );
    }

    #[test]
    fn a_mistake_in_the_file_does_not_print_the_token() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("login.toml");
        let text = b"relay = \"x\"\ntoken = \"hush\" oops";
        replace(&path, text, Access::Private).unwrap();
        let error = Login::read(&path).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hush"));
        assert!(!format!("{:?}", login("hush")).contains("hush"));
    }
}
