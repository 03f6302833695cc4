//! What asks others: `read_address_check`, `read_subscriptions` and `read_canary`.

use std::time::Duration;

use ringtail_check::{Address, Options, Roots, check};
use ringtail_errors::{Failure, codes};
use ringtail_outbound::proxy::Proxies;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::answer::{Answer, bound_all};
use super::session::Session;
use super::wait::MAX_SECONDS;
use crate::command::{canary, subscriptions};
use crate::output::check::report_json;
use crate::output::subscriptions::subscription_json;

/// The longest that a client waits for a check.
const PATIENCE: Duration = Duration::from_secs(MAX_SECONDS);

/// How long a canary may take after the relay's 200.
const CANARY: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckInput {
    /// Webhook address, as registered with RingCentral; an endpoint's URL is in read_status
    url: String,
    /// Accept a private or loopback address as if it were public
    #[serde(default)]
    local: bool,
}

pub(super) async fn address_check(session: &Session, args: CheckInput) -> Result<Answer, Failure> {
    let address = Address::parse(&args.url)?;
    let options = Options {
        roots: Roots::load(session.common.ca())?,
        local: args.local,
        tries: 1,
        notify: false,
        token: None,
        proxies: Proxies::from_env()?,
    };
    let (rows, receiver) = mpsc::channel(1);
    drop(receiver);
    let report = timeout(PATIENCE, check(&address, &options, rows)).await;
    let report = report.map_err(|_| {
        let late = format!("the check took longer than {MAX_SECONDS} s");
        Failure::new(&codes::NOT_IN_TIME, late).hint("`ringtail check URL` waits longer")
    })?;
    let mut object = report_json(&address.to_string(), &report, false);
    bound_all(&mut object);
    object["untrusted"] = json!(true);
    let line = match (report.refusal(), report.is_complete()) {
        (None, true) => "RingCentral would accept the address".to_owned(),
        (None, false) => "whether RingCentral would accept the address is unknown".to_owned(),
        (Some(row), _) => format!(
            "RingCentral would refuse the address: {}",
            row.requirement.word()
        ),
    };
    Ok(Answer::new(object, line))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SubscriptionsInput {}

pub(super) async fn subscriptions(
    session: &Session,
    _: SubscriptionsInput,
) -> Result<Answer, Failure> {
    let list = timeout(PATIENCE, subscriptions::webhooks(&session.common)).await;
    let list = list.map_err(|_| {
        Failure::new(&codes::NOT_IN_TIME, "RingCentral did not answer in time").hint("call again")
    })??;
    let bad = list
        .iter()
        .filter(|it| it.blacklisted_data.is_some())
        .count();
    let line = format!("{} webhook subscriptions, {bad} blacklisted", list.len());
    let rows: Vec<Value> = list
        .iter()
        .map(|it| {
            let mut row = subscription_json("listed", it);
            bound_all(&mut row);
            row
        })
        .collect();
    Ok(Answer::new(
        json!({"subscriptions": rows, "untrusted": true}),
        line,
    ))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CanaryInput {
    /// Name of the endpoint. Default: the configured one
    endpoint: Option<String>,
}

pub(super) async fn canary(session: &Session, args: CanaryInput) -> Result<Answer, Failure> {
    let sent = async {
        let canary = canary::canary(&session.common, args.endpoint, false, CANARY).await?;
        let report = canary.send().await;
        Ok::<_, Failure>(canary::canary_json(&canary, &report))
    };
    let mut object = timeout(PATIENCE, sent).await.map_err(|_| {
        Failure::new(
            &codes::NOT_IN_TIME,
            "the canary was not followed to its end in time",
        )
        .hint("call again")
    })??;
    bound_all(&mut object);
    let line = match object["hop"].as_str() {
        None => "the canary arrived".to_owned(),
        Some(hop) => format!("the canary was lost at the {hop}"),
    };
    Ok(Answer::new(object, line))
}
