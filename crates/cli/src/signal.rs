//! Signals that stop the program.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

/// SIGINT, SIGTERM and SIGHUP; on Windows Ctrl-C, Ctrl-Break, and the end of window, session or system.
///
/// Once created, no signal is lost or ends the program directly, so create it before any output says that the program runs.
pub(crate) struct Stop {
    /// Ctrl-C, which is for the editor while one has the terminal.
    interrupt: Option<Signal>,
    others: Vec<Signal>,
}

/// Polls for one signal.
type Signal = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<()>> + Send>;

impl Stop {
    /// Starts to watch. A signal that cannot be watched keeps its default action.
    #[cfg(unix)]
    pub(crate) fn watch() -> Self {
        use tokio::signal::unix::{Signal, SignalKind, signal};

        let watch = |kind| watched(signal(kind), Signal::poll_recv);
        let others = [SignalKind::terminate(), SignalKind::hangup()];
        Self {
            interrupt: watch(SignalKind::interrupt()),
            others: others.into_iter().filter_map(watch).collect(),
        }
    }

    /// Starts to watch. A signal that cannot be watched keeps its default action.
    #[cfg(windows)]
    pub(crate) fn watch() -> Self {
        use tokio::signal::windows::{
            CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close,
            ctrl_logoff, ctrl_shutdown,
        };

        let others = [
            watched(ctrl_break(), CtrlBreak::poll_recv),
            watched(ctrl_close(), CtrlClose::poll_recv),
            watched(ctrl_logoff(), CtrlLogoff::poll_recv),
            watched(ctrl_shutdown(), CtrlShutdown::poll_recv),
        ];
        Self {
            interrupt: watched(ctrl_c(), CtrlC::poll_recv),
            others: others.into_iter().flatten().collect(),
        }
    }

    /// Waits for one of them.
    pub(crate) async fn asked(&mut self) {
        poll_fn(|cx| {
            if let Some(interrupt) = &mut self.interrupt {
                while interrupt(cx) == Poll::Ready(Some(())) {
                    if !ringtail_tui::keys::is_lent() {
                        return Poll::Ready(());
                    }
                }
            }
            let mut others = self.others.iter_mut();
            match others.any(|other| other(cx).is_ready()) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

fn watched<S: Send + 'static>(
    signal: io::Result<S>,
    poll: fn(&mut S, &mut Context<'_>) -> Poll<Option<()>>,
) -> Option<Signal> {
    let mut signal = signal.ok()?;
    Some(Box::new(move |cx| poll(&mut signal, cx)))
}
