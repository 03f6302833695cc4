//! Many validations on new TLS connections with no client attached: see [`ringtail_tests::validations`].

use std::io::Write as _;

use clap::Parser;
use ringtail_tests::stopping::unless_stopped;
use ringtail_tests::validations;

#[derive(Debug, Parser)]
#[command(about = "Makes validations on new TLS connections with no client attached")]
struct Arguments {
    /// How many
    #[arg(default_value_t = 1_000)]
    count: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let report = Box::pin(unless_stopped(validations::run(Arguments::parse().count))).await?;
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}
