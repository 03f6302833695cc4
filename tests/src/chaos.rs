//! A network that fails on purpose, between client and relay.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ringtail_kit::app::App;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the network does to existing connections. New ones pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Pass,
    /// Drops everything without an error, like a suspended laptop or a dead radio.
    Swallow,
    Cut,
}

/// A TCP proxy with moods.
#[derive(Debug)]
pub struct ChaosProxy {
    app: App,
    /// A change concerns the connections that exist when it is made.
    mood: watch::Sender<Mood>,
    accepted: Arc<AtomicUsize>,
}

impl ChaosProxy {
    /// Starts a proxy to an address.
    #[must_use]
    pub fn to(upstream: SocketAddr) -> Self {
        let mood = watch::Sender::new(Mood::Pass);
        let accepted = Arc::new(AtomicUsize::new(0));
        let (moods, count) = (mood.clone(), Arc::clone(&accepted));
        let app = App::on_connect(move |down| {
            count.fetch_add(1, Ordering::Relaxed);
            // Only a change after this moment concerns the new connection.
            carry(down, upstream, moods.subscribe())
        });
        Self {
            app,
            mood,
            accepted,
        }
    }

    /// Returns where the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.app.address
    }

    /// Returns how many connections were ever accepted.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Makes every connection that exists half-open: bytes of both sides disappear, nothing is closed. Connections
    /// made later pass.
    pub fn go_silent(&self) {
        self.mood.send_replace(Mood::Swallow);
    }

    /// Cuts every connection that exists. Connections made later pass.
    pub fn cut(&self) {
        self.mood.send_replace(Mood::Cut);
    }
}

async fn carry(down: TcpStream, upstream: SocketAddr, mut mood: watch::Receiver<Mood>) {
    let Ok(up) = TcpStream::connect(upstream).await else {
        return;
    };
    up.set_nodelay(true).ok();
    let (down_read, down_write) = down.into_split();
    let (up_read, up_write) = up.into_split();
    let (silence, silent) = watch::channel(false);
    let mut pumps = JoinSet::new();
    pumps.spawn(pump(down_read, up_write, silent.clone()));
    pumps.spawn(pump(up_read, down_write, silent));
    loop {
        tokio::select! {
            biased;
            changed = mood.changed() => {
                let mood = *mood.borrow_and_update();
                match mood {
                    Mood::Swallow if changed.is_ok() => { silence.send_replace(true); }
                    Mood::Pass if changed.is_ok() => {}
                    _ => return,
                }
            }
            ended = pumps.join_next() => if ended.is_none() { return },
        }
    }
}

/// Carries one direction. When silent it keeps reading, so that the sender's window stays open, and hides even the end of
/// the stream.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, silent: watch::Receiver<bool>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await;
        let silent_now = *silent.borrow();
        match read {
            Ok(0) | Err(_) if silent_now => return hold(to).await,
            Ok(0) | Err(_) => return,
            Ok(_) if silent_now => {}
            Ok(read) => {
                let bytes = buffer.get(..read).unwrap_or_default();
                if to.write_all(bytes).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Keeps a half open until the proxy ends.
async fn hold(half: OwnedWriteHalf) {
    std::future::pending::<()>().await;
    drop(half);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringtail_kit::eventually;

    fn echo() -> App {
        App::on_connect(async |mut stream| {
            let (mut read, mut write) = stream.split();
            tokio::io::copy(&mut read, &mut write).await.ok();
        })
    }

    async fn round_trip(stream: &mut TcpStream) -> std::io::Result<u8> {
        stream.write_all(b"x").await?;
        stream.read_u8().await
    }

    #[tokio::test]
    async fn a_silent_connection_stays_open_and_carries_nothing_and_a_new_one_passes() {
        let echo = echo();
        let proxy = ChaosProxy::to(echo.address);
        let mut old = TcpStream::connect(proxy.address()).await.unwrap();
        round_trip(&mut old).await.unwrap();
        proxy.go_silent();
        let waited = std::time::Duration::from_millis(100);
        tokio::time::timeout(waited, round_trip(&mut old))
            .await
            .expect_err("a byte came through a silent network");
        let mut new = TcpStream::connect(proxy.address()).await.unwrap();
        round_trip(&mut new).await.unwrap();
        assert_eq!(proxy.accepted(), 2);
    }

    #[tokio::test]
    async fn a_cut_is_seen_by_both_sides() {
        let echo = echo();
        let proxy = ChaosProxy::to(echo.address);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        round_trip(&mut stream).await.unwrap();
        proxy.cut();
        eventually!(
            round_trip(&mut stream).await.is_err(),
            "the end of a cut connection"
        )
        .unwrap();
    }
}
