//! The event stream of one link: frames in, history, cursors out.
//!
//! The cursor is sent only after the events up to it are committed. Reading pauses meanwhile and HTTP/2 flow control makes
//! the relay pause, so a slow disk buffers at most one window and one batch.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::stream::{self, Stream};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use ringtail_protocol::event::DecodeError;
use ringtail_protocol::frame::{Decoder, Up};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::batch::Batch;
use crate::canary_key::CanaryKey;
use ringtail_model::{LinkState, Status};
use ringtail_store::{Forwarding, History, ReadError, StoreError};

/// Longest delay before watchers of the status see a new `relay_head` or `cursor`. Each event changes both, and each notification
/// wakes every watcher.
pub(super) const TELL: Duration = Duration::from_millis(100);

/// How often a full history is checked.
const CHECK: Duration = Duration::from_millis(500);

/// Checks between two repeated cursors, which makes 20 s: the relay ends a link that is silent for a minute.
const CURSOR_CHECKS: u32 = 40;

/// Bytes of events between two checks for room: each check is a read of the history.
const CHECK_BYTES: usize = 1024 * 1024;

/// Stores the events of one endpoint.
#[derive(Debug, Clone)]
pub(super) struct EventSink {
    pub(super) endpoint: String,
    pub(super) journal: String,
    pub(super) forwarding: Forwarding,
    pub(super) canary: CanaryKey,
    pub(super) history: History,
    pub(super) status: watch::Sender<Status>,
}

impl EventSink {
    /// Reads and stores frames until the stream ends or `cancel`. The first head sets `begun`, each commit moves `cursor`.
    pub(super) async fn receive(
        self,
        mut body: Incoming,
        begun: watch::Sender<bool>,
        cursor: watch::Sender<u64>,
        cancel: CancellationToken,
    ) -> Result<(), ReceiveError> {
        let mut decoder = Decoder::down();
        let mut batch = Batch::default();
        // The first batch is followed by a check: the history may be full from an earlier run.
        let mut unchecked = CHECK_BYTES;
        let mut tell_at: Option<Instant> = None;
        loop {
            batch.fill(&mut decoder)?;
            if let Some(head) = batch.take_head() {
                self.moved(|status| status.relay_head = status.relay_head.max(head));
                begun.send_if_modified(|begun| !std::mem::replace(begun, true));
                tell_at = tell_at.or_else(|| Some(Instant::now() + TELL));
            }
            if tell_at.take_if(|at| *at <= Instant::now()).is_some() {
                self.status.send_modify(|_| {});
            }
            let chunk = if batch.is_full() {
                None
            } else if batch.is_empty() {
                // `biased`: check for shutdown first. A batch is never dropped half-read.
                tokio::select! {
                    biased;
                    () = cancel.cancelled() => return Ok(()),
                    chunk = body.frame() => Some(chunk),
                    () = sleep_until(tell_at.unwrap_or_else(Instant::now)), if tell_at.is_some() => continue,
                }
            } else {
                match batch.open_until() {
                    // Add what has already arrived, without waiting: the timer would add up to a millisecond.
                    None => body.frame().now_or_never(),
                    Some(until) => timeout_at(until, body.frame()).await.ok(),
                }
            };
            match chunk {
                Some(Some(Ok(frame))) => {
                    if let Some(data) = frame.data_ref() {
                        decoder.push(data);
                    }
                }
                None => {
                    unchecked += batch.bytes();
                    if !self.store(&mut batch, &cursor, &cancel).await? {
                        return Ok(());
                    }
                    tell_at = tell_at.or_else(|| Some(Instant::now() + TELL));
                    if unchecked >= CHECK_BYTES {
                        self.room(&cursor, &cancel).await?;
                        unchecked = 0;
                    }
                }
                Some(ended) => {
                    // Store complete frames, so the relay need not send them again.
                    self.store(&mut batch, &cursor, &cancel).await?;
                    return match ended {
                        Some(Err(error)) => Err(ReceiveError::Broken(error)),
                        _ => Ok(()),
                    };
                }
            }
        }
    }

