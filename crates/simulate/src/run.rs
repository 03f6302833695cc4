//! One run: the validation, then the plan, then what came of it.

use std::time::Duration;

use crate::{
    Expect, Faults, Finding, Parameters, Plan, RehearseError, Scenario, Secrets, Shot, Slot,
    Template, inspect, plan,
};
use ringtail_protocol::event::Kind;
use ringtail_ringcentral::classify::Callback;
use ringtail_ringcentral::verdict::{FailureClock, PATIENCE_MS};
use tokio::time::{Instant, sleep_until};

use super::refusal::Refusal;
use super::sender::{Answered, SimSender};

/// Milliseconds between two repetitions of a scenario.
const BETWEEN_MS: u64 = 1000;

/// How a scenario is played.
#[derive(Debug, Clone)]
pub struct Options {
    /// Values that count before the scenario's own.
    pub given: Parameters,
    /// What RingCentral and the app share.
    pub secrets: Secrets,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// What ids and faults follow.
    pub seed: u64,
    /// When the run begins, in milliseconds since 1970.
    pub began_ms: i64,
    /// How fast the clock goes.
    pub pace: Pace,
    /// Whether a validation comes first where RingCentral would have sent one.
    pub validation: bool,
    /// How many times the scenario is played.
    pub repeat: u32,
}

/// How fast the clock of a run goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many times as fast as real time.
    Times(f64),
    /// Without waiting at all.
    NoWait,
}

/// One request and what came of it.
#[derive(Debug, Clone)]
pub struct Report {
    /// Milliseconds after the beginning, by the run's clock.
    pub at_ms: u64,
    /// What was sent.
    pub shot: Shot,
    /// Whether it was sent for the second time.
    pub again: bool,
    /// The answer.
    pub answered: Answered,
    /// What to make of it.
    pub finding: Finding,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Requests that were sent.
    pub sent: u64,
    /// Requests whose answer was not the one that the scenario wants.
    pub failed: u64,
    /// Requests that the plan left out.
    pub dropped: u64,
    /// How it ended.
    pub end: End,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Everything was sent.
    Done,
    /// The validation failed: RingCentral would not have created the subscription.
    Refused(Refusal),
    /// Notifications failed for so long that RingCentral would have blacklisted the subscription.
    Blacklisted {
        /// What RingCentral would have recorded.
        reason: String,
    },
    /// The receiver of reports is gone.
    Stopped,
}

/// Returns everything that a run would send, validation included, and its plan. Repetitions are ignored.
///
/// # Errors
/// When the requests cannot be made.
pub fn rehearse(
    scenario: &Scenario,
    options: &Options,
) -> Result<(Option<Shot>, Vec<Shot>, Plan), RehearseError> {
    let shots = shots(scenario, options, 0, 0)?;
    let validation = match options.validation && wants_validation(&shots) {
        true => Some(validation(options)?),
        false => None,
    };
    let plan = plan(&slots(&shots), &options.faults, options.seed);
    Ok((validation, shots, plan))
}

/// Plays a scenario, reporting each request when it is answered; `tell` returns whether to continue.
///
/// # Errors
/// When the requests cannot be made; then nothing was sent.
pub async fn run(
    scenario: &Scenario,
    options: &Options,
    sender: &SimSender,
    mut tell: impl AsyncFnMut(Report) -> bool,
) -> Result<Summary, RehearseError> {
    let mut player = Player {
        options,
        sender,
        began: Instant::now(),
        clock: FailureClock::default(),
        summary: Summary {
            sent: 0,
            failed: 0,
            dropped: 0,
            end: End::Done,
        },
    };
    let (first, _, _) = rehearse(scenario, options)?;
    if let Some(shot) = first {
        let report = player.send(shot, 0, false).await;
        let refusal = Refusal::of(&report.finding);
        let goes_on = tell(report).await;
        if let Some(refusal) = refusal {
            return Ok(player.ended(End::Refused(refusal)));
        }
        if !goes_on {
            return Ok(player.ended(End::Stopped));
        }
    }
    player.began = Instant::now();
    let mut base_ms = 0;
    for round in 0..options.repeat {
        let shots = shots(scenario, options, round, base_ms)?;
        let seed = options.seed.wrapping_add(u64::from(round));
        let plan = plan(&slots(&shots), &options.faults, seed);
        player.summary.dropped += plan.dropped.len() as u64;
        let mut last_ms = 0;
        for send in &plan.sends {
            last_ms = last_ms.max(send.at_ms);
            let at_ms = base_ms + send.at_ms;
            player.wait(at_ms).await;
            let report = player
                .send(shots[send.slot].clone(), at_ms, send.again)
                .await;
            let blacklisted = player.note(&report);
            let goes_on = tell(report).await;
            if let Some(reason) = blacklisted {
                return Ok(player.ended(End::Blacklisted { reason }));
            }
            if !goes_on {
                return Ok(player.ended(End::Stopped));
            }
        }
        base_ms += last_ms + BETWEEN_MS;
    }
    Ok(player.summary)
}

