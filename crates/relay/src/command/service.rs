//! What the relay has to do with a service manager that speaks systemd's protocols: a socket that it keeps listening
//! while one relay follows another, and how the relay is.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use listenfd::ListenFd;
use ringtail_errors::{Code, Coded, codes};
use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Why the sockets that were handed over cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum HandedOver {
    /// There are several.
    #[error("the service manager handed over {0} sockets")]
    Several(usize),
    /// It is none that accepts connections.
    #[error("the service manager handed over something that is no listening TCP socket")]
    NotListening(#[source] io::Error),
}

impl Coded for HandedOver {
    fn code(&self) -> &'static Code {
        &codes::RELAY_BIND
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Several(_) => "leave one ListenStream in the socket unit, the relay's",
            Self::NotListening(_) => "the socket unit has one ListenStream, and Accept=no",
        };
        Some(hint.to_owned())
    }
}

/// Takes the socket that the service manager listens on for the relay, if it does (`LISTEN_FDS`). To be called before
/// there are threads, since it takes what says so out of the environment.
pub(super) fn socket() -> Result<Option<TcpListener>, HandedOver> {
    let mut sockets = ListenFd::from_env();
    match sockets.len() {
        0 => Ok(None),
        1 => sockets
            .take_tcp_listener(0)
            .map_err(HandedOver::NotListening),
        several => Err(HandedOver::Several(several)),
    }
}

/// Says that requests are served.
pub(super) fn ready(url: &str) {
    tell(&[
        NotifyState::Ready,
        NotifyState::Status(&format!("serving {url}")),
    ]);
}

/// Says that the relay ends.
pub(super) fn stopping() {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("finishing what is in flight"),
    ]);
}

/// A service manager that does not listen is no reason to end.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager was not told");
    }
}

/// Tells the service manager now and then that the relay is alive, if it wants to know (`WatchdogSec`).
#[derive(Debug)]
pub(super) struct Watchdog(Option<Interval>);

impl Watchdog {
    pub(super) fn new() -> Self {
        let pause = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero());
        // Twice in its patience, as sd_watchdog_enabled(3) advises.
        Self(pause.map(|patience| {
            let mut ticks = interval((patience / 2).max(Duration::from_millis(1)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        }))
    }

    /// Goes on for ever, and may be dropped at any time.
    pub(super) async fn run(&mut self) {
        match &mut self.0 {
            Some(ticks) => loop {
                ticks.tick().await;
                tell(&[NotifyState::Watchdog]);
            },
            None => std::future::pending().await,
        }
    }
}
