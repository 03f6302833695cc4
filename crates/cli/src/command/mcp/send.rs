//! What acts, with `--allow-send` only: `send_replay` and `set_mark` here, `send_simulated` below.

mod simulated;

use std::str::FromStr as _;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use ringtail_client::endpoint_cache::last_target;
use ringtail_client::forward::{SendOptions, Sender};
use ringtail_client::replay::{Events, Options as ReplayOptions, Run};
use ringtail_errors::{Failure, codes};
use ringtail_filter::JsonPath;
use ringtail_model::EventRow;
use ringtail_model::target::TargetUrl;
use ringtail_protocol::event::{Header, Request, Timestamp};
use ringtail_ringcentral::secret::redacted;
use ringtail_simulate::Faults;
use ringtail_store::{BookmarkChange, Comment};
use ringtail_text::counted;
use ringtail_views::find::find_one;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

pub(super) use self::simulated::{SimulatedInput, simulated};
use super::answer::{Answer, bound_all, bounded};
use super::read::{TextOrNumber, answered, yes};
use super::session::{Session, event_json};
use super::wait::{MAX_SECONDS, thirty};
use crate::args::select::SelectArgs;
use crate::command::replay::nowhere;
use crate::command::select::Selection;

/// The most events that a client names.
const MAX_NAMED: usize = 50;

/// The most events that a filter may mean.
const MAX_EVENTS: usize = 1000;

/// How long one answer may take. RingCentral waits 3 s; the client must have the result before it gives up.
const ANSWER: Duration = Duration::from_secs(5);

/// The most events of a replay whose answers are in the result.
const WITH_ANSWERS: usize = 3;

/// The most characters of a comment.
const MAX_COMMENT: usize = 280;

/// Delivery faults, as RingCentral may cause them: percentages, and milliseconds.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FaultInput {
    /// Percentage out of order
    #[schemars(range(max = 100))]
    reorder: u8,
    /// Percentage sent twice
    #[schemars(range(max = 100))]
    double: u8,
    /// Percentage not sent
    #[schemars(range(max = 100))]
    drop: u8,
    /// Delay up to this many milliseconds
    #[schemars(range(max = 10_000))]
    delay_ms: u64,
}

