//! Replays of many events: in which order, when, what goes wrong on purpose, and whose answers changed.
//!
//! A face asks for one step after the other and shows it as it likes. The same seed gives the same steps.

use std::time::Duration;
use std::vec;

use ringtail_protocol::event::{Kind, Timestamp};
use ringtail_ringcentral::simulate::{Faults, Plan, Send, Slot, plan};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{ReplayError, replay};
use crate::config::AllSecrets;
use crate::diff::{Noise, answers, is_answer};
use crate::forward::Sender;
use crate::history::History;
use crate::model::{AttemptDetail, EventRow, Outcome};

/// How events are replayed.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Sign them anew.
    pub sign: bool,
    /// How many times as fast as the original; without, one simply follows the other.
    pub speed: Option<f64>,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// What the faults follow.
    pub seed: u64,
    /// Compares each answer with the one before it, but for the noise.
    pub compare: Option<Noise>,
}

/// A replay of events.
#[derive(Debug)]
pub struct Run {
    history: History,
    secrets: AllSecrets,
    options: Options,
    /// The events, each with who sends it.
    events: Vec<(EventRow, Sender)>,
    sends: vec::IntoIter<Send>,
    left_out: Vec<usize>,
    began: Option<Instant>,
    stop: CancellationToken,
}

/// A send that is to come.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The event.
    pub event: &'a EventRow,
    /// Who sends it.
    pub sender: &'a Sender,
    /// Whether it is sent for the second time.
    pub again: bool,
}

/// An event that was sent.
#[derive(Debug)]
pub struct Step {
    /// The event.
    pub event: EventRow,
    /// What became of it.
    pub answer: AttemptDetail,
    /// What its answer is beside the one before it; `None` when nothing is compared, or there was none.
    pub compared: Option<Compared>,
}

/// An answer beside the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Status or error then.
    pub before: String,
    /// Status or error now.
    pub after: String,
    /// Lines that differ.
    pub changes: usize,
}

impl Run {
    /// Plans a replay of events in their order, each by its sender.
    #[must_use]
    pub fn new(
        history: History,
        secrets: AllSecrets,
        events: Vec<(EventRow, Sender)>,
        options: Options,
    ) -> Self {
        let plan = planned(&events, &options);
        Self {
            history,
            secrets,
            options,
            events,
            sends: plan.sends.into_iter(),
            left_out: plan.dropped,
            began: None,
            stop: CancellationToken::new(),
        }
    }

    /// Sends nothing more once the token is cancelled. What is on its way then is waited for.
    #[must_use]
    pub fn until(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }

    /// Returns how many sends are to come.
    #[must_use]
    pub fn left(&self) -> usize {
        self.sends.len()
    }

    /// Returns what is to be sent, in that order.
    pub fn to_come(&self) -> impl Iterator<Item = Planned<'_>> {
        let sends = self.sends.as_slice().iter();
        sends.filter_map(|send| {
            let (event, sender) = self.events.get(send.slot)?;
            Some(Planned {
                event,
                sender,
                again: send.again,
            })
        })
    }

    /// Returns the events that are not sent on purpose.
    pub fn left_out(&self) -> impl Iterator<Item = &EventRow> {
        let events = self.left_out.iter();
        events.filter_map(|slot| self.events.get(*slot).map(|(event, _)| event))
    }

    /// Sends the next event when it is time; `None` after the last, and once it is stopped.
    ///
    /// # Errors
    /// When the history fails, or an event cannot be replayed. What the target does is in the answer.
    pub async fn next(&mut self) -> Result<Option<Step>, ReplayError> {
        if self.stop.is_cancelled() {
            return Ok(None);
        }
        let began = *self.began.get_or_insert_with(Instant::now);
        let Some(send) = self.sends.as_slice().first().copied() else {
            return Ok(None);
        };
        if self.options.speed.is_some() || self.options.faults.delay_ms > 0 {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(None),
                () = sleep_until(began + Duration::from_millis(send.at_ms)) => {}
            }
        }
        self.sends.next();
        let Some((event, sender)) = self.events.get(send.slot) else {
            return Ok(None);
        };
        let before = match self.options.compare {
            Some(_) => self.last_answer(event).await?,
            None => None,
        };
        let secrets = self
            .options
            .sign
            .then(|| self.secrets.of_id(&event.endpoint));
        let answer = replay(&self.history, sender, event.id, secrets.as_ref()).await?;
        let compared = self.options.compare.as_ref().zip(before);
        let compared = compared.map(|(noise, before)| Compared {
            before: outcome(&before),
            after: outcome(&answer),
            changes: answers(&before, &answer, noise).changes,
        });
        Ok(Some(Step {
            event: event.clone(),
            answer,
            compared,
        }))
    }

    /// Returns the newest answer that the app has given to an event.
    async fn last_answer(&self, event: &EventRow) -> Result<Option<AttemptDetail>, ReplayError> {
        let detail = self.history.event(event.id).await?;
        Ok(detail.and_then(|detail| detail.attempts.into_iter().rfind(is_answer)))
    }
}

