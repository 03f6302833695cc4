//! `ringtail`: RingCentral's webhooks on a developer's machine.

mod args;
mod command;
mod follow;
mod lines;
mod logging;
mod output;
mod prompt;
mod replays;
mod screen;
mod signal;
mod subscribe;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use ringtail_errors::{Context as _, Exit, Failure};

use args::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap reports help and version as errors.
            output::usage(&error);
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok,
                _ => {
                    output::note(args::hint(&error));
                    Exit::Usage
                }
            }
            .into();
        }
    };
    match run(cli) {
        Ok(()) => Exit::Ok.into(),
        Err(failure) => {
            failure.print();
            failure.exit().into()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    // Fails if a provider is installed already, which is fine.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let result = runtime.block_on(async {
        let result = command::run(cli).await;
        ringtail_client::replay::settle().await;
        result
    });
    // Do not wait for a write to a stuck terminal or pipe.
    runtime.shutdown_background();
    result
}