impl FaultInput {
    fn faults(&self) -> Result<Faults, Failure> {
        let percent = self.reorder.max(self.double).max(self.drop);
        if percent > 100 || self.delay_ms > 10_000 {
            let wrong = format!("faults of {percent} % and {} ms", self.delay_ms);
            return Err(Failure::new(&codes::USAGE, wrong).hint("pass at most 100 % and 10000 ms"));
        }
        Ok(Faults {
            reorder: self.reorder,
            double: self.double,
            drop: self.drop,
            delay_ms: self.delay_ms,
        })
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayInput {
    /// Events by number, id or range (17..20); at most 50. Or pass `filter`
    #[serde(default)]
    events: Vec<TextOrNumber>,
    /// Filter of the events, oldest first
    filter: Option<String>,
    /// Where to send. Default: the endpoint's own target
    target: Option<TextOrNumber>,
    /// Compare each answer with the one before
    #[serde(default = "yes")]
    compare: bool,
    /// List what would be sent. Default: true if a filter means more than one event
    dry_run: Option<bool>,
    /// New values by path, for one event: {"body.subject": "Hi", "header.NAME": "1"}. The edited copy is sent, and stored as a
    /// new event
    #[serde(default)]
    edits: Map<String, Value>,
    /// Sign again with the configured secrets
    #[serde(default)]
    sign: bool,
    /// Keep the original pauses
    #[serde(default)]
    timing: bool,
    #[serde(default)]
    faults: FaultInput,
    /// Seed of the faults
    seed: Option<u64>,
    /// Begin no request after this many seconds, at most 50
    #[serde(default = "thirty")]
    #[schemars(range(max = 50))]
    seconds: u64,
}

pub(super) async fn replay(session: &Session, args: ReplayInput) -> Result<Answer, Failure> {
    let deadline = deadline(args.seconds)?;
    let faults = args.faults.faults()?;
    let rows = selected(session, &args).await?;
    let sender = |endpoint: &str| sender(session, args.target.as_ref(), endpoint);
    let mut events = Events::default();
    for row in &rows {
        events.add(row, sender)?;
    }
    let dry_run = args
        .dry_run
        .unwrap_or(args.filter.is_some() && rows.len() > 1);
    if !args.edits.is_empty() {
        let [origin] = rows.as_slice() else {
            let several = format!("cannot edit {} events at once", rows.len());
            return Err(Failure::new(&codes::USAGE, several).hint("name one event"));
        };
        let request = edited(session, origin, &args.edits).await?;
        // Stored only now that the target is allowed.
        if !dry_run {
            let copy = add_edited(session, origin, request).await?;
            events = Events::default();
            events.add(&copy, sender)?;
        }
    }
    let seed = args
        .seed
        .unwrap_or_else(|| Timestamp::now().0.unsigned_abs() % 1_000_000);
    let options = ReplayOptions {
        sign: args.sign,
        speed: args.timing.then_some(1.0),
        faults,
        seed,
        compare: args.compare.then(|| session.config.noise.clone()),
    };
    let stop = CancellationToken::new();
    let run = Run::new(
        session.history().clone(),
        session.config.secrets.clone(),
        events,
        options,
    );
    let run = run.until(stop.clone());
    match dry_run {
        true => planned(session, &run, seed).await,
        false => sent(session, run, (stop, deadline), seed, rows.len()).await,
    }
}

fn deadline(seconds: u64) -> Result<Instant, Failure> {
    if seconds > MAX_SECONDS {
        let wrong = format!("seconds is {seconds}");
        return Err(Failure::new(&codes::USAGE, wrong).hint("pass at most 50"));
    }
    Ok(Instant::now() + Duration::from_secs(seconds))
}

async fn selected(session: &Session, args: &ReplayInput) -> Result<Vec<EventRow>, Failure> {
    let which = match (args.events.is_empty(), &args.filter) {
        (true, Some(_)) | (false, None) if args.events.len() <= MAX_NAMED => SelectArgs {
            events: args
                .events
                .iter()
                .map(|name| name.as_str().to_owned())
                .collect(),
            filter: args.filter.clone(),
            endpoint: None,
        },
        (false, None) => {
            let many = format!(
                "{} events; at most {MAX_NAMED} in one call",
                args.events.len()
            );
            return Err(Failure::new(&codes::USAGE, many).hint("send the rest in another call"));
        }
        _ => {
            let wrong = "neither or both of `events` and `filter` are given";
            return Err(Failure::new(&codes::USAGE, wrong).hint("pass one of them"));
        }
    };
    let selection = Selection::new(&session.config.secrets, session.history(), &which).await?;
    let (mut selection, mut rows) = (selection.silent(), Vec::new());
    while let Some(page) = selection.next().await? {
        rows.extend(page);
        if rows.len() > MAX_EVENTS {
            let many = format!("these are more than {MAX_EVENTS} events");
            return Err(Failure::new(&codes::USAGE, many)
                .hint("narrow the filter, or use `ringtail replay`"));
        }
    }
    Ok(rows)
}

/// Returns the sender to a target that the developer allows.
fn sender(
    session: &Session,
    target: Option<&TextOrNumber>,
    endpoint: &str,
) -> Result<Sender, Failure> {
    let target = allowed(session, target, endpoint)?;
    let options = SendOptions {
        answer_timeout: ANSWER,
        ..SendOptions::default()
    };
    Ok(Sender::new(target, options)?)
}

/// Returns the target: this machine's, the endpoint's own, or one of the command line.
fn allowed(
    session: &Session,
    target: Option<&TextOrNumber>,
    endpoint: &str,
) -> Result<TargetUrl, Failure> {
    let own = last_target(&session.config.data, endpoint);
    let Some(text) = target else {
        return own.ok_or_else(|| nowhere(endpoint).hint("pass `target`, such as 3000"));
    };
    let target = TargetUrl::parse(text.as_str())?;
    if target.is_loopback() || own.as_ref() == Some(&target) || session.allowed.contains(&target) {
        return Ok(target);
    }
    let text = target.to_string();
    let refused = format!("sending to {} is not allowed", redacted(&text));
    Err(Failure::new(&codes::USAGE, refused).hint(
        "this machine and the endpoint's own target are; for others the developer adds --allow-target to the command line of \
         `ringtail mcp`",
    ))
}

/// Returns an event's request with new values. Everything else keeps its bytes.
async fn edited(
    session: &Session,
    origin: &EventRow,
    edits: &Map<String, Value>,
) -> Result<Request, Failure> {
    let stored = session.history().stored_request(origin.row).await?;
    let mut request = stored.ok_or_else(gone)?.request;
    for (path, value) in edits {
        match path.strip_prefix("header.") {
            Some(name) => set_header(&mut request, name, value)?,
            None => set_value(&mut request, path, value)?,
        }
    }
    Ok(request)
}

fn gone() -> Failure {
    Failure::new(&codes::NO_DATA, "retention has just deleted the event")
}

fn set_header(request: &mut Request, name: &str, value: &Value) -> Result<(), Failure> {
    let text = value
        .as_str()
        .filter(|text| !text.contains(['\r', '\n', '\0']));
    let (Ok(_), Some(text)) = (HeaderName::from_str(name), text) else {
        let wrong = format!("header.{} cannot have this value", bounded(name));
        return Err(Failure::new(&codes::EDITED, wrong).hint("pass one line of text"));
    };
    request.headers.retain(|field| !field.is(name));
    request.headers.push(Header {
        name: name.to_owned(),
        value: Bytes::copy_from_slice(text.as_bytes()),
    });
    Ok(())
}

fn set_value(request: &mut Request, path: &str, value: &Value) -> Result<(), Failure> {
    let wrong = |what: &str| {
        Failure::new(&codes::EDITED, format!("{}: {what}", bounded(path)))
            .hint("paths are those of read_event, such as body.subject")
    };
    let parsed = JsonPath::parse(path).ok_or_else(|| wrong("no path"))?;
    let text = std::str::from_utf8(&request.body).map_err(|_| wrong("the body is not JSON"))?;
    let ranges = parsed.ranges(text);
    if ranges.is_empty() {
        return Err(wrong("the body has no value there"));
    }
    let mut text = text.to_owned();
    for range in ranges.into_iter().rev() {
        text.replace_range(range, &value.to_string());
    }
    request.body = text.into();
    Ok(())
}

async fn add_edited(
    session: &Session,
    origin: &EventRow,
    request: Request,
) -> Result<EventRow, Failure> {
    let history = session.history();
    let id = history
        .add_edited(origin.id, request)
        .await?
        .ok_or_else(gone)?;
    history.row(id).await?.ok_or_else(gone)
}

/// Lists what would be sent.
async fn planned(session: &Session, run: &Run, seed: u64) -> Result<Answer, Failure> {
    let mut events = Vec::new();
    for planned in run.to_come(0, MAX_NAMED).await? {
        let (target, again) = (planned.sender.target().to_string(), planned.again);
        for row in session.rows(vec![planned.event]).await? {
            let mut event = event_json(&row);
            event["target"] = json!(redacted(&target));
            event["again"] = json!(again);
            events.push(event);
        }
    }
    let count = run.left();
    let line = format!(
        "a dry run: {} would be sent; call again with dry_run false",
        counted(count, "request")
    );
    let object = json!({
        "dry_run": true, "would_send": count, "events": events, "attempts": [], "changed": [],
        "unsent": count, "dropped": run.left_out(), "seed": seed,
    });
    Ok(Answer::new(object, line))
}

async fn sent(
    session: &Session,
    mut run: Run,
    (stop, deadline): (CancellationToken, Instant),
    seed: u64,
    events: usize,
) -> Result<Answer, Failure> {
    let dropped = run.left_out();
    let (mut attempts, mut changed, mut accepted, mut notes) =
        (Vec::new(), Vec::new(), 0, Vec::new());
    let steps = async {
        while let Some(step) = run.next().await? {
            let at = format!("attempts[{}]", attempts.len());
            accepted += usize::from(step.answer.attempt.verdict.code().is_none());
            let mut attempt = match events <= WITH_ANSWERS {
                true => {
                    let detail = session.detail(step.event.id).await?;
                    let of = |it: &&ringtail_model::AttemptDetail| {
                        it.attempt.row == step.answer.attempt.row
                    };
                    match detail.attempts.iter().rfind(of) {
                        Some(detail) => answered(detail, &at, &mut notes),
                        None => session.attempt(step.answer.attempt.clone()).await?,
                    }
                }
                false => session.attempt(step.answer.attempt.clone()).await?,
            };
            attempt["seq"] = json!(step.event.seq);
            attempts.push(attempt);
            if let Some(compared) = step.compared.filter(|compared| compared.changes > 0) {
                let mut row = json!({
                    "endpoint": step.event.endpoint, "seq": step.event.seq, "event_id": step.event.id.to_string(),
                    "before": compared.before, "after": compared.after, "changes": compared.changes,
                });
                bound_all(&mut row);
                changed.push(row);
            }
        }
        Ok::<_, Failure>(())
    };
    let stopped = async {
        sleep_until(deadline).await;
        stop.cancel();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        done = steps => done?,
        () = stopped => {}
    }
    let (unsent, count) = (run.left() + run.gone(), attempts.len());
    let line = format!(
        "{count} sent, {accepted} answers that RingCentral would accept, {} changed, {unsent} not sent",
        changed.len()
    );
    let mut object = json!({
        "dry_run": false, "attempts": attempts, "changed": changed, "unsent": unsent,
        "dropped": dropped, "seed": seed,
    });
    if !notes.is_empty() {
        object["left_out"] = json!(notes);
    }
    Ok(Answer::new(object, line))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MarkInput {
    /// Event: its number, the beginning of its id, or endpoint/number
    event: TextOrNumber,
    /// Set the bookmark, or remove it
    marked: bool,
    /// Comment of at most 280 characters; replaces an earlier one
    #[schemars(length(max = 280))]
    comment: Option<String>,
}

pub(super) async fn mark(session: &Session, args: MarkInput) -> Result<Answer, Failure> {
    let change = match (&args.comment, args.marked) {
        (Some(_), false) => {
            let both = "a removed bookmark has no comment";
            return Err(Failure::new(&codes::USAGE, both).hint("omit `comment`"));
        }
        (Some(text), true) if text.chars().count() > MAX_COMMENT => {
            let long = format!("the comment has {} characters", text.chars().count());
            return Err(Failure::new(&codes::USAGE, long).hint("pass at most 280"));
        }
        (Some(text), true) => BookmarkChange::Comment(Comment::parse(text)?),
        (None, true) => BookmarkChange::Set,
        (None, false) => BookmarkChange::Clear,
    };
    let row = find_one(session.history(), None, args.event.as_str()).await?;
    session.store.bookmark(row.id, change).await?;
    let row = session.history().row(row.id).await?.ok_or_else(gone)?;
    let line = format!(
        "event {} is {}bookmarked",
        row.seq,
        if args.marked { "" } else { "not " }
    );
    let events: Vec<Value> = session
        .rows(vec![row])
        .await?
        .iter()
        .map(event_json)
        .collect();
    Ok(Answer::new(json!({"event": events.first()}), line))
}
