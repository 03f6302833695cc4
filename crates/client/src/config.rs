//! The configuration, merged from all its sources.
//!
//! Flags override the environment, the environment the file, the file the login; defaults come last.
//! [`Config::resolve`] applies that rule; [`Config::load`] reads the sources.

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

use ringtail_model::endpoint_name;
use ringtail_model::secrets::{AllSecrets, SecretError, Secrets};
use ringtail_outbound::proxy::{Proxies, ProxyUrlError};
use ringtail_outbound::trust::{Trust, TrustError};
use ringtail_rc_api::{LoginFileError, Records};
use ringtail_recordings::diff::Noise;
use ringtail_store::Retention;

/// Default endpoint name. It is the same on every machine of a developer, so a subscription keeps working when they
/// switch machines.
pub const DEFAULT_ENDPOINT: &str = "default";

/// Maximum characters of a token, far above what a relay issues.
const MAX_TOKEN_CHARS: usize = 512;

/// Values of the command-line flags.
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
    /// `--keep-days` and the like.
    pub keep: Keep,
}

/// Values of environment variables. An empty variable counts as unset.
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
    /// `RINGTAIL_GLIP_SECRET` and the like.
    pub secrets: Secrets,
    /// `HTTPS_PROXY` and the like.
    pub proxies: Proxies,
}

impl Env {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// When a variable that is text is not UTF-8.
    pub fn from_process() -> Result<Self, ConfigError> {
        let get = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let path = |name: &str| get(name).map(|path| ringtail_files::expand_home(Path::new(&path)));
        let text = |name: &'static str| match get(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) => Err(ConfigError::NotText { name }),
        };
        Ok(Self {
            relay: text("RINGTAIL_RELAY")?,
            token: text("RINGTAIL_TOKEN")?.map(SecretString::from),
            ca: path("RINGTAIL_CA"),
            data: path("RINGTAIL_DATA"),
            config: path("RINGTAIL_CONFIG"),
            secrets: Secrets::of_variables(get)?,
            proxies: Proxies::from_env()?,
        })
    }
}

/// Default locations.
#[derive(Debug, Clone)]
pub struct DefaultPaths {
    /// The configuration file; the login is stored next to it.
    pub config: PathBuf,
    /// Directory of history and logs.
    pub data: PathBuf,
}

impl DefaultPaths {
    /// Returns this platform's standard locations.
    ///
    /// # Errors
    /// When the user has no home directory.
    pub fn of_platform() -> Result<Self, ConfigError> {
        let base = etcetera::choose_base_strategy().map_err(|_| ConfigError::NoHome)?;
        Ok(Self::below(&base, cfg!(windows)))
    }

    fn below(base: &impl BaseStrategy, is_windows: bool) -> Self {
        let data = match is_windows {
            // The other directory travels with a profile to every machine of the user, and may be on a network drive, where
            // SQLite's log of changes is not safe.
            true => base.cache_dir(),
            false => base.data_dir(),
        };
        Self {
            config: base.config_dir().join("ringtail").join("config.toml"),
            data: data.join("ringtail"),
        }
    }
}

/// The merged configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The relay, if configured.
    pub relay: Option<RelayUrl>,
    /// The token for that relay, if known.
    pub token: Option<SecretString>,
    /// PEM file of the relay's own authority.
    pub ca: Option<PathBuf>,
    /// Directory of history and logs.
    pub data: PathBuf,
    /// Name of the endpoint to listen on.
    pub endpoint: String,
    /// What RingCentral and the app share, by endpoint.
    pub secrets: AllSecrets,
    /// `--reject-forged`: do not forward requests with a missing or invalid signature or token.
    reject_forged: bool,
    /// The same per endpoint, from the file.
    own_reject_forged: BTreeMap<String, bool>,
    /// The same for all other endpoints, from the file.
    common_reject_forged: bool,
    /// How much of the history is kept.
    pub retention: Retention,
    /// Settings of the terminal UI.
    pub screen: ScreenConfig,
    /// Fields that comparisons ignore.
    pub noise: Noise,
    /// The login's file.
    pub login_file: PathBuf,
    /// Relay of the login, if it differs from [`Config::relay`].
    pub other_login: Option<String>,
    /// The environment's proxy.
    pub proxies: Proxies,
}

