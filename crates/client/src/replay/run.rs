//! Replays of many events, with pauses, injected faults and comparison of responses.
//!
//! A front end calls [`Run::next`] for each step. The same seed gives the same steps.

use std::time::Duration;
use std::vec;

use ringtail_protocol::event::{EventId, Timestamp};
use ringtail_simulate::{Faults, Plan, Send, Slot, plan};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::events::{Events, Moment};
use super::{ReplayError, replay_row};
use crate::forward::Sender;
use ringtail_model::secrets::AllSecrets;
use ringtail_model::{AttemptDetail, EventRow, Outcome};
use ringtail_recordings::diff::{Noise, answers, is_answer};
use ringtail_store::{History, ReadError};

/// Options of a replay.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Sign requests again.
    pub sign: bool,
    /// Speed relative to the original; `None` for no pauses.
    pub speed: Option<f64>,
    /// Faults to inject.
    pub faults: Faults,
    /// Seed of the faults.
    pub seed: u64,
    /// Compare each response with the previous one, ignoring this noise.
    pub compare: Option<Noise>,
}

/// A replay of events.
#[derive(Debug)]
pub struct Run {
    history: History,
    secrets: AllSecrets,
    options: Options,
    events: Events,
    sends: vec::IntoIter<Send>,
    left_out: Vec<usize>,
    gone: usize,
    began: Option<Instant>,
    stop: CancellationToken,
}

/// A planned request.
#[derive(Debug, Clone)]
pub struct Planned<'a> {
    /// The event.
    pub event: EventRow,
    /// Its sender.
    pub sender: &'a Sender,
    /// Whether it is the second request of a duplicated event.
    pub again: bool,
}

/// A replayed event.
#[derive(Debug)]
pub struct Step {
    /// The event.
    pub event: EventRow,
    /// The attempt.
    pub answer: AttemptDetail,
    /// The comparison with the previous response; `None` without one.
    pub compared: Option<Compared>,
}

/// A comparison with the previous response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Previous status.
    pub before: String,
    /// Status or error of the replay.
    pub after: String,
    /// Number of different lines.
    pub changes: usize,
}

impl Run {
    /// Plans a replay of events.
    #[must_use]
    pub fn new(
        history: History,
        secrets: AllSecrets,
        mut events: Events,
        options: Options,
    ) -> Self {
        let plan = planned(std::mem::take(&mut events.moments), &options);
        Self {
            history,
            secrets,
            options,
            events,
            sends: plan.sends.into_iter(),
            left_out: plan.dropped,
            gone: 0,
            began: None,
            stop: CancellationToken::new(),
        }
    }

    /// Stops before the next request once the token is cancelled.
    #[must_use]
    pub fn until(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }

    /// Returns the number of requests left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.sends.len()
    }

    /// Returns the number of duplicates among the requests left.
    #[must_use]
    pub fn doubled(&self) -> usize {
        let sends = self.sends.as_slice().iter();
        sends.filter(|send| send.again).count()
    }

    /// Returns the number of events left out by a fault.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out.len()
    }

    /// Returns the number of requests skipped because retention had deleted the event.
    #[must_use]
    pub fn gone(&self) -> usize {
        self.gone
    }

    /// Returns up to `limit` requests left after the first `passed`, without deleted events.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn to_come(
        &self,
        passed: usize,
        limit: usize,
    ) -> Result<Vec<Planned<'_>>, ReadError> {
        let sends = self.sends.as_slice().iter().skip(passed).take(limit);
        let sends: Vec<_> = sends
            .filter_map(|send| Some((self.events.at(send.slot)?, send.again)))
            .collect();
        let ids = sends.iter().map(|((id, _), _)| *id).collect();
        let rows = self.history.rows(ids).await?;
        let planned = rows.into_iter().zip(sends);
        Ok(planned
            .filter_map(|(event, ((_, sender), again))| {
                Some(Planned {
                    event: event?,
                    sender,
                    again,
                })
            })
            .collect())
    }

    /// Returns up to `limit` events left out by a fault, after the first `passed`.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn not_to_come(
        &self,
        passed: usize,
        limit: usize,
    ) -> Result<Vec<EventRow>, ReadError> {
        let places = self.left_out.iter().skip(passed).take(limit);
        let ids: Vec<EventId> = places
            .filter_map(|place| Some(self.events.at(*place)?.0))
            .collect();
        let rows = self.history.rows(ids).await?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// Waits for the next event's time and sends it; `None` after the last, or when stopped.
    ///
    /// # Errors
    /// When the history fails, or an event cannot be replayed.
    pub async fn next(&mut self) -> Result<Option<Step>, ReplayError> {
        while let Some((id, sender)) = self.turn().await {
            match self.send(id, &sender).await {
                // Retention may delete events during a long run.
                Err(ReplayError::NoEvent { .. }) => self.gone += 1,
                step => return step.map(Some),
            }
        }
        Ok(None)
    }

    /// Waits for the next event's time.
    async fn turn(&mut self) -> Option<(EventId, Sender)> {
        if self.stop.is_cancelled() {
            return None;
        }
        let began = *self.began.get_or_insert_with(Instant::now);
        let send = self.sends.as_slice().first().copied()?;
        if self.options.speed.is_some() || self.options.faults.delay_ms > 0 {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                () = sleep_until(began + Duration::from_millis(send.at_ms)) => {}
            }
        }
        self.sends.next();
        let (id, sender) = self.events.at(send.slot)?;
        Some((id, sender.clone()))
    }

    async fn send(&self, id: EventId, sender: &Sender) -> Result<Step, ReplayError> {
        let row = self.history.row(id).await?;
        let event = row.ok_or(ReplayError::NoEvent { id })?;
        let before = match self.options.compare {
            Some(_) => self.last_answer(id).await?,
            None => None,
        };
        let secrets = self
            .options
            .sign
            .then(|| self.secrets.of_id(&event.endpoint));
        let answer = replay_row(&self.history, sender, event.row, id, secrets.as_ref()).await?;
        let compared = self.options.compare.as_ref().zip(before);
        let compared = compared.map(|(noise, before)| Compared {
            before: outcome(&before),
            after: outcome(&answer),
            changes: answers(&before, &answer, noise).changes,
        });
        Ok(Step {
            event,
            answer,
            compared,
        })
    }

    /// Returns the newest response to an event.
    async fn last_answer(&self, id: EventId) -> Result<Option<AttemptDetail>, ReplayError> {
        let detail = self.history.event(id).await?;
        Ok(detail.and_then(|detail| detail.attempts.into_iter().rfind(is_answer)))
    }
}

fn planned(moments: Vec<Moment>, options: &Options) -> Plan {
    let began = moments.iter().map(|moment| moment.received_at).min();
    let began = began.unwrap_or(Timestamp(0));
    let mut latest = 0;
    let mut places = 0_u64..;
    // `Slot` has the size of `Moment`, so this reuses the allocation.
    let slots: Vec<Slot> = moments
        .into_iter()
        .map(
            |Moment {
                 received_at,
                 fallible,
             }| {
                let place = places.next().unwrap_or(u64::MAX);
                let after = received_at.0.saturating_sub(began.0).unsigned_abs();
                // Without pauses the position is the time.
                let at = options.speed.map_or(place, |speed| scaled(after, speed));
                latest = at.max(latest);
                Slot {
                    at_ms: latest,
                    fallible,
                }
            },
        )
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
mod tests;
