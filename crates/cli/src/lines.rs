//! Plain and JSON lines of `listen`.
//!
//! They follow the history from where it stood when the engine started, so each event, attempt and gap of this run is
//! printed exactly once, however slow the reader.

use std::sync::Arc;

use ringtail_client::engine::Engine;
use ringtail_errors::Failure;
use ringtail_model::signature::Reveal;
use ringtail_model::subscription::SubscriptionStatus;
use ringtail_model::{CanaryState, LinkState, RowId, Status, TargetState, Unanswered};
use ringtail_protocol::event::Timestamp;
use ringtail_store::Search;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::follow::{Follow, Item};
use crate::output::{Stdout, note, plain};
use ringtail_views::json;

/// Format of the lines.
#[derive(Debug)]
pub(crate) enum LineFormat {
    /// For people: events on stdout, link and target on stderr.
    Plain {
        /// Colours and time zone.
        style: plain::Style,
        /// Prefix of each line: the endpoint's name if there are several.
        label: String,
    },
    /// For programs: everything on stdout.
    Json,
}

/// Writes lines until the engine has ended and everything is printed.
pub(crate) async fn show(
    engine: &Engine,
    format: LineFormat,
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
        search,
    );
    let mut printed = LastPrinted {
        start: engine.start().events,
        ..LastPrinted::default()
    };
    loop {
        let over = ended.is_cancelled();
        let now = status.borrow_and_update().clone();
        let mut out = Vec::new();
        printed.changes(&format, &now, &mut out);
        let mut more = false;
        if let Some(endpoint) = &now.endpoint {
            let items = follow.page(&endpoint.id).await?;
            more = !items.is_empty();
            for item in items {
                format.item(&item, &mut out);
            }
            let shown = |sent: &&Unanswered| {
                printed.unanswered.contains(sent) || follow.has_shown(sent.seq)
            };
            let late: Vec<_> = now.unanswered.iter().filter(shown).copied().collect();
            printed.unanswered(&format, &now.name, late, &mut out);
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
        // The next round checks all of them, so the order does not matter.
        tokio::select! {
            biased;
            () = ended.cancelled() => {}
            Ok(()) = status.changed() => {}
            () = follow.changed() => {}
        }
    }
}

impl LineFormat {
    fn item(&self, item: &Item, out: &mut Vec<u8>) {
        match (self, item) {
            (Self::Json, Item::Event(detail)) => json::line(out, &json::event(detail)),
            (Self::Json, Item::Attempt(attempt, _)) => json::line(out, &json::attempt(attempt)),
            (Self::Json, Item::Gap(gap)) => json::line(out, &json::gap(gap)),
            (Self::Json, Item::NewFields(row)) => json::line(out, &json::new_fields(row)),
            (Self::Plain { style, label }, item) => {
                let text = match item {
                    Item::Event(detail) => style.event(&detail.event),
                    Item::Attempt(attempt, seq) => style.attempt(attempt, &format!("#{seq}")),
                    Item::Gap(gap) => style.gap(gap),
                    Item::NewFields(row) => style.new_fields(row),
                };
                out.extend(labelled(label, &text).into_bytes());
            }
        }
    }

    /// Tells what is no event: to programs on stdout, to people on stderr.
    fn tell(&self, out: &mut Vec<u8>, value: &Value, words: impl FnOnce(&plain::Style) -> String) {
        match self {
            Self::Json => json::line(out, value),
            Self::Plain { style, label } => note(&labelled(label, &words(style))),
        }
    }
}

fn labelled(label: &str, text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines.map(|line| format!("{label}{line}")).collect()
}

/// The last printed states of link and target, so that only changes are printed.
#[derive(Debug, Default)]
struct LastPrinted {
    /// The history's position at the engine's start.
    start: RowId,
    ready: bool,
    link: Option<LinkState>,
    target: Option<TargetState>,
    /// Pending events when the target was last printed as down.
    pending: Option<u64>,
    failing: Option<(i64, bool)>,
    canary: Option<CanaryState>,
    subscription: Option<Box<SubscriptionStatus>>,
    unanswered: Vec<Unanswered>,
}

