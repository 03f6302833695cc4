//! Attacks on a relay, with RingCentral's validations meanwhile: see [`ringtail_tests::flood`].

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser;
use ringtail_tests::flood::{self, Attack, Plan};
use ringtail_tests::stopping::unless_stopped;

#[derive(Debug, Parser)]
#[command(about = "Attacks a relay and tells how RingCentral's validations fare meanwhile")]
struct Arguments {
    /// Attack briefly, with attackers of our own alone
    #[arg(long)]
    quick: bool,
    /// Attack for so many seconds each
    #[arg(long)]
    seconds: Option<u64>,
    #[arg(long, hide = true, requires = "address")]
    attack: Option<Attack>,
    #[arg(long, hide = true)]
    address: Option<SocketAddr>,
    #[arg(long, hide = true)]
    url: Option<String>,
    #[arg(long, hide = true)]
    ca: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut plan = if arguments.quick {
        Plan::QUICK
    } else {
        Plan::WHOLE
    };
    if let Some(seconds) = arguments.seconds {
        plan.time = Duration::from_secs(seconds);
    }
    if let Some(attack) = arguments.attack {
        let address = arguments.address.context("no address")?;
        let url = arguments.url.context("no URL")?;
        let ca = arguments.ca.context("no CA")?;
        return flood::attack(attack, address, &url, &ca, plan.time).await;
    }
    let report = Box::pin(unless_stopped(flood::run(plan))).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{report}")?;
    let failures: Vec<String> = report.failures().collect();
    for failure in failures.iter().take(10) {
        writeln!(out, "  {failure}")?;
    }
    if !failures.is_empty() {
        bail!("{} validations were not answered right", failures.len());
    }
    if report.peak_mib() > report.ceiling_mib() {
        bail!("the relay took more memory than its limits allow");
    }
    Ok(())
}
