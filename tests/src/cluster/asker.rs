//! Requests that the app answers, one after the other, whichever relay has the client.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ringtail_kit::app::{App, Reply, Seen};
use ringtail_kit::caller::{FakeRingCentral, Hook};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::passthrough_loss::{number_of, pressed};
use crate::traffic::{ANSWERED_BY, Bad};

/// Pause between two requests.
const PAUSE: Duration = Duration::from_millis(40);

/// Field of a page's number, in the request and the app's answer.
const NUMBER: &str = "x-number";

/// Outcome of the requests.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Pages answered by the app.
    pub(super) pages: u64,
    /// Pages that the relay answered 502, 503 or 504.
    pub(super) pages_refused: u64,
    /// Callbacks answered by the app.
    pub(super) callbacks: u64,
    /// Callbacks answered 200 in the app's place.
    pub(super) fallbacks: u64,
    /// Numbers of the callbacks that were answered 200.
    pub(super) acknowledged: BTreeSet<usize>,
    /// Callbacks that the proxy in front answered.
    pub(super) by_front: u64,
    /// Callbacks that a relay answered otherwise, and answers that are another request's.
    pub(super) wrong: Vec<String>,
    /// Requests without a whole answer.
    pub(super) unanswered: u64,
    /// Requests that went badly for the caller.
    pub(super) bad: Vec<Bad>,
}

/// Requests that go on until they are finished.
#[derive(Debug)]
pub(super) struct Asker {
    task: JoinHandle<Asked>,
    stop: CancellationToken,
}

/// Returns an app that answers a page with its number, and a callback with something.
pub(super) fn app() -> App {
    App::replying(|seen: &Seen| match seen.header(NUMBER).first() {
        Some(number) => Reply::status(207).header(NUMBER, number),
        None => Reply::status(200).body("the app"),
    })
}

impl Asker {
    /// Starts the requests, with numbers from this one, and counts what the app answers.
    pub(super) fn start(
        caller: FakeRingCentral,
        url: String,
        first: usize,
        by_app: watch::Sender<u64>,
    ) -> Self {
        let stop = CancellationToken::new();
        #[expect(clippy::disallowed_methods, reason = "it is joined")]
        let task = tokio::spawn(ask(caller, url, first, by_app, stop.clone()));
        Self { task, stop }
    }

    /// Ends the requests.
    ///
    /// # Errors
    /// When the task has panicked.
    pub(super) async fn finish(self) -> anyhow::Result<Asked> {
        self.stop.cancel();
        Ok(self.task.await?)
    }
}

async fn ask(
    caller: FakeRingCentral,
    url: String,
    first: usize,
    by_app: watch::Sender<u64>,
    stop: CancellationToken,
) -> Asked {
    let mut asked = Asked::default();
    for number in first.. {
        sleep(PAUSE).await;
        if stop.is_cancelled() {
            break;
        }
        let is_page = number % 2 == 0;
        let hook = match is_page {
            true => Hook::new("PUT", "page").header(NUMBER, number.to_string()),
            false => Hook::notification(pressed(number)),
        };
        let began = Instant::now();
        let answer = caller.post(&url, &hook).await;
        let is_good = answer
            .as_ref()
            .is_ok_and(|answer| matches!(answer.status, 200 | 207));
        asked
            .bad
            .extend(Bad::of(began, answer.as_ref().ok(), is_good));
        let Ok(answer) = answer else {
            asked.unanswered += 1;
            continue;
        };
        let is_own = answer.header(NUMBER) == Some(number.to_string().as_bytes());
        match (is_page, answer.status) {
            (true, 207) if is_own => {
                asked.pages += 1;
                by_app.send_modify(|count| *count += 1);
            }
            (true, 502..=504) => asked.pages_refused += 1,
            (false, 200) => {
                asked.acknowledged.insert(number);
                match &*answer.body {
                    b"the app" => {
                        asked.callbacks += 1;
                        by_app.send_modify(|count| *count += 1);
                    }
                    _ => asked.fallbacks += 1,
                }
            }
            (false, 502..=504) if answer.header(ANSWERED_BY).is_none() => asked.by_front += 1,
            (_, status) => asked.wrong.push(format!("{number}: {status}")),
        }
    }
    asked
}

/// Returns the number of a callback.
pub(super) fn callback(body: &[u8]) -> Option<usize> {
    Some(number_of(body)).filter(|number| *number != usize::MAX)
}
