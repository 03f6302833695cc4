//! A history in memory, filled by a test, that answers queries like the real one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::tz::TimeZone;
use ringtail_filter::{Context, Filter, More};
use ringtail_model::new_fields::{NewField, NewFields};
use ringtail_model::secrets::Secrets;
use ringtail_model::{
    AttemptDetail, AttemptRow, Bookmark, BookmarkRow, Cause, Endpoint, EventDetail, FailureKind,
    ForwardState, GapRow, LinkState, NewFieldsRow, Outcome, RowId, Status, Target, TargetState,
    Watermarks,
};
use ringtail_protocol::event::{EventId, Timestamp};
use ringtail_recordings::mask::{KEY_BYTES, Masker};
use ringtail_ringcentral::verdict::{Fault, NoAnswer, Verdict};
use ringtail_store::{BookmarkChange, Direction, Found};
use ringtail_views::Updates;
use ringtail_views::changed;
use ringtail_views::replayer::ReplayReport;
use ringtail_views::{PAGE, PagePosition};

use super::draft::{Draft, header, id};
use crate::effect::{Ask, PanelKind, Query};
use crate::msg::{Msg, Unread};
use crate::store::panel::{NOTHING_BEFORE, PanelEvents};

/// 2025-07-30 18:13:00 UTC.
pub(crate) const NOW: Timestamp = Timestamp(1_753_899_180_000_000);

const TARGET: &str = "http://localhost:3000/ringcentral";

/// The history and the status.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    pub(crate) events: Vec<EventDetail>,
    pub(crate) gaps: Vec<GapRow>,
    pub(crate) status: Status,
    pub(crate) broken: Option<&'static str>,
    pub(crate) new_fields: Vec<NewFieldsRow>,
    bookmarks: u64,
    /// Whether the loop must wait for an event's detail.
    pub(crate) withheld: bool,
    attempts: i64,
}

impl Book {
    /// A connected client with an untried target and an empty history.
    pub(crate) fn new() -> Self {
        Self {
            events: Vec::new(),
            gaps: Vec::new(),
            status: Status {
                endpoint: Some(Endpoint {
                    id: "dev-k3v9m2qx7c".to_owned(),
                    url: "https://relay.example.com/dev-k3v9m2qx7c".to_owned(),
                }),
                link: LinkState::Connected,
                target: Some(Target {
                    url: TARGET.to_owned(),
                    forwards: true,
                    state: TargetState::Untried,
                }),
                ..Status::new("dev")
            },
            broken: None,
            new_fields: Vec::new(),
            bookmarks: 0,
            withheld: false,
            attempts: 0,
        }
    }

    pub(crate) fn target(mut self, state: TargetState) -> Self {
        self.status.target = Some(Target {
            url: TARGET.to_owned(),
            forwards: true,
            state,
        });
        self
    }

    pub(crate) fn with(mut self, draft: Draft) -> Self {
        self.add(draft);
        self
    }

    /// Adds an event as the newest.
    pub(crate) fn add(&mut self, draft: Draft) {
        let mut detail = draft.detail;
        let seq = self.status.cursor + 1;
        let row = RowId(self.events.len() as i64 + 1);
        detail.event.seq = seq;
        detail.event.row = row;
        detail.event.id = id(seq);
        detail.event.received_at = Timestamp(NOW.0 - 60_000_000 + seq as i64 * 1_370_000);
        self.status.cursor = seq;
        self.status.relay_head = self.status.relay_head.max(seq);
        self.events.push(detail);
        for answer in draft.answers {
            self.add_attempt(seq, answer);
        }
        let pending = |event: &&EventDetail| event.event.forward == ForwardState::Pending;
        self.status.pending = self.events.iter().filter(pending).count() as u64;
    }

    /// Records an answer of 200 to a pending event.
    pub(crate) fn answered(&mut self, seq: u64) {
        let ok = Verdict::Accepted { notes: vec![] };
        self.add_attempt(seq, (Cause::Forward, Outcome::Status(200), 8, ok, ""));
    }

