//! Reads keys from the terminal, on a thread.
//!
//! crossterm's stream reads inside its `poll`, and on a closed terminal it never returns, so the loop would not notice
//! its cancellation. Here only the thread hangs, and it ends with the process.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossterm::event::{self, Event};
use futures_util::Stream;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc;

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

/// Returns whether an editor reads the keys.
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
        let event = match event::poll(CHECK) {
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
