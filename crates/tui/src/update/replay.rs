//! Replays: begun by a key or by options, watched, stopped, reported.

use std::sync::Arc;

use ratatui::style::Style;
use ringtail_model::{AttemptRow, Outcome, Target};
use ringtail_protocol::event::EventId;
use ringtail_ringcentral::verdict::Verdict;
use ringtail_views::replayer::ReplayReport;

use crate::app::{App, MAX_REPLAYS, Named, Panel, Prompt, ReplayLine, ReplayProgress};
use crate::effect::{Effect, PanelKey, PanelKind};
use crate::format::{replay as rows, took};
use crate::theme::{BAD, GOOD, PLAIN};

/// Opens the line of options, with those of the last replay.
pub(super) fn open_prompt(app: &mut App) {
    let line = ReplayLine::new(&app.last_options, app.check_options);
    app.prompt = Some(Prompt::Replay(line));
}

/// Replays with typed options.
pub(super) fn submit(app: &mut App, options: &str) -> Option<Effect> {
    options.clone_into(&mut app.last_options);
    let events = app.action_events();
    begin(app, events, options.to_owned())
}

/// Replays with the options of a key.
pub(super) fn replay(app: &mut App, options: &str) -> Option<Effect> {
    let events = app.action_events();
    if events.is_empty() {
        return None;
    }
    let Some(Target { url, .. }) = &app.status.target else {
        let why = "✗ nothing to replay to: start with a target, as in `ringtail listen 3000`, or R --target 3000";
        app.notify(BAD, why);
        return None;
    };
    if let ("", [event]) = (options, events.as_slice()) {
        let words = format!("↻ replaying event {} to {url}", event.name);
        app.notify(PLAIN, words);
    }
    begin(app, events, options.to_owned())
}

fn begin(app: &mut App, events: Vec<Named>, options: String) -> Option<Effect> {
    if app.progress.is_some() {
        let why = "✗ another replay is running: wait, or X stops it";
        app.notify(BAD, why);
        return None;
    }
    let name = events.first().map(|event| event.name.clone());
    let watched = !options.is_empty() || events.len() > 1;
    let ids = events.into_iter().map(|event| event.id).collect();
    if (app.check_options)(&options).edits {
        // The editor shows the request as received.
        if app.masked {
            app.notify(
                PLAIN,
                "an event is not edited while personal data is hidden: P shows it",
            );
            return None;
        }
        return Some(Effect::Edit { ids, options });
    }
    if watched {
        app.notice = None;
        app.progress = Some(ReplayProgress {
            masked: app.masked,
            ..ReplayProgress::default()
        });
    } else if app.replays >= MAX_REPLAYS {
        let replays = app.replays;
        let why = format!("✗ {replays} replays are still running: wait for an answer");
        app.notify(BAD, why);
        return None;
    } else {
        app.replays += 1;
    }
    Some(Effect::Replay {
        ids,
        name: name.unwrap_or_default(),
        options,
        watched,
        masked: app.masked,
    })
}

/// Replays an edited event, or says why not.
pub(super) fn edited(
    app: &mut App,
    id: Result<Option<EventId>, String>,
    options: String,
) -> Option<Effect> {
    match id {
        Ok(Some(id)) => {
            app.progress = Some(ReplayProgress {
                edited: true,
                masked: app.masked,
                ..ReplayProgress::default()
            });
            return Some(Effect::Replay {
                ids: vec![id],
                name: String::new(),
                options,
                watched: true,
                masked: app.masked,
            });
        }
        Ok(None) => app.notify(PLAIN, "nothing was changed and nothing is sent"),
        Err(why) => app.notify(BAD, format!("✗ {why}")),
    }
    None
}

/// Stops the watched replay after the running attempt.
pub(super) fn stop(app: &mut App) -> Option<Effect> {
    let Some(progress) = &mut app.progress else {
        app.notify(PLAIN, "there is no replay to stop");
        return None;
    };
    progress.stopping = true;
    Some(Effect::StopReplay)
}

/// Reports how a replay went.
pub(super) fn ended(
    app: &mut App,
    name: &str,
    watched: bool,
    result: Result<Box<ReplayReport>, String>,
) {
    let progress = match watched {
        true => app.progress.take(),
        false => {
            app.replays = app.replays.saturating_sub(1);
            None
        }
    };
    let report = match result {
        Ok(report) => *report,
        Err(why) => {
            let words = match progress.map(|progress| progress.done) {
                None => format!("✗ event {name} not replayed: {why}"),
                Some(0) => format!("✗ nothing was replayed: {why}"),
                Some(done) => format!("✗ {done} replayed, then: {why}"),
            };
            app.notify(BAD, words);
            return;
        }
    };
    let progress = progress.unwrap_or_default();
    let name = report.last.as_ref().map(|(seq, attempt)| {
        let listed = app.list.events().find(|event| event.id == attempt.event);
        listed.map_or(seq.to_string(), |event| app.named(event).name)
    });
    let what = match progress.edited {
        true => "the edited event".to_owned(),
        false => format!("event {}", name.unwrap_or_default()),
    };
    let (style, words) = summary(&report, &what);
    if report.sent > 0 || report.table.is_none() {
        app.notify(style, words);
    }
    let masked = progress.masked;
    // A screen that was masked meanwhile must not show what was read before.
    if let Some(table) = report.table.filter(|_| masked == app.masked) {
        let mut panel = Panel::new(PanelKey {
            kind: PanelKind::Replay,
            masked,
            noise: Arc::clone(&app.noise),
        });
        panel.show(Arc::new(rows::rows(&table, |event| app.label(event))));
        app.panel = Some(panel);
        app.list.follow = false;
    }
}

fn summary(report: &ReplayReport, what: &str) -> (Style, String) {
    let mut more = String::new();
    for (count, words) in [
        (report.left_out, "left out"),
        (report.not_sent, "not sent"),
        (report.gone, "deleted meanwhile"),
    ] {
        if count > 0 {
            more += &format!(", {count} {words}");
        }
    }
    if let Some(seed) = report.seed {
        more += &format!("; --seed {seed}");
    }
    if let (1, Some((_, attempt))) = (report.sent, &report.last) {
        let (style, words) = attempt_summary(what, attempt);
        return (style, words + &more);
    }
    let ReplayReport { sent, accepted, .. } = report;
    let failed = sent - accepted;
    let (style, sign) = match failed {
        0 => (GOOD, "✓"),
        _ => (BAD, "✗"),
    };
    let words = format!("{sign} {sent} replayed: {accepted} accepted, {failed} not{more}");
    (style, words)
}

fn attempt_summary(what: &str, attempt: &AttemptRow) -> (Style, String) {
    let took = took(attempt.duration);
    match &attempt.outcome {
        Outcome::Error { message, .. } => (
            BAD,
            format!("✗ {what} replayed, no answer after {took}: {message}"),
        ),
        Outcome::Status(status) if attempt.verdict.is_accepted() => {
            (GOOD, format!("✓ {what} replayed: {status} in {took}"))
        }
        Outcome::Status(status) => {
            let verdict = match &attempt.verdict {
                Verdict::Unjudged { .. } => "",
                // The status does not show it.
                verdict if verdict.word() == "token" => {
                    ", its Validation-Token not returned: RingCentral refuses it"
                }
                _ => ", not accepted by RingCentral",
            };
            let words = format!("✗ {what} replayed: {status} in {took}{verdict}");
            (BAD, words)
        }
    }
}

#[cfg(test)]
mod tests;