    /// Stores a batch, once the disk has room for it. Returns false after `cancel`: nothing may then be stored after the batch, or
    /// the cursor would pass its events.
    async fn store(
        &self,
        batch: &mut Batch,
        cursor: &watch::Sender<u64>,
        cancel: &CancellationToken,
    ) -> Result<bool, ReceiveError> {
        if batch.is_empty() {
            return Ok(true);
        }
        let incoming = batch.take(&self.canary);
        let mut pauses = 0;
        let stored = loop {
            let stored = self.history.store(
                &self.endpoint,
                &self.journal,
                incoming.clone(),
                self.forwarding.clone(),
            );
            match stored.await {
                Err(error) if error.is_disk_full() => {
                    let state = LinkState::DiskFull;
                    if !self.pause(state, &mut pauses, cursor, cancel).await {
                        return Ok(false);
                    }
                }
                stored => break stored?,
            }
        };
        self.go_on(pauses);
        cursor.send_replace(stored.cursor);
        self.moved(|status| status.cursor = status.cursor.max(stored.cursor));
        Ok(true)
    }

    /// Changes the status without notifying its watchers.
    fn moved(&self, change: impl FnOnce(&mut Status)) {
        self.status.send_if_modified(|status| {
            change(status);
            false
        });
    }

    /// Waits until pending events leave room in the history.
    async fn room(
        &self,
        cursor: &watch::Sender<u64>,
        cancel: &CancellationToken,
    ) -> Result<(), ReceiveError> {
        let mut pauses = 0;
        while !self.history.has_room().await? {
            if !self
                .pause(LinkState::Full, &mut pauses, cursor, cancel)
                .await
            {
                return Ok(());
            }
        }
        self.go_on(pauses);
        Ok(())
    }

    /// Pauses before the next look for room; returns false after `cancel`. Meanwhile passthrough requests go on, HTTP/2
    /// flow control makes the relay keep further events, and the repeated cursor tells it that this end lives.
    async fn pause(
        &self,
        state: LinkState,
        pauses: &mut u32,
        cursor: &watch::Sender<u64>,
        cancel: &CancellationToken,
    ) -> bool {
        if *pauses == 0 {
            tracing::warn!(?state, "events wait on the relay");
        }
        // Each time, since the link may be told as up only after the first pause.
        self.say(state);
        if (*pauses).is_multiple_of(CURSOR_CHECKS) {
            cursor.send_modify(|_| {});
        }
        *pauses += 1;
        tokio::select! {
            biased;
            () = cancel.cancelled() => false,
            () = tokio::time::sleep(CHECK) => true,
        }
    }

    fn go_on(&self, pauses: u32) {
        if pauses > 0 {
            self.say(LinkState::Connected);
        }
    }

    fn say(&self, state: LinkState) {
        self.status.send_if_modified(|status| {
            let is_new = status.link != state;
            status.link = state;
            is_new
        });
    }
}

/// Returns the cursors as frames. A slow relay gets only the latest.
pub(super) fn cursors(
    cursor: watch::Receiver<u64>,
) -> impl Stream<Item = Result<Frame<Bytes>, std::convert::Infallible>> {
    stream::unfold(cursor, |mut cursor| async move {
        cursor.changed().await.ok()?;
        let seq = *cursor.borrow_and_update();
        let mut frame = BytesMut::new();
        Up::Cursor { seq }.encode(&mut frame);
        Some((Ok(Frame::data(frame.freeze())), cursor))
    })
}

/// Why an event stream failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The relay sent something that is not a frame.
    #[error(
        "the relay sent something that is not a frame of {}",
        ringtail_protocol::version::SUBPROTOCOL
    )]
    Garbage(#[from] DecodeError),
    /// The link broke.
    #[error("the link broke")]
    Broken(#[source] hyper::Error),
    /// The history could not store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The history could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use ringtail_protocol::frame::Decoder;

    use super::*;

    #[tokio::test]
    async fn only_the_latest_cursor_is_sent() {
        let (sender, receiver) = watch::channel(0);
        for seq in [3, 7, 12] {
            sender.send_replace(seq);
        }
        let mut frames = std::pin::pin!(cursors(receiver));
        let mut decoder = Decoder::up();
        let frame = frames.next().await.unwrap().unwrap();
        decoder.push(&frame.into_data().unwrap());
        assert_eq!(decoder.next_up(), Ok(Some(Up::Cursor { seq: 12 })));
        assert!(
            frames.next().now_or_never().is_none(),
            "nothing more to say"
        );
        drop(sender);
        assert!(frames.next().await.is_none());
    }
}
