//! Starts the terminal UI.

mod replay;

use std::path::PathBuf;

use ringtail_client::config::{FileError, ScreenConfig};
use ringtail_client::engine::Engine;
use ringtail_client::forward::SendOptions;
use ringtail_errors::Failure;
use ringtail_filter::Filter;
use ringtail_model::secrets::AllSecrets;
use ringtail_model::signature::Reveal;
use ringtail_recordings::diff::Noise;
use ringtail_tui::Options;
use ringtail_tui::keymap::Keys;
use ringtail_tui::theme::Theme;
use ringtail_views::Store;

use self::replay::Replays;
use crate::output::colour_allowed;

/// Returns the screen's settings from the configuration.
///
/// # Errors
/// When a theme, an action or a key does not exist.
pub(crate) fn options(config: &ScreenConfig, noise: &Noise) -> Result<Options, Failure> {
    let wrong = |line: usize, message: String| {
        let path = config.path.clone();
        let error = FileError::Wrong {
            path,
            line,
            message,
        };
        Failure::from(error)
    };
    let mut options = Options {
        noise: noise.clone(),
        check_options: replay::check,
        ..Options::default()
    };
    if let Some((line, name)) = &config.theme {
        options.theme = Theme::named(name).ok_or_else(|| {
            let themes = "themes are ansi, high-contrast and mono";
            wrong(*line, format!("no theme is named {name:?}; {themes}"))
        })?;
    }
    if !colour_allowed() {
        options.theme = Theme::Mono;
    }
    options.mouse = config.mouse.unwrap_or(options.mouse);
    let mut keys = Keys::default();
    for (line, name, wanted) in &config.keys {
        let bound = keys.bind(name, wanted);
        bound.map_err(|error| wrong(*line, error.to_string()))?;
    }
    for (line, name, _) in &config.keys {
        let unique = keys.check(name);
        unique.map_err(|error| wrong(*line, error.to_string()))?;
    }
    options.keys = keys;
    Ok(options)
}

/// What the screen shows, besides its settings.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Directory of the history.
    pub(crate) data: PathBuf,
    /// Whether secrets are shown.
    pub(crate) reveal: Reveal,
    /// Secrets shared with RingCentral, by endpoint.
    pub(crate) secrets: AllSecrets,
    /// What is not compared.
    pub(crate) noise: Noise,
    /// How events are sent.
    pub(crate) send: SendOptions,
}

/// Shows the screen until the user quits or a token of the options is cancelled.
pub(crate) async fn show(
    engines: Vec<Engine>,
    asked: Asked,
    filter: Filter,
    options: Options,
) -> Result<(), Failure> {
    let first = engines.first().expect("listen starts an engine");
    let history = first.history().clone();
    let store = Store::new(engines, history, asked.data, asked.reveal, asked.secrets);
    let replays = Replays {
        store: store.clone(),
        noise: asked.noise,
        send: asked.send,
    };
    let options = Options { filter, ..options };
    let shown = ringtail_tui::run(store, replays, options).await;
    shown.map(drop).map_err(Failure::from)
}
