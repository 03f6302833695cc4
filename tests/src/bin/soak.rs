//! Chance keys and sizes under load: see [`ringtail_tests::soak`].

use std::io::Write as _;
use std::time::Duration;

use clap::Parser;
use ringtail_tests::soak::{self, Plan};
use ringtail_tests::stopping::unless_stopped;

#[derive(Debug, Parser)]
#[command(
    about = "Presses chance keys in the terminal UI at 200 events a second, and looks whether it goes on"
)]
struct Arguments {
    /// For how long
    #[arg(default_value_t = 60)]
    minutes: u64,
    /// For ten seconds, to see that everything runs
    #[arg(long, conflicts_with = "minutes")]
    quick: bool,
    /// Seed of the keys, to repeat a run [default: chosen and printed]
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let time = match arguments.quick {
        true => Duration::from_secs(10),
        false => Duration::from_secs(arguments.minutes * 60),
    };
    let seed = arguments
        .seed
        .unwrap_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1 >> 32);
    say(&format!("seed {seed}"));
    let report = Box::pin(unless_stopped(soak::run(Plan { time, seed }, say))).await?;
    say(&report.to_string());
    Ok(())
}

/// Standard output is the program's result; whoever closed it does not want the rest.
fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}
