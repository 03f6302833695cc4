//! The access token in use, cached for all processes: RingCentral allows five logins a minute and about five sessions.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::login::{Login, LoginFileError, Place, read_private, write_private};

/// A token that ends within this time is not used any more.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// The file's content.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Session {
    /// Whose session it is; another login's is ignored.
    key: String,
    access_token: String,
    expires_at: Option<Timestamp>,
    /// Nothing may be sent before: a request inside a penalty restarts it.
    pub(crate) not_before: Option<Timestamp>,
}

impl Session {
    /// Reads the session of a login. A damaged file counts as missing: it is a cache.
    pub(crate) fn read(place: &Place, login: &Login) -> Result<Self, LoginFileError> {
        let key = login.key();
        let empty = || Self {
            key: key.clone(),
            ..Self::default()
        };
        match read_private::<Self>(&place.file("session.json")) {
            Ok(Some(session)) if session.key == key => Ok(session),
            Ok(_) | Err(LoginFileError::Wrong { .. }) => Ok(empty()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn write(&self, place: &Place) -> Result<(), LoginFileError> {
        write_private(&place.file("session.json"), self)
    }

    /// Returns the token if it is good for a while.
    pub(crate) fn token(&self, now: Timestamp) -> Option<SecretString> {
        let lasts = self.expires_at.is_some_and(|end| now + MARGIN < end);
        lasts.then(|| self.access_token.as_str().into())
    }

    pub(crate) fn begin(&mut self, token: &SecretString, seconds: u64, now: Timestamp) {
        token.expose_secret().clone_into(&mut self.access_token);
        let seconds = i64::try_from(seconds).unwrap_or(0).min(86_400);
        self.expires_at = Some(now + SignedDuration::from_secs(seconds));
    }

    pub(crate) fn end(&mut self) {
        self.access_token.clear();
        self.expires_at = None;
    }
}
