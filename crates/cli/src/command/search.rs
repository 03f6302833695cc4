//! Events as a filter names them.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use ringtail_client::config::AllSecrets;
use ringtail_client::filter::{Context, Filter};
use ringtail_client::history::{Direction, Found, History, Search};
use ringtail_client::model::RowId;

use crate::exit::{Exit, Failure};

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
        Failure::new(Exit::Usage, error).quote(pointed)
    })
}

/// Makes a search of a filter, seen from now, with the secrets of every endpoint.
pub(crate) fn search(filter: Filter, secrets: AllSecrets) -> Arc<Search> {
    let context = Context::new(Zoned::now(), move |endpoint| secrets.of_id(endpoint));
    Arc::new(Search::new(filter, context))
}

/// Searches until `limit` events are found or there are no more, and tells a person who waits how far it is.
pub(super) async fn find(
    history: &History,
    search: &Arc<Search>,
    direction: Direction,
    from: RowId,
    limit: usize,
    talk: Talk,
) -> Result<Found, Failure> {
    let mut all = Found {
        rows: Vec::new(),
        next: Some(from),
    };
    let mut told = false;
    while let Some(at) = all.next
        && all.rows.len() < limit
    {
        let wanted = limit - all.rows.len();
        let found = history.search(search, direction, at, wanted, PATIENCE);
        let found = found.await.map_err(anyhow::Error::from)?;
        all.rows.extend(found.rows);
        all.next = found.next;
        let waits = talk == Talk::OnStderr && std::io::stderr().is_terminal();
        if all.next.is_some() && all.rows.len() < limit && waits {
            told = true;
            let to_go = match (direction, all.next) {
                (Direction::Older, Some(next)) => next.0,
                (_, next) => history.marks().borrow().events.0 - next.map_or(0, |next| next.0),
            };
            let line = format!(
                "\r{} found, {to_go} events to look at\x1b[K",
                all.rows.len()
            );
            drop(std::io::stderr().lock().write_all(line.as_bytes()));
        }
    }
    if told {
        drop(std::io::stderr().lock().write_all(b"\r\x1b[K"));
    }
    Ok(all)
}
