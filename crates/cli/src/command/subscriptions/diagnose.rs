//! Why RingCentral refused an address: its answer, what the relay saw, and what `ringtail check` finds, on one screen.

use std::time::Duration;

use jiff::Timestamp;
use ringtail_check::{Address, Options, Outcome, Report, Requirement, Roots};
use ringtail_client::config::Config;
use ringtail_errors::{Coded as _, Failure, codes};
use ringtail_model::{EventRow, RowId, endpoint_name};
use ringtail_protocol::event::Kind;
use ringtail_rc_api::ApiError;
use ringtail_ringcentral::secret::redacted;
use ringtail_store::History;
use tokio::sync::mpsc;

use super::{Cloud, Owner};
use crate::args::Common;
use crate::command::find::open;
use crate::output::check::Layout;
use crate::output::plain;

/// Codes of RingCentral's that are about the address (docs/RINGCENTRAL.md 4.8).
const OF_THE_ADDRESS: [&str; 7] = [
    "SUB-520", "SUB-521", "SUB-522", "SUB-523", "SUB-524", "SUB-525", "SUB-526",
];

/// Events of the history that are searched for the validation request.
const NEWEST: usize = 200;

/// How often the history is read, because the event may reach it after RingCentral's answer.
const LOOKS: usize = 10;

/// Pause between two of them.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// Checks an address as `ringtail check` does. A double on this machine reaches what this machine reaches.
pub(super) async fn check(
    cloud: &Cloud,
    common: &Common,
    address: &str,
) -> Result<Report, Failure> {
    let address = Address::parse(address)?;
    let local = cloud.api.server().is_here();
    let ca = match local {
        true => cloud.config.ca.as_deref(),
        false => common.ca(),
    };
    let options = Options {
        roots: Roots::load(ca)?,
        local,
        tries: 1,
        notify: false,
        proxies: cloud.config.proxies.clone(),
    };
    let (rows, unread) = mpsc::channel(1);
    drop(unread);
    Ok(ringtail_check::check(&address, &options, rows).await)
}

/// Returns whether nothing answers at an address.
pub(super) fn is_dead(report: &Report) -> bool {
    report.refusal().is_some_and(|row| {
        matches!(
            row.requirement,
            Requirement::Name | Requirement::Connection | Requirement::Answer | Requirement::Page
        )
    })
}

/// Fails if RingCentral would refuse an address.
pub(super) fn is_ready(address: &str, report: &Report) -> Result<(), Failure> {
    if report.refusal().is_none() {
        return Ok(());
    }
    let refused = format!(
        "RingCentral would refuse {}; nothing was created",
        redacted(address)
    );
    Err(Failure::new(&codes::CLOUD_ADDRESS, refused)
        .quote(rows(report))
        .hint("mend the rows marked FAIL, or add --no-check to let RingCentral decide"))
}

/// The rows that are not met, or that all are.
fn rows(report: &Report) -> String {
    let layout = Layout::new(plain::Style {
        colour: false,
        zone: jiff::tz::TimeZone::UTC,
    });
    let bad = report
        .rows
        .iter()
        .filter(|row| row.outcome == Outcome::Fail);
    let text: String = bad.map(|row| layout.row(row)).collect();
    match text.is_empty() {
        true => "  check  finds nothing that RingCentral would refuse\n".to_owned(),
        false => text,
    }
}

/// What the relay is asked about a validation request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Since when.
    pub(crate) since: Timestamp,
    /// Whether a client of this process receives what arrives.
    pub(crate) is_connected: bool,
}

/// Joins a refusal of an address with what the relay saw and what a check finds now.
pub(crate) async fn explain(
    cloud: &Cloud,
    common: &Common,
    owner: &Owner,
    error: ApiError,
    seen: Seen,
) -> Failure {
    let code = error.code().id;
    if !OF_THE_ADDRESS.contains(&code) {
        return error.into();
    }
    let failure = Failure::from(error);
    let mut quote = format!("  address  {}\n", redacted(&owner.address));
    let mut arrived = None;
    if !owner.relay.is_empty() {
        let (found, text) = validations(&cloud.config, &owner.name, seen).await;
        quote.push_str(&format!("  relay    {text}\n"));
        arrived = found;
    }
    let checked = check(cloud, common, &owner.address).await;
    let is_good = checked
        .as_ref()
        .is_ok_and(|report| report.refusal().is_none());
    if let Ok(report) = checked {
        quote.push_str(&rows(&report));
    }
    let hint = match (is_good, arrived) {
        (false, _) => format!("mend the rows above, then run it again; `ringtail explain {code}` says more"),
        (true, Some(true)) => "the request arrived and was answered right, so the answer was lost or late on its way \
             back: try again, and look at proxies in front of the relay"
            .to_owned(),
        (true, Some(false)) => "RingCentral's request never reached the relay: look at firewalls and at the DNS of its \
             name from outside, then run `ringtail check` from another network"
            .to_owned(),
        (true, None) => "the address is right from here, so something between RingCentral and it is not: a firewall that \
             lets only some callers in, or DNS that is not everywhere yet; try again in a minute"
            .to_owned(),
    };
    failure.quote(quote).hint(hint)
}

/// Returns whether a validation request arrived, and that in words. The history knows what `listen` received.
async fn validations(config: &Config, name: &str, seen: Seen) -> (Option<bool>, String) {
    let history = open(config).await.ok();
    for _ in 0..LOOKS {
        if let Some(history) = &history
            && let Some(event) = validation(history, name, seen.since).await
        {
            let after = Timestamp::from_microsecond(event.received_at.0)
                .map_or(0, |at| at.duration_since(seen.since).as_millis());
            let text = format!(
                "the validation request arrived after {after} ms as event {}, and the relay answered at once: 200, with \
                 the token",
                event.seq
            );
            return (Some(true), text);
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    match seen.is_connected {
        true => (Some(false), "no validation request arrived".to_owned()),
        false => (
            None,
            "what arrived is not known here: run `ringtail listen` beside it, and it is".to_owned(),
        ),
    }
}

async fn validation(history: &History, name: &str, since: Timestamp) -> Option<EventRow> {
    let newest = history.events_before(RowId(i64::MAX), NEWEST).await.ok()?;
    newest.into_iter().find(|event| {
        event.kind == Kind::Validation
            && event.received_at.0 >= since.as_microsecond()
            && endpoint_name(&event.endpoint) == name
    })
}