impl Config {
    /// Reads environment and files and merges them with the flags.
    ///
    /// # Errors
    /// When a source cannot be read or is invalid.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let env = Env::from_process()?;
        let chosen = (flags.config.as_ref().or(env.config.as_ref())).cloned();
        let data = (flags.data.as_ref().or(env.data.as_ref())).cloned();
        // A service without a home directory works if both paths are given.
        let mut places = match (&chosen, data) {
            (Some(config), Some(data)) => DefaultPaths {
                config: config.clone(),
                data,
            },
            _ => DefaultPaths::of_platform()?,
        };
        if let Some(config) = chosen {
            if !config.exists() && flags.config.is_some() {
                return Err(ConfigError::NoConfig { path: config });
            }
            places.config = config;
        }
        let file = FileConfig::read(&places.config)?;
        let login = Login::read(&login_file(&places.config))?;
        let mut config = Self::resolve(flags, &env, &file, login.as_ref(), &places)?;
        config.take_tokens(&Records::read(config.directory())?);
        Ok(config)
    }

    /// Takes the verification tokens that `ringtail subscriptions` made for endpoints of this relay, where the
    /// configuration has none for the endpoint.
    fn take_tokens(&mut self, records: &Records) {
        let relay = self.relay.as_ref().map(RelayUrl::to_string);
        for record in records
            .iter()
            .filter(|it| Some(&it.relay) == relay.as_ref())
        {
            let own = self.secrets.endpoints.entry(record.endpoint.clone());
            own.or_default().or_verification_token(&record.token());
        }
    }

    /// Returns the directory of the login and other private files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.login_file.parent().unwrap_or(Path::new("."))
    }

    /// Merges the sources by precedence.
    ///
    /// # Errors
    /// When a value that takes effect is invalid.
    pub fn resolve(
        flags: &Flags,
        env: &Env,
        file: &FileConfig,
        login: Option<&Login>,
        places: &DefaultPaths,
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

        // A login applies to its own relay only: its token must not be sent to another.
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
            retention: flags.keep.or(file.history),
            screen: file.screen.clone(),
            noise: (file.diff.noise.iter()).fold(Noise::default(), |noise, name| noise.with(name)),
            login_file: login_file(&places.config),
            other_login: other,
            proxies: env.proxies.clone(),
        })
    }

    /// Returns true if an endpoint's requests with a missing or invalid signature or token are not forwarded.
    #[must_use]
    pub fn rejects_forged(&self, endpoint: &str) -> bool {
        let own = self.own_reject_forged.get(endpoint);
        self.reject_forged || own.copied().unwrap_or(self.common_reject_forged)
    }

    /// Returns true if an address is on the relay.
    #[must_use]
    pub fn is_on_relay(&self, address: &str) -> bool {
        let (Some(relay), Some(host)) = (&self.relay, host_of(address)) else {
            return false;
        };
        host == relay.host() || host.ends_with(&format!(".{}", relay.host()))
    }

    /// Returns the name of the endpoint that an address on the relay has, in its host or its path.
    #[must_use]
    pub fn endpoint_at(&self, address: &str) -> Option<String> {
        let relay = self.relay.as_ref().filter(|_| self.is_on_relay(address))?;
        let host = host_of(address)?;
        let address: http::Uri = address.parse().ok()?;
        let label = host
            .strip_suffix(relay.host())
            .and_then(|before| before.strip_suffix('.'));
        let id = label.or_else(|| address.path().split('/').nth(1))?;
        (!id.is_empty()).then(|| endpoint_name(id).to_owned())
    }

    /// Returns the secrets of the endpoint that an address has, else the common ones.
    #[must_use]
    pub fn secrets_at(&self, address: &str) -> Secrets {
        match self.endpoint_at(address) {
            Some(name) => self.secrets.of_name(&name),
            None => self.secrets.common(),
        }
    }

    /// Returns relay, token and trust for calls to the relay.
    ///
    /// # Errors
    /// When relay or token are unknown, or TLS cannot be set up.
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
            proxies: self.proxies.clone(),
        })
    }
}

/// Returns an address's host in small letters.
fn host_of(address: &str) -> Option<String> {
    let address: http::Uri = address.parse().ok()?;
    Some(address.host()?.to_ascii_lowercase())
}

/// What calls to the relay need.
#[derive(Debug, Clone)]
pub struct Account {
    /// The relay.
    pub relay: RelayUrl,
    /// The account's token.
    pub token: SecretString,
    /// How to verify the relay's certificate.
    pub trust: Trust,
    /// The proxy on the way to it.
    pub proxies: Proxies,
}

fn login_file(config: &Path) -> PathBuf {
    config.with_file_name("login.toml")
}

/// Trims a pasted token and returns it if a header can carry it: visible ASCII.
#[must_use]
pub fn parse_token(text: &SecretString) -> Option<SecretString> {
    let token = text.expose_secret().trim();
    let valid = !token.is_empty()
        && token.len() <= MAX_TOKEN_CHARS
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    valid.then(|| token.into())
}

/// Why the configuration cannot be used.
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
    /// The configuration file is invalid.
    #[error(transparent)]
    File(#[from] FileError),
    /// The login is invalid.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The relay's URL is invalid.
    #[error("{place} is {reason}")]
    Relay {
        /// The source.
        place: &'static str,
        /// What is wrong.
        reason: BadRelayUrl,
    },
    /// The token has invalid characters.
    #[error("{place} is not a token: tokens are visible ASCII without spaces")]
    Token {
        /// The source.
        place: &'static str,
    },
    /// A secret is invalid.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No relay is configured.
    #[error("no relay is configured")]
    NoRelay,
    /// No token is known.
    #[error("there is no token for {relay}")]
    NoToken {
        /// The relay.
        relay: RelayUrl,
    },
    /// The only known token belongs to another relay.
    #[error("there is no token for {relay}: the login is for {other}")]
    OtherLogin {
        /// The relay.
        relay: RelayUrl,
        /// The relay of the login.
        other: String,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The environment's proxy cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyUrlError),
    /// The record of subscriptions cannot be used.
    #[error(transparent)]
    Records(#[from] LoginFileError),
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
            Self::Proxy(error) => error.code(),
            Self::Records(error) => error.code(),
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
            Self::Records(error) => error.hint(),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests;
