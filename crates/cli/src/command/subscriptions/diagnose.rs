//! Why RingCentral refused an address: its answer, what the relay saw, and what `ringtail check` finds, on one screen.

use std::time::{Duration, Instant};

use ringtail_check::{Address, Options, Outcome, Report, Roots};
use ringtail_errors::{Coded as _, Failure, codes};
use ringtail_protocol::path::{EndpointAnswer, LastValidation};
use ringtail_rc_api::ApiError;
use ringtail_ringcentral::secret::redacted;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::mpsc;

use super::{Cloud, Owner};
use crate::args::Common;
use crate::command::check::header;
use crate::output::plain;

/// Codes of RingCentral's that are about the address (docs/RINGCENTRAL.md 4.8).
const OF_THE_ADDRESS: [&str; 7] = [
    "SUB-520", "SUB-521", "SUB-522", "SUB-523", "SUB-524", "SUB-525", "SUB-526",
];

/// Checks an address as `ringtail check` does, with the token that a subscription for it has, if that is known. A double on this machine reaches what this machine reaches.
pub(super) async fn check(
    cloud: &Cloud,
    common: &Common,
    address: &str,
    token: Option<&SecretString>,
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
        token: token.and_then(|token| header(token.expose_secret().as_bytes())),
        proxies: cloud.config.proxies.clone(),
    };
    let (rows, unread) = mpsc::channel(1);
    drop(unread);
    Ok(ringtail_check::check(&address, &options, rows).await)
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

/// The rows that are not met, or why the check cannot tell, or that all are met.
fn rows(report: &Report) -> String {
    let style = plain::Style {
        colour: false,
        zone: jiff::tz::TimeZone::UTC,
    };
    let bad = report.rows.iter().filter(|row| {
        row.outcome == Outcome::Fail || !report.is_complete() && row.outcome == Outcome::Warn
    });
    let text: String = bad.map(|row| style.check_row(row)).collect();
    match text.is_empty() {
        true => "  check  finds nothing that RingCentral would refuse\n".to_owned(),
        false => text,
    }
}

/// Which validation requests are RingCentral's for one create: those since a time, but for one that is known.
#[derive(Debug, Clone)]
pub(crate) struct Since {
    start: Instant,
    known: Option<i64>,
}

impl Since {
    /// From now on.
    pub(crate) fn now() -> Self {
        Self {
            start: Instant::now(),
            known: None,
        }
    }

    /// From now on, after what the relay saw last.
    pub(super) fn after(seen: &Result<Option<EndpointAnswer>, Failure>) -> Self {
        let last = seen.as_ref().ok().and_then(Option::as_ref);
        let last = last.and_then(|it| it.last_validation.as_ref());
        Self {
            known: last.map(|it| it.received_at),
            ..Self::now()
        }
    }

    /// Returns how long after the beginning a validation request arrived, if it did.
    fn time_of(&self, it: &LastValidation) -> Option<Duration> {
        let after = self
            .start
            .elapsed()
            .checked_sub(Duration::from_micros(it.age_us));
        after.filter(|_| self.known != Some(it.received_at))
    }
}

/// What became of RingCentral's validation request, as the relay saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// It was answered as it should be.
    Answered,
    /// Its token could not be returned.
    Refused,
    /// It did not arrive.
    Missing,
    /// The relay could not say, or the address is not the relay's.
    Unknown,
}

/// Joins a refusal of an address with what the relay saw and what a check finds now.
pub(crate) async fn explain(
    cloud: &Cloud,
    common: &Common,
    owner: &Owner,
    error: ApiError,
    since: &Since,
) -> Failure {
    let code = error.code().id;
    if !OF_THE_ADDRESS.contains(&code) {
        return error.into();
    }
    let failure = Failure::from(error);
    let mut quote = format!("  address  {}\n", redacted(&owner.address));
    let mut arrival = Arrival::Unknown;
    if !owner.relay.is_empty() {
        let (found, text) = arrived(seen(cloud, owner).await, since);
        quote.push_str(&format!("  relay    {text}\n"));
        arrival = found;
    }
    let checked = check(cloud, common, &owner.address, None).await;
    let is_good = checked
        .as_ref()
        .is_ok_and(|report| report.refusal().is_none() && report.is_complete());
    if let Ok(report) = checked {
        quote.push_str(&rows(&report));
    }
    let hint = match (is_good, arrival) {
        (false, Arrival::Answered) => format!(
            "the relay answered right, so what stands in front of it changed the answer: mend the rows above there, then run it \
             again; `ringtail explain {code}` says more"
        ),
        (false, _) => format!("mend the rows above, then run it again; `ringtail explain {code}` says more"),
        (true, Arrival::Answered) => "the request arrived and was answered right, so the answer was lost or late on its way \
             back: try again, and look at proxies in front of the relay"
            .to_owned(),
        (true, Arrival::Refused) => format!("what stands in front of the relay may have changed the request; `ringtail explain {code}` says more"),
        (true, Arrival::Missing | Arrival::Unknown) if code == "SUB-524" => format!(
            "RingCentral does not accept the certificate, though this machine does: have one of a public authority, served with its \
             intermediate certificates; `ringtail explain {code}` says more"
        ),
        (true, Arrival::Missing) => "RingCentral's request never reached the relay: look at firewalls and at the DNS of its \
             name from outside, then run `ringtail check` from another network"
            .to_owned(),
        (true, Arrival::Unknown) => "the address is right from here, so something between RingCentral and it is not: a firewall that \
             lets only some callers in, or DNS that is not everywhere yet; try again in a minute"
            .to_owned(),
    };
    failure.quote(quote).hint(hint)
}

