//! `ringtail replay`: sends stored events to the app once more.

use anyhow::anyhow;
use ringtail_client::config::{Config, Secrets};
use ringtail_client::engine::last_target;
use ringtail_client::forward::{Sender, TargetUrl};
use ringtail_client::history::History;
use ringtail_client::mask;
use ringtail_client::model::{EventRow, Outcome};
use ringtail_client::replay::replay;
use ringtail_ringcentral::errors::own;

use super::find::{find, open};
use super::listen::send_options;
use crate::args::{Common, Format, ReplayArgs};
use crate::exit::{Exit, Failure};
use crate::output::{Closed, Stdout, json, plain};

pub(super) async fn run(common: &Common, args: ReplayArgs) -> Result<(), Failure> {
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let mut events = Vec::new();
    for text in &args.events {
        events.extend(find(&history, args.endpoint.as_deref(), text).await?);
    }
    let mut failed = 0;
    // Events of one endpoint follow each other often; they share a sender and its connections.
    for events in events.chunk_by(|a, b| a.endpoint == b.endpoint) {
        let target = target(&config, &args, &events[0].endpoint)?;
        let sender = Sender::new(target, send_options(&args.hop))
            .map_err(|error| Failure::new(Exit::Config, error))?;
        let secrets = config.secrets.of_id(&events[0].endpoint);
        let sign = args.sign.then_some(&secrets);
        failed += replay_all(&history, &sender, events, sign, args.output).await?;
    }
    if failed == 0 {
        return Ok(());
    }
    let failure = anyhow!("{failed} of {} events got no answer", events.len());
    Err(Failure::from(failure)
        .code(&own::UNANSWERED)
        .hint("check that the app runs"))
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
async fn replay_all(
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
