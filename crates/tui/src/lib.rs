//! The terminal UI.
//!
//! `app` holds what is on screen, `update` changes it by messages and returns effects, `view` draws it, and `run` is the
//! loop that feeds messages in and performs effects. `store` reads the history. Only `run`, `store` and `terminal` know a
//! clock, a database or a terminal.

use std::io;

use ringtail_errors::{Code, Coded, codes};
use ringtail_filter::Filter;
use ringtail_protocol::event::Timestamp;
use ringtail_recordings::diff::Noise;
use ringtail_views::Store;
use ringtail_views::replayer::{OptionsCheck, Replayer};
use tokio_util::sync::CancellationToken;

use crate::keymap::Keys;
use crate::store::StoreSource;
use crate::terminal::Guard;
pub use crate::terminal::handle_stop_signals;
use crate::theme::Theme;

mod app;
mod burst;
mod clipboard;
mod effect;
mod format;
#[cfg(unix)]
mod input;
pub mod keymap;
pub mod keys;
mod layout;
mod msg;
mod run;
mod source;
mod store;
mod terminal;
#[cfg(test)]
mod testing;
mod text;
pub mod theme;
mod update;
mod view;

/// The screen's settings.
#[derive(Debug, Clone)]
pub struct Options {
    /// Ends the screen, once no editor has the terminal.
    pub cancel: CancellationToken,
    /// Ends the screen at once: the process was told to stop.
    pub stop: CancellationToken,
    /// Colours; the caller reads `NO_COLOR`.
    pub theme: Theme,
    /// Key bindings.
    pub keys: Keys,
    /// Whether to capture the mouse. Shift then selects text.
    pub mouse: bool,
    /// What is not compared.
    pub noise: Noise,
    /// Checks the options of a replay.
    pub check_options: fn(&str) -> OptionsCheck,
    /// The first filter.
    pub filter: Filter,
    /// The URL of the page that this process serves, with its token.
    pub page: Option<String>,
    /// The zone of displayed times.
    pub time_zone: jiff::tz::TimeZone,
    /// The clock.
    pub clock: fn() -> Timestamp,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cancel: CancellationToken::new(),
            stop: CancellationToken::new(),
            theme: Theme::default(),
            keys: Keys::default(),
            mouse: true,
            noise: Noise::default(),
            check_options: |_| OptionsCheck::default(),
            filter: Filter::default(),
            page: None,
            time_zone: jiff::tz::TimeZone::system(),
            clock: Timestamp::now,
        }
    }
}

/// Why the screen failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The terminal could not be prepared.
    #[error("cannot prepare the terminal for the screen")]
    Open(#[source] io::Error),
    /// The screen could not be drawn.
    #[error("cannot draw to the terminal")]
    Draw(#[source] io::Error),
    /// Keys could not be read.
    #[error("cannot read keys from the terminal")]
    Input(#[source] io::Error),
}

impl Coded for RunError {
    fn code(&self) -> &'static Code {
        &codes::FAILED
    }
}

/// Shows the screen on the process's terminal until the user quits, a token of the options is cancelled or the terminal is
/// gone.
///
/// Restores the terminal, also after a panic.
///
/// # Errors
/// When the terminal cannot be prepared, drawn to or read.
pub async fn run(store: Store, replayer: impl Replayer, options: Options) -> Result<(), RunError> {
    let (mut guard, mut terminal) = Guard::take().map_err(RunError::Open)?;
    let input = keys::read().map_err(RunError::Open)?;
    let history = store.history.clone();
    let source = StoreSource::new(store, options.time_zone.clone());
    let screen = run::drive(&mut terminal, &mut guard, input, source, replayer, &options);
    tokio::select! {
        end = screen => end,
        () = options.stop.cancelled() => Ok(()),
        error = handle_stop_signals(Some(&history)) => Err(RunError::Open(error)),
    }
}
