//! Starts the terminal UI.

use ringtail_client::config::{FileError, ScreenConfig};
use ringtail_errors::Failure;
use ringtail_recordings::diff::Noise;
use ringtail_tui::Options;
use ringtail_tui::keymap::Keys;
use ringtail_tui::theme::Theme;

use crate::output::colour_allowed;
use crate::replays;

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
        check_options: replays::check,
        ..Options::default()
    };
    if let Some((line, name)) = &config.theme {
        options.theme = Theme::named(name).ok_or_else(|| {
            let themes = "themes are ansi, high-contrast and mono";
            wrong(*line, format!("no theme is named \"{name}\"; {themes}"))
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
