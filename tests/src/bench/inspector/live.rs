//! Events that arrive and are forwarded while the history is read.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ringtail_client::forward::{ForwardOptions, Forwarder, SendOptions, Sender};
use ringtail_model::target::TargetUrl;
use ringtail_model::{RowId, Status};
use ringtail_protocol::event::Timestamp;
use ringtail_store::{Forwarding, History, Incoming, MAX_PAGE};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{event, indexed};
use fastrand::Rng;
use ringtail_kit::eventually;
use ringtail_properties::payloads;

/// Events that are stored at once: what a link brings in 10 ms at 1,000 a second.
const AT_ONCE: u64 = 10;

const PAUSE: Duration = Duration::from_millis(10);

/// An event whose attempt begins later than this after it was due is late.
const LATE: Duration = Duration::from_millis(1000);

/// A client's store and forwarder at 1,000 events a second, without the link.
pub(super) struct Live {
    history: History,
    status: watch::Receiver<Status>,
    first: RowId,
    attempts: RowId,
    began: Instant,
    least: Duration,
    stop: CancellationToken,
    source: JoinSet<anyhow::Result<u64>>,
    _app: JoinSet<()>,
    _tasks: TaskTracker,
    _forwarding: tokio_util::sync::DropGuard,
}

impl Live {
    /// Begins; the endpoint is a new one each time.
    pub(super) async fn start(
        history: History,
        endpoint: &'static str,
        least: Duration,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let target = TargetUrl::parse(&listener.local_addr()?.to_string())?;
        let mut app = JoinSet::new();
        app.spawn(serve(listener));
        let tasks = TaskTracker::new();
        let cancel = CancellationToken::new();
        let (publish, status) = watch::channel(Status::new(endpoint));
        let forwarder = Forwarder {
            history: history.clone(),
            sender: Sender::new(target, SendOptions::default())?,
            options: ForwardOptions::default(),
            status: publish,
            paused: watch::channel(false).1,
            given_up: Arc::default(),
        };
        forwarder.spawn(endpoint, &tasks, cancel.clone());
        let reach = *history.watermarks().borrow();
        let stop = CancellationToken::new();
        let mut source = JoinSet::new();
        source.spawn(arrive(history.clone(), endpoint, stop.clone()));
        Ok(Self {
            history,
            status,
            first: reach.events,
            attempts: reach.attempts,
            began: Instant::now(),
            least,
            stop,
            source,
            _app: app,
            _tasks: tasks,
            _forwarding: cancel.drop_guard(),
        })
    }

    /// Stops what arrives, and says how forwarding and indexing kept up.
    pub(super) async fn finish(mut self) -> anyhow::Result<String> {
        tokio::time::sleep_until(self.began + self.least).await;
        self.stop.cancel();
        let stored = self.source.join_next().await.context("no source")???;
        let took = self.began.elapsed();
        let behind =
            self.history.watermarks().borrow().events.0 - self.history.indexed().borrow().0;
        let stopped = Instant::now();
        eventually!(self.status.borrow().pending == 0, "everything at the app")?;
        let last = self.history.watermarks().borrow().events;
        indexed(&self.history, last).await?;
        let caught_up = stopped.elapsed();
        let mut delays = self.delays().await?;
        delays.sort_unstable();
        let at = |part: usize| delays.get((delays.len() * part / 1000).min(delays.len() - 1));
        let millis = |part| at(part).map_or(0.0, |delay| delay.as_secs_f64() * 1000.0);
        let late = delays.iter().filter(|delay| **delay > LATE).count();
        Ok(format!(
            "{stored} events arrived in {:.1} s and {} were forwarded, {:.1} / {:.1} / {:.1} ms after they were due \
             (p50 / p99 / worst); {late} were later than {} ms; {behind} were not indexed at the end, and {:.1} s later all were",
            took.as_secs_f64(),
            delays.len(),
            millis(500),
            millis(990),
            millis(1000),
            LATE.as_millis(),
            caught_up.as_secs_f64(),
        ))
    }

    /// How long after it was due each event was sent.
    async fn delays(&self) -> anyhow::Result<Vec<Duration>> {
        let mut due = std::collections::HashMap::new();
        let mut after = self.first;
        loop {
            let page = self.history.events_after(after, MAX_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.row;
            due.extend(page.iter().map(|event| (event.id, event.received_at.0)));
        }
        let mut delays = Vec::new();
        let mut after = self.attempts;
        loop {
            let page = self.history.attempts_after(after, MAX_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.row;
            delays.extend(page.iter().filter_map(|attempt| {
                let late = attempt.started_at.0 - due.get(&attempt.event)?;
                Some(Duration::from_micros(late.try_into().unwrap_or(0)))
            }));
        }
        Ok(delays)
    }
}

async fn arrive(history: History, endpoint: &str, stop: CancellationToken) -> anyhow::Result<u64> {
    let payloads = payloads::all();
    let mut rng = Rng::with_seed(2);
    let mut due = interval(PAUSE);
    // What could not be stored in time is stored as soon as it can, and was due before.
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let began = (Instant::now(), Timestamp::now());
    let mut seq = 0;
    while !stop.is_cancelled() {
        let tick = due.tick().await;
        let since = tick.saturating_duration_since(began.0).as_micros();
        let mut batch = Vec::new();
        for _ in 0..AT_ONCE {
            seq += 1;
            let mut event = event(seq, seq, &payloads, &mut rng)?;
            event.received_at = Timestamp(began.1.0 + i64::try_from(since)?);
            batch.push(Incoming::Event(event));
        }
        history.store(endpoint, "j", batch, Forwarding::On).await?;
    }
    Ok(seq)
}

/// An app that answers 200 at once.
async fn serve(listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let answer = service_fn(|request: Request<body::Incoming>| async {
            drop(request.into_body().collect().await);
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        connections.spawn(async move {
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            drop(served.await);
        });
    }
}