/// Asks the relay about an endpoint. It knows the newest validation request without any client that is connected.
pub(super) async fn seen(cloud: &Cloud, owner: &Owner) -> Result<Option<EndpointAnswer>, Failure> {
    match owner.relay.is_empty() {
        true => Ok(None),
        false => Ok(cloud.relay()?.find(&owner.name).await?),
    }
}

/// Returns whether the validation request arrived, and that in words.
fn arrived(seen: Result<Option<EndpointAnswer>, Failure>, since: &Since) -> (Arrival, String) {
    let seen = match seen {
        Ok(seen) => seen,
        Err(failure) => {
            let text = format!("could not be asked what arrived: {}", failure.line());
            return (Arrival::Unknown, text);
        }
    };
    let is_one_of_several = seen.as_ref().is_some_and(|it| it.has_other_relays);
    let last = seen.and_then(|it| it.last_validation);
    let arrived = last.and_then(|it| Some((since.time_of(&it)?, it)));
    let Some((after, it)) = arrived else {
        return match is_one_of_several {
            true => (
                Arrival::Unknown,
                "saw no validation request; the other relays may have seen one".to_owned(),
            ),
            false => (Arrival::Missing, "no validation request arrived".to_owned()),
        };
    };
    let (arrival, token) = match it.status {
        200 => (Arrival::Answered, "with the token"),
        _ => (Arrival::Refused, "because its token cannot be returned"),
    };
    let text = format!(
        "the validation request arrived after {} ms, and was answered {} {token} in {:.1} ms, {} bytes",
        after.as_millis(),
        it.status,
        Duration::from_micros(it.took_us).as_secs_f64() * 1000.0,
        it.bytes,
    );
    (arrival, text)
}

#[cfg(test)]
mod tests {
    use ringtail_protocol::path::EndpointInfo;

    use super::*;

    #[test]
    fn only_a_newer_request_than_the_checks_is_ringcentrals() {
        let validation = |received_at, age_us, status| LastValidation {
            received_at,
            age_us,
            status,
            took_us: 150,
            bytes: 170,
        };
        let seen = |last_validation, has_other_relays| {
            Ok(Some(EndpointAnswer {
                info: EndpointInfo {
                    endpoint: "demo-x1".to_owned(),
                    url: "https://relay.example/demo-x1".to_owned(),
                    journal: "j1".to_owned(),
                },
                last_validation,
                has_other_relays,
            }))
        };
        let after_check = Since::after(&seen(Some(validation(7, 0, 200)), false));
        let began_before = |since: &Since| Since {
            start: since.start - Duration::from_secs(5),
            known: since.known,
        };
        let since = began_before(&after_check);
        for (seen, expected, words) in [
            (
                seen(None, false),
                Arrival::Missing,
                "no validation request arrived",
            ),
            (
                seen(Some(validation(7, 1, 200)), false),
                Arrival::Missing,
                "no validation",
            ),
            (
                seen(Some(validation(6, 9_000_000, 200)), false),
                Arrival::Missing,
                "no validation",
            ),
            (seen(None, true), Arrival::Unknown, "other relays"),
            (
                seen(Some(validation(8, 1, 200)), true),
                Arrival::Answered,
                "answered 200 with the token in 0.1 ms, 170 bytes",
            ),
            (
                seen(Some(validation(8, 1, 400)), false),
                Arrival::Refused,
                "answered 400 because",
            ),
            (Ok(None), Arrival::Missing, "no validation"),
        ] {
            let (found, text) = arrived(seen, &since);
            assert!(
                found == expected && text.contains(words),
                "{expected:?}: {text}"
            );
        }
        let failed = Err(Failure::new(&codes::FAILED, "it is away"));
        let (found, text) = arrived(failed, &since);
        assert!(
            found == Arrival::Unknown && text.contains("it is away"),
            "{text}"
        );
    }
}
