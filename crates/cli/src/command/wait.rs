//! `ringtail wait`: ends once matching events are in the history.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ringtail_client::config::Config;
use ringtail_errors::{Failure, codes};
use ringtail_filter::Filter;
use ringtail_model::signature::Reveal;
use ringtail_model::{EventRow, RowId, redact};
use ringtail_store::{Direction, History, OFTEN, Search};
use ringtail_text::counted;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::find::open;
use super::search::{self, ReportTo, filter};
use crate::args::wait::WaitArgs;
use crate::args::{Common, Format};
use crate::output::{Stdout, note, plain};
use ringtail_views::{json, search};

/// Keeps a busy history from keeping a core busy with searches.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn run(common: &Common, args: WaitArgs) -> Result<(), Failure> {
    let deadline = Instant::now() + args.timeout;
    let mut words = args.filter.join(" ");
    let position = args.since.as_deref().map(str::parse).transpose();
    if let (Err(_), Some(time)) = (&position, &args.since) {
        if Filter::parse(&format!("since:{time}")).is_err() {
            let neither = format!("--since {time} is neither a position nor a time");
            return Err(Failure::new(&codes::USAGE, neither)
                .hint("give a position such as 311, or a time such as -1m, 10:30 or 2026-07-29"));
        }
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
        open: BTreeSet::new(),
        count: usize::try_from(args.count).unwrap_or(usize::MAX),
        pause: PAUSE,
    };
    let cancel = CancellationToken::new();
    let _cancelled = cancel.clone().drop_guard();
    let others = history.clone().watch_others(OFTEN, cancel);
    let (style, mut stdout) = (plain::Style::of_stdout(), Stdout::new());
    let mut last = after;
    let mut found = HashSet::new();
    let watched = async {
        while let Some(events) = wanted.next(&history, deadline, &mut found).await? {
            let mut out = Vec::new();
            for event in events {
                last = last.max(event.row);
                match args.output {
                    Format::Plain => {
                        out.extend(style.listed(&redact::row(event), true).into_bytes());
                    }
                    Format::Json => {
                        let secrets = config.secrets.of_id(&event.endpoint);
                        let detail = history
                            .event_to_show(&secrets, event.id, Reveal::No)
                            .await?;
                        let Some(detail) = detail else { continue };
                        json::line(&mut out, &json::event_with_attempts(&detail));
                    }
                }
            }
            stdout.write(&out).await?;
        }
        Ok::<_, Failure>(())
    };
    tokio::select! {
        watched = watched => watched?,
        () = others => return Err(Failure::new(&codes::FAILED, "cannot watch the history")),
    }
    let count = found.len();
    if args.output == Format::Plain && count > 0 {
        note(&format!("Later events: --since {}\n", last.0));
    }
    if count == wanted.count {
        return Ok(());
    }
    let came = history.watermarks().borrow().events.0 - newest.0;
    let failure = format!(
        "{count} of {} events match after {} s",
        wanted.count,
        args.timeout.as_secs_f64()
    );
    let hint = match came {
        0 if count == 0 => {
            "nothing arrived: check that `ringtail listen` runs with this --data directory".into()
        }
        0 => "nothing arrived meanwhile: give a longer --timeout".into(),
        _ => format!(
            "{} arrived meanwhile: see `ringtail events list`",
            counted(came, "event")
        ),
    };
    Err(Failure::new(&codes::NOT_IN_TIME, failure).hint(hint))
}

/// The events to wait for.
pub(super) struct Wanted {
    pub(super) search: Arc<Search>,
    /// Earlier events do not count.
    pub(super) after: RowId,
    /// Except these, once they have an attempt.
    pub(super) open: BTreeSet<RowId>,
    pub(super) count: usize,
    /// Least time between two searches.
    pub(super) pause: Duration,
}

impl Wanted {
    /// Waits for events that match and are not among `found`, and adds them; `None` once there are `count`, or at the deadline.
    ///
    /// Searches from `after` each time: an attempt can make an earlier event match.
    pub(super) async fn next(
        &self,
        history: &History,
        deadline: Instant,
        found: &mut HashSet<RowId>,
    ) -> Result<Option<Vec<EventRow>>, Failure> {
        if found.len() >= self.count {
            return Ok(None);
        }
        if !found.is_empty() {
            sleep(self.pause).await;
        }
        let mut marks = history.watermarks();
        loop {
            marks.mark_unchanged();
            let is_last = Instant::now() >= deadline;
            let mut events = self.answered(history).await?;
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
            events.retain(|event| found.len() < self.count && found.insert(event.row));
            if !events.is_empty() {
                return Ok(Some(events));
            }
            if is_last {
                return Ok(None);
            }
            tokio::select! {
                biased;
                changed = marks.changed() => {
                    if changed.is_err() {
                        return Ok(None);
                    }
                    sleep(self.pause).await;
                }
                () = sleep_until(deadline) => {}
            }
        }
    }

    /// Returns those of the open events that have an attempt and match.
    async fn answered(&self, history: &History) -> Result<Vec<EventRow>, Failure> {
        let (search, open) = (Arc::clone(&self.search), self.open.clone());
        let read = history.read(move |reader| {
            let mut answered = Vec::new();
            for at in open {
                let event = reader.events_after(RowId(at.0 - 1), 1)?.pop();
                let event = event.filter(|event| event.row == at && event.last_attempt.is_some());
                if let Some(event) = event
                    && search.matches(&event, || reader.more(at))?
                {
                    answered.push(event);
                }
            }
            Ok(answered)
        });
        Ok(read.await?)
    }
}

#[cfg(test)]
mod tests;
