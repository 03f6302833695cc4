//! `ringtail`: RingCentral's webhooks on a developer's machine.

mod args;
mod code;
mod command;
mod exit;
mod follow;
mod lines;
mod logging;
mod output;
mod prompt;
mod screen;
mod signal;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::Cli;
use exit::{Exit, Failure};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers and not mistakes; a reader that is gone needs neither.
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
    // Fails when a provider is installed already, which is as good.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = anyhow::Error::from(error).context("cannot start the runtime");
            Failure::from(failure).print();
            return Exit::Failure.into();
        }
    };
    let result = runtime.block_on(command::run(cli));
    // A write to a terminal or pipe that nobody reads must not hold the process.
    runtime.shutdown_background();
    match result {
        Ok(()) => Exit::Ok.into(),
        Err(failure) => {
            failure.print();
            failure.exit.into()
        }
    }
}
