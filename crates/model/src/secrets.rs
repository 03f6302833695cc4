//! Secrets that RingCentral and the app share: from the environment and the configuration file, never from arguments, which
//! every user of the machine can see.
//!
//! ```toml
//! [secrets]
//! glip = "…"
//!
//! [endpoints.sms-bot.secrets]
//! verification_token = "…"
//! ```
//!
//! A variable overrides the endpoint's table, and that the common one.

use std::collections::BTreeMap;
use std::ffi::OsString;

use http::HeaderValue;
use ringtail_errors::{Code, Coded, codes};
use ringtail_ringcentral::signature::Scheme;
use secrecy::{ExposeSecret, SecretString};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::endpoint_name;

/// Variable and key in the file of each secret.
const NAMES: [(&str, &str); 5] = [
    ("RINGTAIL_VERIFICATION_TOKEN", "verification_token"),
    ("RINGTAIL_GLIP_SECRET", "glip"),
    ("RINGTAIL_DIMELO_SECRET", "dimelo"),
    ("RINGTAIL_DIGITAL_VERIFY_TOKEN", "digital_verify_token"),
    ("RINGTAIL_SOURCE_SDK_SECRET", "source_sdk"),
];

/// Index of `digital_verify_token`, which has no [`Scheme`].
const DIGITAL_VERIFY_TOKEN: usize = 3;

/// The configured secrets. `Debug` hides them.
#[derive(Debug, Clone, Default)]
pub struct Secrets([Option<SecretString>; NAMES.len()]);

impl Secrets {
    /// Reads the secrets from variables; an empty variable counts as unset.
    ///
    /// # Errors
    /// When one is invalid.
    pub fn of_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, SecretError> {
        let mut found = Self::default();
        for ((name, _), place) in NAMES.iter().zip(&mut found.0) {
            if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
                let text = value.into_string().map_err(|_| SecretError { name })?;
                *place = Some(checked(name, text)?);
            }
        }
        Ok(found)
    }

    /// Returns the variable and the file's key of a scheme's secret.
    #[must_use]
    pub fn names_of(scheme: Scheme) -> Option<(&'static str, &'static str)> {
        NAMES.get(place(scheme)?).copied()
    }

    /// Returns the secret of a scheme.
    #[must_use]
    pub fn of(&self, scheme: Scheme) -> Option<&[u8]> {
        self.at(place(scheme)?)
            .map(|secret| secret.expose_secret().as_bytes())
    }

    /// Returns the verify token of a RingCX Digital webhook.
    #[must_use]
    pub fn digital_verify_token(&self) -> Option<&SecretString> {
        self.digital_verify_token_of_relay()
            .filter(|token| !token.expose_secret().is_empty())
    }

    /// Returns that token for the relay. An empty one, possible only in the file, deletes it there.
    #[must_use]
    pub fn digital_verify_token_of_relay(&self) -> Option<&SecretString> {
        self.at(DIGITAL_VERIFY_TOKEN)
    }

    /// Fills in missing secrets from `other`.
    #[must_use]
    fn or(mut self, other: &Self) -> Self {
        for (place, other) in self.0.iter_mut().zip(&other.0) {
            *place = place.take().or_else(|| other.clone());
        }
        self
    }

    /// Sets the verification token if there is none; one that no header carries is ignored.
    pub fn or_verification_token(&mut self, token: &SecretString) {
        let (name, _) = NAMES[0];
        if self.0[0].is_none() {
            self.0[0] = checked(name, token.expose_secret().to_owned()).ok();
        }
    }

    /// Returns true if no secret is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    fn at(&self, place: usize) -> Option<&SecretString> {
        self.0.get(place).and_then(Option::as_ref)
    }
}

/// Written by hand because serde's errors quote the value.
impl<'de> Deserialize<'de> for Secrets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let toml::Value::Table(table) = toml::Value::deserialize(deserializer)? else {
            return Err(D::Error::custom("`secrets` is a table"));
        };
        let mut found = Self::default();
        for (key, value) in table {
            let place = NAMES.iter().zip(&mut found.0);
            let place = place.into_iter().find(|((_, known), _)| *known == key);
            let Some(((_, name), place)) = place else {
                let known = NAMES.map(|(_, name)| format!("`{name}`")).join(", ");
                let unknown = format!("unknown secret `{key}`, expected one of {known}");
                return Err(D::Error::custom(unknown));
            };
            let toml::Value::String(text) = value else {
                return Err(D::Error::custom(format!("`{name}` is text in quotes")));
            };
            let forgets = *name == NAMES[DIGITAL_VERIFY_TOKEN].1 && text.is_empty();
            *place = Some(match forgets {
                true => text.into(),
                false => checked(name, text).map_err(D::Error::custom)?,
            });
        }
        Ok(found)
    }
}

/// Accepts only valid header values: some secrets are sent in one, and RingCentral's console issues no others.
fn checked(name: &'static str, text: String) -> Result<SecretString, SecretError> {
    match HeaderValue::from_str(&text) {
        Ok(_) if !text.is_empty() && text.trim() == text => Ok(text.into()),
        _ => Err(SecretError { name }),
    }
}

