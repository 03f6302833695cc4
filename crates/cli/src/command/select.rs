//! The events that a command line means, a page at a time.

use std::sync::Arc;
use std::vec;

use ringtail_errors::{Failure, codes};
use ringtail_model::secrets::AllSecrets;
use ringtail_model::{EventRow, RowId};
use ringtail_protocol::event::EventId;
use ringtail_store::{Direction, History, Search};

use super::find::{find, is_on};
use super::search::{self, Talk, filter, search};
use crate::args::select::SelectArgs;

/// Events that are read, or listed, at once.
pub(super) const PAGE: usize = 200;

/// The events, oldest first where a filter names them, else as they were named.
pub(crate) struct Selection<'a> {
    history: &'a History,
    endpoint: Option<String>,
    from: From,
    talk: Talk,
}

enum From {
    Named(vec::IntoIter<EventId>),
    Filter {
        search: Arc<Search>,
        /// What arrives meanwhile was not there to be meant.
        last: RowId,
        at: Option<RowId>,
        found: bool,
    },
}

/// Says that no event is named, to commands that change something.
pub(super) fn nothing_named() -> Failure {
    Failure::new(&codes::USAGE, format!("it is not said which events"))
        .hint("name events (17, 17..20), or give a --filter; --filter '' is all of them")
}

impl<'a> Selection<'a> {
    /// Finds what is named, or prepares to search.
    pub(crate) async fn new(
        secrets: &AllSecrets,
        history: &'a History,
        args: &SelectArgs,
    ) -> Result<Self, Failure> {
        let endpoint = args.endpoint.clone();
        let from = if args.events.is_empty() {
            let filter = filter(args.filter.as_deref().unwrap_or_default())?;
            From::Filter {
                search: search(filter, secrets.clone()),
                last: history.watermarks().borrow().events,
                at: Some(RowId(0)),
                found: false,
            }
        } else {
            let mut events = Vec::new();
            for text in &args.events {
                events.extend(find(history, endpoint.as_deref(), text).await?);
            }
            From::Named(events.into_iter())
        };
        Ok(Self {
            history,
            endpoint,
            from,
            talk: Talk::OnStderr,
        })
    }

    /// Says nothing of how far the search is: stderr is the screen's.
    pub(crate) fn silent(mut self) -> Self {
        self.talk = Talk::None;
        self
    }

    /// Returns the next events; `None` after the last. A filter that finds none is a failure.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<EventRow>>, Failure> {
        let (search, last, at, any) = match &mut self.from {
            From::Named(events) => return named(self.history, events).await,
            From::Filter {
                search,
                last,
                at,
                found,
            } => (search, *last, at, found),
        };
        while let Some(from) = at.filter(|from| *from < last) {
            let mut rows = Vec::new();
            let found = search::find(
                self.history,
                search,
                (Direction::Newer, from),
                PAGE,
                self.talk,
                |event| rows.push(event),
            );
            *at = found.await?;
            let endpoint = self.endpoint.as_deref();
            rows.retain(|event| event.row <= last && is_on(event, endpoint));
            if !rows.is_empty() {
                *any = true;
                return Ok(Some(rows));
            }
        }
        if *any {
            return Ok(None);
        }
        let failure = match search.filter().is_empty() {
            true => format!("there is no event in the history"),
            false => format!("no event in the history is one that the filter is for"),
        };
        Err(Failure::new(&codes::NO_DATA, failure)
            .hint("`ringtail events list` shows what there is"))
    }
}

/// Reads the next of those that are named; retention may have taken some of them meanwhile.
async fn named(
    history: &History,
    events: &mut vec::IntoIter<EventId>,
) -> Result<Option<Vec<EventRow>>, Failure> {
    loop {
        let ids: Vec<EventId> = events.take(PAGE).collect();
        if ids.is_empty() {
            return Ok(None);
        }
        let rows = history.rows(ids).await?;
        let rows: Vec<EventRow> = rows.into_iter().flatten().collect();
        if !rows.is_empty() {
            return Ok(Some(rows));
        }
    }
}
