//! Replays that the screen asks for: by the options of `ringtail replay`, read by the same parser.

use std::collections::{HashMap, VecDeque};

use clap::parser::ValueSource;
use clap::{Arg, CommandFactory, FromArgMatches, Parser};
use ringtail_client::engine::last_target;
use ringtail_client::forward::Sender;
use ringtail_client::replay::{Events, ReplayError, Run, Step};
use ringtail_model::EventRow;
use ringtail_model::redact;
use ringtail_model::signature::NoSecret;
use ringtail_model::target::TargetUrl;
use ringtail_protocol::event::EventId;
use ringtail_tui::source::{OptionLine, ReplayStep, Report, Sight, Table, TableRow};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Screen;
use crate::args::replay::ReplayArgs;
use crate::command::listen::send_options;
use crate::command::replay::{Counts, aim, edit, how, nowhere, options};
use crate::command::select::Selection;
use crate::exit::{Exit, Failure};

/// Most rows of a table; what it is about is looked at, and not read like a book.
const MAX_ROWS: usize = 2000;

/// The option that is the command's alone.
const OUTPUT: &str = "output";

/// What is offered first: a narrow screen has room for few.
const FIRST: [&str; 7] = [
    "target", "edit", "compare", "dry-run", "timing", "reorder", "double",
];

/// The options as a command line of their own.
#[derive(Debug, Parser)]
#[command(name = "replay", no_binary_name = true, disable_help_flag = true)]
struct Line {
    #[command(flatten)]
    args: ReplayArgs,
}

