//! The user's configuration file, `config.toml`. Ringtail reads it and never writes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ringtail_errors::{Code, Coded, codes};
use ringtail_files::{open_to_others, read_at_most};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use super::keep::Keep;
use ringtail_model::secrets::Secrets;

/// Maximum size of a configuration file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Contents of the file. Unknown keys are errors, so that a typing mistake is not silent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// URL of the relay.
    pub relay: Option<String>,
    /// PEM file of an additional authority to trust. Relative to the file.
    pub ca: Option<PathBuf>,
    /// Directory of history and logs. Relative to the file.
    pub data: Option<PathBuf>,
    /// Name of the endpoint to listen on.
    pub endpoint: Option<String>,
    /// Secrets that RingCentral and the app share, for every endpoint.
    #[serde(default)]
    pub secrets: Secrets,
    /// Whether requests with a missing or invalid signature or token are not forwarded.
    pub reject_forged: Option<bool>,
    /// How much of the history is kept.
    #[serde(default)]
    pub history: Keep,
    /// Overrides per endpoint, by name.
    #[serde(default)]
    pub endpoints: BTreeMap<String, EndpointConfig>,
    /// Theme of the terminal UI: `ansi`, `high-contrast` or `mono`.
    pub(super) theme: Option<Spanned<String>>,
    /// Whether the terminal UI uses the mouse.
    pub(super) mouse: Option<bool>,
    /// Key bindings of the terminal UI, by action; docs/KEYS.md lists the actions.
    #[serde(default)]
    pub(super) keys: BTreeMap<Spanned<String>, KeyList>,
    /// How events are compared.
    #[serde(default)]
    pub diff: DiffConfig,
    /// Settings of the terminal UI with their line numbers.
    #[serde(skip)]
    pub screen: ScreenConfig,
}

/// Settings of the terminal UI, not yet validated: the UI knows its themes, actions and keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScreenConfig {
    /// The file.
    pub path: PathBuf,
    /// The theme with its line.
    pub theme: Option<(usize, String)>,
    /// Whether it uses the mouse.
    pub mouse: Option<bool>,
    /// Actions with their line and keys.
    pub keys: Vec<(usize, String, Vec<String>)>,
}

/// Settings of comparisons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffConfig {
    /// Names of headers and JSON fields to ignore, in addition to the built-in ones.
    #[serde(default)]
    pub noise: Vec<String>,
}

/// Keys of one action, or none.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a key, or a list of keys")]
pub(super) enum KeyList {
    One(String),
    Several(Vec<String>),
}

/// Settings of one endpoint.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Secrets that RingCentral and the app share.
    #[serde(default)]
    pub secrets: Secrets,
    /// Whether requests with a missing or invalid signature or token are not forwarded.
    pub reject_forged: Option<bool>,
}

impl FileConfig {
    /// Reads the file; a missing file has no settings.
    ///
    /// # Errors
    /// When it cannot be read, is invalid, or has secrets and others than its owner can read it.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let text = read_text(path)?.unwrap_or_default();
        let mut file: Self = parse(path, &text)?;
        file.screen = file.screen(path, &text);
        let beside = |named: PathBuf| {
            let named = ringtail_files::expand_home(&named);
            match path.parent() {
                Some(dir) => dir.join(named),
                None => named,
            }
        };
        file.ca = file.ca.map(beside);
        file.data = file.data.map(beside);
        let has_secrets = !file.secrets.is_empty() || !file.endpoint_secrets().is_empty();
        match open_to_others(path) {
            Some(mode) if has_secrets => Err(FileError::NotPrivate {
                path: path.to_owned(),
                mode,
            }),
            _ => Ok(file),
        }
    }

    fn screen(&self, path: &Path, text: &str) -> ScreenConfig {
        let keys = self.keys.iter().map(|(name, keys)| {
            let keys = match keys {
                KeyList::One(key) => vec![key.clone()],
                KeyList::Several(keys) => keys.clone(),
            };
            (line(text, name.span().start), name.get_ref().clone(), keys)
        });
        ScreenConfig {
            path: path.to_owned(),
            theme: self
                .theme
                .as_ref()
                .map(|theme| (line(text, theme.span().start), theme.get_ref().clone())),
            mouse: self.mouse,
            keys: keys.collect(),
        }
    }

    /// Returns the secrets of single endpoints, by name.
    pub(super) fn endpoint_secrets(&self) -> BTreeMap<String, Secrets> {
        let own = self.endpoints.iter();
        own.filter(|(_, endpoint)| !endpoint.secrets.is_empty())
            .map(|(name, endpoint)| (name.clone(), endpoint.secrets.clone()))
            .collect()
    }
}

/// Reads a TOML file of bounded size; `None` if it is missing.
pub(crate) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    read_text(path)?.map(|text| parse(path, &text)).transpose()
}

