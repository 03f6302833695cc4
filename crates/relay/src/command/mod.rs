//! The commands of `ringtail-relay`.

mod accounts;
mod backup;
mod certificate;
mod database;
mod describe;
mod endpoints;
mod log;
mod migrate;
mod serve;
mod service;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PathBufValueParser, Resettable, TypedValueParser};
use clap::error::ContextKind;
use clap::{
    Arg, ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};
use ringtail_errors::{Exit, Failure, codes};

use crate::output;

/// End of the help.
const AFTER_HELP: &str = "\
First steps:
  ringtail-relay serve --dev            try it on this machine, without RingCentral
  ringtail-relay serve --domain NAME    receive from RingCentral at a name of this machine
  ringtail-relay accounts add me        in another terminal: print a token for `ringtail login`

Exit codes:
  0   success; for `serve`, stopped after all requests in flight
  1   failure, see stderr
  64  wrong arguments
  69  for `status`: no relay serves from the data directory
  75  stopped, with requests in flight cut off";

/// Arguments of `ringtail-relay`.
#[derive(Debug, Parser)]
#[command(
    name = "ringtail-relay",
    version,
    about = "Receive RingCentral's webhooks at a public address and stream them to developers' laptops",
    after_help = AFTER_HELP,
    propagate_version = true,
    disable_help_subcommand = true
)]
pub struct Args {
    /// Filter the log on stderr by level, such as `debug`, and by target, such as `info,h2=debug`
    #[arg(long, global = true, env = "RUST_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// Write the log in this format
    #[arg(
        long,
        global = true,
        env = "RINGTAIL_RELAY_LOG_FORMAT",
        value_name = "FORM",
        default_value = "plain"
    )]
    log_format: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the relay
    Serve(Box<serve::ServeArgs>),
    /// Show the status of a running relay
    Status(status::StatusArgs),
    /// Manage accounts, also while a relay runs
    Accounts(accounts::AccountsArgs),
    /// Manage endpoints and their events, also while a relay runs
    Endpoints(endpoints::EndpointsArgs),
    /// Copy accounts, endpoints and events into one file, also while a relay runs
    Backup(backup::BackupArgs),
    /// Replace the database with a backup; no relay may be running
    Restore(backup::RestoreArgs),
    /// Move accounts, endpoints and events from SQLite to PostgreSQL or back; no relay may be running
    Migrate(migrate::MigrateArgs),
    /// Renew the certificate of a running relay
    Certificate(certificate::CertificateCommand),
    /// Print a completion script for a shell
    Completions(describe::CompletionsArgs),
    /// Write manual pages, for packages
    #[command(hide = true)]
    Man(describe::ManArgs),
}

/// The data directory.
#[derive(Debug, clap::Args)]
struct DataArgs {
    /// Store accounts, events and certificates in this directory
    #[arg(
        long,
        env = "RINGTAIL_RELAY_DATA",
        value_name = "DIR",
        default_value = "ringtail-relay-data",
        value_parser = path()
    )]
    data: PathBuf,
}

/// Parses a path, with `~` for the home directory.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().map(|path| ringtail_files::expand_home(&path))
}

/// Format of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines for people
    Plain,
    /// One JSON object per line
    Json,
}

/// Returns the definition of the arguments. Help and errors do not show the values of variables.
fn command() -> clap::Command {
    fn hide(command: clap::Command) -> clap::Command {
        let command = command.mut_args(|arg| without_false(arg).hide_env_values(true));
        command.mut_subcommands(hide)
    }
    hide(Args::command())
}

/// Takes the variable from a flag when it is `false`: clap counts any value as present, which conflicts with other flags.
fn without_false(arg: Arg) -> Arg {
    let value = arg.get_env().and_then(std::env::var_os);
    if matches!(arg.get_action(), ArgAction::SetTrue) && value.is_some_and(|it| it == "false") {
        return arg.env(Resettable::Reset);
    }
    arg
}

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let matches = command().try_get_matches();
    let args = match matches.and_then(|matches| Args::from_arg_matches(&matches)) {
        Ok(args) => args,
        Err(error) => {
            // clap returns help and version as errors.
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
    // Fails only if a provider is installed already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    match args.command {
        Command::Serve(args) => serve::run(*args, recent),
        Command::Accounts(args) => accounts::run(&args),
        Command::Endpoints(args) => endpoints::run(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Certificate(args) => certificate::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Completions(args) => describe::completions(&args),
        Command::Man(args) => describe::man(&args),
    }
}

/// Returns a hint for a `serve` without a source of certificates.
fn hint(error: &clap::Error) -> &'static str {
    let missing = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    if missing
        .is_some_and(|missing| missing.contains("--behind-proxy") && missing.contains("--dev"))
    {
        "\nhint: use `serve --dev` to try it on this machine, or `serve --domain NAME` to receive from RingCentral"
    } else {
        ""
    }
}

/// Prints help on stdout, or a usage error with its code on stderr.
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
