//! `wait_for_events`: by cursor, so that nothing between two calls is missed.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ringtail_client::endpoint_cache::known_endpoints;
use ringtail_client::lock::is_listening;
use ringtail_errors::{Failure, codes};
use ringtail_model::{EventRow, RowId, endpoint_name};
use ringtail_protocol::event::Timestamp;
use ringtail_store::Search;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::answer::{Answer, OBJECT_BYTES, bytes};
use super::cursor::{Cursor, LOOKED_AT};
use super::read::{TextOrNumber, is_bad};
use super::session::{Session, event_json};
use crate::command::search::filter;
use crate::command::wait::{PAUSE, Wanted};
use ringtail_views::search;

/// The most events of one call.
const MAX_COUNT: usize = 20;

/// The longest wait in seconds. Some clients give up after 60 s, whatever is set.
pub(super) const MAX_SECONDS: u64 = 50;

/// Bytes kept for everything but the events.
const BESIDE: usize = 1024;

/// Filter word of an event with an attempt: the app took longer than nothing.
const ANSWERED: &str = "slower:0ms";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitInput {
    /// Filter, such as "kind:sms". Default: any event
    #[serde(default)]
    filter: String,
    /// Cursor of an earlier result. Default: that of the last read or wait
    after: Option<TextOrNumber>,
    /// Number of events, 1 to 20
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 20))]
    count: usize,
    /// Seconds to wait, 0 to 50
    #[serde(default = "thirty")]
    #[schemars(range(max = 50))]
    seconds: u64,
    /// Take an event only once the app has answered, or failed to
    #[serde(default)]
    answered: bool,
}

fn one() -> usize {
    1
}

pub(super) fn thirty() -> u64 {
    30
}

pub(super) async fn wait(session: &Session, args: WaitInput) -> Result<Answer, Failure> {
    if !(1..=MAX_COUNT).contains(&args.count) || args.seconds > MAX_SECONDS {
        let wrong = format!("count is {}, seconds is {}", args.count, args.seconds);
        return Err(Failure::new(&codes::USAGE, wrong)
            .hint("pass a count from 1 to 20 and at most 50 seconds; call again to wait longer"));
    }
    let after = match &args.after {
        Some(text) => text.as_str().parse()?,
        None => session.cursor(),
    };
    let (newest, _) = session.newest(1).await?;
    if after.after > newest {
        let beyond = format!("the cursor {after} is beyond the history's newest event");
        return Err(Failure::new(&codes::NO_DATA, beyond).hint("omit it; is it another history's?"));
    }
    let words = match (args.answered, args.filter.trim()) {
        (false, words) => words.to_owned(),
        (true, "") => ANSWERED.to_owned(),
        (true, words) => format!("{ANSWERED} ({words})"),
    };
    // The columns of an error are those of the client's own filter.
    filter(&args.filter)?;
    let deadline = Instant::now() + Duration::from_secs(args.seconds);
    let search = search(filter(&words)?, session.config.secrets.clone());
    let found = found(session, &after, &search, args.count, deadline).await?;
    let status = match found.len() == args.count {
        true => "arrived",
        false => "pending",
    };
    let (mut events, mut bad, mut given) = (Vec::new(), 0, BTreeSet::new());
    let mut room = OBJECT_BYTES - BESIDE;
    for row in session.rows(found).await? {
        let event = event_json(&row);
        // What has no room stays open for the next call.
        let Some(left) = room.checked_sub(bytes(&event)) else {
            break;
        };
        room = left;
        bad += usize::from(is_bad(&row));
        given.insert(row.row);
        events.push(event);
    }
    let cursor = moved(session, &after, &search, given).await?;
    session.set_cursor(&cursor);
    let mut line = format!(
        "{status}: {} of {} events, {bad} with an answer that RingCentral would not accept",
        events.len(),
        args.count
    );
    let listening = listens(session);
    if !listening {
        line.push_str("; `ringtail listen` does not run");
    }
    let object = json!({
        "status": status,
        "events": events,
        "cursor": cursor.to_string(),
        "listening": listening,
    });
    Ok(Answer::new(object, line))
}

/// Waits for events after a cursor that match, until there are enough, or until the deadline.
pub(super) async fn found(
    session: &Session,
    after: &Cursor,
    search: &Arc<Search>,
    count: usize,
    deadline: Instant,
) -> Result<Vec<EventRow>, Failure> {
    let wanted = Wanted {
        search: Arc::clone(search),
        after: after.after,
        open: after.open.clone(),
        count,
        pause: PAUSE,
    };
    let (mut rows, mut known) = (Vec::new(), HashSet::new());
    while let Some(events) = wanted.next(session.history(), deadline, &mut known).await? {
        rows.extend(events);
    }
    Ok(rows)
}

/// Moves a cursor beyond the events that were given.
async fn moved(
    session: &Session,
    after: &Cursor,
    search: &Arc<Search>,
    given: BTreeSet<RowId>,
) -> Result<Cursor, Failure> {
    let (search, before) = (Arc::clone(search), after.clone());
    let end = RowId(after.reached(&given).0.saturating_add(1));
    let read = session.history().read(move |reader| {
        let mut rows = reader.events_before(end, LOOKED_AT)?;
        rows.retain(|row| row.row > before.after || before.open.contains(&row.row));
        let mut matching = BTreeSet::new();
        for row in &rows {
            if search.matches(row, || reader.more(row.row))? {
                matching.insert(row.row);
            }
        }
        Ok((rows, matching))
    });
    let (rows, matching) = read.await?;
    Ok(after.next(&given, &rows, &matching, Timestamp::now()))
}

/// Returns whether a process fills the history.
fn listens(session: &Session) -> bool {
    let data = &session.config.data;
    let known = known_endpoints(data);
    let mut names = known.iter().map(|known| endpoint_name(&known.endpoint));
    names.any(|name| is_listening(data, name))
}