/// Returns what is known of a line while it is written.
pub(super) fn read(line: &str) -> OptionLine {
    let parsed = parse(line);
    let words: Vec<&str> = line.split_whitespace().collect();
    let begun = match line.ends_with(char::is_whitespace) {
        true => "",
        false => words.last().copied().unwrap_or_default(),
    };
    let mut command = Line::command();
    // How many values an option takes is known from here on.
    command.build();
    let option = |word: &str| {
        let name = word.strip_prefix("--")?.split('=').next()?;
        let mut all = command.get_arguments();
        all.find(|argument| argument.get_long() == Some(name) && name != OUTPUT)
    };
    let last = words.iter().rev().find_map(|word| option(word));
    // Its value is still to come: no mistake yet, and nothing else may stand there.
    let waits = words.last().and_then(|word| option(word));
    let waits = waits.and_then(Arg::get_num_args);
    let waits = waits.is_some_and(|values| values.min_values() > 0);
    let may_begin = begun.is_empty() || begun.starts_with('-');
    let mut offers: Vec<&str> = command
        .get_arguments()
        .filter_map(Arg::get_long)
        .filter(|name| *name != OUTPUT && may_begin && !waits && option(begun).is_none())
        .filter(|name| begun.len() < 3 || name.starts_with(&begun[2..]))
        .filter(|name| {
            !words
                .iter()
                .any(|word| word.strip_prefix("--") == Some(name))
        })
        .collect();
    let place = |name: &str| FIRST.iter().position(|first| *first == name);
    offers.sort_by_key(|name| place(name).unwrap_or(FIRST.len()));
    let about = last.filter(|_| waits || parsed.is_ok());
    OptionLine {
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
    let matches = matches.map_err(|error| told(&error))?;
    if matches.value_source(OUTPUT) == Some(ValueSource::CommandLine) {
        return Err("--output is for the command: the screen has its own".to_owned());
    }
    ReplayArgs::from_arg_matches(&matches).map_err(|error| told(&error))
}

/// Returns clap's first words on one line.
fn told(error: &clap::Error) -> String {
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
    parse(line).map_err(|why| Failure::new(Exit::Usage, anyhow::Error::msg(why)))
}

/// Replays what the line names, else the events, and tells of each.
pub(super) async fn run(
    screen: &Screen,
    ids: Vec<EventId>,
    line: &str,
    sight: Sight,
    steps: &mpsc::Sender<ReplayStep>,
    stop: CancellationToken,
) -> Result<Report, Failure> {
    let args = parsed(line)?;
    let events = match args.edit {
        // An edited one is what came of those that the line names.
        true => of_ids(screen, ids, &args).await?,
        false => events(screen, ids, &args).await?,
    };
    let (options, seed) = options(&args, &screen.noise);
    let compares = options.compare.is_some();
    let history = screen.history().clone();
    let mut run = Run::new(history, screen.secrets.clone(), events, options).until(stop);
    if args.dry_run {
        return would(screen, &run, seed, sight).await;
    }
    let mut report = Report {
        left_out: run.left_out(),
        seed,
        ..Report::default()
    };
    // The screen may have ended; then nobody is there to be told.
    let _told = steps.send(ReplayStep::Begun(run.left())).await;
    let mut counts = Counts::default();
    let mut rows = Vec::new();
    let mut changed = Vec::new();
    loop {
        let step = match run.next().await {
            Ok(Some(step)) => step,
            Ok(None) => break,
            Err(error) => return Err(failed(screen, error).await),
        };
        let Step {
            event,
            answer,
            compared: beside,
        } = step;
        let accepted = answer.attempt.verdict.is_accepted();
        report.sent += 1;
        report.accepted += usize::from(accepted);
        let _told = steps.send(ReplayStep::Sent { accepted }).await;
        counts.add(beside.as_ref());
        report.last = Some((event.seq, redact::attempt(answer.attempt)));
        if let Some(beside) = beside.filter(|beside| beside.changes > 0)
            && rows.len() < MAX_ROWS
        {
            changed.push(how(&beside));
            rows.push(event);
        }
    }
    report.not_sent = run.left();
    report.gone = run.gone();
    if compares {
        report.table = Some(table(screen, counts.to_string(), rows, changed, sight).await?);
    }
    if let (Sight::Pseudonyms, Some((_, attempt))) = (sight, &mut report.last) {
        let masked = screen.masked.attempts(vec![attempt.clone()]).await;
        let masked = masked.map_err(|error| anyhow::anyhow!(error))?;
        *attempt = masked.into_iter().next().unwrap_or_else(|| attempt.clone());
    }
    Ok(report)
}

/// Tells why an event is not sent in words of the screen, which has one line: the reason first, and the number instead of
/// the id.
async fn failed(screen: &Screen, error: ReplayError) -> Failure {
    if let ReplayError::Unsigned { id, source } = &error
        && let Ok(Some(event)) = screen.history().row(*id).await
    {
        return unsigned(source, event.seq);
    }
    error.into()
}

fn unsigned(source: &NoSecret, seq: u64) -> Failure {
    anyhow::anyhow!("{source}: event {seq} cannot be signed anew").into()
}

/// Has the event edited in the terminal, which is not the screen's meanwhile.
pub(super) async fn edited(
    screen: &Screen,
    ids: Vec<EventId>,
    line: &str,
) -> Result<Option<EventId>, Failure> {
    let args = parsed(line)?;
    // What is wrong with the target is said before anything is edited.
    let events = events(screen, ids, &args).await?;
    let edited = edit(&screen.data, screen.history(), &events).await?;
    Ok(edited.map(|event| event.id))
}

/// Returns the events that are meant.
async fn events(screen: &Screen, ids: Vec<EventId>, args: &ReplayArgs) -> Result<Events, Failure> {
    if args.which.is_all() {
        return of_ids(screen, ids, args).await;
    }
    let selection = Selection::new(&screen.secrets, screen.history(), &args.which);
    let mut selection = selection.await?.silent();
    let mut events = Events::default();
    while let Some(page) = selection.next().await? {
        for event in &page {
            events.add(event, |endpoint| sender(screen, args, endpoint))?;
        }
    }
    Ok(events)
}

/// Returns the events that the screen names, which are few.
async fn of_ids(screen: &Screen, ids: Vec<EventId>, args: &ReplayArgs) -> Result<Events, Failure> {
    let rows = screen.history().rows(ids).await;
    let mut events = Events::default();
    for event in rows.map_err(anyhow::Error::from)?.iter().flatten() {
        events.add(event, |endpoint| sender(screen, args, endpoint))?;
    }
    Ok(events)
}

/// Returns who sends events of an endpoint: to where the line says, to the target of this run, or to the last one.
fn sender(screen: &Screen, args: &ReplayArgs, endpoint: &str) -> Result<Sender, Failure> {
    let options = send_options(&args.hop, screen.send);
    let listening = screen.sender(endpoint);
    let target = match (&args.target, listening) {
        (Some(text), _) => {
            TargetUrl::parse(text).map_err(|error| Failure::new(Exit::Usage, error))?
        }
        // What is held for a target that was down goes on when a replay finds it up, which the same sender tells.
        (None, Some(sender)) if options == screen.send => return Ok(sender.clone()),
        (None, Some(sender)) => sender.target().clone(),
        (None, None) => last_target(&screen.data, endpoint).ok_or_else(|| nowhere(endpoint))?,
    };
    Sender::new(target, options).map_err(|error| Failure::new(Exit::Config, error))
}

/// Says what would be sent, in which order, and where to.
async fn would(
    screen: &Screen,
    run: &Run,
    seed: Option<u64>,
    sight: Sight,
) -> Result<Report, Failure> {
    let again = run.doubled();
    let mut title = format!("{} events would be sent", run.left() - again);
    for (count, words) in [(again, "of them twice"), (run.left_out(), "left out")] {
        if count > 0 {
            title += &format!(", {count} {words}");
        }
    }
    if let Some(seed) = seed {
        title += &format!("; --seed {seed}");
    }
    let planned = run.to_come(0, MAX_ROWS).await;
    let planned = planned.map_err(anyhow::Error::from)?.into_iter();
    let (targets, rows) = planned
        .map(|planned| (aim(&planned), planned.event))
        .unzip();
    Ok(Report {
        table: Some(table(screen, title, rows, targets, sight).await?),
        ..Report::default()
    })
}

async fn table(
    screen: &Screen,
    title: String,
    rows: Vec<EventRow>,
    told: Vec<String>,
    sight: Sight,
) -> Result<Table, Failure> {
    // An event that is sent twice has two rows.
    let mut of: HashMap<EventId, VecDeque<String>> = HashMap::new();
    for (event, told) in rows.iter().zip(told) {
        of.entry(event.id).or_default().push_back(told);
    }
    let rows = screen.rows(rows, sight).await;
    let rows = rows.map_err(|error| anyhow::anyhow!(error))?;
    let rows = rows.into_iter().map(|event| TableRow {
        event: event.id,
        row: event.row,
        seq: event.seq,
        told: of
            .get_mut(&event.id)
            .and_then(VecDeque::pop_front)
            .unwrap_or_default(),
        summary: event.summary,
    });
    Ok(Table {
        title,
        rows: rows.take(MAX_ROWS).collect(),
    })
}

#[cfg(test)]
mod tests {
    use ringtail_ringcentral::signature::Scheme;

    use super::*;

    #[test]
    fn a_line_is_read_as_the_command_reads_it() {
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
    fn why_an_event_is_not_signed_comes_before_which_it_is() {
        let scheme = Scheme::Glip;
        let failure = unsigned(&NoSecret { scheme }, 56);
        let told = "there is no secret for X-Glip-Signature: event 56 cannot be signed anew";
        assert_eq!(failure.line(), told);
    }

    #[test]
    fn what_is_wrong_with_a_line_is_told_on_one_line() {
        for (line, why) in [
            ("--spede 2", "unexpected argument '--spede' found"),
            ("--speed 2", "--timing is missing"),
            ("--filter 'a", "a quote is not closed"),
            (
                "--output json",
                "--output is for the command: the screen has its own",
            ),
            (
                "--edit --compare",
                "the argument '--edit' cannot be used with '--compare'",
            ),
        ] {
            assert_eq!(read(line).error.as_deref(), Some(why));
        }
        assert_eq!(read("").error, None);
        assert!(read(" --edit ").edits && !read("--sign").edits);
    }

    #[test]
    fn options_are_offered_where_one_may_stand() {
        let offers = |line: &str| read(line).offers;
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
            let about = read(line).about.unwrap();
            assert!(about.starts_with("--target: Where they go"), "{about}");
        }
        assert_eq!(read("--target 3000 --speed 2").about, None);
    }
}
