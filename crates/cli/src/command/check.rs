//! `ringtail check`: why would RingCentral refuse this webhook address?

use ringtail_check::{Address, Options, Report, Roots, check};
use ringtail_errors::{Failure, codes};
use tokio::sync::mpsc;

use crate::args::{CheckArgs, Common, Format};
use crate::output::check::{Layout, report_json};
use crate::output::{Stdout, json, plain};

/// Rows that may wait to be printed: more than there are.
const QUEUE: usize = 32;

pub(super) async fn run(common: &Common, args: CheckArgs) -> Result<(), Failure> {
    let address = Address::parse(&args.url)?;
    // A relay's own authority, set up for all commands, is nobody that RingCentral trusts: it must be named here.
    let roots = Roots::load(common.ca())?;
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
            stdout.write(&json::bytes(&object)).await?;
            report
        }
        Format::Plain => {
            let layout = Layout::new(plain::Style::of_stdout());
            stdout
                .write(layout.heading(&address.to_string()).as_bytes())
                .await?;
            let (sender, mut receiver) = mpsc::channel(QUEUE);
            let print = async {
                while let Some(row) = receiver.recv().await {
                    stdout.write(layout.row(&row).as_bytes()).await?;
                }
                Ok::<_, Failure>(())
            };
            let (report, printed) = tokio::join!(check(&address, &options, sender), print);
            printed?;
            let end = layout.end(&report, args.verbose);
            stdout.write(end.as_bytes()).await?;
            report
        }
    };
    verdict(&report)
}

fn verdict(report: &Report) -> Result<(), Failure> {
    match report.refusal() {
        None => Ok(()),
        Some(_) => Err(Failure::silent(&codes::NOT_ACCEPTED)),
    }
}
