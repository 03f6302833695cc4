//! The terminal's modes.
//!
//! Only [`Guard`] changes them. It restores them when it is dropped, which covers return and error; the panic hook covers
//! panics of any thread, before the message is printed; signals that end the process end the loop and drop the guard.

use std::io::{self, Stdout, Write, stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(unix)]
use std::time::Duration;

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ringtail_store::History;
#[cfg(unix)]
use tokio::time::timeout;

use crate::{clipboard, keys};

/// Whether the terminal is in our modes; a static, because the panic hook reads it.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether the mouse is captured; releasing one that is not fails on Windows.
static CAPTURED: AtomicBool = AtomicBool::new(false);

/// Most bytes for the clipboard: the limit of xterm, and of tmux by default.
pub(crate) const MAX_CLIP: usize = 74_000;

/// What the loop needs from the terminal besides drawing.
pub(crate) trait Host {
    /// Takes the terminal again if it was restored meanwhile, and returns whether it was.
    fn was_lost(&mut self) -> io::Result<bool>;

    /// Stops the process, with the terminal restored, until the shell continues it.
    fn suspend(&mut self) -> io::Result<()>;

    /// Restores the terminal and stops reading keys, for an editor, until [`Host::take_back`].
    fn lend(&mut self);

    /// Reads keys again; [`Host::was_lost`] then takes the terminal.
    fn take_back(&mut self);

    /// Captures the mouse, or releases it.
    fn mouse(&mut self, on: bool) -> io::Result<()>;

    /// Sends a text to the clipboard. Not every terminal has one.
    fn clip(&mut self, text: &[u8]) -> io::Result<()>;
}

/// The process's terminal in raw mode on the alternate screen.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Whether the mouse is captured while the terminal is ours.
    mouse: bool,
}

impl Guard {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When standard output is not a terminal, or fails; it is then restored.
    pub(crate) fn take() -> io::Result<(Self, Terminal<CrosstermBackend<Stdout>>)> {
        install_hook();
        // From here on, dropping the guard restores the terminal.
        let guard = Self { mouse: false };
        enter()?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        Ok((guard, terminal))
    }
}

impl Host for Guard {
    fn was_lost(&mut self) -> io::Result<bool> {
        if TAKEN.load(Ordering::SeqCst) {
            return Ok(false);
        }
        enter()?;
        if self.mouse {
            capture(true)?;
        }
        Ok(true)
    }

    fn suspend(&mut self) -> io::Result<()> {
        // `handle_stop_signals` does the rest.
        #[cfg(unix)]
        signal_hook::low_level::raise(signal_hook::consts::SIGTSTP)?;
        Ok(())
    }

    fn lend(&mut self) {
        keys::lend();
        leave();
    }

    fn take_back(&mut self) {
        keys::take_back();
    }

    fn mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        capture(on)
    }

    fn clip(&mut self, text: &[u8]) -> io::Result<()> {
        clipboard::copy(text)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        leave();
    }
}

/// How long the history may take to release its locks.
#[cfg(unix)]
const PAUSE: Duration = Duration::from_secs(1);

/// Handles Ctrl-Z: restores the terminal and releases the history's locks before the process stops, each time. The loop
/// takes the terminal again when it sees that it was lost. Returns only an error.
#[cfg(unix)]
pub async fn handle_stop_signals(history: Option<&History>) -> io::Error {
    use signal_hook::consts::SIGTSTP;
    use tokio::signal::unix::{SignalKind, signal};
    let mut stops = match signal(SignalKind::from_raw(SIGTSTP)) {
        Ok(stops) => stops,
        Err(error) => return error,
    };
    while stops.recv().await.is_some() {
        let paused = match history {
            Some(history) => timeout(PAUSE, history.pause()).await.ok(),
            None => None,
        };
        leave();
        if let Err(error) = signal_hook::low_level::emulate_default_handler(SIGTSTP) {
            return error;
        }
        drop(paused);
    }
    std::future::pending().await
}

/// Never returns: the platform has no such signal.
#[cfg(not(unix))]
pub async fn handle_stop_signals(_history: Option<&History>) -> io::Error {
    std::future::pending().await
}

fn enter() -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    // Without bracketed paste, the letters of a paste would be commands.
    execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)
}

fn capture(on: bool) -> io::Result<()> {
    // Before the attempt: half of one is released, too.
    let was = CAPTURED.swap(on, Ordering::SeqCst);
    match on {
        true => execute!(stdout(), EnableMouseCapture),
        false if was => execute!(stdout(), DisableMouseCapture),
        false => Ok(()),
    }
}

/// Restores the terminal, once. Errors are ignored: nothing can be done about them.
fn leave() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let captured = CAPTURED.swap(false, Ordering::SeqCst);
        restore(&mut stdout(), captured, || drop(disable_raw_mode()));
    }
}

/// Undoes each mode by itself, so that one that fails leaves the others.
fn restore(out: &mut impl Write, captured: bool, end_raw_mode: impl FnOnce()) {
    if captured {
        // Before raw mode ends: on Windows this sets the console's mode of the time of capture, which was raw.
        drop(execute!(out, DisableMouseCapture));
    }
    end_raw_mode();
    drop(execute!(out, DisableBracketedPaste));
    drop(execute!(out, LeaveAlternateScreen));
    drop(execute!(out, Show));
}

/// Makes panics restore the terminal before they print. If the loop survives, as with a panic in an engine's task, it
/// takes the terminal again, and the message is above the prompt after the end.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            leave();
            next(info);
        }));
    });
}

// On Windows some of these commands are calls and no bytes.
#[cfg(all(test, unix))]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A terminal that refuses its first commands and keeps the others.
    struct Refusing<'a> {
        refused: usize,
        done: &'a RefCell<Vec<String>>,
    }

    impl Write for Refusing<'_> {
        fn write(&mut self, command: &[u8]) -> io::Result<usize> {
            if self.refused > 0 {
                self.refused -= 1;
                return Err(io::Error::other("Initial console modes not set"));
            }
            let text = String::from_utf8_lossy(command).into_owned();
            self.done.borrow_mut().push(text);
            Ok(command.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn restored(captured: bool, refused: usize) -> Vec<String> {
        let done = RefCell::default();
        let mut out = Refusing {
            refused,
            done: &done,
        };
        restore(&mut out, captured, || {
            done.borrow_mut().push("raw".to_owned())
        });
        done.into_inner()
    }

    #[test]
    fn a_mode_that_cannot_be_undone_leaves_the_others() {
        for refused in 0..3 {
            let all = ["raw", "\x1b[?2004l", "\x1b[?1049l", "\x1b[?25h"];
            let rest: Vec<&str> = [&all[..1], &all[1 + refused..]].concat();
            assert_eq!(restored(false, refused), rest);
        }
    }

    #[test]
    fn the_mouse_is_released_before_raw_mode_ends() {
        let done = restored(true, 0);
        let raw = done.iter().position(|it| it == "raw").unwrap();
        let mouse = done.iter().position(|it| it.contains("\x1b[?1000l"));
        assert!(mouse.unwrap() < raw, "{done:?}");
        assert!(!restored(false, 0).concat().contains("\x1b[?1000l"));
    }
}
