//! Kills relay and client at chance points under load: see [`ringtail_tests::crash`].

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use ringtail_tests::crash;
use ringtail_tests::stopping::unless_stopped;

#[derive(Debug, Parser)]
#[command(about = "Kills relay and client (SIGKILL) under load and counts what was lost")]
struct Arguments {
    /// How often each is killed
    #[arg(default_value_t = 10)]
    kills: u64,
    /// Seed of the kill points, to repeat a run [default: chosen and printed]
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let seed = arguments
        .seed
        .unwrap_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1 >> 32);
    writeln!(std::io::stdout(), "seed {seed}")?;
    let report = Box::pin(unless_stopped(crash::run(arguments.kills, seed))).await?;
    writeln!(std::io::stdout(), "{report}")?;
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
