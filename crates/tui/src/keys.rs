//! Keys from the terminal, read on a thread of their own.
//!
//! crossterm's stream reads within the poll of whoever waits for it, and on a terminal that has gone it reads for
//! ever, so the loop behind it would never hear that it is to end. Here only the thread is lost then, and it ends
//! with the process.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossterm::event::{self, Event};
use futures_util::Stream;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc;

/// Events that wait for the loop: more than a hand types, few enough that a paste is slowed and not kept.
const WAITING: usize = 256;

/// How often the thread looks whether anybody still wants keys.
const LOOK: Duration = Duration::from_millis(250);

/// Whose turn it is to read the terminal, of which the process has one.
static TURN: Mutex<Turn> = Mutex::new(Turn {
    lent: false,
    reading: false,
});

static CHANGED: Condvar = Condvar::new();

struct Turn {
    lent: bool,
    reading: bool,
}

/// Leaves the terminal's input to somebody else. Returns when the thread has stopped reading, a moment later.
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

/// Says whether the terminal's input is somebody else's.
pub(crate) fn is_lent() -> bool {
    turn().lent
}

fn turn() -> MutexGuard<'static, Turn> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the process's terminal until the stream is dropped.
pub(crate) fn read() -> io::Result<impl Stream<Item = io::Result<Event>>> {
    let (send, mut receive) = mpsc::channel(WAITING);
    std::thread::Builder::new()
        .name("keys".to_owned())
        .spawn(move || forward(&send))?;
    Ok(poll_fn(move |cx| receive.poll_recv(cx)))
}

fn forward(send: &mpsc::Sender<io::Result<Event>>) {
    while !send.is_closed() {
        let mut mine = turn();
        while mine.lent {
            mine = CHANGED.wait(mine).unwrap_or_else(PoisonError::into_inner);
        }
        mine.reading = true;
        drop(mine);
        let event = match event::poll(LOOK) {
            Ok(false) => None,
            Ok(true) => Some(event::read()),
            Err(error) => Some(Err(error)),
        };
        turn().reading = false;
        CHANGED.notify_all();
        let Some(event) = event else { continue };
        let last = event.is_err();
        if send.blocking_send(event).is_err() || last {
            return;
        }
    }
}
