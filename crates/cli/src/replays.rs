//! Replays for the terminal UI and the page, by the options of `ringtail replay`.

use clap::parser::ValueSource;
use clap::{Arg, CommandFactory, FromArgMatches, Parser};
use ringtail_client::endpoint_cache::last_target;
use ringtail_client::forward::{SendOptions, Sender};
use ringtail_client::replay::{Events, ReplayError, Run, Step};
use ringtail_errors::{Failure, codes};
use ringtail_model::signature::NoSecret;
use ringtail_model::target::TargetUrl;
use ringtail_protocol::event::EventId;
use ringtail_recordings::diff::Noise;
use ringtail_text::counted;
use ringtail_views::Store;
use ringtail_views::replayer::{OptionsCheck, ReplayReport, ReplayStep, Replayer, ResultTable};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::args::replay::ReplayArgs;
use crate::command::replay::{Counts, aim, edit, how, nowhere, options};
use crate::command::select::Selection;

/// Most rows of a table.
const MAX_ROWS: usize = 2000;

/// The option that only the command has.
const OUTPUT: &str = "output";

/// The first completions: a narrow screen has room for few.
const FIRST: [&str; 7] = [
    "target", "edit", "compare", "dry-run", "timing", "reorder", "double",
];

/// The options without a command.
#[derive(Debug, Parser)]
#[command(name = "replay", no_binary_name = true, disable_help_flag = true)]
struct Line {
    #[command(flatten)]
    args: ReplayArgs,
}

/// Checks a line of options while it is typed.
pub(crate) fn check(line: &str) -> OptionsCheck {
    let parsed = parse(line);
    let words: Vec<&str> = line.split_whitespace().collect();
    let typed = match line.ends_with(char::is_whitespace) {
        true => "",
        false => words.last().copied().unwrap_or_default(),
    };
    let mut command = Line::command();
    // Sets the number of values of each option.
    command.build();
    let option = |word: &str| {
        let name = word.strip_prefix("--")?.split('=').next()?;
        let mut all = command.get_arguments();
        all.find(|argument| argument.get_long() == Some(name) && name != OUTPUT)
    };
    let last = words.iter().rev().find_map(|word| option(word));
    // An option without its value yet is not a mistake.
    let last_word = words.last().and_then(|word| option(word));
    let values = last_word.and_then(Arg::get_num_args);
    let awaits_value = values.is_some_and(|values| values.min_values() > 0);
    let is_option = typed.is_empty() || typed.starts_with('-');
    let mut offers: Vec<&str> = command
        .get_arguments()
        .filter_map(Arg::get_long)
        .filter(|name| *name != OUTPUT && is_option && !awaits_value && option(typed).is_none())
        .filter(|name| typed.len() < 3 || name.starts_with(&typed[2..]))
        .filter(|name| {
            !words
                .iter()
                .any(|word| word.strip_prefix("--") == Some(name))
        })
        .collect();
    let place = |name: &str| FIRST.iter().position(|first| *first == name);
    offers.sort_by_key(|name| place(name).unwrap_or(FIRST.len()));
    let about = last.filter(|_| awaits_value || parsed.is_ok());
    OptionsCheck {
        offers: offers.iter().map(|name| format!("--{name}")).collect(),
        about: about.and_then(|argument| {
            let help = argument.get_help()?.to_string();
            Some(format!("--{}: {help}", argument.get_long()?))
        }),
        edits: parsed.as_ref().is_ok_and(|args| args.edit),
        error: parsed.err(),
    }
}

fn parse(line: &str) -> Result<ReplayArgs, String> {
    let words = shlex::split(line).ok_or("a quote is not closed")?;
    let matches = Line::command().try_get_matches_from(words);
    let matches = matches.map_err(|error| message(&error))?;
    if matches.value_source(OUTPUT) == Some(ValueSource::CommandLine) {
        return Err("--output does not apply to the screen".to_owned());
    }
    ReplayArgs::from_arg_matches(&matches).map_err(|error| message(&error))
}

/// Returns clap's message on one line.
fn message(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let words = text.lines().take_while(|line| !line.is_empty());
    let words = words.map(str::trim).collect::<Vec<_>>().join(" ");
    let words = words.strip_prefix("error: ").unwrap_or(&words);
    match words.strip_prefix("the following required arguments were not provided: ") {
        Some(missing) => format!("{missing} is missing"),
        None => words.to_owned(),
    }
}

fn parsed(line: &str) -> Result<ReplayArgs, Failure> {
    parse(line).map_err(|why| Failure::new(&codes::USAGE, why))
}

