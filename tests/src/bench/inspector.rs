//! How the inspector holds a large history: time to a screen, and memory.

mod large;
mod live;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::try_join_all;
use jiff::Zoned;
use ringtail_filter::{Context, Filter};
use ringtail_model::secrets::Secrets;
use ringtail_model::{Cause, Outcome, RowId};
use ringtail_protocol::event::{Disposition, Event, EventId, Header, Kind, Request, Timestamp};
use ringtail_recordings::export::raw;
use ringtail_store::{
    Direction, FILE_NAME, Forwarding, History, INDEX_FILE_NAME, Incoming, MAX_PAGE, NewAttempt,
    Retention, Search,
};
use tokio::time::timeout;

use super::Plan;
use super::edge::OURS;
use super::table::Table;
use crate::procfs;
use fastrand::Rng;
use ringtail_properties::payloads::{self, Payload};

const EVERY: &str = "ms";

const LIVE: &str = "ms, 1,000/s arriving";

/// Events that one export has.
const EXPORTED: usize = 1000;

/// The history and its search index.
const FILES: [&str; 2] = [FILE_NAME, INDEX_FILE_NAME];

/// Rows of a screen.
const SCREEN: usize = 50;

/// Events that are stored at once.
const BATCH: usize = 500;

/// Longest time that a search, or a step of the indexing, may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is searched for: seldom, often, and never there.
const SEARCHES: [(&str, &str); 11] = [
    ("kind:voicemail", "a kind"),
    ("session:s-718", "a session"),
    ("from:+1650", "a number's beginning"),
    ("status:5xx", "failures"),
    ("\"IVR Menu\"", "a text"),
    ("needle-in-the-haystack", "a text that one event has"),
    ("nowhere-to-be-found", "a text that no event has"),
    ("body.parties[*].status.code = Hold", "a JSON path"),
    ("~needle-(in|on)-the", "a regular expression"),
    (
        "body.subject ~ ^needle",
        "a regular expression at a JSON path",
    ),
    (
        "~[g-z]{40}",
        "a regular expression without letters to look up, in the newest 10,000",
    ),
];

/// Fills a history with events of every kind and measures what a screen of it takes. The history is kept as it was filled
/// in a directory, if one is named, and taken from there the next time.
///
/// # Errors
/// When the history cannot be written or read.
pub(crate) async fn run(plan: Plan, keep: Option<&Path>) -> anyhow::Result<String> {
    let mut table = Table::new(
        &format!("Inspector, {} events", plan.events),
        &[EVERY, LIVE],
    );
    // First: what it needs may be missing, and the rest takes long.
    let large = large::run(plan.rounds, &mut table).await?;
    let directory = tempfile::tempdir()?;
    let kept = keep.map(|keep| keep.join(FILE_NAME));
    table.note(match &kept {
        Some(kept) if kept.exists() => {
            for name in FILES {
                let copy = directory.path().join(name);
                std::fs::copy(kept.with_file_name(name), &copy)?;
                // Else the first checkpoint waits until all of it is on the disk.
                std::fs::File::open(copy)?.sync_all()?;
            }
            let newest = open(directory.path())?.watermarks().borrow().events.0;
            let kept = kept.display();
            anyhow::ensure!(
                u64::try_from(newest) == Ok(plan.events),
                "{kept} has {newest} events; remove it, or say --events {newest}"
            );
            format!("the history is {kept}, filled by an earlier run")
        }
        _ => filled(directory.path(), plan.events).await?,
    });
    if let Some(kept) = kept.filter(|kept| !kept.exists()) {
        keep_as(directory.path(), &kept)?;
    }
    for _ in 0..plan.rounds {
        measure(directory.path(), plan.events, EVERY, &mut table).await?;
    }
    let live = live::Live::start(open(directory.path())?, "live-x1", plan.arrival).await?;
    for _ in 0..plan.rounds {
        measure(directory.path(), plan.events, LIVE, &mut table).await?;
    }
    table.note(format!("meanwhile {}", live.finish().await?));
    table.note(removing(directory.path(), plan).await?);
    table.note(large);
    table.note(format!(
        "memory of the whole program, the filling included: {} MB",
        procfs::rss_kib(std::process::id())? / 1024
    ));
    Ok(table.render(OURS, &[]))
}

/// Fills the history and waits until all of it can be looked up.
async fn filled(directory: &Path, events: u64) -> anyhow::Result<String> {
    let began = Instant::now();
    let size = fill(directory, events).await?;
    let filled = began.elapsed();
    let began = Instant::now();
    index(directory, events).await?;
    Ok(format!(
        "stored in {:.1} s and indexed in {:.1} s more; {size} MB before and {} MB after indexing",
        filled.as_secs_f64(),
        began.elapsed().as_secs_f64(),
        megabytes(directory)?,
    ))
}

/// Copies the history after a checkpoint, when all of it is in one file.
fn keep_as(directory: &Path, file: &Path) -> anyhow::Result<()> {
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent)?;
    }
    for name in FILES {
        let path = directory.join(name);
        let connection = rusqlite::Connection::open(&path)?;
        connection.pragma_update(None, "wal_checkpoint", "TRUNCATE")?;
        std::fs::copy(&path, file.with_file_name(name))?;
    }
    Ok(())
}

/// Measures what arrives while everything but the newest events goes.
async fn removing(directory: &Path, plan: Plan) -> anyhow::Result<String> {
    let retention = Retention {
        max_age: Duration::from_secs(10_000 * 24 * 60 * 60),
        max_events: plan.events / 2,
        max_bytes: u64::MAX,
    };
    let history = History::open_keeping(directory, retention)?;
    let oldest = async || -> anyhow::Result<i64> {
        let first = history.events_after(RowId(0), 1).await?;
        Ok(first.first().context("a history without events")?.row.0)
    };
    let before = oldest().await?;
    let live = live::Live::start(history.clone(), "live-x2", plan.arrival).await?;
    let kept_up = live.finish().await?;
    let removed = oldest().await? - before;
    Ok(format!("while {removed} events were removed, {kept_up}"))
}

