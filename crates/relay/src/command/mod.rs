//! The commands of `ringtail-relay`.

mod accounts;
mod backup;
mod certificate;
mod describe;
mod endpoints;
mod log;
mod serve;
mod service;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ContextKind;
use clap::{Parser, Subcommand, ValueEnum};
use ringtail_errors::{Exit, Failure, codes};

use crate::output;

/// Part of the help.
const AFTER_HELP: &str = "\
First steps:
  ringtail-relay serve --dev            try it on this machine, where RingCentral does not reach it
  ringtail-relay serve --domain NAME    answer RingCentral at a name that leads to this machine
  ringtail-relay accounts add me        in another terminal: print a token, for `ringtail login`

Exit codes:
  0   done; for `serve`, stopped with everything in flight finished
  1   failed; stderr says why
  64  the arguments are not right
  69  for `status`: no relay serves from the data directory
  75  stopped, and requests in flight were cut off";

/// Arguments of `ringtail-relay`.
#[derive(Debug, Parser)]
#[command(
    name = "ringtail-relay",
    version,
    about = "Answer RingCentral's webhooks at a public address and carry them to developers' laptops",
    after_help = AFTER_HELP,
    propagate_version = true,
    disable_help_subcommand = true
)]
pub struct Args {
    /// Set what is logged to stderr, such as `info` or `ringtail_relay=debug`
    #[arg(
        long,
        global = true,
        env = "RUST_LOG",
        value_name = "FILTER",
        hide_env_values = true
    )]
    log: Option<String>,
    /// Write the log in this form
    #[arg(
        long,
        global = true,
        env = "RINGTAIL_RELAY_LOG_FORMAT",
        hide_env_values = true,
        value_name = "FORM",
        default_value = "plain"
    )]
    log_format: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the relay until it is told to stop
    Serve(Box<serve::Args>),
    /// Show how a running relay is
    Status(status::Args),
    /// Manage accounts, also beside a running relay
    Accounts(accounts::Args),
    /// Manage endpoints and what they keep, also beside a running relay
    Endpoints(endpoints::Args),
    /// Copy accounts, endpoints and events into one file, also beside a running relay
    Backup(backup::BackupArgs),
    /// Put a backup in the place of the database; no relay may be running
    Restore(backup::RestoreArgs),
    /// Renew the certificate of a running relay
    Certificate(certificate::Args),
    /// Print what makes a shell complete commands and options
    Completions(describe::CompletionsArgs),
    /// Write the manual pages, for packages
    #[command(hide = true)]
    Man(describe::ManArgs),
}

/// Where the relay keeps what it has.
#[derive(Debug, clap::Args)]
struct Data {
    /// Keep accounts and events in this directory
    #[arg(
        long,
        env = "RINGTAIL_RELAY_DATA",
        hide_env_values = true,
        value_name = "DIR",
        default_value = "ringtail-relay-data"
    )]
    data: PathBuf,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines for people
    Plain,
    /// One JSON object on each line
    Json,
}

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are errors to clap, and no failure.
            usage(&error);
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Ok
            };
            return exit.into();
        }
    };
    match run(args) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print();
            failure.exit().into()
        }
    }
}

fn run(args: Args) -> Result<Exit, Failure> {
    let recent = log::start(args.log.as_deref(), args.log_format)?;
    // Whoever runs the process owns it: another library has not been here before.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    match args.command {
        Command::Serve(args) => serve::run(*args, recent),
        Command::Accounts(args) => accounts::run(&args),
        Command::Endpoints(args) => endpoints::run(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Certificate(args) => certificate::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Completions(args) => describe::completions(&args),
        Command::Man(args) => describe::man(&args),
    }
}

/// Returns what to say beside clap's own words when `serve` is not told where its certificate comes from.
fn hint(error: &clap::Error) -> &'static str {
    let missing = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    if missing
        .is_some_and(|missing| missing.contains("--behind-proxy") && missing.contains("--dev"))
    {
        "\nhint: `serve --dev` tries it on this machine; `serve --domain NAME` answers RingCentral"
    } else {
        ""
    }
}

/// Prints what clap says: help on stdout, a mistake with its code on stderr.
fn usage(error: &clap::Error) {
    let text = error.render().to_string();
    match text.strip_prefix("error: ") {
        Some(said) => output::say(format_args!(
            "error[{}]: {}{}",
            codes::USAGE.id,
            said.trim_end(),
            hint(error)
        )),
        None => drop(error.print()),
    }
}

#[cfg(test)]
mod tests;
