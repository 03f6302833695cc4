//! `ringtail replay`: sends stored events to the app once more.

mod compare;
mod edit;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::anyhow;
use ringtail_client::config::{AllSecrets, Config};
use ringtail_client::engine::last_target;
use ringtail_client::forward::{Sender, TargetUrl};
use ringtail_client::history::History;
use ringtail_client::mask;
use ringtail_client::model::{EventRow, Outcome};
use ringtail_client::replay::replay;
use ringtail_protocol::event::{Kind, Timestamp};
use ringtail_ringcentral::errors::own;
use ringtail_ringcentral::simulate::{Plan, Slot, plan};
use tokio::time::{Instant, sleep_until};

use self::compare::Comparison;
use super::find::open;
use super::listen::send_options;
use super::select::{Selection, nothing_named};
use crate::args::replay::ReplayArgs;
use crate::args::{Common, Format};
use crate::exit::{Exit, Failure};
use crate::output::escape::escape;
use crate::output::{Closed, Stdout, json, note, plain, print};

pub(super) async fn run(common: &Common, args: ReplayArgs) -> Result<(), Failure> {
    if args.which.is_all() {
        return Err(nothing_named());
    }
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let mut selection = Selection::new(&config, &history, &args.which).await?;
    if args.dry_run {
        while let Some(events) = selection.next().await? {
            list(&config, &args, &events).await?;
        }
        return Ok(());
    }
    let mut events = Vec::new();
    while let Some(page) = selection.next().await? {
        events.extend(page);
    }
    if args.edit {
        // What is wrong with the target is said before anything is edited.
        drop(Senders::new(&config, &args, &events)?);
        let Some(edited) = edit::edit(&config, &history, &events).await? else {
            return Ok(());
        };
        events = vec![edited];
    }
    let plan = planned(&args, &events);
    let mut run = Run {
        senders: Senders::new(&config, &args, &events)?,
        history: &history,
        secrets: &config.secrets,
        args: &args,
        stdout: Stdout::new(),
        comparison: args
            .compare
            .then(|| Comparison::new(config.noise.clone(), &args.ignore)),
        unanswered: 0,
    };
    run.all(&events, &plan).await?;
    if let Some(comparison) = &run.comparison {
        comparison.print(args.output).await?;
    }
    let (sent, unanswered) = (plan.sends.len(), run.unanswered);
    if let Some((changed, compared)) = run.comparison.map(|comparison| comparison.counts())
        && changed > 0
    {
        let failure = Failure::new(
            Exit::NotAccepted,
            anyhow!("{changed} of {compared} answers changed"),
        );
        return Err(failure
            .code(&own::ANSWERS_CHANGED)
            .hint("`ringtail events diff EVENT --answers` shows how"));
    }
    if unanswered == 0 {
        return Ok(());
    }
    let failure = anyhow!("{unanswered} of {sent} events got no answer");
    Err(Failure::from(failure)
        .code(&own::UNANSWERED)
        .hint("check that the app runs"))
}

/// When each event is sent, and what goes wrong on purpose. The same seed gives the same order.
fn planned(args: &ReplayArgs, events: &[EventRow]) -> Plan {
    let began = events.iter().map(|event| event.received_at).min();
    let began = began.unwrap_or(Timestamp(0));
    let mut latest = 0;
    let slots: Vec<Slot> = (0_u64..)
        .zip(events)
        .map(|(place, event)| {
            let after = event.received_at.0.saturating_sub(began.0).unsigned_abs();
            // Without the original's pauses a place in the order is all there is.
            let at = if args.timing {
                scaled(after, args.speed)
            } else {
                place
            };
            latest = at.max(latest);
            Slot {
                at_ms: latest,
                fallible: event.kind == Kind::Notification,
            }
        })
        .collect();
    let seed = args
        .faults
        .seed
        .unwrap_or_else(|| Timestamp::now().0.unsigned_abs());
    let faults = args.faults.faults();
    if faults != Default::default() && args.faults.seed.is_none() {
        note(&format!("seed {seed}\n"));
    }
    plan(&slots, &faults, seed)
}

