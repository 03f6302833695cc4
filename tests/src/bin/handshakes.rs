//! Many handshakes on new TLS connections with no client attached: see [`ringtail_tests::handshakes`].

use std::io::Write as _;

use clap::Parser;
use ringtail_tests::handshakes;
use ringtail_tests::stopping::unless_stopped;

#[derive(Debug, Parser)]
#[command(about = "Makes handshakes on new TLS connections with no client attached")]
struct Arguments {
    /// How many
    #[arg(default_value_t = 1_000)]
    count: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let report = Box::pin(unless_stopped(handshakes::run(Arguments::parse().count))).await?;
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}
