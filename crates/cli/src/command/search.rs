//! Events as a filter names them.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use ringtail_errors::Failure;
use ringtail_filter::{Context, Filter};
use ringtail_model::secrets::AllSecrets;
use ringtail_model::{EventRow, RowId};
use ringtail_store::{Direction, History, Search};

/// How long a search says nothing about itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether a search tells how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Talk {
    /// On stderr, if that is a terminal.
    OnStderr,
    /// Nowhere.
    None,
}

/// Reads a filter.
pub(crate) fn filter(text: &str) -> Result<Filter, Failure> {
    Filter::parse(text).map_err(|error| {
        let pointed = error.pointed();
        Failure::from(error).quote(pointed)
    })
}

/// Makes a search of a filter, seen from now, with the secrets of every endpoint.
pub(crate) fn search(filter: Filter, secrets: AllSecrets) -> Arc<Search> {
    let context = Context::new(Zoned::now(), move |endpoint| secrets.of_id(endpoint));
    Arc::new(Search::new(filter, context))
}

/// Searches from a row on until `limit` events are found or there are no more, tells a person who waits how far it is, and
/// returns where to go on. Each event is given away as it is found: all of them may be the whole history.
pub(super) async fn find(
    history: &History,
    search: &Arc<Search>,
    (direction, from): (Direction, RowId),
    limit: usize,
    talk: Talk,
    mut each: impl FnMut(EventRow),
) -> Result<Option<RowId>, Failure> {
    let mut next = Some(from);
    let mut count = 0;
    let mut told = false;
    while let Some(at) = next
        && count < limit
    {
        let found = history.search(search, direction, at, limit - count, PATIENCE);
        let found = found.await?;
        count += found.rows.len();
        found.rows.into_iter().for_each(&mut each);
        next = found.next;
        let waits = talk == Talk::OnStderr && std::io::stderr().is_terminal();
        if next.is_some() && count < limit && waits {
            told = true;
            let to_go = match (direction, next) {
                (Direction::Older, Some(next)) => next.0,
                (_, next) => history.watermarks().borrow().events.0 - next.map_or(0, |next| next.0),
            };
            let line = format!("\r{count} found, {to_go} events to look at\x1b[K");
            drop(std::io::stderr().lock().write_all(line.as_bytes()));
        }
    }
    if told {
        drop(std::io::stderr().lock().write_all(b"\r\x1b[K"));
    }
    Ok(next)
}
