//! Reads keys from the process's terminal: [`Tty`] for any caller, and `read` on a thread for the screen.
//!
//! A read of a terminal cannot be cancelled, so only the thread hangs, and it ends with the process.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossterm::event::Event;
use futures_util::Stream;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc;

use crate::burst;

/// Events queued for the loop: more than a user types, few enough that a paste is slowed down.
const WAITING: usize = 256;

/// How often the thread checks whether the receiver still exists.
const CHECK: Duration = Duration::from_millis(250);

/// The reader of the process's terminal.
static TURN: Mutex<Turn> = Mutex::new(Turn {
    lent: false,
    reading: false,
});

static CHANGED: Condvar = Condvar::new();

struct Turn {
    lent: bool,
    reading: bool,
}

/// Stops reading keys, for an editor. Returns when the thread has stopped, a moment later.
pub(crate) fn lend() {
    let mut turn = turn();
    turn.lent = true;
    while turn.reading {
        turn = CHANGED.wait(turn).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Lets the thread read again.
pub(crate) fn take_back() {
    turn().lent = false;
    CHANGED.notify_all();
}

/// Returns whether an editor has the terminal, so that Ctrl-C is for the editor.
#[must_use]
pub fn is_lent() -> bool {
    turn().lent
}

fn turn() -> MutexGuard<'static, Turn> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the process's terminal until the stream is dropped or the terminal is gone.
pub(crate) fn read() -> io::Result<impl Stream<Item = io::Result<Event>>> {
    let (send, mut receive) = mpsc::channel(WAITING);
    let tty = Tty::open()?;
    std::thread::Builder::new()
        .name("keys".to_owned())
        .spawn(move || forward(tty, &send))?;
    #[cfg(unix)]
    let mut resized = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::window_change())?
    };
    Ok(poll_fn(move |cx| {
        #[cfg(unix)]
        if resized.poll_recv(cx).is_ready() {
            let size = crossterm::terminal::size();
            let resize = size.map(|(columns, lines)| Event::Resize(columns, lines));
            return std::task::Poll::Ready(Some(resize));
        }
        receive.poll_recv(cx)
    }))
}

fn forward(mut tty: Tty, send: &mpsc::Sender<io::Result<Event>>) {
    while !send.is_closed() {
        let mut mine = turn();
        while mine.lent {
            mine = CHANGED.wait(mine).unwrap_or_else(PoisonError::into_inner);
        }
        mine.reading = true;
        drop(mine);
        let read = read_burst(&mut tty);
        turn().reading = false;
        CHANGED.notify_all();
        let events = match read {
            Ok(Some(events)) => events.into_iter().map(Ok).collect(),
            Ok(None) => return,
            Err(error) => vec![Err(error)],
        };
        for event in events {
            let last = event.is_err();
            if send.blocking_send(event).is_err() || last {
                return;
            }
        }
    }
}

/// Reads what comes next, or nothing in time; `None` if the terminal is gone.
fn read_burst(tty: &mut Tty) -> io::Result<Option<Vec<Event>>> {
    let mut events = match tty.read(CHECK)? {
        Read::Event(event) => vec![event],
        Read::Nothing => return Ok(Some(Vec::new())),
        Read::End => return Ok(None),
    };
    if cfg!(windows) {
        while matches!(events.last(), Some(Event::Key(_))) && events.len() < burst::MAX_EVENTS {
            match tty.read(burst::GAP)? {
                Read::Event(event) => events.push(event),
                Read::Nothing | Read::End => break,
            }
        }
        events = burst::with_pastes(events);
    }
    Ok(Some(events))
}

/// What reading a terminal gave.
#[derive(Debug)]
pub enum Read {
    /// A key press, a paste or a mouse report.
    Event(Event),
    /// Nothing came in time.
    Nothing,
    /// The terminal is gone.
    End,
}

/// The process's terminal, for reading.
#[derive(Debug)]
pub struct Tty {
    #[cfg(unix)]
    terminal: unix::Terminal,
    waiting: VecDeque<Event>,
}

impl Tty {
    /// Opens the process's terminal.
    ///
    /// # Errors
    /// When it has none.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminal: unix::Terminal::open()?,
            waiting: VecDeque::new(),
        })
    }

    /// Reads what comes next within a time. The terminal must be in raw mode.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    pub fn read(&mut self, within: Duration) -> io::Result<Read> {
        if let Some(event) = self.waiting.pop_front() {
            return Ok(Read::Event(event));
        }
        #[cfg(unix)]
        if !self.terminal.read(within, &mut self.waiting)? {
            return Ok(Read::End);
        }
        // Windows has no bytes but records, which mark those of keys.
        #[cfg(not(unix))]
        if crossterm::event::poll(within)? {
            self.waiting.push_back(crossterm::event::read()?);
        }
        Ok(self.waiting.pop_front().map_or(Read::Nothing, Read::Event))
    }
}

#[cfg(unix)]
mod unix {
    use std::collections::VecDeque;
    use std::fs::File;
    use std::io::{self, IsTerminal, Read};
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    use crossterm::event::Event;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;

    use crate::input::{Parser, STALL};

