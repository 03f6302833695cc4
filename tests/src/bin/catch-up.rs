//! A client that was away while events came in: see [`ringtail_tests::catch_up`].

use std::io::Write as _;

use clap::Parser;
use ringtail_tests::catch_up;
use ringtail_tests::stopping::unless_stopped;

#[derive(Debug, Parser)]
#[command(about = "Lets events come in while the client is away, and counts when it is back")]
struct Arguments {
    /// How many
    #[arg(default_value_t = 10_000)]
    events: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let report = Box::pin(unless_stopped(catch_up::run(Arguments::parse().events))).await?;
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}