/// Opens the history and looks around in it.
async fn measure(
    directory: &Path,
    events: u64,
    column: &'static str,
    table: &mut Table,
) -> anyhow::Result<()> {
    let millis = |since: Instant| since.elapsed().as_secs_f64() * 1000.0;
    let began = Instant::now();
    let history = open(directory)?;
    history.events_before(RowId(i64::MAX), SCREEN).await?;
    table.add("open and first screen", column, millis(began));
    let middle = i64::try_from(events / 2)?;
    let began = Instant::now();
    let rows = history.events_before(RowId(middle), SCREEN).await?;
    table.add("a screen in the middle", column, millis(began));
    let one = rows.first().context("a history without events")?;
    let began = Instant::now();
    history.event(one.id).await?;
    table.add("an event in detail", column, millis(began));
    let began = Instant::now();
    history.course(one.row, MAX_PAGE).await?;
    table.add("a timeline", column, millis(began));
    for (text, what) in SEARCHES {
        let context = Context::new(Zoned::now(), |_| Secrets::default());
        let text = match text.strip_prefix("~[") {
            Some(_) => format!("seq:{}..{events} {text}", events.saturating_sub(10_000)),
            None => text.to_owned(),
        };
        let search = Arc::new(Search::new(Filter::parse(&text)?, context));
        let began = Instant::now();
        let newest = RowId(i64::MAX);
        let found = history.search(&search, Direction::Older, newest, SCREEN, PATIENCE);
        found.await?;
        table.add(&format!("{what}: `{text}`"), column, millis(began));
    }
    let began = Instant::now();
    let rows = history.events_before(RowId(middle), EXPORTED).await?;
    let mut bytes = 0;
    for row in rows {
        let detail = history.event(row.id).await?;
        bytes += detail.map_or(0, |detail| raw(&detail).len());
    }
    anyhow::ensure!(bytes > 0, "an export of nothing");
    table.add("1,000 events taken away", column, millis(began));
    Ok(())
}

fn open(directory: &Path) -> anyhow::Result<History> {
    Ok(History::open(directory)?)
}

/// Waits until everything can be looked up.
async fn index(directory: &Path, events: u64) -> anyhow::Result<()> {
    let last = RowId(i64::try_from(events)?);
    indexed(&open(directory)?, last).await
}

/// Waits until all events up to one can be looked up, however many they are, unless indexing stands still.
async fn indexed(history: &History, last: RowId) -> anyhow::Result<()> {
    let mut reached = history.indexed();
    while *reached.borrow_and_update() < last {
        let moves = timeout(PATIENCE, reached.changed()).await;
        moves.context("indexing stands still")??;
    }
    Ok(())
}

fn megabytes(directory: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes / 1_000_000)
}

/// Stores events of every documented kind, each with its own numbers, and an attempt for each; returns megabytes.
async fn fill(directory: &Path, events: u64) -> anyhow::Result<u64> {
    let history = open(directory)?;
    let payloads = payloads::all();
    let mut rng = Rng::with_seed(1);
    let mut seq = 0;
    while seq < events {
        let count = BATCH.min(usize::try_from(events - seq)?);
        let mut batch = Vec::with_capacity(count);
        let mut attempts = Vec::with_capacity(count);
        for _ in 0..count {
            seq += 1;
            let event = event(seq, events, &payloads, &mut rng)?;
            attempts.push(attempt(event.id, seq, &mut rng));
            batch.push(Incoming::Event(event));
        }
        history
            .store("bench-x1", "j", batch, Forwarding::On)
            .await?;
        let recorded = attempts
            .into_iter()
            .map(|attempt| history.record_attempt(attempt, true));
        try_join_all(recorded).await?;
    }
    drop(history);
    megabytes(directory)
}

fn event(seq: u64, events: u64, payloads: &[Payload], rng: &mut Rng) -> anyhow::Result<Event> {
    let payload = &payloads[usize::try_from(rng.u64(..payloads.len() as u64))?];
    let mut body: Vec<u8> = payload.body.to_vec();
    for byte in &mut body {
        if byte.is_ascii_digit() && *byte != b'0' {
            *byte = b'1' + u8::try_from(rng.u64(..9))?;
        }
    }
    if seq == events / 3 {
        body.extend_from_slice(b" needle-in-the-haystack");
    }
    let request = Request {
        method: "POST".to_owned(),
        path: "/hooks".to_owned(),
        peer: "192.0.2.7".to_owned(),
        headers: vec![Header {
            name: "content-type".to_owned(),
            value: "application/json".into(),
        }],
        body: body.into(),
    };
    let back = i64::try_from(events - seq)?;
    Ok(Event {
        seq,
        id: EventId::fresh(),
        received_at: Timestamp(Timestamp::now().0 - back * 100_000),
        kind: Kind::Notification,
        disposition: Disposition::Pending,
        duplicate_of: None,
        request: request.encode()?,
    })
}

fn attempt(event: EventId, seq: u64, rng: &mut Rng) -> NewAttempt {
    NewAttempt {
        event,
        cause: Cause::Forward,
        target: "http://localhost:3000/hooks".to_owned(),
        started_at: Timestamp::now(),
        duration: Duration::from_millis(5 + rng.u64(..20)),
        outcome: Outcome::Status(if seq.is_multiple_of(1000) { 500 } else { 200 }),
        headers: Vec::new(),
        body: bytes::Bytes::new(),
        body_len: 0,
    }
}
