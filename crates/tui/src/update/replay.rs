//! Replays: begun by a key or a line of options, watched, stopped, told of.

use std::sync::Arc;

use ringtail_model::{AttemptRow, Outcome, Target};
use ringtail_protocol::event::EventId;
use ringtail_ringcentral::verdict::Verdict;

use crate::app::{About, App, Batch, MAX_REPLAYS, ReplayLine, Study, StudyKind};
use crate::effect::Effect;
use crate::format::{table, took};
use crate::source::Report;
use crate::text::Tone;

/// Begins the line with the options of the last one.
pub(super) fn write(app: &mut App) {
    app.replay_line = Some(ReplayLine::new(&app.replayed_with, app.read_replay));
}

/// Replays as it is written; a line with a mistake stays.
pub(super) fn written(app: &mut App) -> Option<Effect> {
    let line = app.replay_line.as_ref()?;
    if line.known.error.is_some() {
        return None;
    }
    let options = line.input.value().trim().to_owned();
    app.replay_line = None;
    app.replayed_with.clone_from(&options);
    let events = app.meant();
    begin(app, events, options)
}

/// Replays what is meant, as a key says.
pub(super) fn replay(app: &mut App, options: &str) -> Option<Effect> {
    let events = app.meant();
    if events.is_empty() {
        return None;
    }
    let Some(Target { url, .. }) = &app.status.target else {
        let why = "✗ nothing to replay to: start with a target, as in `ringtail listen 3000`, or R --target 3000";
        app.notify(Tone::Bad, why);
        return None;
    };
    if let ("", [(_, seq)]) = (options, events.as_slice()) {
        let words = format!("↻ replaying event {seq} to {url}");
        app.notify(Tone::Plain, words);
    }
    begin(app, events, options.to_owned())
}

fn begin(app: &mut App, events: Vec<(EventId, u64)>, line: String) -> Option<Effect> {
    if app.batch.is_some() {
        let why = "✗ events are being replayed already: wait, or X stops it";
        app.notify(Tone::Bad, why);
        return None;
    }
    let seq = events.first().map_or(0, |(_, seq)| *seq);
    let watched = !line.is_empty() || events.len() > 1;
    let ids = events.into_iter().map(|(id, _)| id).collect();
    if (app.read_replay)(&line).edits {
        return Some(Effect::Edit { ids, line });
    }
    if watched {
        app.batch = Some(Batch::new(app.masked));
        app.notice = None;
    } else if app.replays >= MAX_REPLAYS {
        let replays = app.replays;
        let why = format!("✗ {replays} replays are still running: wait for an answer");
        app.notify(Tone::Bad, why);
        return None;
    } else {
        app.replays += 1;
    }
    Some(Effect::Replay {
        ids,
        seq,
        line,
        watched,
    })
}

/// Replays what came of an event, or says why nothing is.
pub(super) fn edited(
    app: &mut App,
    id: Result<Option<EventId>, String>,
    line: String,
) -> Option<Effect> {
    match id {
        Ok(Some(id)) => {
            app.batch = Some(Batch {
                what: Some("the edited event"),
                ..Batch::new(app.masked)
            });
            return Some(Effect::Replay {
                ids: vec![id],
                seq: 0,
                line,
                watched: true,
            });
        }
        Ok(None) => app.notify(Tone::Plain, "nothing was changed, and nothing is sent"),
        Err(why) => app.notify(Tone::Bad, format!("✗ {why}")),
    }
    None
}

/// Asks for no more sends.
pub(super) fn stop(app: &mut App) -> Option<Effect> {
    let Some(batch) = &mut app.batch else {
        app.notify(Tone::Plain, "nothing is being replayed that can be stopped");
        return None;
    };
    batch.stopping = true;
    Some(Effect::StopReplay)
}

/// Takes in how a replay went.
pub(super) fn ended(app: &mut App, seq: u64, watched: bool, result: Result<Box<Report>, String>) {
    let batch = match watched {
        true => app.batch.take(),
        false => None,
    };
    if !watched {
        app.replays = app.replays.saturating_sub(1);
    }
    let report = match (result, &batch) {
        (Ok(report), _) => *report,
        (Err(why), None) => {
            app.notify(Tone::Bad, format!("✗ event {seq} not replayed: {why}"));
            return;
        }
        (Err(why), Some(Batch { done: 0, .. })) => {
            app.notify(Tone::Bad, format!("✗ nothing is replayed: {why}"));
            return;
        }
        (Err(why), Some(batch)) => {
            let done = batch.done;
            app.notify(Tone::Bad, format!("✗ {done} replayed, and then: {why}"));
            return;
        }
    };
    let (tone, words) = summary(&report, batch.as_ref());
    if report.sent > 0 || report.table.is_none() {
        app.notify(tone, words);
    }
    let masked = batch.is_some_and(|batch| batch.masked);
    // What was read unmasked must not appear on a screen that is masked since.
    if let Some(read) = report.table.filter(|_| masked == app.masked) {
        let kind = StudyKind::Replay;
        let noise = Arc::clone(&app.noise);
        let about = About {
            kind,
            masked,
            noise,
        };
        let mut study = Study::new(about);
        study.show(Arc::new(table::rows(&read)));
        app.study = Some(study);
        app.list.follow = false;
    }
}

fn summary(report: &Report, batch: Option<&Batch>) -> (Tone, String) {
    let mut more = String::new();
    for (count, words) in [
        (report.left_out, "left out"),
        (report.not_sent, "not sent"),
        (report.gone, "removed meanwhile"),
    ] {
        if count > 0 {
            more += &format!(", {count} {words}");
        }
    }
    if let Some(seed) = report.seed {
        more += &format!("; --seed {seed}");
    }
    if let (1, Some((seq, attempt))) = (report.sent, &report.last) {
        let what = batch.and_then(|batch| batch.what);
        let what = what.map_or_else(|| format!("event {seq}"), str::to_owned);
        let (tone, words) = replayed(&what, attempt);
        return (tone, words + &more);
    }
    let Report { sent, accepted, .. } = report;
    let failed = sent - accepted;
    let (tone, sign) = match failed {
        0 => (Tone::Good, "✓"),
        _ => (Tone::Bad, "✗"),
    };
    let words = format!("{sign} {sent} replayed: {accepted} accepted, {failed} not{more}");
    (tone, words)
}

fn replayed(what: &str, attempt: &AttemptRow) -> (Tone, String) {
    let took = took(attempt.duration);
    match &attempt.outcome {
        Outcome::Error { message, .. } => (
            Tone::Bad,
            format!("✗ {what} replayed, no answer after {took}: {message}"),
        ),
        Outcome::Status(status) if attempt.verdict.is_accepted() => {
            (Tone::Good, format!("✓ {what} replayed: {status} in {took}"))
        }
        Outcome::Status(status) => {
            let verdict = match &attempt.verdict {
                Verdict::Unjudged { .. } => "",
                // The status says nothing of it.
                verdict if verdict.word() == "token" => {
                    ", its Validation-Token not returned: RingCentral refuses it"
                }
                _ => ", not accepted by RingCentral",
            };
            let words = format!("✗ {what} replayed: {status} in {took}{verdict}");
            (Tone::Bad, words)
        }
    }
}

#[cfg(test)]
mod tests;
