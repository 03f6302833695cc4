//! The terminal UI over the client engine.
//!
//! `app` holds what is on screen, `update` changes it by messages and asks for effects, `view`
//! draws it, and `run` is the one loop that feeds messages in and performs effects. Only the loop knows
//! a clock, a socket or a database.

use std::io;

use ringtail_filter::Filter;
use ringtail_protocol::event::Timestamp;
use ringtail_recordings::diff::Noise;
use ringtail_store::History;
use tokio_util::sync::CancellationToken;

use crate::keymap::Keys;
use crate::source::{OptionLine, Source};
use crate::terminal::Guard;
use crate::theme::Theme;

mod app;
mod effect;
mod format;
pub mod hex;
pub mod keymap;
mod keys;
mod msg;
mod run;
pub mod source;
mod terminal;
#[cfg(test)]
mod testing;
mod text;
pub mod theme;
mod update;
mod view;

/// How the screen is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Ends the screen when the program is told to stop.
    pub cancel: CancellationToken,
    /// How the screen looks; the caller reads `NO_COLOR`.
    pub theme: Theme,
    /// What keys do.
    pub keys: Keys,
    /// Whether the mouse is the screen's. Text is then selected with Shift.
    pub mouse: bool,
    /// What is not compared.
    pub noise: Noise,
    /// Reads a line of options of a replay.
    pub read_replay: fn(&str) -> OptionLine,
    /// What is shown at first.
    pub filter: Filter,
    /// The zone that times are shown in.
    pub time_zone: jiff::tz::TimeZone,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
    /// Whose writing thread rests while the process is stopped.
    pub history: Option<History>,
}

impl Default for Options {
    /// The terminal's colours, the keys of docs/KEYS.md, the mouse, no options of replays, the system's zone and clock,
    /// and a token that nobody cancels.
    fn default() -> Self {
        Self {
            cancel: CancellationToken::new(),
            theme: Theme::default(),
            keys: Keys::default(),
            mouse: true,
            noise: Noise::default(),
            read_replay: |_| OptionLine::default(),
            filter: Filter::default(),
            time_zone: jiff::tz::TimeZone::system(),
            clock: Timestamp::now,
            history: None,
        }
    }
}

/// Why the screen ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The user quit.
    Quit,
    /// [`Options::cancel`] was cancelled or the process got a signal to end.
    Stopped,
}

/// Why the screen could not go on.
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

/// Says whether the terminal is an editor's at the moment: Ctrl-C is then meant for that.
#[must_use]
pub fn is_lent() -> bool {
    keys::is_lent()
}

/// Stops the process whenever it is told to (Ctrl-Z), for ever: the terminal is given back before, and the history left to
/// others. Returns why that is not possible.
pub async fn stops(history: Option<&History>) -> io::Error {
    terminal::told_to_stop(history).await
}

/// Shows the screen on the process's terminal until the user quits or [`Options::cancel`] is cancelled.
///
/// The terminal is as it was when this returns, also after a panic.
///
/// # Errors
/// When the terminal cannot be prepared, drawn to or read.
pub async fn run(source: impl Source, options: Options) -> Result<Exit, RunError> {
    let (mut guard, mut terminal) = Guard::take().map_err(RunError::Open)?;
    let input = keys::read().map_err(RunError::Open)?;
    let screen = run::drive(&mut terminal, &mut guard, input, source, &options);
    tokio::select! {
        exit = screen => exit,
        error = stops(options.history.as_ref()) => Err(RunError::Open(error)),
        told = terminal::told_to_end() => told.map(|()| Exit::Stopped).map_err(RunError::Input),
    }
}
