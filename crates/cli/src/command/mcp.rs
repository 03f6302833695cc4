//! `ringtail mcp`: the history for assistants, by the Model Context Protocol on stdin and stdout.
//!
//! Tools read unless the command line allows more. What came from outside stands in fields marked `untrusted`, personal
//! data is masked, secrets are redacted, and no result is above 24 KiB. docs/MCP.md describes the tools.

mod answer;
mod compare;
mod cursor;
mod install;
mod learn;
mod outline;
mod prompts;
mod reach;
mod read;
mod schema;
mod send;
mod server;
mod session;
mod status;
mod tools;
mod wait;

use ringtail_client::config::Config;
use ringtail_errors::{Failure, codes};
use ringtail_model::target::TargetUrl;
use ringtail_store::OFTEN;
use tokio_util::sync::CancellationToken;

use self::session::Session;
use super::find::open;
use crate::args::Common;
use crate::args::mcp::{McpArgs, McpCommand};
use crate::output::print;
use crate::signal::Stop;

/// The procedures of the prompts, as commands.
const SKILL: &str = include_str!("../../../../docs/SKILL.md");

pub(super) async fn run(common: Common, args: McpArgs) -> Result<(), Failure> {
    match args.command {
        Some(McpCommand::Install(args)) => return install::install(&common, &args).await,
        Some(McpCommand::Skill) => return print(SKILL.as_bytes()).await,
        None => {}
    }
    // Report a wrong target before a client waits for the first answer.
    let targets = args.allow_target.iter().map(|text| TargetUrl::parse(text));
    let targets: Vec<TargetUrl> = targets.collect::<Result<_, _>>()?;
    let config = Config::load(&common.flags(None))?;
    let history = open(&config).await?;
    let others = history.clone();
    let acts = (args.allow_send, targets);
    let session = Session::new(common, config, history, !args.clear, acts).await?;
    let cancel = CancellationToken::new();
    let _cancelled = cancel.clone().drop_guard();
    let mut stop = Stop::watch();
    let (input, output) = (tokio::io::stdin(), tokio::io::stdout());
    tokio::select! {
        biased;
        () = stop.asked() => Ok(()),
        served = server::serve(session, args.text, input, output) => served,
        () = others.watch_others(OFTEN, cancel) => Err(Failure::new(&codes::FAILED, "cannot watch the history")),
    }
}
