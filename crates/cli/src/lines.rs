//! The faces that are lines: plain text and JSON.
//!
//! They read the history from where it stood when the engine started, so that each event, attempt and gap of this
//! run is shown exactly once, whatever the speed of the reader.

use std::sync::Arc;

use ringtail_client::engine::Engine;
use ringtail_errors::Failure;
use ringtail_model::signature::Reveal;
use ringtail_model::{LinkState, Status, TargetState};
use ringtail_protocol::event::Timestamp;
use ringtail_store::Search;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::follow::{Follow, Item};
use crate::output::{Stdout, json, note, plain};

/// How lines are written.
#[derive(Debug)]
pub(crate) enum Form {
    /// For people: what happens on stdout, how link and target are on stderr.
    Plain {
        /// How it looks.
        style: plain::Style,
        /// What each line begins with: the endpoint's name, when there are several.
        label: String,
    },
    /// For programs: everything on stdout.
    Json,
}

/// Writes lines until the engine has ended and all that happened is told.
pub(crate) async fn show(
    engine: &Engine,
    form: Form,
    reveal: Reveal,
    search: Option<Arc<Search>>,
    ended: &CancellationToken,
    stdout: &Mutex<Stdout>,
) -> Result<(), Failure> {
    let mut status = engine.status();
    let mut follow = Follow::new(
        engine.history().clone(),
        engine.start(),
        engine.secrets().clone(),
        reveal,
    )
    .only(search);
    let mut said = Said::default();
    loop {
        let over = ended.is_cancelled();
        let now = status.borrow_and_update().clone();
        let mut out = Vec::new();
        said.changes(&form, &now, &mut out);
        let mut more = false;
        if let Some(endpoint) = &now.endpoint {
            let items = follow.page(&endpoint.id).await?;
            more = !items.is_empty();
            for item in items {
                form.item(&item, &mut out);
            }
        }
        if !stdout.lock().await.write(&out).await? {
            return Ok(());
        }
        if more {
            continue;
        }
        if over {
            return Ok(());
        }
        // Any of them is looked at next time round, so the order is without meaning.
        tokio::select! {
            biased;
            () = ended.cancelled() => {}
            Ok(()) = status.changed() => {}
            () = follow.changed() => {}
        }
    }
}

impl Form {
    fn item(&self, item: &Item, out: &mut Vec<u8>) {
        match (self, item) {
            (Self::Json, Item::Event(detail)) => json::line(out, &json::event(detail)),
            (Self::Json, Item::Attempt(attempt, _)) => json::line(out, &json::attempt(attempt)),
            (Self::Json, Item::Gap(gap)) => json::line(out, &json::gap(gap)),
            (Self::Json, Item::NewFields(row)) => json::line(out, &json::novelty(row)),
            (Self::Plain { style, label }, item) => {
                let text = match item {
                    Item::Event(detail) => style.event(&detail.event),
                    Item::Attempt(attempt, seq) => style.attempt(attempt, *seq),
                    Item::Gap(gap) => style.gap(gap),
                    Item::NewFields(row) => style.novelty(row),
                };
                out.extend(labelled(label, &text).into_bytes());
            }
        }
    }
}

fn labelled(label: &str, text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines.map(|line| format!("{label}{line}")).collect()
}

/// What has been said of link and target, so that it is said again only when it has changed.
#[derive(Debug, Default)]
struct Said {
    ready: bool,
    link: Option<LinkState>,
    target: Option<TargetState>,
    /// How many events were held when the target was told of, while there are any.
    held: Option<u64>,
    failing: Option<(i64, bool)>,
}

impl Said {
    fn changes(&mut self, form: &Form, status: &Status, out: &mut Vec<u8>) {
        if self.link.as_ref() != Some(&status.link) {
            self.link = Some(status.link.clone());
            self.link_changed(form, status, out);
        }
        let state = status.target.as_ref().map(|target| &target.state);
        let down = state.is_some_and(is_down);
        // The drain of what was held ends without a change of state.
        let drained = !down && self.held.is_some() && status.held == 0;
        // People are told that events are held, programs how many: the engine counts ten times a second at the most.
        let more = down && self.held.is_some_and(|held| held != status.held);
        let counts = match form {
            Form::Json => more,
            Form::Plain { .. } => more && self.held == Some(0),
        };
        if differs(self.target.as_ref(), state) || drained || counts {
            if drained {
                self.held = None;
            } else if down {
                self.held = Some(status.held);
            }
            self.target = state.cloned();
            match form {
                Form::Json => out.extend(json::target(status).iter().flat_map(json::bytes)),
                Form::Plain { style, label } => {
                    note(&labelled(label, &style.target(status).unwrap_or_default()));
                }
            }
        }
        // One failure more is no news; when they began, and whether they are too many, is.
        let failing = status.failing.as_ref();
        let failing = failing.map(|failing| (failing.since_ms, failing.blacklisted_ms.is_some()));
        if self.failing != failing {
            self.failing = failing;
            match form {
                Form::Json => json::line(
                    out,
                    &json::failure_clock(&status.name, status.failing.as_ref()),
                ),
                Form::Plain { style, label } => {
                    let said = style.failing(status.failing.as_ref(), Timestamp::now());
                    note(&labelled(label, &said));
                }
            }
        }
    }

    fn link_changed(&mut self, form: &Form, status: &Status, out: &mut Vec<u8>) {
        let is_first = status.link == LinkState::Connected && !self.ready;
        if is_first && let Some(endpoint) = &status.endpoint {
            self.ready = true;
            if matches!(form, Form::Json) {
                json::line(out, &json::ready(&endpoint.id, &endpoint.url));
            }
        }
        match form {
            Form::Json => json::line(out, &json::link(status)),
            Form::Plain { style, label } => {
                note(&labelled(label, &style.link(status)));
                if is_first && let Some(endpoint) = &status.endpoint {
                    note(&labelled(label, &style.first_step(&endpoint.url)));
                }
            }
        }
    }
}

fn is_down(state: &TargetState) -> bool {
    matches!(state, TargetState::Down { .. })
}

/// Each probe of a target that is down moves the time of the next one, which is no news.
fn differs(said: Option<&TargetState>, now: Option<&TargetState>) -> bool {
    match (said, now) {
        (Some(TargetState::Down { reason: said, .. }), Some(TargetState::Down { reason, .. })) => {
            said != reason
        }
        (said, now) => said != now,
    }
}

#[cfg(test)]
mod tests;
