//! The way to the relay: one call with the token. Its error says how far it came.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ringtail_client::config::{Account, Config};
use ringtail_client::relay_api::RelayApi;
use ringtail_errors::{Code, Coded, Failure, codes};
use ringtail_outbound::proxy::Proxy;

use super::Sheet;
use super::row::Row;

/// The rows of a call, in the order in which it makes progress, and of the relay's clock.
pub(super) const TITLES: [&str; 6] = ["Name", "Connection", "TLS", "Relay", "Token", CLOCK];

const CLOCK: &str = "Clock";

/// The index of "Token" in [`TITLES`].
const TOKEN: usize = 4;

/// What a clock may differ without harm. HTTP tells whole seconds, and an answer takes some time.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(30);

/// From here on, RingCentral refuses signed tokens, and new certificates are not valid yet.
const HARM: SignedDuration = SignedDuration::from_mins(5);

pub(super) async fn rows(config: &Config, sheet: &mut Sheet) -> Result<(), Failure> {
    let account = match config.account() {
        Ok(account) => account,
        Err(error) => {
            sheet.tell(Row::failed("Login", &error)).await?;
            return sheet
                .tell_all(TITLES.map(|title| Row::untried(title, "Login")))
                .await;
        }
    };
    let relay = account.relay.to_string();
    sheet
        .tell(Row::pass("Login", format!("a token for {relay}")))
        .await?;
    let api = RelayApi::new(account.clone());
    let error = api.verify().await.err();
    let failed = error.as_ref().map(|error| stage(error.code()));
    let (name, connection) = match proxy(&account) {
        Some(proxy) => (None, format!("established through {proxy}")),
        None => (
            Some(format!("{} resolves", account.relay.host())),
            "established, without a proxy".to_owned(),
        ),
    };
    let passed = [
        name,
        Some(connection),
        Some("the certificate is valid and trusted".to_owned()),
        Some(format!("{relay} answers as a relay")),
        Some("accepted".to_owned()),
    ];
    for (index, (title, passed)) in TITLES.into_iter().zip(passed).enumerate() {
        let row = match (&error, failed, passed) {
            (Some(error), Some(stage), _) if stage == index => Row::failed(title, error),
            (_, Some(stage), _) if stage < index => Row::untried(title, TITLES[stage]),
            (_, _, Some(passed)) => Row::pass(title, passed),
            (_, _, None) => Row::skipped(title, "left to the proxy"),
        };
        sheet.tell(row).await?;
    }
    // A relay that does not answer as one has no clock to compare with.
    let clock = match failed {
        Some(stage) if stage < TOKEN => Row::untried(CLOCK, TITLES[stage]),
        _ => match api.time().await {
            Ok(time) => clock(time, Timestamp::now()),
            Err(error) => Row::failed(CLOCK, &error),
        },
    };
    sheet.tell(clock).await
}

/// Returns the proxy on the way to the relay.
fn proxy(account: &Account) -> Option<Arc<Proxy>> {
    let url = account.relay.to_string().parse().ok()?;
    account.proxies.proxy(&url)
}

/// Returns the index in [`TITLES`] of the row that fails with a code.
fn stage(code: &Code) -> usize {
    let is = |codes: &[&Code]| codes.iter().any(|it| it.id == code.id);
    match code {
        _ if is(&[&codes::RELAY_NAME]) => 0,
        _ if is(&[&codes::RELAY_TLS]) => 2,
        _ if is(&[
            &codes::NOT_A_RELAY,
            &codes::RELAY_BROKE,
            &codes::UNAVAILABLE,
        ]) =>
        {
            3
        }
        _ if is(&[&codes::UNAUTHORIZED, &codes::REFUSED]) => TOKEN,
        // The rest are refused connections, time-outs, and what a proxy says.
        _ => 1,
    }
}

fn clock(relay: Option<Timestamp>, here: Timestamp) -> Row {
    let Some(relay) = relay else {
        return Row::skipped(CLOCK, "the relay's answer has no time");
    };
    let ahead = here.duration_since(relay);
    let difference = ahead.abs();
    let told = || {
        let direction = if ahead.is_positive() {
            "ahead of"
        } else {
            "behind"
        };
        let seconds = Duration::from_secs(difference.as_secs().unsigned_abs());
        format!("{seconds:?} {direction} the relay's")
    };
    let fix = "set this machine's clock by the network";
    match difference {
        _ if difference >= HARM => Row::fail(CLOCK, told()).fix(fix),
        _ if difference >= TOLERANCE => Row::warn(CLOCK, told()).fix(fix),
        _ => Row::pass(CLOCK, "agrees with the relay's"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringtail_check::Outcome;

    #[test]
    fn a_wrong_clock_is_told_with_its_direction() {
        let relay = Timestamp::from_second(1_800_000_000).unwrap();
        let at = |seconds| clock(Some(relay), relay + SignedDuration::from_secs(seconds));
        for (seconds, outcome) in [
            (0, Outcome::Pass),
            (-29, Outcome::Pass),
            (30, Outcome::Warn),
            (-299, Outcome::Warn),
            (300, Outcome::Fail),
            (-86_400, Outcome::Fail),
        ] {
            assert_eq!(at(seconds).outcome, outcome, "{seconds}");
        }
        let fix = "set this machine's clock by the network";
        assert_eq!(at(-31), Row::warn(CLOCK, "31s behind the relay's").fix(fix));
        assert_eq!(
            at(301),
            Row::fail(CLOCK, "301s ahead of the relay's").fix(fix)
        );
        assert_eq!(clock(None, relay).outcome, Outcome::Skipped);
    }
}
