//! `ringtail check`.

use http::HeaderValue;
use ringtail_check::{Address, Options, Report, Roots, check};
use ringtail_client::config::Config;
use ringtail_errors::{Failure, codes};
use ringtail_outbound::proxy::Proxies;
use ringtail_ringcentral::signature::Scheme;
use tokio::sync::mpsc;

use crate::args::{CheckArgs, Common, Format};
use crate::output::check::{heading, report_json};
use crate::output::{Stdout, plain};
use ringtail_views::json;

/// Rows that may wait for output; more than a check has.
const QUEUE: usize = 32;

pub(super) async fn run(common: &Common, args: CheckArgs) -> Result<(), Failure> {
    let address = Address::parse(&args.url)?;
    // Ignore RINGTAIL_CA: RingCentral does not trust a relay's own authority. --ca must be explicit here.
    let roots = Roots::load(common.ca())
        .map_err(|error| Failure::from(error).hint("--ca names a PEM file of authorities"))?;
    // The app is asked to take a notification, so it is the user's own and may see the token.
    let token = match args.notify {
        true => verification_token(&Config::load(&common.flags(None))?, &args.url),
        false => None,
    };
    let options = Options {
        roots,
        local: args.local,
        tries: args.tries,
        notify: args.notify,
        token,
        proxies: Proxies::from_env()?,
    };
    let mut stdout = Stdout::new();
    let report = match args.output {
        Format::Json => {
            let (sender, receiver) = mpsc::channel(QUEUE);
            drop(receiver);
            let report = check(&address, &options, sender).await;
            let object = report_json(&address.to_string(), &report, args.verbose);
            stdout.write(&json::bytes(&object)).await?;
            report
        }
        Format::Plain => {
            let style = plain::Style::of_stdout();
            stdout
                .write(heading(&address.to_string()).as_bytes())
                .await?;
            let (sender, mut receiver) = mpsc::channel(QUEUE);
            let print = async {
                while let Some(row) = receiver.recv().await {
                    stdout.write(style.check_row(&row).as_bytes()).await?;
                }
                Ok::<_, Failure>(())
            };
            let (report, printed) = tokio::join!(check(&address, &options, sender), print);
            printed?;
            let end = style.check_end(&report, args.verbose);
            stdout.write(end.as_bytes()).await?;
            report
        }
    };
    verdict(&report)
}

/// Returns the verification token that is configured for an address.
fn verification_token(config: &Config, address: &str) -> Option<HeaderValue> {
    let secrets = config.secrets_at(address);
    header(secrets.of(Scheme::VerificationToken)?)
}

/// Returns a token as a header's value that is not shown.
pub(super) fn header(token: &[u8]) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_bytes(token).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn verdict(report: &Report) -> Result<(), Failure> {
    match report.refusal() {
        None if report.is_complete() => Ok(()),
        _ => Err(Failure::silent(&codes::NOT_ACCEPTED)),
    }
}
