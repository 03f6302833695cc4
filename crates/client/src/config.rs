//! What the user decided, from all the places where it can be said.
//!
//! A flag counts before the environment, the environment before the file, the file before the login, and the
//! default last. [`Config::resolve`] is that rule and nothing else; [`Config::load`] brings it its sources.

mod file;
mod keep;
mod login;
mod relay_url;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use ringtail_errors::{Code, Coded, codes};
use secrecy::{ExposeSecret, SecretString};

pub use file::{DiffConfig, FileConfig, FileError, ScreenConfig};
pub use keep::{Keep, MAX_KEEP_DAYS};
pub use login::{Login, LoginError};
pub use relay_url::{BadRelayUrl, RelayUrl};

use ringtail_model::secrets::{AllSecrets, SecretError, Secrets};
use ringtail_outbound::trust::{Trust, TrustError};
use ringtail_recordings::diff::Noise;
use ringtail_store::Retention;

/// Name of the endpoint when none is chosen. The same on each machine of a developer, so that a subscription goes
/// on when they change from one to the other.
pub const DEFAULT_ENDPOINT: &str = "default";

/// The most characters of a token: far above what a relay gives out.
const MAX_TOKEN_CHARS: usize = 512;

/// What the flags say.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--relay`.
    pub relay: Option<String>,
    /// `--ca`.
    pub ca: Option<PathBuf>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--endpoint`.
    pub endpoint: Option<String>,
    /// `--reject-forged`.
    pub reject_forged: bool,
    /// `--keep-days` and its like.
    pub keep: Keep,
}

/// What the environment says. An empty variable says nothing.
#[derive(Debug, Clone, Default)]
pub struct Env {
    /// `RINGTAIL_RELAY`.
    pub relay: Option<String>,
    /// `RINGTAIL_TOKEN`.
    pub token: Option<SecretString>,
    /// `RINGTAIL_CA`.
    pub ca: Option<PathBuf>,
    /// `RINGTAIL_DATA`.
    pub data: Option<PathBuf>,
    /// `RINGTAIL_CONFIG`.
    pub config: Option<PathBuf>,
    /// `RINGTAIL_GLIP_SECRET` and its like.
    pub secrets: Secrets,
}

impl Env {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// When a variable that is text is not UTF-8.
    pub fn from_process() -> Result<Self, ConfigError> {
        let get = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let text = |name: &'static str| match get(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) => Err(ConfigError::NotText { name }),
        };
        Ok(Self {
            relay: text("RINGTAIL_RELAY")?,
            token: text("RINGTAIL_TOKEN")?.map(SecretString::from),
            ca: get("RINGTAIL_CA").map(PathBuf::from),
            data: get("RINGTAIL_DATA").map(PathBuf::from),
            config: get("RINGTAIL_CONFIG").map(PathBuf::from),
            secrets: Secrets::of_variables(get)?,
        })
    }
}

/// Where things are when nobody says otherwise.
#[derive(Debug, Clone)]
pub struct Places {
    /// The configuration file. The login is beside it.
    pub config: PathBuf,
    /// Directory of history and logs.
    pub data: PathBuf,
}

impl Places {
    /// Returns the places that this platform has for such files.
    ///
    /// # Errors
    /// When the user has no home directory.
    pub fn of_platform() -> Result<Self, ConfigError> {
        let base = etcetera::choose_base_strategy().map_err(|_| ConfigError::NoHome)?;
        Ok(Self {
            config: base.config_dir().join("ringtail/config.toml"),
            data: base.data_dir().join("ringtail"),
        })
    }
}

/// Everything that is decided.
#[derive(Debug, Clone)]
pub struct Config {
    /// The relay, if any is known.
    pub relay: Option<RelayUrl>,
    /// The token for that relay, if any is known.
    pub token: Option<SecretString>,
    /// PEM file of the relay's own authority.
    pub ca: Option<PathBuf>,
    /// Directory of history and logs.
    pub data: PathBuf,
    /// Name of the endpoint to listen on.
    pub endpoint: String,
    /// What RingCentral and the app share, by endpoint.
    pub secrets: AllSecrets,
    /// Whether a flag says that requests whose proof of origin is wrong or missing are kept from the app.
    reject_forged: bool,
    /// Whether the file says so, by endpoint.
    own_reject_forged: BTreeMap<String, bool>,
    /// Whether the file says so for the rest.
    common_reject_forged: bool,
    /// How much of the history is kept.
    pub retention: Retention,
    /// What the file says of the terminal UI.
    pub screen: ScreenConfig,
    /// What is not compared.
    pub noise: Noise,
    /// File of the login.
    pub login_file: PathBuf,
    /// Relay of the login, when it is another than [`Config::relay`].
    pub other_login: Option<String>,
}

impl Config {
    /// Reads environment and files and resolves them with the flags.
    ///
    /// # Errors
    /// When a source cannot be read or says something wrong.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let env = Env::from_process()?;
        let chosen = (flags.config.as_ref().or(env.config.as_ref())).cloned();
        let data = (flags.data.as_ref().or(env.data.as_ref())).cloned();
        // A service without a home directory works when it is told both.
        let mut places = match (&chosen, data) {
            (Some(config), Some(data)) => Places {
                config: config.clone(),
                data,
            },
            _ => Places::of_platform()?,
        };
        if let Some(config) = chosen {
            if !config.exists() && flags.config.is_some() {
                return Err(ConfigError::NoConfig { path: config });
            }
            places.config = config;
        }
        let file = FileConfig::read(&places.config)?;
        let login = Login::read(&login_file(&places.config))?;
        Self::resolve(flags, &env, &file, login.as_ref(), &places)
    }

    /// Decides by precedence.
    ///
    /// # Errors
    /// When a value that counts is not valid.
    pub fn resolve(
        flags: &Flags,
        env: &Env,
        file: &FileConfig,
        login: Option<&Login>,
        places: &Places,
    ) -> Result<Self, ConfigError> {
        let relay = [
            ("--relay", flags.relay.as_deref()),
            ("RINGTAIL_RELAY", env.relay.as_deref()),
            ("relay in the configuration file", file.relay.as_deref()),
            (
                "relay in the login",
                login.map(|login| login.relay.as_str()),
            ),
        ]
        .into_iter()
        .find_map(|(place, text)| Some((place, text?)))
        .map(|(place, text)| {
            text.parse::<RelayUrl>()
                .map_err(|reason| ConfigError::Relay { place, reason })
        })
        .transpose()?;

        // A login counts for its own relay alone: its token must not be sent to another.
        let login_relay = login.and_then(|login| login.relay.parse::<RelayUrl>().ok());
        let (ours, other) = match login {
            Some(login) if login_relay.is_some() && login_relay == relay => (Some(login), None),
            Some(login) => (None, Some(login.relay.clone())),
            None => (None, None),
        };
        let token = (env.token.as_ref().map(|token| ("RINGTAIL_TOKEN", token)))
            .or(ours.map(|login| ("token in the login", &login.token)))
            .map(|(place, token)| parse_token(token).ok_or(ConfigError::Token { place }))
            .transpose()?;
        let ca = (flags.ca.as_ref())
            .or(env.ca.as_ref())
            .or(file.ca.as_ref())
            .or(ours.and_then(|login| login.ca.as_ref()))
            .cloned();
        let data = (flags.data.as_ref())
            .or(env.data.as_ref())
            .or(file.data.as_ref())
            .unwrap_or(&places.data)
            .clone();
        let endpoint = (flags.endpoint.as_ref())
            .or(file.endpoint.as_ref())
            .cloned()
            .unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
        let own = file.endpoints.iter();
        let own = own.filter_map(|(name, own)| Some((name.clone(), own.reject_forged?)));
        Ok(Self {
            relay,
            token,
            ca,
            data,
            endpoint,
            secrets: AllSecrets {
                variables: env.secrets.clone(),
                endpoints: file.endpoint_secrets(),
                common: file.secrets.clone(),
            },
            reject_forged: flags.reject_forged,
            own_reject_forged: own.collect(),
            common_reject_forged: file.reject_forged.unwrap_or(false),
            retention: flags.keep.before(file.history),
            screen: file.screen.clone(),
            noise: (file.diff.noise.iter()).fold(Noise::default(), |noise, name| noise.with(name)),
            login_file: login_file(&places.config),
            other_login: other,
        })
    }

    /// Returns whether requests whose proof of origin is wrong or missing are kept from the app of an endpoint.
    #[must_use]
    pub fn rejects_forged(&self, endpoint: &str) -> bool {
        let own = self.own_reject_forged.get(endpoint);
        self.reject_forged || own.copied().unwrap_or(self.common_reject_forged)
    }

    /// Returns what a call to the relay needs.
    ///
    /// # Errors
    /// When relay or token are not known, or no TLS can be set up with the authority.
    pub fn account(&self) -> Result<Account, ConfigError> {
        let relay = self.relay.clone().ok_or(ConfigError::NoRelay)?;
        let token = match (&self.token, &self.other_login) {
            (Some(token), _) => token.clone(),
            (None, Some(other)) => {
                return Err(ConfigError::OtherLogin {
                    relay,
                    other: other.clone(),
                });
            }
            (None, None) => return Err(ConfigError::NoToken { relay }),
        };
        let trust = Trust::load(self.ca.as_deref())?;
        Ok(Account {
            relay,
            token,
            trust,
        })
    }
}

/// What a call to the relay needs.
#[derive(Debug, Clone)]
pub struct Account {
    /// The relay.
    pub relay: RelayUrl,
    /// The account's token.
    pub token: SecretString,
    /// Whom to trust to be the relay.
    pub trust: Trust,
}

fn login_file(config: &Path) -> PathBuf {
    config.with_file_name("login.toml")
}

/// Takes a token as a header can carry it: visible ASCII, without the white space that pasting brings.
#[must_use]
pub fn parse_token(text: &SecretString) -> Option<SecretString> {
    let token = text.expose_secret().trim();
    let valid = !token.is_empty()
        && token.len() <= MAX_TOKEN_CHARS
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    valid.then(|| token.into())
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A variable is not UTF-8.
    #[error("{name} is not UTF-8")]
    NotText {
        /// The variable.
        name: &'static str,
    },
    /// The user has no home directory.
    #[error("there is no home directory for configuration and history")]
    NoHome,
    /// The file named by `--config` does not exist.
    #[error("there is no configuration file {}", path.display())]
    NoConfig {
        /// The file.
        path: PathBuf,
    },
    /// The configuration file is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The login is wrong.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The relay's URL is wrong.
    #[error("{place} is {reason}")]
    Relay {
        /// Where it was said.
        place: &'static str,
        /// What is wrong.
        reason: BadRelayUrl,
    },
    /// The token cannot be one.
    #[error("{place} is not a token: tokens are visible ASCII without spaces")]
    Token {
        /// Where it was said.
        place: &'static str,
    },
    /// A secret cannot be one.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No relay is known.
    #[error("no relay is configured")]
    NoRelay,
    /// No token is known.
    #[error("there is no token for {relay}")]
    NoToken {
        /// The relay.
        relay: RelayUrl,
    },
    /// The token that is known belongs to another relay.
    #[error("there is no token for {relay}: the login is for {other}")]
    OtherLogin {
        /// The relay.
        relay: RelayUrl,
        /// The relay of the login.
        other: String,
    },
    /// No TLS can be set up.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl Coded for ConfigError {
    fn code(&self) -> &'static Code {
        match self {
            Self::NotText { .. } | Self::NoHome => &codes::CONFIG,
            Self::NoConfig { .. } => &codes::CONFIG_FILE,
            Self::File(error) => error.code(),
            Self::Login(error) => error.code(),
            Self::Relay { reason, .. } => reason.code(),
            Self::Token { .. } => &codes::BAD_TOKEN,
            Self::Secret(error) => error.code(),
            Self::NoRelay => &codes::NO_RELAY,
            Self::NoToken { .. } | Self::OtherLogin { .. } => &codes::NO_TOKEN,
            Self::Trust(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoToken { relay } | Self::OtherLogin { relay, .. } => Some(format!(
                "run `ringtail login {relay}`, or set RINGTAIL_TOKEN"
            )),
            Self::NoHome => Some("set RINGTAIL_CONFIG and RINGTAIL_DATA".to_owned()),
            Self::File(error) => error.hint(),
            Self::Login(error) => error.hint(),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests;
