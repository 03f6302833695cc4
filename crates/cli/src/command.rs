//! The commands, one file each.

mod canary;
mod check;
mod describe;
mod diff;
mod doctor;
mod events;
mod explain;
pub(crate) mod export;
mod find;
mod gaps;
mod import;
pub(crate) mod listen;
mod login;
mod mcp;
pub(crate) mod replay;
pub(crate) mod search;
pub(crate) mod select;
mod simulate;
pub(crate) mod subscriptions;
mod timeline;
mod types;
mod wait;
mod web;

use crate::args::{Cli, Command, EventsCommand};
use ringtail_errors::Failure;

/// Runs a command.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let common = cli.common;
    match cli.command {
        Command::Login(args) => login::run(&common, &args).await,
        Command::Listen(args) => listen::run(&common, args).await,
        Command::Subscriptions(args) => Box::pin(subscriptions::run(&common, *args)).await,
        Command::Events(EventsCommand::List(args)) => events::list(&common, args).await,
        Command::Events(EventsCommand::Show(args)) => events::show(&common, args).await,
        Command::Events(EventsCommand::Mark(args)) => events::mark(&common, args).await,
        Command::Events(EventsCommand::Diff(args)) => diff::run(&common, args).await,
        Command::Events(EventsCommand::Timeline(args)) => timeline::run(&common, args).await,
        Command::Export(args) => export::run(&common, args).await,
        Command::Import(args) => import::run(&common, args).await,
        Command::Types(args) => types::run(&common, args).await,
        Command::Wait(args) => wait::run(&common, args).await,
        Command::Canary(args) => canary::run(&common, args).await,
        Command::Web(args) => web::run(&common, &args).await,
        Command::Replay(args) => replay::run(&common, *args).await,
        Command::Simulate(args) => simulate::run(&common, *args).await,
        Command::Check(args) => check::run(&common, args).await,
        Command::Doctor(args) => doctor::run(&common, &args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Mcp(args) => Box::pin(mcp::run(common, args)).await,
        Command::Completions(args) => describe::completions(&args).await,
        Command::Man(args) => describe::man(&args),
    }
}
