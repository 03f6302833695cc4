//! `ringtail replay`.

mod compare;
mod edit;
mod editor;

use ringtail_client::config::Config;
use ringtail_client::endpoint_cache::last_target;
use ringtail_client::forward::{SendOptions, Sender};
use ringtail_client::replay::{Events, Options, Planned, Run, Step};
use ringtail_errors::{Failure, codes};
use ringtail_model::Outcome;
use ringtail_model::redact;
use ringtail_model::target::TargetUrl;
use ringtail_protocol::event::Timestamp;
use ringtail_recordings::diff::Noise;
use ringtail_ringcentral::secret::redacted;
use ringtail_simulate::Faults;

use self::compare::Comparison;
pub(crate) use self::compare::{Counts, how};
pub(crate) use self::edit::edit;
use super::find::open;
use super::select::{PAGE, Selection, nothing_named};
use crate::args::replay::ReplayArgs;
use crate::args::{Common, Format};
use crate::output::{Stdout, note, plain};
use ringtail_text::escape;
use ringtail_views::json;

pub(super) async fn run(common: &Common, args: ReplayArgs) -> Result<(), Failure> {
    if args.which.is_all() {
        return Err(nothing_named());
    }
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let mut selection = Selection::new(&config.secrets, &history, &args.which).await?;
    let sender = |endpoint: &str| sender(&config, &args, endpoint);
    let mut events = Events::default();
    // Report a wrong target before an edit or a request.
    while let Some(page) = selection.next().await? {
        for event in &page {
            events.add(event, sender)?;
        }
    }
    if args.edit {
        let Some(edited) = edit(&config.data, &history, &events).await? else {
            note("no change; nothing sent\n");
            return Ok(());
        };
        note(&format!(
            "sent as event {}/{}\n",
            edited.endpoint, edited.seq
        ));
        events = Events::default();
        events.add(&edited, sender)?;
    }
    let (options, seed) = options(&args, &config.noise);
    if let Some(seed) = seed {
        note(&format!("seed {seed}\n"));
    }
    let several = events.are_of_several();
    let comparison = options.compare.is_some().then(|| Comparison::new(several));
    let mut run = Run::new(history.clone(), config.secrets.clone(), events, options);
    let sends = run.left();
    for passed in (0..run.left_out()).step_by(PAGE) {
        let page = run.not_to_come(passed, PAGE).await;
        for event in page? {
            note(&format!("{} is dropped\n", plain::number(&event, several)));
        }
    }
    if args.dry_run {
        return list(&args, &run).await;
    }
    let mut progress = Progress {
        args: &args,
        stdout: Stdout::new(),
        several,
        comparison,
        unanswered: 0,
    };
    while let Some(step) = run.next().await? {
        progress.show(step).await?;
    }
    if let Some(comparison) = &progress.comparison {
        comparison.print(args.output).await?;
    }
    let unanswered = progress.unanswered;
    let gone = run.gone();
    if gone > 0 && gone == sends {
        let failure = "retention deleted all of the events";
        return Err(Failure::new(&codes::NO_DATA, failure)
            .hint("`ringtail listen --keep-events`, --keep-days and --keep-bytes set the limits"));
    }
    if gone > 0 {
        note(&format!(
            "{gone} of {sends} not sent: retention deleted them\n"
        ));
    }
    if let Some(counts) = progress.comparison.map(|comparison| comparison.counts())
        && counts.changed > 0
    {
        return Err(Failure::new(&codes::ANSWERS_CHANGED, format!("{counts}"))
            .hint("`ringtail events diff EVENT --answers` shows the difference"));
    }
    if unanswered == 0 {
        return Ok(());
    }
    let failure = format!("{unanswered} of {sends} events got no response");
    Err(Failure::new(&codes::UNANSWERED, failure).hint("check that the app runs"))
}

