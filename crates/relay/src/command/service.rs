//! systemd's protocols: socket activation, readiness and the watchdog.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use listenfd::ListenFd;
use ringtail_errors::{Code, Coded, codes};
use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Why the service manager's sockets cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum HandedOver {
    /// There are several.
    #[error("the service manager passed {0} sockets")]
    Several(usize),
    /// It does not accept connections.
    #[error("the service manager did not pass a listening TCP socket")]
    NotListening(#[source] io::Error),
}

impl Coded for HandedOver {
    fn code(&self) -> &'static Code {
        &codes::RELAY_BIND
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Several(_) => "leave one ListenStream in the socket unit",
            Self::NotListening(_) => "the socket unit needs one ListenStream and Accept=no",
        };
        Some(hint.to_owned())
    }
}

/// Takes the service manager's socket, if there is one (`LISTEN_FDS`). Call it before any thread starts: it changes the
/// environment.
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

/// Reports that the relay serves.
pub(super) fn ready(url: &str) {
    notify(&[
        NotifyState::Ready,
        NotifyState::Status(&format!("serving {url}")),
    ]);
}

/// Reports that the relay stops.
pub(super) fn stopping() {
    notify(&[
        NotifyState::Stopping,
        NotifyState::Status("finishing what is in flight"),
    ]);
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "could not notify the service manager");
    }
}

/// Reports regularly that the relay is alive, if the service manager expects it (`WatchdogSec`).
#[derive(Debug)]
pub(super) struct Watchdog(Option<Interval>);

impl Watchdog {
    pub(super) fn new() -> Self {
        let pause = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero());
        // At half the interval, as sd_watchdog_enabled(3) advises.
        Self(pause.map(|patience| {
            let mut ticks = interval((patience / 2).max(Duration::from_millis(1)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        }))
    }

    /// Never returns, and is cancel-safe.
    pub(super) async fn run(&mut self) {
        match &mut self.0 {
            Some(ticks) => loop {
                ticks.tick().await;
                notify(&[NotifyState::Watchdog]);
            },
            None => std::future::pending().await,
        }
    }
}