struct Player<'a> {
    options: &'a Options,
    sender: &'a SimSender,
    began: Instant,
    clock: FailureClock,
    summary: Summary,
}

impl Player<'_> {
    async fn wait(&self, at_ms: u64) {
        let Pace::Times(speed) = self.options.pace else {
            return;
        };
        let real = Duration::from_millis(at_ms).div_f64(speed.max(f64::MIN_POSITIVE));
        sleep_until(self.began + real).await;
    }

    async fn send(&mut self, shot: Shot, at_ms: u64, again: bool) -> Report {
        let answered = self.sender.send(&shot.request).await;
        let outcome = answered.as_ref().map_err(|error| &error.reason);
        let finding = inspect(&shot.request, shot.expect, &self.options.secrets, outcome);
        self.summary.sent += 1;
        self.summary.failed += u64::from(!finding.as_expected);
        Report {
            at_ms,
            shot,
            again,
            answered,
            finding,
        }
    }

    /// Notes what became of a notification; returns the reason when RingCentral has had enough.
    fn note(&mut self, report: &Report) -> Option<String> {
        if !is_watched(report.shot.request.callback) || report.shot.expect != Expect::Accepted {
            return None;
        }
        let at_ms = i64::try_from(report.at_ms).unwrap_or(i64::MAX);
        self.clock
            .note(at_ms, report.finding.verdict.faults().first());
        let failing = self.clock.failing()?;
        failing.blacklisted_ms.map(|_| failing.reason.clone())
    }

    fn ended(mut self, end: End) -> Summary {
        self.summary.end = end;
        self.summary
    }
}

/// Callbacks of a subscription that is blacklisted when they fail.
fn is_watched(callback: Callback) -> bool {
    matches!(
        callback,
        Callback::PlatformNotification | Callback::AgentState
    )
}

fn wants_validation(shots: &[Shot]) -> bool {
    let callback = |shot: &Shot| shot.request.callback;
    shots.iter().any(|shot| is_watched(callback(shot)))
        && shots
            .iter()
            .all(|shot| callback(shot) != Callback::Validation)
}

fn validation(options: &Options) -> Result<Shot, RehearseError> {
    let template = Template::find("validation").expect("there is such a template");
    let single = Scenario::single(template);
    let nobody = Parameters::default();
    // Another seed: a token that an event id can be told from is no token.
    let seed = !options.seed;
    let mut shots = single.rehearse(&nobody, &options.secrets, seed, options.began_ms)?;
    Ok(shots.remove(0))
}

fn shots(
    scenario: &Scenario,
    options: &Options,
    round: u32,
    base_ms: u64,
) -> Result<Vec<Shot>, RehearseError> {
    let seed = options.seed.wrapping_add(u64::from(round));
    let base = i64::try_from(base_ms).unwrap_or(i64::MAX);
    let began = options.began_ms.saturating_add(base);
    scenario.rehearse(&options.given, &options.secrets, seed, began)
}

fn slots(shots: &[Shot]) -> Vec<Slot> {
    let slots = shots.iter().map(|shot| Slot {
        at_ms: shot.at_ms,
        fallible: shot.request.callback.kind() == Kind::Notification,
    });
    slots.collect()
}

impl End {
    /// Returns the end in words: what RingCentral would do now.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Done | Self::Stopped => None,
            Self::Refused(refusal) => Some(format!(
                "RingCentral would refuse to create the subscription: {refusal}"
            )),
            Self::Blacklisted { reason } => Some(format!(
                "after {} minutes of failures RingCentral would blacklist the subscription; its reason: {reason}",
                PATIENCE_MS / 60_000
            )),
        }
    }
}

#[cfg(test)]
mod tests;
