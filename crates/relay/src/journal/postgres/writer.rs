//! The task that stores events, a group in each transaction, and spools them while PostgreSQL takes none.
//!
//! ```text
//! direct ──a transaction fails or takes longer than COMMIT_TIME──▶ spooling: to the spool, which drains beside
//!   ▲                                                                 │
//!   └──────── the rest of the spool is stored, between two groups ◀───┘
//! ```
//!
//! While anything is in the spool, newer events go there, so that an endpoint's events keep their order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use ringtail_sqlite::WriteError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::commit::{self, NewEvent};
use super::retention::Request;
use super::spool::Spool;
use crate::journal::heads::Heads;
use crate::journal::{AppendError, Appended, EndpointKey, event_bytes};
use crate::metrics::JournalMetrics;
use crate::postgres::{Postgres, PostgresError, Session};

/// Events of one transaction, at most.
const GROUP_EVENTS: usize = 512;

/// Bytes of one transaction after which no event is added.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// How long a transaction that callers wait for may take, connecting included, before events are spooled. RingCentral waits
/// for three seconds.
const COMMIT_TIME: Duration = Duration::from_secs(1);

/// How long a transaction that no caller waits for may take. It may have 24 MiB.
const DRAIN_TIME: Duration = Duration::from_secs(30);

/// Pause before the next attempt to drain.
const DRAIN_DELAY: Duration = Duration::from_millis(500);

/// Bytes of new events after which retention runs early, so that no flood fills the disk between two sweeps.
const SWEEP_BYTES: i64 = 64 * 1024 * 1024;

/// Answers an append.
type Answer = oneshot::Sender<Result<Appended, AppendError>>;

/// What the writer is asked to do.
pub(super) enum WriterCommand {
    Append(Pending),
    Probe(oneshot::Sender<Result<(), AppendError>>),
    Close,
}