fn scaled(micros: u64, speed: f64) -> u64 {
    let time = Duration::from_micros(micros).div_f64(speed);
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

struct Run<'a> {
    senders: Senders,
    history: &'a History,
    secrets: &'a AllSecrets,
    args: &'a ReplayArgs,
    stdout: Stdout,
    comparison: Option<Comparison>,
    unanswered: usize,
}

impl Run<'_> {
    /// Sends the events one after another, as people read them.
    async fn all(&mut self, events: &[EventRow], plan: &Plan) -> Result<(), Failure> {
        let began = Instant::now();
        for dropped in plan.dropped.iter().filter_map(|slot| events.get(*slot)) {
            note(&format!("#{} is left out\n", dropped.seq));
        }
        let waits = self.args.timing || self.args.faults.delay.is_some();
        for send in &plan.sends {
            let Some(event) = events.get(send.slot) else {
                continue;
            };
            if waits {
                sleep_until(began + Duration::from_millis(send.at_ms)).await;
            }
            self.one(event).await?;
        }
        Ok(())
    }

    async fn one(&mut self, event: &EventRow) -> Result<(), Failure> {
        let before = match self.comparison {
            Some(_) => compare::last_answer(self.history, event).await?,
            None => None,
        };
        let secrets = self.secrets.of_id(&event.endpoint);
        let sign = self.args.sign.then_some(&secrets);
        let sender = self.senders.of(&event.endpoint)?;
        let replayed = replay(self.history, sender, event.id, sign).await;
        let replayed = replayed.map_err(anyhow::Error::from)?;
        self.unanswered += usize::from(matches!(replayed.attempt.outcome, Outcome::Error { .. }));
        if let Some(comparison) = &mut self.comparison {
            comparison.add(event, before.as_ref(), &replayed);
        }
        let attempt = mask::attempt(replayed.attempt);
        let mut out = Vec::new();
        match self.args.output {
            Format::Plain => {
                let style = plain::Style::of_stdout();
                out.extend(style.attempt(&attempt, Some(event.seq)).into_bytes());
            }
            Format::Json => json::line(&mut out, &json::attempt(&attempt)),
        }
        match self.stdout.write(&out).await {
            // Replays go on: they were asked for, and the history has them.
            Ok(()) | Err(Closed::Pipe) => Ok(()),
            Err(Closed::Failed(error)) => Err(anyhow::Error::from(error).into()),
        }
    }
}

/// One sender for each endpoint, made before anything is sent.
struct Senders(HashMap<String, Sender>);

impl Senders {
    fn new(config: &Config, args: &ReplayArgs, events: &[EventRow]) -> Result<Self, Failure> {
        let mut senders = HashMap::new();
        for event in events {
            if !senders.contains_key(&event.endpoint) {
                let target = target(config, args, &event.endpoint)?;
                let sender = Sender::new(target, send_options(&args.hop))
                    .map_err(|error| Failure::new(Exit::Config, error))?;
                senders.insert(event.endpoint.clone(), sender);
            }
        }
        Ok(Self(senders))
    }

    fn of(&self, endpoint: &str) -> Result<&Sender, Failure> {
        let sender = self.0.get(endpoint);
        sender.ok_or_else(|| anyhow!("there is no sender for {endpoint}").into())
    }
}

/// Says what would be sent, and where to.
async fn list(config: &Config, args: &ReplayArgs, events: &[EventRow]) -> Result<(), Failure> {
    let style = plain::Style::of_stdout();
    let mut out = Vec::new();
    for event in events {
        let target = target(config, args, &event.endpoint)?.to_string();
        let event = mask::row(event.clone());
        match args.output {
            Format::Plain => {
                let line = style.listed(&event, true);
                out.extend(format!("{}  → {}\n", line.trim_end(), escape(&target)).into_bytes());
            }
            Format::Json => json::line(&mut out, &json::event_row(&event)),
        }
    }
    print(&out).await
}

fn target(config: &Config, args: &ReplayArgs, endpoint: &str) -> Result<TargetUrl, Failure> {
    match &args.target {
        Some(text) => TargetUrl::parse(text).map_err(|error| Failure::new(Exit::Usage, error)),
        None => last_target(&config.data, endpoint).ok_or_else(|| {
            let unknown = anyhow!("it is not known where events of {endpoint} go");
            Failure::new(Exit::Usage, unknown).hint("name the app: --target 3000")
        }),
    }
}
