//! The events that a command line selects, in pages.

use std::sync::Arc;
use std::vec;

use ringtail_errors::{Failure, codes};
use ringtail_model::secrets::AllSecrets;
use ringtail_model::{EventRow, RowId};
use ringtail_protocol::event::EventId;
use ringtail_store::{Direction, History, Search};

use super::search::{self, ReportTo, filter};
use crate::args::select::SelectArgs;
use ringtail_views::find::{find, is_on};
use ringtail_views::search;

/// Events per page.
pub(super) const PAGE: usize = 200;

/// The selected events: those of a filter oldest first, named ones in the given order.
pub(crate) struct Selection<'a> {
    history: &'a History,
    endpoint: Option<String>,
    from: Selected,
    report: ReportTo,
}

enum Selected {
    Named(vec::IntoIter<EventId>),
    Filter {
        search: Arc<Search>,
        /// Later events are not selected.
        last: RowId,
        at: Option<RowId>,
        found: bool,
    },
}

/// The error of a command that changes something without a selection.
pub(super) fn nothing_named() -> Failure {
    Failure::new(&codes::USAGE, "no events selected")
        .hint("pass events (17, 17..20) or --filter; --filter '' selects all")
}

impl<'a> Selection<'a> {
    /// Looks up the named events, or prepares the search.
    pub(crate) async fn new(
        secrets: &AllSecrets,
        history: &'a History,
        args: &SelectArgs,
    ) -> Result<Self, Failure> {
        let endpoint = args.endpoint.clone();
        let from = if args.events.is_empty() {
            let filter = filter(args.filter.as_deref().unwrap_or_default())?;
            Selected::Filter {
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
            Selected::Named(events.into_iter())
        };
        Ok(Self {
            history,
            endpoint,
            from,
            report: ReportTo::Stderr,
        })
    }

    /// Says nothing of how far the search is: stderr is the screen's.
    pub(crate) fn silent(mut self) -> Self {
        self.report = ReportTo::None;
        self
    }

    /// Returns the next events; `None` after the last. A filter that finds none is a failure.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<EventRow>>, Failure> {
        let (search, last, at, any) = match &mut self.from {
            Selected::Named(events) => return named(self.history, events).await,
            Selected::Filter {
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
                self.report,
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
        let (failure, hint) = match search.filter().is_empty() {
            true => (
                "the history has no events",
                "`ringtail listen` fills it; is it another --data directory or endpoint?",
            ),
            false => (
                "no event matches the filter",
                "`ringtail events list` shows the events",
            ),
        };
        Err(Failure::new(&codes::NO_DATA, failure).hint(hint))
    }
}

/// Reads the next named events; retention may have deleted some.
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