/// An event that waits to be stored, with its share of the queue.
pub(super) struct Pending {
    pub(super) event: NewEvent,
    pub(super) answer: Answer,
    pub(super) permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

/// Where events go.
enum Mode {
    Direct(Option<Session>),
    /// To the spool; the future drains it.
    Spooling(BoxFuture<'static, Drained>),
}

/// How a drain ended: with a connection for the rest, or not at all.
type Drained = Result<Session, DrainError>;

/// The task's state.
pub(super) struct Writer {
    store: EventStore,
    spool: Option<Arc<Spool>>,
    mode: Mode,
}

/// What storing events moves.
#[derive(Clone)]
pub(super) struct EventStore {
    pub(super) postgres: Postgres,
    pub(super) heads: Arc<Heads>,
    pub(super) metrics: JournalMetrics,
    pub(super) sweeps: mpsc::Sender<Request>,
    /// Bytes written since the last early sweep.
    pub(super) unswept: Arc<AtomicI64>,
}

/// Why a spool is not empty.
#[derive(Debug, thiserror::Error)]
enum DrainError {
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error("the spool could not be read")]
    Read(#[from] ringtail_sqlite::ReadError),
    #[error("the spool could not be written")]
    Write(#[from] WriteError),
}

impl Writer {
    pub(super) fn new(store: EventStore, spool: Option<Arc<Spool>>) -> Self {
        let mode = match &spool {
            // An earlier process has left events.
            Some(spool) if spool.waiting().events > 0 => {
                let events = spool.waiting().events;
                tracing::warn!(events, "events of an earlier run wait in the spool");
                Mode::Spooling(drain(store.clone(), spool.clone()).boxed())
            }
            _ => Mode::Direct(None),
        };
        Self { store, spool, mode }
    }

    /// Writes until the journal is closed or dropped.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<WriterCommand>) {
        loop {
            let drained = async {
                match &mut self.mode {
                    Mode::Direct(_) => future::pending().await,
                    Mode::Spooling(drain) => drain.await,
                }
            };
            let first = tokio::select! {
                // `biased`: the drain first, or a queue that is never empty would stop it.
                biased;
                drained = drained => {
                    self.drained(drained).await;
                    continue;
                }
                command = queue.recv() => command,
            };
            let Some(first) = first else { return };
            let (group, other) = gather(first, &mut queue);
            if !group.is_empty() {
                self.append(group).await;
            }
            match other {
                Some(WriterCommand::Probe(answer)) => drop(answer.send(self.probe().await)),
                Some(WriterCommand::Close) => return self.close().await,
                Some(WriterCommand::Append(_)) | None => {}
            }
        }
    }

    /// Stores or spools a group, and answers each of its appends.
    async fn append(&mut self, group: Vec<Pending>) {
        let Mode::Direct(session) = &mut self.mode else {
            return self.spool(group);
        };
        let events: Vec<&NewEvent> = group.iter().map(|it| &it.event).collect();
        // Without a spool, nothing is gained by giving up.
        let time = match self.spool {
            Some(_) => COMMIT_TIME,
            None => DRAIN_TIME,
        };
        match self.store.commit(session, &events, false, time).await {
            Ok(stored) => {
                for (pending, appended) in group.into_iter().zip(stored) {
                    let answer = appended.ok_or(AppendError::NoEndpoint);
                    drop(pending.answer.send(answer));
                }
            }
            Err(error) => {
                self.failed(&error, events.len());
                match self.begin_spooling() {
                    true => self.spool(group),
                    false => {
                        let error = AppendError::from(error);
                        for pending in group {
                            drop(pending.answer.send(Err(error.clone())));
                        }
                    }
                }
            }
        }
    }

    /// Sends events to the spool from now on, if there is one.
    fn begin_spooling(&mut self) -> bool {
        let Some(spool) = &self.spool else {
            return false;
        };
        tracing::error!(
            "PostgreSQL does not store events; they wait on this relay's disk until it does"
        );
        let drain = drain(self.store.clone(), spool.clone());
        self.mode = Mode::Spooling(drain.boxed());
        true
    }

    /// Spools a group and answers each of its appends once it is on the disk.
    fn spool(&self, group: Vec<Pending>) {
        let Some(spool) = &self.spool else { return };
        let mut added = Vec::with_capacity(group.len());
        for pending in group {
            match spool.add(pending.event) {
                Ok(submitted) => added.push((submitted, pending.answer, pending.permits)),
                Err(error) => drop(pending.answer.send(Err(error.into()))),
            }
        }
        // Beside the writer: the next group joins the same transaction of the spool.
        self.store.postgres.spawn(async {
            for (submitted, answer, _permits) in added {
                let answered = submitted.await.map(|()| Appended::SPOOLED);
                drop(answer.send(answered.map_err(AppendError::from)));
            }
        });
    }

    /// Ends the spooling if the drain has left no more than one transaction takes, or drains again.
    async fn drained(&mut self, drained: Drained) {
        let Some(spool) = self.spool.clone() else {
            return;
        };
        let result = match drained {
            // Nothing is added meanwhile, because this task adds.
            Ok(session) => self.store.finish(session, &spool).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(Some(session)) => {
                tracing::info!("the spool is empty; events go to PostgreSQL again");
                self.mode = Mode::Direct(Some(session));
                return;
            }
            Ok(None) => {}
            Err(error) => self.failed(&error, spool.waiting().events),
        }
        self.mode = Mode::Spooling(drain(self.store.clone(), spool).boxed());
    }

    async fn probe(&mut self) -> Result<(), AppendError> {
        let result = match (&mut self.mode, &self.spool) {
            (Mode::Spooling(_), Some(spool)) => return Ok(spool.probe().await?),
            (Mode::Spooling(_), None) => return Ok(()),
            (Mode::Direct(session), _) => self.store.probe(session).await,
        };
        if let Err(error) = result {
            self.failed(&error, 0);
            return match (self.begin_spooling(), &self.spool) {
                (true, Some(spool)) => Ok(spool.probe().await?),
                _ => Err(error.into()),
            };
        }
        Ok(())
    }

    /// Waits until the spool has what was added; the next run drains it.
    async fn close(&mut self) {
        if let Some(spool) = &self.spool
            && spool.settle().await.is_err()
        {
            tracing::error!("the spool could not be written at the end");
        }
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static), events: usize) {
        self.store.metrics.failed("journal", error, events);
    }
}

/// Takes what waits in the queue, up to what one transaction holds or the first other command.
fn gather(
    first: WriterCommand,
    queue: &mut mpsc::Receiver<WriterCommand>,
) -> (Vec<Pending>, Option<WriterCommand>) {
    let mut group = Vec::new();
    let mut bytes = 0;
    let mut next = Some(first);
    while let Some(command) = next {
        let WriterCommand::Append(pending) = command else {
            return (group, Some(command));
        };
        bytes += pending.event.request.len();
        group.push(pending);
        let is_full = group.len() >= GROUP_EVENTS || bytes >= GROUP_BYTES;
        next = if is_full { None } else { queue.try_recv().ok() };
    }
    (group, None)
}

/// Moves the spool's events to PostgreSQL until no more than one transaction takes are left.
async fn drain(store: EventStore, spool: Arc<Spool>) -> Drained {
    sleep(DRAIN_DELAY).await;
    let mut session = None;
    loop {
        store.drain_page(&mut session, &spool, DRAIN_TIME).await?;
        if spool.fits_a_page()
            && let Some(session) = session.take()
        {
            return Ok(session);
        }
    }
}

impl EventStore {
    /// Stores events in one transaction, connecting first if needed. An error gives the connection up: it may still answer
    /// a request that was given up.
    async fn commit(
        &self,
        kept: &mut Option<Session>,
        events: &[&NewEvent],
        again: bool,
        time: Duration,
    ) -> Result<Vec<Option<Appended>>, PostgresError> {
        let began = Instant::now();
        let stored = in_time(kept, &self.postgres, time, async |session| {
            commit::commit(session, events, again).await
        });
        let stored = stored.await?;
        let mut heads: HashMap<EndpointKey, u64> = HashMap::new();
        let (mut count, mut bytes) = (0, 0);
        for (event, stored) in events.iter().zip(&stored) {
            let Some(stored) = stored else { continue };
            let head = heads.entry(EndpointKey(event.endpoint)).or_default();
            *head = stored.seq.max(*head);
            count += 1;
            bytes += event_bytes(&event.request);
        }
        self.heads.advance(heads);
        if count > 0 {
            self.metrics.committed(count, began.elapsed());
        }
        if self.unswept.fetch_add(bytes, Ordering::Relaxed) + bytes >= SWEEP_BYTES {
            self.unswept.store(0, Ordering::Relaxed);
            let sweep = Request {
                now: None,
                answer: None,
            };
            // A full queue means that sweeps are due anyway.
            drop(self.sweeps.try_send(sweep));
        }
        Ok(stored)
    }

