//! `ringtail replay`: sends stored events to the app once more.

use anyhow::anyhow;
use ringtail_client::config::{Config, Secrets};
use ringtail_client::engine::last_target;
use ringtail_client::forward::{Sender, TargetUrl};
use ringtail_client::history::{Direction, History};
use ringtail_client::mask;
use ringtail_client::model::{EventRow, Outcome, RowId};
use ringtail_client::replay::replay;
use ringtail_ringcentral::errors::own;

use super::find::{find, is_on, open};
use super::listen::send_options;
use super::search::{self, filter, search};
use crate::args::{Common, Format, ReplayArgs};
use crate::exit::{Exit, Failure};
use crate::output::escape::escape;
use crate::output::{Closed, Stdout, json, plain, print};

pub(super) async fn run(common: &Common, args: ReplayArgs) -> Result<(), Failure> {
    let filter = args.filter.as_deref().map(filter).transpose()?;
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let mut sent = Sent::default();
    match filter {
        None => {
            let mut events = Vec::new();
            for text in &args.events {
                events.extend(find(&history, args.endpoint.as_deref(), text).await?);
            }
            sent.add(replay_all(&config, &args, &history, &events).await?);
        }
        Some(filter) => {
            // What arrives meanwhile was not there to be meant.
            let last = history.marks().borrow().events;
            let search = search(filter, config.secrets.clone());
            let mut at = Some(RowId(0));
            while let Some(from) = at.filter(|from| *from < last) {
                let found = search::find(&history, &search, Direction::Newer, from, PAGE);
                let mut found = found.await?;
                found
                    .rows
                    .retain(|event| event.row <= last && is_on(event, args.endpoint.as_deref()));
                at = found.next;
                sent.add(replay_all(&config, &args, &history, &found.rows).await?);
            }
            if sent.events == 0 {
                let failure = anyhow!("no event in the history is one that the filter is for");
                return Err(Failure::new(Exit::NoData, failure)
                    .hint("`ringtail events list` shows what there is"));
            }
        }
    }
    if sent.failed == 0 {
        return Ok(());
    }
    let failure = anyhow!("{} of {} events got no answer", sent.failed, sent.events);
    Err(Failure::from(failure)
        .code(&own::UNANSWERED)
        .hint("check that the app runs"))
}

/// Events of a filter that are read at once.
const PAGE: usize = 200;

/// How many events were sent, and how many of them got no answer.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    events: usize,
    failed: usize,
}

impl Sent {
    fn add(&mut self, more: Self) {
        self.events += more.events;
        self.failed += more.failed;
    }
}

/// Replays events; those of one endpoint follow each other often and share a sender and its connections.
async fn replay_all(
    config: &Config,
    args: &ReplayArgs,
    history: &History,
    events: &[EventRow],
) -> Result<Sent, Failure> {
    let mut sent = Sent::default();
    for events in events.chunk_by(|a, b| a.endpoint == b.endpoint) {
        let target = target(config, args, &events[0].endpoint)?;
        sent.events += events.len();
        if args.dry_run {
            list(events, &target, args.output).await?;
            continue;
        }
        let sender = Sender::new(target, send_options(&args.hop))
            .map_err(|error| Failure::new(Exit::Config, error))?;
        let secrets = config.secrets.of_id(&events[0].endpoint);
        let sign = args.sign.then_some(&secrets);
        sent.failed += send(history, &sender, events, sign, args.output).await?;
    }
    Ok(sent)
}

/// Says what would be sent, and where to.
async fn list(events: &[EventRow], target: &TargetUrl, format: Format) -> Result<(), Failure> {
    let style = plain::Style::of_stdout();
    let mut out = Vec::new();
    for event in events {
        let event = mask::row(event.clone());
        match format {
            Format::Plain => {
                let line = style.listed(&event, true);
                let target = target.to_string();
                let target = escape(&target);
                out.extend(format!("{}  → {target}\n", line.trim_end()).into_bytes());
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

/// Sends the events one after another, as people read them, and returns how many got no answer.
async fn send(
    history: &History,
    sender: &Sender,
    events: &[EventRow],
    sign: Option<&Secrets>,
    format: Format,
) -> Result<usize, Failure> {
    let style = plain::Style::of_stdout();
    let mut stdout = Stdout::new();
    let mut failed = 0;
    for event in events {
        let replayed = replay(history, sender, event.id, sign).await;
        let attempt = mask::attempt(replayed.map_err(anyhow::Error::from)?.attempt);
        failed += usize::from(matches!(attempt.outcome, Outcome::Error { .. }));
        let mut out = Vec::new();
        match format {
            Format::Plain => out.extend(style.attempt(&attempt, Some(event.seq)).into_bytes()),
            Format::Json => json::line(&mut out, &json::attempt(&attempt)),
        }
        match stdout.write(&out).await {
            // Replays go on: they were asked for, and the history has them.
            Ok(()) | Err(Closed::Pipe) => {}
            Err(Closed::Failed(error)) => return Err(anyhow::Error::from(error).into()),
        }
    }
    Ok(failed)
}