impl LastPrinted {
    fn changes(&mut self, format: &LineFormat, status: &Status, out: &mut Vec<u8>) {
        if self.link.as_ref() != Some(&status.link) {
            self.link = Some(status.link.clone());
            self.link_changed(format, status, out);
        }
        let state = status.target.as_ref().map(|target| &target.state);
        let down = state.is_some_and(is_down);
        // The end of the drain does not change the target's state.
        let drained = !down && self.pending.is_some() && status.pending == 0;
        // Plain lines say that events are pending, JSON lines how many; the engine updates the count up to ten times a second.
        let more = down
            && self
                .pending
                .is_some_and(|pending| pending != status.pending);
        let counts = match format {
            LineFormat::Json => more,
            LineFormat::Plain { .. } => more && self.pending == Some(0),
        };
        if differs(self.target.as_ref(), state) || drained || counts {
            if drained {
                self.pending = None;
            } else if down {
                self.pending = Some(status.pending);
            }
            self.target = state.cloned();
            if let Some(value) = json::target(status) {
                format.tell(out, &value, |style| {
                    style.target(status).unwrap_or_default()
                });
            }
        }
        if let Some(canary) = &status.canary
            && self.canary.as_ref() != Some(canary)
        {
            let before = self.canary.replace(canary.clone());
            // People read of the first one and of each change.
            let is_news = !before.is_some_and(|it| it.result.is_ok() && canary.result.is_ok());
            if is_news || matches!(format, LineFormat::Json) {
                let value = json::canary(&status.name, canary);
                format.tell(out, &value, |style| style.canary(canary));
            }
        }
        self.subscription_changed(format, status, out);
        // Another failure alone is not printed.
        let failing = status.failing.as_ref();
        let failing = failing.map(|failing| (failing.since_ms, failing.blacklisted_ms.is_some()));
        if self.failing != failing {
            self.failing = failing;
            let failing = status.failing.as_ref();
            let value = json::failure_clock(&status.name, failing);
            format.tell(out, &value, |style| {
                style.failing(failing, Timestamp::now())
            });
        }
    }

    fn subscription_changed(&mut self, format: &LineFormat, status: &Status, out: &mut Vec<u8>) {
        if self.subscription == status.subscription {
            return;
        }
        self.subscription.clone_from(&status.subscription);
        let Some(subscription) = &self.subscription else {
            return;
        };
        let value = json::subscription(&status.name, subscription);
        let words =
            |style: &plain::Style| style.subscription_status(subscription, Timestamp::now());
        format.tell(out, &value, words);
    }

    fn unanswered(
        &mut self,
        format: &LineFormat,
        name: &str,
        late: Vec<Unanswered>,
        out: &mut Vec<u8>,
    ) {
        for sent in &late {
            if self.unanswered.contains(sent) {
                continue;
            }
            match format {
                LineFormat::Json => json::line(out, &json::unanswered(name, sent)),
                LineFormat::Plain { style, label } => {
                    let text = style.unanswered(sent, Timestamp::now());
                    out.extend(labelled(label, &text).into_bytes());
                }
            }
        }
        self.unanswered = late;
    }

    fn link_changed(&mut self, format: &LineFormat, status: &Status, out: &mut Vec<u8>) {
        let is_first = status.link == LinkState::Connected && !self.ready;
        if is_first && let Some(endpoint) = &status.endpoint {
            self.ready = true;
            if matches!(format, LineFormat::Json) {
                json::line(out, &json::ready(&endpoint.id, &endpoint.url, self.start));
            }
        }
        let is_refused = matches!(status.link, LinkState::Refused { .. });
        format.tell(out, &json::link(status), |style| match format {
            // The command ends with the refusal of its only endpoint.
            LineFormat::Plain { label, .. } if label.is_empty() && is_refused => String::new(),
            _ => style.link(status),
        });
        if let LineFormat::Plain { style, label } = format
            && is_first
            && status.subscription.is_none()
            && let Some(endpoint) = &status.endpoint
        {
            note(&labelled(label, &style.first_step(&endpoint.url)));
        }
    }
}

fn is_down(state: &TargetState) -> bool {
    matches!(state, TargetState::Down { .. })
}

/// Returns whether the state changed; the time of the next probe alone does not count.
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