fn read_text(path: &Path) -> Result<Option<String>, FileError> {
    let bytes = match read_at_most(path, MAX_FILE_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(FileError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    let text = ringtail_text::decode(bytes).ok_or_else(|| FileError::NotText {
        path: path.to_owned(),
    })?;
    Ok(Some(text))
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, FileError> {
    toml::from_str(text).map_err(|error| {
        // The error's own text quotes the line, which may contain a token.
        FileError::Wrong {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line(text, span.start)),
            message: error.message().to_owned(),
        }
    })
}

/// Returns the line number of a byte offset, from 1.
fn line(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// Why a configuration file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read or is too large.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// It is not text.
    #[error("{} is neither UTF-8 nor UTF-16", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// It has secrets and others than its owner can read it.
    #[error("{} holds secrets and others can read it (mode {mode:03o})", path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is not TOML, or has an unknown key or an invalid value.
    #[error("{}, line {line}: {message}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Line of the mistake.
        line: usize,
        /// The mistake.
        message: String,
    },
}

impl Coded for FileError {
    fn code(&self) -> &'static Code {
        &codes::CONFIG_FILE
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotPrivate { path, .. } => Some(format!(
                "run `chmod 600 {}`; if others may have read it, change the secrets",
                path.display()
            )),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<FileConfig, FileError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        let mut config = FileConfig::read(&path)?;
        config.ca = config
            .ca
            .map(|ca| ca.strip_prefix(dir.path()).unwrap_or(&ca).to_owned());
        Ok(config)
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        assert_eq!(read("ca = \"a.pem\"").unwrap().ca, Some("a.pem".into()));
        let absolute = if cfg!(windows) { "C:/b.pem" } else { "/b.pem" };
        let config = read(&format!("ca = '{absolute}'")).unwrap();
        assert_eq!(config.ca, Some(absolute.into()));
        let home = std::env::home_dir().unwrap();
        let config = read("ca = '~/c.pem'\ndata = '~/rt'").unwrap();
        assert_eq!(config.ca, Some(home.join("c.pem")));
        assert_eq!(config.data, Some(home.join("rt")));
    }

    #[test]
    fn a_file_of_any_editor_is_read() {
        assert_eq!(read("\u{feff}relay = 'x'").unwrap().relay.unwrap(), "x");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, b"relay = '\xff'").unwrap();
        let error = FileConfig::read(&path).unwrap_err().to_string();
        assert!(error.ends_with("is neither UTF-8 nor UTF-16"), "{error}");
    }

    #[test]
    fn a_missing_file_has_no_settings() {
        let config = FileConfig::read(Path::new("/nowhere/config.toml")).unwrap();
        assert!(config.relay.is_none() && config.secrets.is_empty());
    }

    #[test]
    fn mistakes_are_reported_with_their_line() {
        for (text, expected) in [
            (
                "relay = \"x\"\nrely = \"y\"",
                "line 2: unknown field `rely`, expected one of `relay`, `ca`, `data`, `endpoint`, `secrets`, `reject_forged`, `history`, `endpoints`, `theme`, `mouse`, `keys`, `diff`",
            ),
            ("\n\nrelay = 5", "line 3: invalid type: integer `5`"),
            ("relay", "line 1: "),
            (
                "[history]\nkeep_days = 0",
                "line 2: invalid value: integer `0`, expected days from 1 to 3650",
            ),
            (
                "[history]\nkeep_days = 3651",
                "line 2: invalid value: integer `3651`, expected days",
            ),
            (
                "[history]\nkeep_days = 7\nkeep_bytes = 0",
                "line 3: invalid value: integer `0`, expected a nonzero u64",
            ),
            (
                "history.keep_events = -1",
                "line 1: invalid value: integer `-1`, expected a nonzero u64",
            ),
            (
                "[history]\nkeep_hours = 1",
                "line 2: unknown field `keep_hours`",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let long = "#".repeat(usize::try_from(MAX_FILE_BYTES).unwrap() + 1);
        let error = ringtail_text::chain(&read(&long).unwrap_err());
        assert!(error.starts_with("cannot read "), "{error}");
        assert!(
            error.ends_with("config.toml: it is longer than 1048576 bytes"),
            "{error}"
        );
    }

    #[test]
    fn ignored_names_are_a_list() {
        let config = read("[diff]\nnoise = ['etag', 'ownerId']").unwrap();
        assert_eq!(config.diff.noise, ["etag", "ownerId"]);
        let error = read("[diff]\nnose = []").unwrap_err().to_string();
        assert!(error.contains("line 2: unknown field `nose`"), "{error}");
    }

    #[test]
    fn settings_of_the_terminal_ui_have_their_line() {
        let text = "theme = 'mono'\n\n[keys]\nreplay = 'F5'\nquit = ['q', 'Ctrl-Q']\nclear = []";
        let screen = read(text).unwrap().screen;
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        assert_eq!(screen.theme, Some((1, "mono".to_owned())));
        assert_eq!(
            screen.keys,
            [
                (6, "clear".to_owned(), keys(&[])),
                (5, "quit".to_owned(), keys(&["q", "Ctrl-Q"])),
                (4, "replay".to_owned(), keys(&["F5"])),
            ]
        );
        let error = read("[keys]\nquit = 5").unwrap_err().to_string();
        assert!(
            error.contains("line 2: a key, or a list of keys"),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_file_with_secrets_must_be_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        for (text, mode, allowed) in [
            ("endpoint = 'a'", 0o644, true),
            ("[secrets]\nglip = 'hush'", 0o600, true),
            ("[secrets]\nglip = 'hush'", 0o640, false),
            ("[endpoints.a.secrets]\nglip = 'hush'", 0o604, false),
        ] {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = FileConfig::read(&path);
            assert_eq!(read.is_ok(), allowed, "{text} {mode:o}");
            assert!(!format!("{read:?}").contains("hush"));
        }
    }
}