    /// Bytes of one read.
    const READ: usize = 4096;

    /// A byte by itself that comes so long after another was typed. A slow terminal's follow faster.
    const TYPED: Duration = Duration::from_millis(50);

    #[derive(Debug)]
    pub(super) struct Terminal {
        /// Unbuffered: unread bytes are for the next reader, such as an editor.
        file: File,
        parser: Parser,
        /// When the last bytes came.
        last: Instant,
        /// When the last bytes came that were not a typed key.
        burst: Instant,
    }

    impl Terminal {
        pub(super) fn open() -> io::Result<Self> {
            let stdin = io::stdin();
            let file = match stdin.is_terminal() {
                true => File::from(stdin.as_fd().try_clone_to_owned()?),
                false => File::open("/dev/tty")?,
            };
            Ok(Self {
                file,
                parser: Parser::default(),
                last: Instant::now(),
                burst: Instant::now(),
            })
        }

        /// Returns false at the end.
        pub(super) fn read(
            &mut self,
            within: Duration,
            events: &mut VecDeque<Event>,
        ) -> io::Result<bool> {
            let silence = self.parser.wait();
            let since = match silence {
                // A key that does nothing is pressed again.
                Some(STALL) => self.burst,
                _ => self.last,
            };
            let left = silence.map(|silence| silence.saturating_sub(since.elapsed()));
            let wait = left.map_or(within, |left| left.min(within));
            let mut found = Vec::new();
            let state = ready(&self.file, wait)?;
            if !state.is_empty() {
                let mut bytes = [0; READ];
                let bytes = match self.file.read(&mut bytes) {
                    // The terminal is gone, or a Ctrl-D was typed before it was in raw mode again.
                    Ok(0) => return Ok(!state.contains(PollFlags::HUP)),
                    // What some systems say of a terminal that is gone.
                    Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
                        return Ok(false);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
                    Err(error) => return Err(error),
                    Ok(read) => bytes.get(..read).unwrap_or_default(),
                };
                self.parser.read(bytes, &mut found);
                if bytes.len() > 1 || self.last.elapsed() < TYPED {
                    self.burst = Instant::now();
                }
                self.last = Instant::now();
            } else if silence.is_some_and(|silence| since.elapsed() >= silence) {
                self.parser.silence(&mut found);
                self.last = Instant::now();
            }
            events.extend(found);
            Ok(true)
        }
    }

    /// Waits until something can be read, or the terminal is gone.
    fn ready(file: &File, wait: Duration) -> io::Result<PollFlags> {
        let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(file, PollFlags::IN)];
        match poll(&mut fds, Some(&wait)) {
            Ok(_) => Ok(fds[0].revents()),
            Err(Errno::INTR) => Ok(PollFlags::empty()),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(test)]
    mod tests {
        use std::io::Write as _;

        use rustix::fs::{Mode, OFlags, open};
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

        use super::*;

        /// Opens a terminal and what types in it.
        fn terminal() -> (Terminal, File) {
            let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
            let other = File::from(openpt(flags).unwrap());
            grantpt(&other).unwrap();
            unlockpt(&other).unwrap();
            let path = ptsname(&other, Vec::new()).unwrap();
            let file = open(path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
            let terminal = Terminal {
                file: file.into(),
                parser: Parser::default(),
                last: Instant::now(),
                burst: Instant::now(),
            };
            (terminal, other)
        }

        /// As while a shell brings the client back.
        #[test]
        fn a_ctrl_d_before_raw_mode_is_not_the_end_and_a_hangup_is() {
            let (mut terminal, mut other) = terminal();
            let mut events = VecDeque::new();
            let within = Duration::from_secs(20);
            other.write_all(b"\x04k\n").unwrap();
            while events.is_empty() {
                assert!(terminal.read(within, &mut events).unwrap());
            }
            drop(other);
            while terminal.read(within, &mut events).unwrap() {}
        }

        /// The end went to the shell, and each key seems to be more of the paste.
        #[test]
        fn keys_pressed_in_vain_do_not_keep_a_paste_without_end() {
            let (mut terminal, mut other) = terminal();
            let mode = tcgetattr(&terminal.file).map(|mut mode| {
                mode.make_raw();
                tcsetattr(&terminal.file, OptionalActions::Now, &mode)
            });
            mode.unwrap().unwrap();
            let mut events = VecDeque::new();
            let mut press = |terminal: &mut Terminal, bytes: &[u8]| {
                other.write_all(bytes).unwrap();
                let come = ready(&terminal.file, Duration::from_secs(20)).unwrap();
                assert!(!come.is_empty());
                terminal.read(Duration::ZERO, &mut events).unwrap();
                terminal.read(Duration::ZERO, &mut events).unwrap();
                events.len()
            };
            assert_eq!(press(&mut terminal, b"\x1b[200~pasted"), 0);
            for second in [1, 2] {
                terminal.last -= STALL / 2;
                terminal.burst -= STALL / 2;
                assert_eq!(press(&mut terminal, b"?"), 0, "{second} s");
            }
            terminal.last -= STALL / 2;
            assert_eq!(press(&mut terminal, b"?"), 1);
        }
    }
}
