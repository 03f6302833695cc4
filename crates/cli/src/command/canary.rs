//! `ringtail canary`: sends a marked event and follows it.

use std::time::Duration;

use ringtail_client::canary::{Canary, CanaryReport, Listener};
use ringtail_client::config::Config;
use ringtail_client::endpoint_cache::last_target;
use ringtail_client::forward::{SendOptions, Sender};
use ringtail_client::relay_api::RelayApi;
use ringtail_errors::{Context as _, Failure, codes};
use ringtail_protocol::path::EndpointAnswer;
use serde_json::{Value, json};

use super::find::open;
use crate::args::canary::CanaryArgs;
use crate::args::{Common, Format};
use crate::output::print;
use ringtail_views::json;

pub(super) async fn run(common: &Common, args: CanaryArgs) -> Result<(), Failure> {
    let canary = canary(common, args.endpoint, args.to_app, args.timeout).await?;
    let report = canary.send().await;
    let out = match args.output {
        Format::Json => json::bytes(&canary_json(&canary, &report)),
        Format::Plain => plain(&canary, &report).into_bytes(),
    };
    print(&out).await?;
    match report.lost {
        None => Ok(()),
        Some(lost) => {
            let hop = lost.hop();
            Err(lost).context(format!("the canary was lost at the {hop}"))
        }
    }
}

/// Prepares the canary of an endpoint.
pub(super) async fn canary(
    common: &Common,
    endpoint: Option<String>,
    to_app: bool,
    timeout: Duration,
) -> Result<Canary, Failure> {
    let config = Config::load(&common.flags(endpoint.as_ref()))?;
    let account = config.account()?;
    let found = RelayApi::new(account.clone())
        .find(&config.endpoint)
        .await?;
    let Some(EndpointAnswer { info: endpoint, .. }) = found else {
        let (name, relay) = (&config.endpoint, &account.relay);
        let none = format!("no such endpoint at {relay}: {name}");
        let create = format!("`ringtail listen --endpoint {name}` creates it");
        return Err(Failure::new(&codes::NO_ENDPOINT, none).hint(create));
    };
    let target = last_target(&config.data, &endpoint.endpoint);
    if to_app && target.is_none() {
        let unknown = format!("no target of endpoint {} is known", config.endpoint);
        return Err(Failure::new(&codes::USAGE, unknown).hint("run `ringtail listen 3000` first"));
    }
    let history = open(&config).await?;
    let insecure = SendOptions {
        // Whether the app's certificate is accepted is `listen`'s matter.
        insecure: true,
        ..SendOptions::default()
    };
    Ok(Canary {
        account,
        name: config.endpoint,
        url: endpoint.url,
        history,
        target: target.map(|url| Sender::new(url, insecure)).transpose()?,
        to_app,
        listener: Listener::Elsewhere(config.data),
        timeout,
    })
}

/// A canary that was sent, and how long each hop took.
pub(super) fn canary_json(canary: &Canary, report: &CanaryReport) -> Value {
    let mut value = json::canary(&canary.name, &report.state());
    let CanaryReport { times, .. } = &report;
    value["relay_ms"] = json!(times.relay.map(json::duration));
    value["history_ms"] = json!(times.history.map(json::duration));
    value["app_ms"] = json!(times.app.map(json::duration));
    value
}

/// A line per hop that it passed.
fn plain(canary: &Canary, report: &CanaryReport) -> String {
    let app = match &canary.target {
        Some(target) if canary.to_app => format!("answered at {}", target.target()),
        Some(target) => format!("accepts connections at {}", target.target()),
        None => String::new(),
    };
    let hops = [
        (
            "relay",
            report.times.relay,
            "answered 200, with the canary on its disk",
        ),
        ("history", report.times.history, "has it, over the link"),
        ("app", report.times.app, &app),
    ];
    let line = |(hop, time, what): (&str, Option<Duration>, &str)| {
        let time = time?.as_secs_f64() * 1000.0;
        Some(format!(
            "{hop:<8} {time:7.1} ms  {}\n",
            ringtail_text::escape(what)
        ))
    };
    hops.into_iter().filter_map(line).collect()
}
