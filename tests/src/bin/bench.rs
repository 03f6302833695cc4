//! Measures Ringtail beside its peers: see [`ringtail_tests::bench`].

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use ringtail_tests::bench::{
    Plan, delivery, edge, idle, ingest, inspector, passthrough, servers, startup,
};
use ringtail_tests::stopping::unless_stopped;
use tracing_subscriber::EnvFilter;

#[derive(Debug, Parser)]
#[command(about = "Measures Ringtail beside its peers, in one run on one machine")]
struct Arguments {
    /// Measure briefly, to see that everything runs: figures mean nothing then
    #[arg(long)]
    quick: bool,
    /// Measure one table alone; may be repeated
    #[arg(long, value_enum)]
    only: Vec<Section>,
    /// How many events the inspector's history holds
    #[arg(long)]
    events: Option<u64>,
    /// Keep the inspector's history in this directory, and use it again if it is there
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one of the servers that the tables compare with
    #[command(hide = true)]
    Serve {
        kind: servers::Kind,
        directory: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    Edge,
    Ingest,
    Delivery,
    Passthrough,
    Idle,
    Startup,
    Inspector,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_env("RINGTAIL_LOG"))
        .with_writer(std::io::stderr)
        .init();
    if let Some(Command::Serve { kind, directory }) = &arguments.command {
        return Box::pin(servers::serve(*kind, directory, |address| {
            say(&format!("ready {address}"));
        }))
        .await;
    }
    Box::pin(unless_stopped(measure(&arguments))).await
}

async fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let mut plan = if arguments.quick {
        Plan::QUICK
    } else {
        Plan::FULL
    };
    plan.events = arguments.events.unwrap_or(plan.events);
    for section in Section::value_variants() {
        if !arguments.only.is_empty() && !arguments.only.contains(section) {
            continue;
        }
        say(&match section {
            Section::Edge => Box::pin(edge::run(plan)).await?,
            Section::Ingest => Box::pin(ingest::run(plan)).await?,
            Section::Delivery => Box::pin(delivery::run(plan)).await?,
            Section::Passthrough => Box::pin(passthrough::run(plan)).await?,
            Section::Idle => Box::pin(idle::run(plan)).await?,
            Section::Startup => Box::pin(startup::run(plan)).await?,
            Section::Inspector => Box::pin(inspector::run(plan, arguments.keep.as_deref())).await?,
        });
    }
    Ok(())
}

/// Standard output is the program's result; whoever closed it does not want the rest.
fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}
