//! Reads what a study is about, and makes its rows where that blocks nobody.

use std::sync::Arc;

use jiff::tz::TimeZone;
use ringtail_model::EventDetail;
use ringtail_protocol::event::EventId;
use ringtail_recordings::diff::Noise;

use super::words;
use crate::app::{About, StudyKind};
use crate::format::{Row, diff, timeline};
use crate::msg::Msg;
use crate::source::{Sight, Source, SourceError};

/// Most events of a course: a long call has some hundred.
const MAX_COURSE: usize = 500;

/// What is said when there is nothing to compare with.
pub(crate) const NOTHING_BEFORE: &str = "no event of its kind came before it; v selects another";

/// What was read.
pub(crate) enum Read {
    Course(Vec<EventDetail>),
    Two(Box<[EventDetail; 2]>),
    One(Box<EventDetail>),
}

/// Reads and lays out.
pub(super) async fn study<S: Source>(
    source: &Arc<S>,
    about: About,
    sight: Sight,
    zone: TimeZone,
) -> Msg {
    let rows = match read(&**source, about.kind, sight).await {
        Ok(read) => {
            let noise = Arc::clone(&about.noise);
            let made = tokio::task::spawn_blocking(move || rows(read, &noise, &zone)).await;
            made.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
        }
        Err(why) => Err(why),
    };
    Msg::Studied {
        about,
        rows: rows.map(Arc::new),
    }
}

async fn read(source: &impl Source, kind: StudyKind, sight: Sight) -> Result<Read, String> {
    let told = |error: SourceError| words(&error);
    match kind {
        StudyKind::Timeline { row, .. } => {
            let course = source.course(row, MAX_COURSE, sight).await.map_err(told)?;
            Ok(Read::Course(course))
        }
        // It comes with its rows.
        StudyKind::Replay => Err("nothing was replayed".to_owned()),
        StudyKind::Answers { id } => Ok(Read::One(Box::new(one(source, id, sight).await?))),
        StudyKind::Diff { id, row, other } => {
            let other = match other {
                Some(other) => Some(other),
                None => source.previous(row).await.map_err(told)?,
            };
            let other = other.ok_or(NOTHING_BEFORE)?;
            let two = [
                one(source, id, sight).await?,
                one(source, other, sight).await?,
            ];
            Ok(Read::Two(Box::new(two)))
        }
    }
}

async fn one(source: &impl Source, id: EventId, sight: Sight) -> Result<EventDetail, String> {
    let event = source.event(id, sight).await;
    let event = event.map_err(|error| words(&error))?;
    event.ok_or_else(|| "the history no longer has this event".to_owned())
}

/// Makes the rows of what was read.
pub(crate) fn rows(read: Read, noise: &Noise, zone: &TimeZone) -> Result<Vec<Row>, String> {
    match read {
        Read::Course(course) if course.is_empty() => {
            Err("the history no longer has this event".to_owned())
        }
        Read::Course(course) => Ok(timeline::rows(&course, zone)),
        Read::Two(two) => {
            let [one, other] = &*two;
            Ok(diff::events(one, other, noise))
        }
        Read::One(event) => diff::answers(&event, noise),
    }
}