/// Replays for a front end, with the options of `ringtail replay`.
#[derive(Debug, Clone)]
pub(crate) struct Replays {
    pub(crate) store: Store,
    pub(crate) noise: Noise,
    pub(crate) send: SendOptions,
}

impl Replayer for Replays {
    async fn replay(
        &self,
        ids: Vec<EventId>,
        options: String,
        steps: mpsc::Sender<ReplayStep>,
        stop: CancellationToken,
    ) -> Result<ReplayReport, String> {
        let replayed = self.run(ids, &options, &steps, stop).await;
        replayed.map_err(|failure| failure.line())
    }

    async fn edit(&self, ids: Vec<EventId>, options: String) -> Result<Option<EventId>, String> {
        let edit = async {
            let args = parsed(&options)?;
            // A wrong target is an error before the editor opens.
            let events = self.events(ids, &args).await?;
            edit(&self.store.data, &self.store.history, &events).await
        };
        let edited: Result<_, Failure> = edit.await;
        let edited = edited.map_err(|failure| failure.line())?;
        Ok(edited.map(|event| event.id))
    }
}

impl Replays {
    async fn run(
        &self,
        ids: Vec<EventId>,
        line: &str,
        steps: &mpsc::Sender<ReplayStep>,
        stop: CancellationToken,
    ) -> Result<ReplayReport, Failure> {
        let args = parsed(line)?;
        let events = match args.edit {
            // The id is the edited copy of the events in the line.
            true => self.of_ids(ids, &args).await?,
            false => self.events(ids, &args).await?,
        };
        let (options, seed) = options(&args, &self.noise);
        let compares = options.compare.is_some();
        let (history, secrets) = (self.store.history.clone(), self.store.secrets.clone());
        let mut run = Run::new(history, secrets, events, options).until(stop);
        if args.dry_run {
            return planned(&run, seed).await;
        }
        let mut report = ReplayReport {
            left_out: run.left_out(),
            seed,
            ..ReplayReport::default()
        };
        // The receiver is gone if the screen has ended or does not watch.
        let _unwatched = steps.send(ReplayStep::Begun(run.left())).await;
        let mut counts = Counts::default();
        let mut changed = Vec::new();
        loop {
            let Step {
                event,
                answer,
                compared,
            } = match run.next().await {
                Ok(Some(step)) => step,
                Ok(None) => break,
                Err(error) => return Err(self.failed(error).await),
            };
            let accepted = answer.attempt.verdict.is_accepted();
            report.sent += 1;
            report.accepted += usize::from(accepted);
            let _unwatched = steps.send(ReplayStep::Sent { accepted }).await;
            counts.add(compared.as_ref());
            report.last = Some((event.seq, answer.attempt));
            if let Some(compared) = compared.filter(|compared| compared.changes > 0)
                && changed.len() < MAX_ROWS
            {
                changed.push((event, how(&compared)));
            }
        }
        report.not_sent = run.left();
        report.gone = run.gone();
        report.table = compares.then(|| ResultTable {
            title: counts.to_string(),
            rows: changed,
        });
        Ok(report)
    }

    /// Puts the reason before the event, and the event's number in place of its id: the screen has one line.
    async fn failed(&self, error: ReplayError) -> Failure {
        if let ReplayError::Unsigned { id, source } = &error
            && let Ok(Some(event)) = self.store.history.row(*id).await
        {
            return unsigned(source, event.seq);
        }
        error.into()
    }

    /// Returns the events that the options select, else those of the screen.
    async fn events(&self, ids: Vec<EventId>, args: &ReplayArgs) -> Result<Events, Failure> {
        if args.which.is_all() {
            return self.of_ids(ids, args).await;
        }
        let selection = Selection::new(&self.store.secrets, &self.store.history, &args.which);
        let mut selection = selection.await?.silent();
        let mut events = Events::default();
        while let Some(page) = selection.next().await? {
            for event in &page {
                events.add(event, |endpoint| self.sender(args, endpoint))?;
            }
        }
        Ok(events)
    }

    async fn of_ids(&self, ids: Vec<EventId>, args: &ReplayArgs) -> Result<Events, Failure> {
        let rows = self.store.history.rows(ids).await;
        let mut events = Events::default();
        for event in rows?.iter().flatten() {
            events.add(event, |endpoint| self.sender(args, endpoint))?;
        }
        Ok(events)
    }