/// A secret is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name} cannot be sent: it is empty, has characters that no header carries, or spaces around it"
)]
pub struct SecretError {
    /// Its variable, or its key in the file.
    pub name: &'static str,
}

impl Coded for SecretError {
    fn code(&self) -> &'static Code {
        &codes::SECRET
    }
}

/// The secrets of every endpoint.
#[derive(Debug, Clone, Default)]
pub struct AllSecrets {
    /// Those of the environment, with the highest precedence.
    pub variables: Secrets,
    /// Those of single endpoints, by name.
    pub endpoints: BTreeMap<String, Secrets>,
    /// Those of all endpoints, with the lowest precedence.
    pub common: Secrets,
}

impl AllSecrets {
    /// Returns the secrets of the endpoint of a name.
    #[must_use]
    pub fn of_name(&self, name: &str) -> Secrets {
        let own = self.endpoints.get(name).cloned().unwrap_or_default();
        self.variables.clone().or(&own).or(&self.common)
    }

    /// Returns the secrets of the endpoint of an id.
    #[must_use]
    pub fn of_id(&self, id: &str) -> Secrets {
        self.of_name(endpoint_name(id))
    }

    /// Returns the secrets without those of single endpoints.
    #[must_use]
    pub fn common(&self) -> Secrets {
        self.variables.clone().or(&self.common)
    }
}

/// Returns the index of a scheme's secret in [`NAMES`].
fn place(scheme: Scheme) -> Option<usize> {
    Some(match scheme {
        Scheme::VerificationToken => 0,
        Scheme::Glip => 1,
        Scheme::Dimelo => 2,
        Scheme::SourceSdk => 4,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Secrets, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn secrets_come_from_variables_and_must_fit_a_header() {
        let found = Secrets::of_variables(|name| match name {
            "RINGTAIL_GLIP_SECRET" => Some("glip".into()),
            "RINGTAIL_SOURCE_SDK_SECRET" => Some("sdk".into()),
            "RINGTAIL_DIGITAL_VERIFY_TOKEN" => Some("dig".into()),
            _ => Some("".into()),
        })
        .unwrap();
        assert_eq!(found.of(Scheme::Glip), Some(&b"glip"[..]));
        assert_eq!(found.of(Scheme::SourceSdk), Some(&b"sdk"[..]));
        assert_eq!(found.of(Scheme::VerificationToken), None);
        assert_eq!(found.digital_verify_token().unwrap().expose_secret(), "dig");
        for wrong in ["zq\nb", " zq"] {
            let error = Secrets::of_variables(|_| Some(wrong.into())).unwrap_err();
            assert_eq!(error.name, "RINGTAIL_VERIFICATION_TOKEN");
            assert!(!error.to_string().contains("zq"));
        }
    }

    #[test]
    fn a_variable_counts_before_the_endpoint_and_the_endpoint_before_all() {
        let all = AllSecrets {
            variables: read("glip = 'env'").unwrap(),
            endpoints: [(
                "sms-bot".to_owned(),
                read("glip = 'own'\ndimelo = 'own'").unwrap(),
            )]
            .into(),
            common: read("glip = 'all'\ndimelo = 'all'\nsource_sdk = 'all'").unwrap(),
        };
        let said = |secrets: Secrets| {
            Scheme::ALL.map(|scheme| {
                secrets
                    .of(scheme)
                    .map(|it| String::from_utf8(it.to_vec()).unwrap())
            })
        };
        let words = |words: [Option<&str>; 4]| words.map(|word| word.map(str::to_owned));
        let own = words([None, Some("env"), Some("own"), Some("all")]);
        assert_eq!(said(all.of_name("sms-bot")), own);
        assert_eq!(said(all.of_id("sms-bot-0k3v9m2qx7c")), own);
        assert_eq!(
            said(all.of_name("sms")),
            words([None, Some("env"), Some("all"), Some("all")])
        );
    }

    #[test]
    fn an_empty_verify_token_is_one_that_the_relay_forgets() {
        let all = AllSecrets {
            endpoints: [(
                "sms-bot".to_owned(),
                read("digital_verify_token = ''").unwrap(),
            )]
            .into(),
            common: read("digital_verify_token = 'dig'").unwrap(),
            ..AllSecrets::default()
        };
        let of = |name| {
            let secrets = all.of_name(name);
            let told = secrets.digital_verify_token_of_relay();
            let told = told.map(|token| token.expose_secret().to_owned());
            (told, secrets.digital_verify_token().is_some())
        };
        assert_eq!(of("sms-bot"), (Some(String::new()), false));
        assert_eq!(of("other"), (Some("dig".to_owned()), true));
        assert!(read("glip = ''").is_err());
    }

    #[test]
    fn no_mistake_prints_a_secret() {
        for (text, expected) in [
            ("glip = 471147", "`glip` is text in quotes"),
            ("glip = \" 471147\"", "glip cannot be sent"),
            ("glip = ['471147']", "`glip` is text in quotes"),
            (
                "glib = '471147'",
                "unknown secret `glib`, expected one of `verification_token`, `glip`",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.message().contains(expected), "{error}");
            assert!(!error.message().contains("471147"), "{error}");
        }
        assert!(!format!("{:?}", read("glip = '471147'").unwrap()).contains("471147"));
    }
}
