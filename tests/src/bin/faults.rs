//! Makes faults happen to a relay and counts what was lost: see [`ringtail_tests::faults`].

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use ringtail_tests::faults::{self, Plan, mounts};
use ringtail_tests::stopping::unless_stopped;

#[derive(Debug, Parser)]
#[command(about = "Makes faults happen to a relay under load and counts what was lost")]
struct Arguments {
    /// Kill and replace a few times only
    #[arg(long)]
    quick: bool,
    /// Make only those faults happen whose name has this in it
    #[arg(long, default_value = "")]
    only: String,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    // Before there are threads, which a namespace would leave behind.
    mounts::enter()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let plan = if arguments.quick {
        Plan::QUICK
    } else {
        Plan::FULL
    };
    let clean = runtime.block_on(Box::pin(unless_stopped(faults::run(
        plan,
        &arguments.only,
        |row| {
            writeln!(std::io::stdout(), "{row}").ok();
        },
    ))))?;
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
