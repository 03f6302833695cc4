//! The login: where it comes from, and the private file that keeps it.
//!
//! ```text
//! <config>/ringcentral.json            server, client id, client secret and JWT, or an access token
//! <config>/ringcentral.session.json    the access token in use
//! <config>/ringcentral.lock            held for each call
//! <config>/ringcentral.ensure.lock     held while a subscription is ensured or recreated
//! ```

use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ringtail_errors::{Code, Coded, codes};
use ringtail_files::{
    Access, Lock, create_private_dir, open_to_others, read_at_most, remove_if_present, replace,
};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::server::Server;

/// Maximum bytes of a private file, far above a JWT.
const MAX_BYTES: u64 = 64 * 1024;

/// A login: whom to ask, and as whom.
#[derive(Debug, Clone)]
pub struct Login {
    /// The server.
    pub server: Server,
    /// The credentials.
    pub credentials: Credentials,
}

/// Credentials. `Debug` hides the secrets.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// An app and a user's JWT, which are exchanged for access tokens.
    Jwt(JwtLogin),
    /// An access token, such as a bot's permanent one.
    Token(SecretString),
}

/// An app and a user's JWT. `Debug` hides the secrets.
#[derive(Debug, Clone)]
pub struct JwtLogin {
    /// Client id of the app.
    pub client_id: String,
    /// Client secret of the app.
    pub client_secret: SecretString,
    /// The user's JWT.
    pub jwt: SecretString,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Stored {
    server: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    client_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    client_secret: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    jwt: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    access_token: String,
}

impl Login {
    /// Returns a name for the credentials that does not reveal them, by which a cached token is recognised.
    pub(crate) fn key(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        };
        add(&self.server.to_string());
        match &self.credentials {
            Credentials::Jwt(app) => {
                add(&app.client_id);
                add(app.jwt.expose_secret());
            }
            Credentials::Token(token) => add(token.expose_secret()),
        }
        HEXLOWER.encode(&hash.finalize())
    }

    /// Makes a login from environment variables; `None` when they hold none. `RINGCENTRAL_ACCESS_TOKEN` counts first, and
    /// `RINGCENTRAL_JWT` also needs client id and secret.
    #[must_use]
    pub fn of_variables(server: Server, variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let credentials = match variable("RINGCENTRAL_ACCESS_TOKEN") {
            Some(token) => Credentials::Token(token.into()),
            None => Credentials::Jwt(JwtLogin {
                client_id: variable("RINGCENTRAL_CLIENT_ID")?,
                client_secret: variable("RINGCENTRAL_CLIENT_SECRET")?.into(),
                jwt: variable("RINGCENTRAL_JWT")?.into(),
            }),
        };
        Some(Self {
            server,
            credentials,
        })
    }

    /// Reads the login; `None` when there is none.
    ///
    /// # Errors
    /// When the file cannot be used, or others than its owner can read it.
    pub fn read(place: &Place) -> Result<Option<Self>, LoginFileError> {
        let path = place.file("json");
        let Some(stored) = read_private::<Stored>(&path)? else {
            return Ok(None);
        };
        let server = stored.server.parse();
        let server = server.map_err(|_| LoginFileError::Wrong { path: path.clone() })?;
        let credentials = match stored {
            Stored { access_token, .. } if !access_token.is_empty() => {
                Credentials::Token(access_token.into())
            }
            Stored {
                client_id,
                client_secret,
                jwt,
                ..
            } if !jwt.is_empty() => Credentials::Jwt(JwtLogin {
                client_id,
                client_secret: client_secret.into(),
                jwt: jwt.into(),
            }),
            _ => return Err(LoginFileError::Wrong { path }),
        };
        Ok(Some(Self {
            server,
            credentials,
        }))
    }