fn planned(events: &[(EventRow, Sender)], options: &Options) -> Plan {
    let began = events.iter().map(|(event, _)| event.received_at).min();
    let began = began.unwrap_or(Timestamp(0));
    let mut latest = 0;
    let slots: Vec<Slot> = (0_u64..)
        .zip(events)
        .map(|(place, (event, _))| {
            let after = event.received_at.0.saturating_sub(began.0).unsigned_abs();
            // Without the original's pauses a place in the order is all there is.
            let at = options.speed.map_or(place, |speed| scaled(after, speed));
            latest = at.max(latest);
            Slot {
                at_ms: latest,
                fallible: event.kind == Kind::Notification,
            }
        })
        .collect();
    plan(&slots, &options.faults, options.seed)
}

fn scaled(micros: u64, speed: f64) -> u64 {
    let time = Duration::from_micros(micros).div_f64(speed);
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn outcome(detail: &AttemptDetail) -> String {
    match &detail.attempt.outcome {
        Outcome::Status(status) => status.to_string(),
        Outcome::Error { message, .. } => message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::testing::{App, answer};
    use crate::history::testing::{TestHistory, call};
    use crate::model::RowId;

    async fn stored(test: &TestHistory, app: &App, count: u64) -> Vec<(EventRow, Sender)> {
        test.receives((1..=count).map(|seq| call(seq, "s")).collect())
            .await;
        let events = test.history.events_after(RowId(0), 100).await.unwrap();
        events
            .into_iter()
            .map(|event| (event, app.sender()))
            .collect()
    }

    fn run(test: &TestHistory, events: Vec<(EventRow, Sender)>, options: Options) -> Run {
        Run::new(test.history.clone(), AllSecrets::default(), events, options)
    }

    #[tokio::test]
    async fn the_same_seed_sends_the_same_twice() {
        let test = TestHistory::open();
        let app = App::start(async |_| answer(200, ""));
        let events = stored(&test, &app, 20).await;
        let faults = Faults {
            reorder: 40,
            double: 30,
            drop: 20,
            delay_ms: 0,
        };
        let mut seen = Vec::new();
        for seed in [7, 7, 8] {
            let options = Options {
                faults,
                seed,
                ..Options::default()
            };
            let mut run = run(&test, events.clone(), options);
            let left_out: Vec<u64> = run.left_out().map(|event| event.seq).collect();
            let planned: Vec<u64> = run.to_come().map(|planned| planned.event.seq).collect();
            let doubled = run.to_come().filter(|planned| planned.again).count();
            assert_eq!(doubled + events.len() - left_out.len(), run.left());
            let mut sent = Vec::new();
            while let Some(step) = run.next().await.unwrap() {
                sent.push(step.event.seq);
            }
            assert_eq!(planned, sent);
            seen.push((left_out, sent));
        }
        assert_eq!(seen[0], seen[1]);
        assert_ne!(seen[0], seen[2]);
        let (left_out, sent) = &seen[0];
        assert!(!left_out.is_empty() && left_out.iter().all(|seq| !sent.contains(seq)));
        assert!(!sent.is_sorted(), "{sent:?}");
    }

    #[tokio::test]
    async fn a_run_that_is_stopped_sends_nothing_more() {
        let test = TestHistory::open();
        let app = App::start(async |_| answer(200, ""));
        let events = stored(&test, &app, 3).await;
        let stop = CancellationToken::new();
        let mut replays = run(&test, events.clone(), Options::default()).until(stop.clone());
        assert_eq!(replays.left(), 3);
        replays.next().await.unwrap().unwrap();
        stop.cancel();
        assert!(replays.next().await.unwrap().is_none());
        assert_eq!((replays.left(), app.seen().len()), (2, 1));
        // It does not wait for the time of the next one either.
        let mut events = events;
        events[1].0.received_at.0 += 3_600_000_000;
        let stop = CancellationToken::new();
        let options = Options {
            speed: Some(1.0),
            ..Options::default()
        };
        let mut replays = run(&test, events, options).until(stop.clone());
        replays.next().await.unwrap().unwrap();
        let (stopped, ()) = tokio::join!(replays.next(), async { stop.cancel() });
        assert!(stopped.unwrap().is_none());
    }

    #[tokio::test]
    async fn answers_are_held_against_those_before_them() {
        let test = TestHistory::open();
        let app = App::start(async |seen| match seen.sequence() {
            2 => answer(500, ""),
            _ => answer(200, ""),
        });
        let well = App::start(async |_| answer(200, ""));
        let options = Options {
            compare: Some(Noise::default()),
            ..Options::default()
        };
        let mut compared = Vec::new();
        for app in [&well, &app] {
            let events = stored(&test, app, 2).await;
            let mut run = run(&test, events, options.clone());
            while let Some(step) = run.next().await.unwrap() {
                compared.push(step.compared.map(|found| (found.before, found.after)));
            }
        }
        let pair = |one: &str, other: &str| Some((one.to_owned(), other.to_owned()));
        assert_eq!(
            compared,
            [None, None, pair("200", "200"), pair("200", "500")]
        );
    }
}
