//! Keys from the terminal, read on a thread of their own.
//!
//! crossterm's stream reads within the poll of whoever waits for it, and on a terminal that has gone it reads for
//! ever, so the loop behind it would never hear that it is to end. Here only the thread is lost then, and it ends
//! with the process.

use std::io;
use std::time::Duration;

use crossterm::event::{self, Event};
use futures_util::Stream;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc;

/// Events that wait for the loop: more than a hand types, few enough that a paste is slowed and not kept.
const WAITING: usize = 256;

/// How often the thread looks whether anybody still wants keys.
const LOOK: Duration = Duration::from_millis(250);

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
        let event = match event::poll(LOOK) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let last = event.is_err();
        if send.blocking_send(event).is_err() || last {
            return;
        }
    }
}