    /// Replaces the login atomically.
    ///
    /// # Errors
    /// When the file or its directory cannot be written.
    pub fn write(&self, place: &Place) -> Result<PathBuf, LoginFileError> {
        let mut stored = Stored {
            server: self.server.to_string(),
            ..Stored::default()
        };
        match &self.credentials {
            Credentials::Jwt(app) => {
                stored.client_id.clone_from(&app.client_id);
                app.client_secret
                    .expose_secret()
                    .clone_into(&mut stored.client_secret);
                app.jwt.expose_secret().clone_into(&mut stored.jwt);
            }
            Credentials::Token(token) => {
                token.expose_secret().clone_into(&mut stored.access_token);
            }
        }
        let path = place.file("json");
        write_private(&path, &stored)?;
        Ok(path)
    }
}

/// Where the files of a login are.
#[derive(Debug, Clone)]
pub struct Place {
    directory: PathBuf,
    stem: String,
}

impl Place {
    /// Returns the place of a profile; without one, of the default login.
    #[must_use]
    pub fn new(directory: &Path, profile: Option<&str>) -> Self {
        Self {
            directory: directory.to_owned(),
            stem: match profile {
                Some(profile) => format!("ringcentral-{profile}"),
                None => "ringcentral".to_owned(),
            },
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn file(&self, suffix: &str) -> PathBuf {
        self.directory.join(format!("{}.{suffix}", self.stem))
    }

    /// Waits for this place's lock of a name.
    pub(crate) async fn lock(&self, suffix: &str) -> Result<Lock, LoginFileError> {
        let path = self.file(suffix);
        let directory = self.directory.clone();
        let failed = |source| LoginFileError::Write {
            path: path.clone(),
            source,
        };
        let file = path.clone();
        let acquire = move || {
            create_private_dir(&directory)?;
            Lock::acquire(&file)
        };
        let locked = tokio::task::spawn_blocking(acquire).await;
        locked
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(failed)
    }

    /// Removes the files of the login.
    pub(crate) fn remove(&self) -> Result<(), LoginFileError> {
        for suffix in ["json", "session.json"] {
            let path = self.file(suffix);
            remove_if_present(&path).map_err(|source| LoginFileError::Write { path, source })?;
        }
        Ok(())
    }
}

/// Reads a private JSON file of bounded size; `None` if it is missing.
pub(crate) fn read_private<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, LoginFileError> {
    let wrong = || LoginFileError::Wrong {
        path: path.to_owned(),
    };
    let text = match read_at_most(path, MAX_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(wrong()),
        Err(source) => {
            return Err(LoginFileError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    if let Some(mode) = open_to_others(path) {
        return Err(LoginFileError::NotPrivate {
            path: path.to_owned(),
            mode,
        });
    }
    // serde's error may quote a secret.
    let parsed = serde_json::from_slice(&text);
    parsed.map(Some).map_err(|_| wrong())
}

pub(crate) fn write_private<T: Serialize>(path: &Path, value: &T) -> Result<(), LoginFileError> {
    let written = |source| LoginFileError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(directory) = path.parent() {
        create_private_dir(directory).map_err(written)?;
    }
    let text = serde_json::to_vec_pretty(value).map_err(|error| written(error.into()))?;
    replace(path, &text, Access::Private).map_err(written)
}

/// Why a private file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginFileError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// Others than the owner can read it.
    #[error("{} holds secrets and others can read it (mode {mode:03o})", path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Its content is not what `login` writes.
    #[error("{} is damaged or not written by ringtail", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be written or locked.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

impl Coded for LoginFileError {
    fn code(&self) -> &'static Code {
        &codes::CLOUD_FILES
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotPrivate { path, .. } => format!(
                "run `chmod 600 {}`; if others may have read it, create a new JWT and client secret",
                path.display()
            ),
            Self::Wrong { path } => {
                format!(
                    "remove {} and run `ringtail subscriptions login`",
                    path.display()
                )
            }
            _ => "choose another directory with --config".to_owned(),
        })
    }
}