    fn add_attempt(
        &mut self,
        seq: u64,
        (cause, outcome, ms, verdict, body): (Cause, Outcome, u64, Verdict, &'static str),
    ) {
        self.attempts += 1;
        let row = RowId(self.attempts);
        let event = self.events.iter_mut().find(|event| event.event.seq == seq);
        let detail = event.expect("the event was added");
        let attempt = AttemptRow {
            row,
            event: detail.event.id,
            cause,
            target: TARGET.to_owned(),
            started_at: Timestamp(detail.event.received_at.0 + 21_000),
            duration: Duration::from_millis(ms),
            outcome,
            verdict,
        };
        detail.event.last_attempt = Some(attempt.clone());
        detail.event.forward = ForwardState::Done;
        detail.attempts.push(AttemptDetail {
            attempt,
            headers: vec![
                header("content-type", "text/plain"),
                header("server", "sample-app"),
            ],
            body: Bytes::from_static(body.as_bytes()),
            body_len: body.len() as u64,
            body_lost: 0,
            proof: None,
        });
    }

    /// Loses the next `missing` events.
    pub(crate) fn gap(mut self, missing: u64) -> Self {
        let first = self.status.cursor + 1;
        self.status.cursor += missing;
        self.gaps.push(GapRow {
            row: RowId(self.gaps.len() as i64 + 1),
            endpoint: "dev-k3v9m2qx7c".to_owned(),
            first,
            last: first + missing - 1,
            noticed_at: NOW,
        });
        self
    }

    pub(crate) fn watermarks(&self) -> Watermarks {
        Watermarks {
            events: RowId(self.events.len() as i64),
            attempts: RowId(self.attempts),
            gaps: RowId(self.gaps.len() as i64),
            new_fields: RowId(self.new_fields.len() as i64),
            bookmarks: self.bookmarks,
        }
    }

    /// Adds a new field to an event.
    pub(crate) fn notice(&mut self, seq: u64, path: &str) {
        let event = self.events.iter_mut().find(|event| event.event.seq == seq);
        let event = &mut event.expect("the event was added").event;
        let new_fields = NewFields {
            fields: vec![NewField {
                path: path.to_owned(),
                is: "string".to_owned(),
                was: Vec::new(),
            }],
            more: 0,
        };
        event.new_fields = Some(new_fields.clone());
        self.new_fields.push(NewFieldsRow {
            row: RowId(self.new_fields.len() as i64 + 1),
            event: event.id,
            endpoint: event.endpoint.clone(),
            seq,
            topic: event.topic.clone(),
            new_fields,
            noticed_at: NOW,
        });
    }

    /// Answers a query.
    pub(crate) fn answer(&mut self, query: Query) -> Msg {
        let Query {
            ask,
            filter,
            masked,
        } = query;
        if let Some(reason) = self.broken {
            let what = match ask {
                Ask::Detail { id, .. } => Unread::Detail(id),
                _ => Unread::Rows,
            };
            let reason = reason.to_owned();
            return Msg::Unreadable { what, reason };
        }
        match ask {
            Ask::Page(position) => Msg::Page {
                position,
                found: self.page(position, &filter, masked),
            },
            Ask::Updates {
                since,
                events,
                bookmarks,
            } => {
                let position = PagePosition::After(match events {
                    true => since.events,
                    false => RowId(i64::MAX),
                });
                let attempts = self.attempts_after(since.attempts);
                let new_fields = newer(&self.new_fields, |row| row.row > since.new_fields);
                let bookmarks = bookmarks.map(|(first, last)| self.bookmarks_between(first, last));
                let ids = match filter.is_empty() {
                    true => Vec::new(),
                    false => changed(&attempts, &new_fields, bookmarks.as_deref()),
                };
                let changed = ids.into_iter().filter_map(|id| self.event(id));
                let matching = changed.filter(|event| passes(&filter, event));
                Msg::Updates(Updates {
                    events: self.page(position, &filter, masked),
                    matching: matching.map(|event| event.event).collect(),
                    attempts,
                    gaps: newer(&self.gaps, |row| row.row > since.gaps),
                    new_fields,
                    bookmarks,
                })
            }
            Ask::Detail { id, reveal } => {
                let mut detail = self.event(id).map(|event| redacted(event, masked));
                if reveal && !masked {
                    detail = self.event(id);
                }
                Msg::Detail {
                    id,
                    detail: detail.map(Arc::new),
                }
            }
            Ask::Panel(key) => {
                let events = self.panel(key.kind, key.masked);
                let rows = events.and_then(|events| events.rows(&key.noise, &TimeZone::UTC));
                let rows = rows.map(Arc::new);
                Msg::Panel { key, rows }
            }
            Ask::Copy { ids, format, file } => {
                let events = ids.into_iter().filter_map(|id| self.event(id));
                let text = events.map(|event| format!("{format:?} {}\n", event.event.seq));
                match file {
                    None => Msg::Clip(text.collect::<String>().into_bytes()),
                    Some(name) => Msg::Done(Ok(format!("written to {name}"))),
                }
            }
            Ask::Bookmark { id, change } => {
                let bookmark = self.bookmark(id, change);
                Msg::Bookmarked { id, bookmark }
            }
        }
    }

    fn bookmarks_between(&self, first: RowId, last: RowId) -> Vec<BookmarkRow> {
        let events = self.events.iter().rev().map(|event| &event.event);
        let bookmarks = events.filter(|event| (first..=last).contains(&event.row));
        let rows = bookmarks.filter_map(|event| {
            Some(BookmarkRow {
                row: event.row,
                event: event.id,
                bookmark: event.bookmark.clone()?,
            })
        });
        rows.collect()
    }

    fn page(&self, position: PagePosition, filter: &Filter, masked: bool) -> Found {
        let (direction, from) = position.from();
        let matches = |event: &&EventDetail| passes(filter, event);
        let mut rows: Vec<_> = match direction {
            Direction::Older => {
                let older = |event: &&EventDetail| event.event.row < from;
                let events = self.events.iter().rev().filter(older);
                events.filter(matches).take(PAGE).collect()
            }
            Direction::Newer => {
                let newer = |event: &&EventDetail| event.event.row > from;
                let events = self.events.iter().filter(newer);
                events.filter(matches).take(PAGE).collect()
            }
        };
        let last = rows.last().map(|event| event.event.row);
        let next = last.filter(|_| rows.len() >= PAGE);
        if direction == Direction::Older {
            rows.reverse();
        }
        let rows = rows.into_iter().cloned();
        let rows = rows.map(|event| redacted(event, masked).event);
        Found {
            rows: rows.collect(),
            next,
        }
    }

    fn attempts_after(&self, row: RowId) -> Vec<AttemptRow> {
        let attempts = self.events.iter().flat_map(|event| &event.attempts);
        let attempts: Vec<_> = attempts.map(|attempt| attempt.attempt.clone()).collect();
        let mut rows = newer(&attempts, |attempt| attempt.row > row);
        rows.sort_by_key(|attempt| attempt.row);
        rows
    }

    pub(crate) fn event(&self, id: EventId) -> Option<EventDetail> {
        self.events
            .iter()
            .find(|event| event.event.id == id)
            .cloned()
    }

    pub(crate) fn bookmark(&mut self, id: EventId, change: BookmarkChange) -> Option<Bookmark> {
        self.bookmarks += 1;
        let event = self.events.iter_mut().find(|event| event.event.id == id)?;
        let comment = match change {
            BookmarkChange::Clear => None,
            BookmarkChange::Set => Some(String::new()),
            BookmarkChange::Comment(comment) => Some(comment.as_str().to_owned()),
        };
        event.event.bookmark = comment.map(|comment| Bookmark { comment });
        event.event.bookmark.clone()
    }

    /// Events of one topic are one call or conversation.
    fn panel(&self, kind: PanelKind, masked: bool) -> Result<PanelEvents, String> {
        let one = |id| {
            let event = self.event(id).ok_or("it is gone".to_owned())?;
            Ok::<_, String>(redacted(event, masked))
        };
        Ok(match kind {
            PanelKind::Replay => return Err("it has its rows".to_owned()),
            PanelKind::Timeline { row, .. } => {
                let events = self.of_topic(row).cloned();
                let events = events.map(|event| redacted(event, masked));
                PanelEvents::Timeline(events.collect())
            }
            PanelKind::Answers { id, .. } => PanelEvents::Answers(Box::new(one(id)?)),
            PanelKind::Diff { id, row, other } => {
                let before = self.of_topic(row).filter(|event| event.event.row < row);
                let other = other.or_else(|| before.last().map(|event| event.event.id));
                let other = other.ok_or(NOTHING_BEFORE)?;
                // As the store returns them.
                let mut two = Box::new([one(id)?, one(other)?]);
                two.sort_by_key(|one| one.event.row);
                PanelEvents::Diff(two)
            }
        })
    }

    fn of_topic(&self, row: RowId) -> impl Iterator<Item = &EventDetail> {
        let one = self.events.iter().find(|event| event.event.row == row);
        let topic = one.map(|event| event.event.topic.clone());
        let same = move |event: &&EventDetail| Some(&event.event.topic) == topic.as_ref();
        self.events.iter().filter(same)
    }

    pub(crate) fn event_number(&self, seq: u64) -> EventDetail {
        self.event(id(seq)).expect("the event was added")
    }

    pub(crate) fn replay(&mut self, id: EventId) -> AttemptRow {
        let seq = self.event(id).expect("the event was added").event.seq;
        let ok = Verdict::Accepted { notes: vec![] };
        self.add_attempt(seq, (Cause::Replay, Outcome::Status(200), 5, ok, "ok"));
        let newest = self.event(id).and_then(|event| event.event.last_attempt);
        newest.expect("the answer was recorded")
    }

    pub(crate) fn replay_all(&mut self, ids: &[EventId]) -> ReplayReport {
        let mut report = ReplayReport::default();
        for id in ids {
            let attempt = self.replay(*id);
            report.sent += 1;
            report.accepted += usize::from(attempt.verdict.is_accepted());
            let seq = self.event(*id).map_or(0, |event| event.event.seq);
            report.last = Some((seq, attempt));
        }
        report
    }

    /// An SMS, and a call with a late, a duplicate and a missing event.
    pub(crate) fn call() -> Self {
        let step = |sequence: u64, code: &str, summary: &str| {
            let body = serde_json::json!({
                "uuid": format!("uuid-{sequence}"),
                "event": "/restapi/v1.0/account/1/telephony/sessions",
                "body": {
                    "telephonySessionId": "s-a0b1c2",
                    "sequence": sequence,
                    "parties": [{
                        "id": "p-1", "direction": "Inbound", "status": {"code": code},
                        "from": {"phoneNumber": "+16505550123"}, "to": {"name": "Pat Doe"},
                    }],
                },
            });
            let body = body.to_string();
            Draft::notification("telephony", summary)
                .body(body.as_bytes())
                .ok(7)
        };
        Self::new()
            .target(TargetState::Up)
            .with(Draft::sms().ok(12))
            .with(step(
                2,
                "Setup",
                "Incoming call for Pat Doe from +16505550123",
            ))
            .with(step(
                3,
                "Proceeding",
                "Call ringing, +16505550123 → Pat Doe",
            ))
            .with(step(6, "Answered", "Call answered, +16505550123 → Pat Doe"))
            .with(step(
                3,
                "Proceeding",
                "Call ringing, +16505550123 → Pat Doe",
            ))
            .with(step(
                9,
                "Disconnected",
                "Call ended, +16505550123 → Pat Doe",
            ))
    }

    /// A validation, an SMS, a call with a late answer, a duplicate voicemail, a failing bot.
    pub(crate) fn traffic() -> Self {
        let late = Fault::Late {
            took: Duration::from_millis(3420),
        };
        let status = Fault::WrongStatus { status: 500 };
        Self::new()
            .target(TargetState::Up)
            .with(Draft::validation())
            .with(Draft::sms().ok(12))
            .with(
                Draft::notification("call", "Call answered, Craig Chan → Agent J")
                    .body(include_bytes!(
                        "../../../ringcentral/payloads/telephony-sessions-answered-inbound.json"
                    ))
                    .answer(Cause::Forward, 200, 3420, vec![late]),
            )
            .with(
                Draft::notification("voicemail", "Voicemail from +16505550123, 0:42")
                    .duplicate_of(2)
                    .ok(9),
            )
            .with(
                Draft::notification("presence", "Presence: 山田 太郎 busy, in a call")
                    .answer(Cause::Forward, 500, 31, vec![status])
                    .answer(Cause::Replay, 200, 7, vec![]),
            )
            .with(
                Draft::passthrough("interactive", "Button pressed: approve").answer(
                    Cause::Passthrough,
                    404,
                    4,
                    vec![Fault::WrongStatus { status: 404 }],
                ),
            )
            .with(
                Draft::notification("sms", "SMS to +16505550123: On my way").fails(
                    FailureKind::Reset,
                    "connection reset by peer",
                    NoAnswer::Reset,
                ),
            )
    }
}

fn newer<T: Clone>(rows: &[T], is_newer: impl Fn(&T) -> bool) -> Vec<T> {
    let rows = rows.iter().filter(|row| is_newer(row));
    rows.take(PAGE).cloned().collect()
}

fn redacted(mut event: EventDetail, masked: bool) -> EventDetail {
    if masked {
        let masker = Masker::new(&[7; KEY_BYTES]);
        return ringtail_recordings::pseudonyms::shown(&masker, &event);
    }
    ringtail_model::redact::detail(&mut event);
    event
}

fn passes(filter: &Filter, event: &EventDetail) -> bool {
    let now = jiff::Timestamp::from_microsecond(NOW.0).expect("a time of the calendar");
    let now = now.to_zoned(TimeZone::UTC);
    let context = Context::new(now, |_| Secrets::default());
    let more = More::new(event.headers.clone(), event.body.clone(), false, false);
    filter.matches(&event.event, Some(&more), &context) == Some(true)
}