/// Returns the options, and the seed if it was chosen here and has an effect.
pub(crate) fn options(args: &ReplayArgs, noise: &Noise) -> (Options, Option<u64>) {
    let faults = args.faults.faults();
    let noise = || {
        let names = args.ignore.iter();
        names.fold(noise.clone(), |noise, name| noise.with(name))
    };
    let own = args.faults.seed.is_none() && faults != Faults::default();
    let seed = args.faults.seed;
    // Short enough to type.
    let seed = seed.unwrap_or_else(|| Timestamp::now().0.unsigned_abs() % 1_000_000);
    let options = Options {
        sign: args.sign,
        speed: args.timing.then_some(args.speed),
        faults,
        seed,
        compare: args.compare.then(noise),
    };
    (options, own.then_some(seed))
}

/// Output of a replay.
struct Progress<'a> {
    args: &'a ReplayArgs,
    stdout: Stdout,
    /// Whether the events are of several endpoints.
    several: bool,
    comparison: Option<Comparison>,
    unanswered: usize,
}

impl Progress<'_> {
    async fn show(&mut self, step: Step) -> Result<(), Failure> {
        let error = matches!(step.answer.attempt.outcome, Outcome::Error { .. });
        self.unanswered += usize::from(error);
        if let Some(comparison) = &mut self.comparison {
            comparison.add(&step);
        }
        let attempt = redact::attempt(step.answer.attempt);
        let mut out = Vec::new();
        match self.args.output {
            Format::Plain => {
                let style = plain::Style::of_stdout();
                let number = plain::number(&step.event, self.several);
                out.extend(style.attempt(&attempt, &number).into_bytes());
            }
            Format::Json => json::line(&mut out, &json::attempt(&attempt)),
        }
        // Continue without a reader: the history records the replay.
        self.stdout.write(&out).await.map(drop)
    }
}

/// Lists the events in order, with their targets.
async fn list(args: &ReplayArgs, run: &Run) -> Result<(), Failure> {
    let style = plain::Style::of_stdout();
    let mut stdout = Stdout::new();
    for passed in (0..run.left()).step_by(PAGE) {
        let mut out = Vec::new();
        let page = run.to_come(passed, PAGE).await;
        for planned in page? {
            let aim = aim(&planned);
            let event = redact::row(planned.event);
            match args.output {
                Format::Plain => {
                    let line = style.listed(&event, true);
                    out.extend(format!("{}  {}\n", line.trim_end(), escape(&aim)).into_bytes());
                }
                Format::Json => {
                    let mut value = json::event_row(&event);
                    let target = planned.sender.target().to_string();
                    value["target"] = redacted(&target).into();
                    value["again"] = planned.again.into();
                    json::line(&mut out, &value);
                }
            }
        }
        if !stdout.write(&out).await? {
            break;
        }
    }
    Ok(())
}

/// Returns an event's target, and whether it is sent a second time.
pub(crate) fn aim(planned: &Planned<'_>) -> String {
    let target = planned.sender.target().to_string();
    let target = redacted(&target);
    match planned.again {
        true => format!("→ {target} again"),
        false => format!("→ {target}"),
    }
}

fn sender(config: &Config, args: &ReplayArgs, endpoint: &str) -> Result<Sender, Failure> {
    let target = target(config, args, endpoint)?;
    let options = args.hop.send_options(SendOptions::default());
    Sender::new(target, options).map_err(Failure::from)
}

fn target(config: &Config, args: &ReplayArgs, endpoint: &str) -> Result<TargetUrl, Failure> {
    match &args.target {
        Some(text) => TargetUrl::parse(text).map_err(Failure::from),
        None => last_target(&config.data, endpoint).ok_or_else(|| nowhere(endpoint)),
    }
}

/// The error for an endpoint without a target.
pub(crate) fn nowhere(endpoint: &str) -> Failure {
    let unknown = format!("no target for events of {endpoint}");
    Failure::new(&codes::USAGE, unknown).hint("pass --target 3000")
}
