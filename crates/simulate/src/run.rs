//! Runs a scenario: the validation, the planned requests, the summary.

use std::time::Duration;

use ringtail_model::secrets::Secrets;
use ringtail_protocol::event::Kind;
use ringtail_ringcentral::classify::Callback;
use ringtail_ringcentral::verdict::{FailureClock, PATIENCE_MS};
use tokio::time::{Instant, sleep_until};

use super::generator::Parameters;
use super::inspect::{Finding, inspect};
use super::plan::{Faults, Plan, Slot, plan};
use super::refusal::Refusal;
use super::scenario::{Expect, RehearseError, Scenario, Shot};
use super::sender::{Answered, SimSender};
use super::template::Template;

/// Pause between two rounds of a scenario, in milliseconds.
const ROUND_PAUSE_MS: u64 = 1000;

/// Options of a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Values that override the scenario's own.
    pub given: Parameters,
    /// Secrets that RingCentral and the app share.
    pub secrets: Secrets,
    /// Faults to simulate.
    pub faults: Faults,
    /// Seed of ids and faults.
    pub seed: u64,
    /// Start of the run, in milliseconds since 1970.
    pub began_ms: i64,
    /// Speed of the run's clock.
    pub pace: Pace,
    /// Whether to send validations where RingCentral would.
    pub validation: bool,
    /// Path below the address for what goes to an app's OAuth redirect URI; empty, or begins with a slash.
    pub oauth_path: String,
    /// The same for everything else.
    pub webhook_path: String,
    /// How many times to run the scenario.
    pub repeat: u32,
}

impl Options {
    /// Puts the path before that of a request.
    fn place(&self, shot: &mut Shot) {
        let request = &mut shot.request;
        let path = match request.callback {
            Callback::BotInstallPrivate | Callback::BotInstallPublic | Callback::OAuthRedirect => {
                &self.oauth_path
            }
            _ => &self.webhook_path,
        };
        request.below.insert_str(0, path);
        request.shown.insert_str(0, path);
    }
}

/// Speed of the clock of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// A multiple of real time.
    Times(f64),
    /// No waiting between requests.
    NoWait,
}

/// One request and its result.
#[derive(Debug, Clone)]
pub struct Report {
    /// Milliseconds after the start, by the run's clock.
    pub at_ms: u64,
    /// The request.
    pub shot: Shot,
    /// Whether it is the duplicate of an earlier send.
    pub again: bool,
    /// The answer, or why there is none.
    pub answered: Answered,
    /// The judgement of the answer.
    pub finding: Finding,
}

/// Result of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Number of requests sent.
    pub sent: u64,
    /// Number of requests with another answer than the scenario expects.
    pub failed: u64,
    /// Number of requests that the plan dropped.
    pub dropped: u64,
    /// Why the run ended.
    pub end: End,
}

/// Why a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum End {
    /// Everything was sent.
    #[default]
    Done,
    /// The validation failed, so RingCentral would not create the subscription.
    Refused(Refusal),
    /// Notifications failed for so long that RingCentral would blacklist the subscription.
    Blacklisted {
        /// The reason that RingCentral would record.
        reason: String,
    },
    /// The caller stopped the run.
    Stopped,
}

/// Returns the validation, the requests and the plan of a run's first round.
///
/// # Errors
/// When the requests cannot be built.
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

/// Runs a scenario and calls `on_report` after each answer, with the summary so far; it returns whether to continue.
///
/// # Errors
/// When the requests cannot be built; then nothing was sent.
pub async fn run(
    scenario: &Scenario,
    options: &Options,
    sender: &SimSender,
    mut on_report: impl AsyncFnMut(Report, &Summary) -> bool,
) -> Result<Summary, RehearseError> {
    let mut player = Player {
        options,
        sender,
        began: Instant::now(),
        clock: FailureClock::default(),
        summary: Summary::default(),
    };
    let (first, _, _) = rehearse(scenario, options)?;
    if let Some(shot) = first {
        let report = player.send(shot, 0, false).await;
        let refusal = Refusal::of(&report.finding, &report.answered);
        let continues = on_report(report, &player.summary).await;
        if let Some(refusal) = refusal {
            return Ok(player.ended(End::Refused(refusal)));
        }
        if !continues {
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
            let blacklisted = player.record(&report);
            let continues = on_report(report, &player.summary).await;
            if let Some(reason) = blacklisted {
                return Ok(player.ended(End::Blacklisted { reason }));
            }
            if !continues {
                return Ok(player.ended(End::Stopped));
            }
        }
        base_ms += last_ms + ROUND_PAUSE_MS;
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

    /// Records the result of a notification; returns the reason if RingCentral would blacklist the subscription.
    fn record(&mut self, report: &Report) -> Option<String> {
        if !counts_for_blacklist(report.shot.request.callback)
            || report.shot.expect != Expect::Accepted
        {
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

/// Whether failures of the callback make RingCentral blacklist the subscription.
fn counts_for_blacklist(callback: Callback) -> bool {
    matches!(
        callback,
        Callback::PlatformNotification | Callback::AgentState
    )
}

fn wants_validation(shots: &[Shot]) -> bool {
    let callback = |shot: &Shot| shot.request.callback;
    shots
        .iter()
        .any(|shot| counts_for_blacklist(callback(shot)))
        && shots
            .iter()
            .all(|shot| callback(shot) != Callback::Validation)
}

fn validation(options: &Options) -> Result<Shot, RehearseError> {
    let template = Template::find("validation").expect("the template exists, by test");
    let single = Scenario::single(template);
    let defaults = Parameters::default();
    // Another seed, so that the token shares no digits with the ids of the events.
    let seed = !options.seed;
    let mut shots = single.rehearse(&defaults, &options.secrets, seed, options.began_ms)?;
    let mut shot = shots.remove(0);
    options.place(&mut shot);
    Ok(shot)
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
    let mut shots = scenario.rehearse(&options.given, &options.secrets, seed, began)?;
    let is_validation = |shot: &Shot| shot.request.callback == Callback::Validation;
    if !options.validation && !shots.iter().all(is_validation) {
        shots.retain(|shot| !is_validation(shot));
    }
    shots.iter_mut().for_each(|shot| options.place(shot));
    Ok(shots)
}

fn slots(shots: &[Shot]) -> Vec<Slot> {
    let slots = shots.iter().map(|shot| Slot {
        at_ms: shot.at_ms,
        fallible: shot.request.callback.kind() == Kind::Notification,
    });
    slots.collect()
}

impl End {
    /// Describes what RingCentral would do, if the run ended early.
    #[must_use]
    pub fn message(&self) -> Option<String> {
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