    /// Returns the sender for an endpoint: to the target of the options, else of this run, else the last one.
    fn sender(&self, args: &ReplayArgs, endpoint: &str) -> Result<Sender, Failure> {
        let options = args.hop.send_options(self.send);
        let listening = self.store.sender(endpoint);
        let target = match (&args.target, listening) {
            (Some(text), _) => TargetUrl::parse(text)?,
            // The engine's own sender notices that a target is up again, and pending events are forwarded.
            (None, Some(sender)) if options == self.send => return Ok(sender.clone()),
            (None, Some(sender)) => sender.target().clone(),
            (None, None) => {
                last_target(&self.store.data, endpoint).ok_or_else(|| nowhere(endpoint))?
            }
        };
        Sender::new(target, options).map_err(Failure::from)
    }
}

fn unsigned(source: &NoSecret, seq: u64) -> Failure {
    Failure::new(
        &codes::NO_REPLAY,
        format!("{source}: event {seq} cannot be signed again"),
    )
}

/// Reports what a dry run would send, in order, and where to.
async fn planned(run: &Run, seed: Option<u64>) -> Result<ReplayReport, Failure> {
    let twice = run.doubled();
    let mut title = format!("{} would be sent", counted(run.left() - twice, "event"));
    for (count, words) in [(twice, "of them twice"), (run.left_out(), "left out")] {
        if count > 0 {
            title += &format!(", {count} {words}");
        }
    }
    if let Some(seed) = seed {
        title += &format!("; --seed {seed}");
    }
    let planned = run.to_come(0, MAX_ROWS).await;
    let planned = planned?.into_iter();
    let rows = planned.map(|planned| {
        let target = aim(&planned);
        (planned.event, target)
    });
    Ok(ReplayReport {
        table: Some(ResultTable {
            title,
            rows: rows.collect(),
        }),
        ..ReplayReport::default()
    })
}

#[cfg(test)]
mod tests {
    use ringtail_ringcentral::signature::Scheme;

    use super::*;

    #[test]
    fn options_are_parsed_like_the_command() {
        let args = parse("--target 3001 --timing --speed 2 --reorder=50 --drop --seed 7").unwrap();
        assert_eq!(args.target.as_deref(), Some("3001"));
        assert!(args.timing && args.which.is_all());
        assert_eq!((args.speed, args.faults.reorder), (2.0, Some(50)));
        assert_eq!((args.faults.drop, args.faults.seed), (Some(10), Some(7)));
        // A blank does as well, and what stands behind it is never taken for an event.
        let args = parse("2..9 --drop 50 --double 7").unwrap();
        assert_eq!((args.faults.drop, args.faults.double), (Some(50), Some(7)));
        assert_eq!(args.which.events, ["2..9"]);
        assert!(parse("--drop 2..9").is_err_and(|why| why.contains("give a percentage")));
        let args = parse("--filter 'kind:sms from:+1650' --dry-run").unwrap();
        assert_eq!(args.which.filter.as_deref(), Some("kind:sms from:+1650"));
        assert!(parse("17..20 --edit").is_ok_and(|args| args.edit));
    }

    #[test]
    fn the_reason_comes_before_the_event() {
        let scheme = Scheme::Glip;
        let failure = unsigned(&NoSecret { scheme }, 56);
        let told = "there is no secret for X-Glip-Signature: event 56 cannot be signed again";
        assert_eq!(failure.line(), told);
    }

    #[test]
    fn mistakes_are_reported_on_one_line() {
        for (line, why) in [
            ("--spede 2", "unexpected argument '--spede' found"),
            ("--speed 2", "--timing is missing"),
            ("--filter 'a", "a quote is not closed"),
            ("--output json", "--output does not apply to the screen"),
            (
                "--edit --compare",
                "the argument '--edit' cannot be used with '--compare'",
            ),
        ] {
            assert_eq!(check(line).error.as_deref(), Some(why));
        }
        assert_eq!(check("").error, None);
        assert!(check(" --edit ").edits && !check("--sign").edits);
    }

    #[test]
    fn options_are_completed_where_they_may_stand() {
        let offers = |line: &str| check(line).offers;
        assert_eq!(offers("--re"), ["--reorder"]);
        assert_eq!(
            offers("--d"),
            ["--dry-run", "--double", "--drop", "--delay"]
        );
        assert!(offers("").contains(&"--target".to_owned()));
        assert!(!offers("--sign ").contains(&"--sign".to_owned()));
        assert!(offers("--target ").is_empty() && offers("--target 30").is_empty());
        assert!(offers("--drop ").contains(&"--double".to_owned()));
        assert!(!offers("--").contains(&"--output".to_owned()));
        for line in ["--target 3000", "--target ", "--target"] {
            let about = check(line).about.unwrap();
            assert!(about.starts_with("--target: Target"), "{about}");
        }
        assert_eq!(check("--target 3000 --speed 2").about, None);
    }
}
