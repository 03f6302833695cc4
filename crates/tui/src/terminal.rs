//! The terminal, taken and given back.
//!
//! [`Guard`] is the only one who changes the terminal's modes. It gives them back when it is dropped, which covers
//! return and error; the panic hook covers panics, of any thread, before the message is printed; the signals that
//! end a process end the loop, and with it the guard.

use std::io::{self, Stdout, stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(unix)]
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
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

use crate::keys;

/// Whether the terminal is in our modes. The panic hook has no other way to know.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// What the loop needs of the terminal beside drawing.
pub(crate) trait Host {
    /// Takes the terminal again if it was given back meanwhile, and returns whether that was so.
    fn was_lost(&mut self) -> io::Result<bool>;

    /// Has the process stopped, with the terminal given back, until the shell says go on.
    fn suspend(&mut self) -> io::Result<()>;

    /// Lends the terminal to an editor: nothing of it is ours, keys neither, until [`Host::take_back`].
    fn lend(&mut self);

    /// Takes the keys back; [`Host::was_lost`] then takes the rest.
    fn take_back(&mut self);

    /// Takes the mouse, or leaves it to the terminal.
    fn mouse(&mut self, on: bool) -> io::Result<()>;

    /// Puts a text on the terminal's clipboard, which terminals do or do not.
    fn clip(&mut self, text: &[u8]) -> io::Result<()>;
}

/// The process's terminal in raw mode on the alternate screen.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Whether the mouse is ours whenever the terminal is.
    mouse: bool,
}

impl Guard {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When standard output is no terminal, or a broken one; it is then as it was.
    pub(crate) fn take() -> io::Result<(Self, Terminal<CrosstermBackend<Stdout>>)> {
        install_hook();
        // From here on the drop of the guard undoes whatever was done.
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
            execute!(stdout(), EnableMouseCapture)?;
        }
        Ok(true)
    }

    fn suspend(&mut self) -> io::Result<()> {
        // Who waits for the signal does the rest.
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
        match on {
            true => execute!(stdout(), EnableMouseCapture),
            false => execute!(stdout(), DisableMouseCapture),
        }
    }

    fn clip(&mut self, text: &[u8]) -> io::Result<()> {
        execute!(stdout(), CopyToClipboard::to_clipboard_from(text))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        leave();
    }
}

/// How long the history may take to be left to others.
#[cfg(unix)]
const REST: Duration = Duration::from_secs(1);

/// Stops whenever this or another process says so, for ever: gives the terminal back and goes on when the shell says so.
/// The loop takes the terminal again when it sees that it was lost.
#[cfg(unix)]
pub(crate) async fn told_to_stop(history: Option<&History>) -> io::Error {
    use signal_hook::consts::SIGTSTP;
    use tokio::signal::unix::{SignalKind, signal};
    let mut told = match signal(SignalKind::from_raw(SIGTSTP)) {
        Ok(told) => told,
        Err(error) => return error,
    };
    while told.recv().await.is_some() {
        let resting = match history {
            Some(history) => timeout(REST, history.rest()).await.ok(),
            None => None,
        };
        leave();
        if let Err(error) = signal_hook::low_level::emulate_default_handler(SIGTSTP) {
            return error;
        }
        drop(resting);
    }
    std::future::pending().await
}

/// Waits for what never comes.
#[cfg(not(unix))]
pub(crate) async fn told_to_stop(_history: Option<&History>) -> io::Error {
    std::future::pending().await
}

fn enter() -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    // Else a paste would be keys, and its letters would do what they are bound to.
    execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)
}

/// Gives the terminal back, once. Nothing can be done about a terminal that refuses.
fn leave() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // Raw mode first: a shell without echo is worse than one on the wrong screen.
        let _raw = disable_raw_mode();
        let _screen = execute!(
            stdout(),
            DisableMouseCapture,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            Show
        );
    }
}

/// Makes panics give the terminal back before they print. The loop takes it again if it lives on, as it does when
/// a task of the engine panicked; the message is then found above the prompt after the end.
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

/// Waits for a signal that ends the process.
#[cfg(unix)]
pub(crate) async fn told_to_end() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupted = async || {
        // The terminal sends it to all who use it, and means who has it.
        while interrupt.recv().await.is_some() && keys::is_lent() {}
    };
    tokio::select! {
        () = interrupted() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// Waits for a signal that ends the process.
#[cfg(not(unix))]
pub(crate) async fn told_to_end() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