    async fn probe(&self, kept: &mut Option<Session>) -> Result<(), PostgresError> {
        in_time(kept, &self.postgres, COMMIT_TIME, commit::probe).await
    }

    /// Moves a page of the spool within `time`.
    async fn drain_page(
        &self,
        kept: &mut Option<Session>,
        spool: &Spool,
        time: Duration,
    ) -> Result<(), DrainError> {
        let page = spool.page().await?;
        let events: Vec<&NewEvent> = page.events.iter().collect();
        // Even without events: it shows that PostgreSQL stores again.
        self.commit(kept, &events, true, time).await?;
        if !page.events.is_empty() {
            spool.remove(&page).await;
        }
        Ok(())
    }

    /// Moves the rest of the spool while nothing is added; `None` if one transaction does not hold it.
    async fn finish(&self, session: Session, spool: &Spool) -> Result<Option<Session>, DrainError> {
        spool.settle().await?;
        if !spool.fits_a_page() {
            return Ok(None);
        }
        let mut session = Some(session);
        if spool.waiting().events > 0 {
            // Callers wait meanwhile.
            self.drain_page(&mut session, spool, COMMIT_TIME).await?;
        }
        Ok(session)
    }
}

/// Runs a transaction within `time`, connecting first if needed.
async fn in_time<T>(
    kept: &mut Option<Session>,
    postgres: &Postgres,
    time: Duration,
    run: impl AsyncFnOnce(&mut Session) -> Result<T, PostgresError>,
) -> Result<T, PostgresError> {
    let result = timeout(time, async {
        let mut session = match kept.take() {
            Some(session) => session,
            None => postgres.connect().await?,
        };
        let result = run(&mut session).await?;
        Ok((session, result))
    });
    match result.await {
        Ok(Ok((session, result))) => {
            *kept = Some(session);
            Ok(result)
        }
        Ok(Err(error)) => Err(error),
        Err(_elapsed) => Err(PostgresError::Slow(time)),
    }
}
