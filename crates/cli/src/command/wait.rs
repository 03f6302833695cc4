//! `ringtail wait`: ends once matching events are in the history.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ringtail_client::config::Config;
use ringtail_errors::{Failure, codes};
use ringtail_model::signature::Reveal;
use ringtail_model::{EventRow, RowId, redact};
use ringtail_store::{Direction, History, Search};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::find::open;
use super::search::{self, ReportTo, filter, search};
use crate::args::wait::WaitArgs;
use crate::args::{Common, Format};
use crate::output::{Stdout, note, plain};
use ringtail_views::json;

/// Keeps a busy history from keeping a core busy with searches.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn run(common: &Common, args: WaitArgs) -> Result<(), Failure> {
    let deadline = Instant::now() + args.timeout;
    let mut words = args.filter.join(" ");
    let position = args.since.as_deref().map(str::parse).transpose();
    if let (Err(_), Some(time)) = (&position, &args.since) {
        words = match words.trim() {
            "" => format!("since:{time}"),
            words => format!("since:{time} ({words})"),
        };
    }
    let filter = filter(&words)?;
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let newest = history.watermarks().borrow().events;
    let after = match position {
        Ok(None) => newest,
        Ok(Some(position)) if RowId(position) > newest => {
            let beyond = format!("position {position} is beyond the history's newest event");
            let hint = format!(
                "the newest is at {}; is it another --data directory?",
                newest.0
            );
            return Err(Failure::new(&codes::NO_DATA, beyond).hint(hint));
        }
        Ok(Some(position)) => RowId(position),
        Err(_) => RowId(0),
    };
    let wanted = Wanted {
        search: search(filter, config.secrets.clone()),
        after,
        count: usize::try_from(args.count).unwrap_or(usize::MAX),
        pause: PAUSE,
    };
    let cancel = CancellationToken::new();
    let _cancelled = cancel.clone().drop_guard();
    let others = history.clone().watch_others(cancel);
    let (style, mut stdout) = (plain::Style::of_stdout(), Stdout::new());
    let mut last = after;
    let found = wanted.find(&history, deadline, async |event| {
        last = last.max(event.row);
        let mut out = Vec::new();
        match args.output {
            Format::Plain => out.extend(style.listed(&redact::row(event), true).into_bytes()),
            Format::Json => {
                let secrets = config.secrets.of_id(&event.endpoint);
                let detail = history
                    .event_to_show(&secrets, event.id, Reveal::No)
                    .await?;
                let Some(detail) = detail else { return Ok(()) };
                json::line(&mut out, &json::event_with_attempts(&detail));
            }
        }
        stdout.write(&out).await.map(drop)
    });
    let count = tokio::select! {
        count = found => count?,
        () = others => return Err(Failure::new(&codes::FAILED, "cannot watch the history")),
    };
    if args.output == Format::Plain && count > 0 {
        note(&format!("Later events: --since {}\n", last.0));
    }
    if count == wanted.count {
        return Ok(());
    }
    let came = history.watermarks().borrow().events.0 - newest.0;
    let failure = format!(
        "{count} of {} events came within {} s",
        wanted.count,
        args.timeout.as_secs_f64()
    );
    let hint = match came {
        0 => "nothing arrived: check that `ringtail listen` runs with this --data directory".into(),
        _ => format!("{came} events arrived meanwhile; `ringtail events list` shows them"),
    };
    Err(Failure::new(&codes::NOT_IN_TIME, failure).hint(hint))
}

/// The events to wait for.
struct Wanted {
    search: Arc<Search>,
    /// Earlier events do not count.
    after: RowId,
    count: usize,
    /// Least time between two searches.
    pause: Duration,
}

impl Wanted {
    /// Passes on each event as soon as it matches, and returns their number: `count`, or less at the deadline.
    ///
    /// Searches from `after` each time: an attempt can make an earlier event match.
    async fn find(
        &self,
        history: &History,
        deadline: Instant,
        mut each: impl AsyncFnMut(EventRow) -> Result<(), Failure>,
    ) -> Result<usize, Failure> {
        let mut marks = history.watermarks();
        let mut found = HashSet::new();
        loop {
            marks.mark_unchanged();
            let is_last = Instant::now() >= deadline;
            let mut events = Vec::new();
            let from = (Direction::Newer, self.after);
            search::find(
                history,
                &self.search,
                from,
                self.count,
                ReportTo::None,
                |event| {
                    events.push(event);
                },
            )
            .await?;
            for event in events {
                if found.len() < self.count && found.insert(event.row) {
                    each(event).await?;
                }
            }
            if found.len() == self.count || is_last {
                return Ok(found.len());
            }
            tokio::select! {
                biased;
                changed = marks.changed() => {
                    if changed.is_err() {
                        return Ok(found.len());
                    }
                    sleep(self.pause).await;
                }
                () = sleep_until(deadline) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
