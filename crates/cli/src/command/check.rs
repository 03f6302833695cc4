//! `ringtail check`: why would RingCentral refuse this webhook address?

use ringtail_check::{Address, AddressError, Options, Report, Roots, check};
use tokio::sync::mpsc;

use crate::args::{CheckArgs, Common, Format};
use crate::exit::{Exit, Failure, Told};
use crate::output::check::{Layout, report_json};
use crate::output::{Closed, Stdout, json, plain};

/// Rows that may wait to be printed: more than there are.
const QUEUE: usize = 32;

pub(super) async fn run(common: &Common, args: CheckArgs) -> Result<(), Failure> {
    let address = Address::parse(&args.url).map_err(wrong_address)?;
    // A relay's own authority, set up for all commands, is nobody that RingCentral trusts: it must be named here.
    let roots = Roots::load(common.ca()).map_err(|error| Failure::new(Exit::Config, error))?;
    let options = Options {
        roots,
        local: args.local,
        tries: args.tries,
        notify: args.notify,
    };
    let mut stdout = Stdout::new();
    let report = match args.output {
        Format::Json => {
            let (sender, receiver) = mpsc::channel(QUEUE);
            drop(receiver);
            let report = check(&address, &options, sender).await;
            let object = report_json(&address.to_string(), &report, args.verbose);
            told(stdout.write(&json::bytes(&object)).await)?;
            report
        }
        Format::Plain => {
            let layout = Layout::new(plain::Style::of_stdout());
            told(
                stdout
                    .write(layout.heading(&address.to_string()).as_bytes())
                    .await,
            )?;
            let (sender, mut receiver) = mpsc::channel(QUEUE);
            let print = async {
                while let Some(row) = receiver.recv().await {
                    told(stdout.write(layout.row(&row).as_bytes()).await)?;
                }
                Ok::<_, Failure>(())
            };
            let (report, printed) = tokio::join!(check(&address, &options, sender), print);
            printed?;
            let end = layout.end(&report, args.verbose);
            told(stdout.write(end.as_bytes()).await)?;
            report
        }
    };
    verdict(&report)
}

/// A reader who went away is no failure.
fn told(written: Result<(), Closed>) -> Result<(), Failure> {
    match written {
        Ok(()) | Err(Closed::Pipe) => Ok(()),
        Err(Closed::Failed(error)) => Err(anyhow::Error::from(error)
            .context("cannot write to stdout")
            .into()),
    }
}

fn verdict(report: &Report) -> Result<(), Failure> {
    match report.refusal() {
        None => Ok(()),
        Some(_) => Err(Failure::new(Exit::NotAccepted, Told)),
    }
}

fn wrong_address(error: AddressError) -> Failure {
    let hint = match &error {
        AddressError::NoScheme | AddressError::NotAUrl { .. } | AddressError::NoHost => {
            Some("give the whole address, such as https://hooks.example.com/ringcentral")
        }
        AddressError::Password => Some("a secret fits in the path or query"),
        _ => None,
    };
    let failure = Failure::new(Exit::Usage, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
