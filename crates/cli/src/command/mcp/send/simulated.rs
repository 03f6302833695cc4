//! `send_simulated`: plays a scenario to the app, or to the endpoint's URL as RingCentral does.

use std::collections::BTreeMap;
use std::time::Duration;

use ringtail_client::endpoint_cache::known_endpoints;
use ringtail_errors::{Failure, codes};
use ringtail_model::endpoint_name;
use ringtail_model::target::TargetUrl;
use ringtail_simulate::{Options, Pace, SimSender, Summary, run as play};
use ringtail_text::counted;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{FaultInput, allowed};
use crate::command::mcp::answer::{Answer, bound_all, bounded};
use crate::command::mcp::cursor::Cursor;
use crate::command::mcp::read::{TextOrNumber, yes};
use crate::command::mcp::session::Session;
use crate::command::mcp::wait::{MAX_SECONDS, found};
use crate::command::search::filter;
use crate::command::simulate;
use ringtail_views::{blocking, search};

/// How long the events may take from the relay to the history.
const ARRIVAL: Duration = Duration::from_secs(5);

/// The most requests whose events are waited for.
const MAX_ARRIVALS: u64 = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum To {
    /// Directly to the app
    App,
    /// To the endpoint's URL on the relay, as RingCentral does
    Relay,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::command::mcp) struct SimulatedInput {
    /// Scenario or kind: read_scenarios lists them
    scenario: String,
    /// Where to send
    to: To,
    /// Name of the endpoint. Default: the configured one
    endpoint: Option<String>,
    /// The app's address, if it is not the endpoint's own target
    target: Option<TextOrNumber>,
    /// Values, such as {"text": "Hi"}: read_scenarios lists them
    #[serde(default)]
    set: BTreeMap<String, String>,
    #[serde(default)]
    faults: FaultInput,
    /// Seed of ids and faults
    seed: Option<u64>,
    /// Do not wait between requests
    #[serde(default = "yes")]
    no_wait: bool,
}

pub(in crate::command::mcp) async fn simulated(
    session: &Session,
    args: SimulatedInput,
) -> Result<Answer, Failure> {
    let scenario = simulate::built_in(&args.scenario)?;
    let config = &session.config;
    let name = args.endpoint.as_deref().unwrap_or(&config.endpoint);
    let known = known_endpoints(&config.data);
    let known = known
        .iter()
        .find(|known| known.endpoint == name || endpoint_name(&known.endpoint) == name);
    let id = known.map_or(name, |known| known.endpoint.as_str());
    let to = match (args.to, &args.target) {
        (To::App, target) => allowed(session, target.as_ref(), id)?,
        (To::Relay, None) => {
            let unknown = || {
                Failure::new(
                    &codes::NO_DATA,
                    format!("the URL of endpoint {} is not known", bounded(name)),
                )
                .hint("`ringtail listen` must have run with it")
            };
            TargetUrl::parse(&known.ok_or_else(unknown)?.url)?
        }
        (To::Relay, Some(_)) => {
            let both = "`target` is the app's address, and `to` is relay";
            return Err(Failure::new(&codes::USAGE, both).hint("omit `target`"));
        }
    };
    let defaults = simulate::defaults(config);
    let mut options = Options {
        secrets: config.secrets.of_id(id),
        faults: args.faults.faults()?,
        seed: args.seed.unwrap_or(defaults.seed),
        pace: if args.no_wait {
            Pace::NoWait
        } else {
            Pace::Times(1.0)
        },
        ..defaults
    };
    options.given.extend(args.set.clone());
    let seed = options.seed;
    let before = session.has_read().await?;
    let sender = SimSender::new(to, config.ca.as_deref(), config.proxies.clone())?;
    let deadline = Instant::now() + Duration::from_secs(MAX_SECONDS - 10);
    let (reports, summary) = played(scenario, options, sender, deadline).await?;
    let (sent, failed, end, reason) = match &summary {
        Some(it) => (it.sent, it.failed, simulate::end(&it.end), it.end.message()),
        None => {
            let failed = reports
                .iter()
                .filter(|it| it["as_expected"] == false)
                .count();
            (reports.len() as u64, failed as u64, "stopped", None)
        }
    };
    let arrivals = match args.to {
        To::App => Vec::new(),
        To::Relay => {
            let search = search(filter("")?, config.secrets.clone());
            let count = usize::try_from(sent.min(MAX_ARRIVALS)).unwrap_or_default();
            // Not the earlier events that the app has answered meanwhile.
            let after = Cursor {
                after: before.after,
                ..Cursor::default()
            };
            found(session, &after, &search, count, Instant::now() + ARRIVAL).await?
        }
    };
    let numbers: Vec<u64> = arrivals.iter().map(|event| event.seq).collect();
    let line = format!(
        "{sent} sent, {failed} not answered as they should be, {} arrived",
        counted(numbers.len(), "event")
    );
    let object = json!({
        "type": "simulation", "scenario": args.scenario, "untrusted": true, "seed": seed, "sent": sent,
        "failed": failed, "dropped": summary.map_or(0, |it| it.dropped), "end": end,
        "reason": reason.map(|reason| bounded(&reason)), "answers": reports, "events": numbers,
    });
    Ok(Answer::new(object, line))
}

/// Runs a scenario until the deadline. Without a summary it was cut off.
async fn played(
    scenario: ringtail_simulate::Scenario,
    options: Options,
    sender: SimSender,
    deadline: Instant,
) -> Result<(Vec<Value>, Option<Summary>), Failure> {
    let runtime = Handle::current();
    // The thread outlives a call that the client cancels.
    let cancel = CancellationToken::new();
    let _cancelled = cancel.clone().drop_guard();
    // A separate thread, because the run's callback is not for several threads.
    let played = blocking(move || {
        runtime.block_on(async move {
            let mut reports = Vec::new();
            let tell = async |report, _: &Summary| {
                let mut value = simulate::simulated(&report);
                bound_all(&mut value);
                reports.push(value);
                Instant::now() < deadline
            };
            let summary = tokio::select! {
                biased;
                () = cancel.cancelled() => None,
                summary = play(&scenario, &options, &sender, tell) => Some(summary),
                () = sleep_until(deadline) => None,
            };
            (reports, summary)
        })
    });
    let (reports, summary) = played.await;
    Ok((reports, summary.transpose()?))
}
