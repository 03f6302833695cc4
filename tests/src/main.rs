//! The programs behind `scripts/`, one subcommand each.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Parser, Subcommand};
use ringtail_tests::apps;
use ringtail_tests::bench::{self, servers};
use ringtail_tests::demo::Stage;
use ringtail_tests::faults::{self, mounts};
use ringtail_tests::flood::{self, Attack};
use ringtail_tests::soak;
use ringtail_tests::stopping::unless_stopped;
use ringtail_tests::{
    catch_up, cluster, crash, passthrough_loss, set_back, validation, wait_races, windows,
};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    program: Program,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// Run RingCentral's own software behind a relay and simulate what it receives
    Apps {
        /// Run only the programs whose name contains this
        #[arg(default_value = "")]
        only: String,
    },
    /// Measure Ringtail beside its peers, in one run on one machine
    Bench(Bench),
    /// Run one of the servers that the bench compares with
    #[command(hide = true)]
    BenchServer {
        kind: servers::Kind,
        directory: PathBuf,
    },
    /// Post events while the client is away and count what it has when it is back
    CatchUp {
        #[arg(default_value_t = 10_000)]
        events: usize,
    },
    /// Run relays behind HAProxy on one PostgreSQL under load, let faults happen, and count what was lost
    ClusterTest {
        /// Faults
        #[arg(default_value_t = 20)]
        faults: u64,
        /// Relays, two or three
        #[arg(long, default_value_t = 3)]
        relays: usize,
        /// Let only this fault happen; may be repeated
        #[arg(long, value_enum)]
        only: Vec<cluster::Fault>,
        /// Another version of ringtail-relay, to which relays are replaced and back
        #[arg(long, value_name = "PROGRAM")]
        other: Option<PathBuf>,
        #[command(flatten)]
        seed: Seed,
    },
    /// Kill relay and client (SIGKILL) under load and count what was lost
    CrashTest {
        /// Kills of each
        #[arg(default_value_t = 10)]
        kills: u64,
        #[command(flatten)]
        seed: Seed,
    },
    /// Show relay, client and app at work on realistic RingCentral events
    Demo {
        /// Print lines and end by itself, instead of the terminal UI
        #[arg(long)]
        plain: bool,
    },
    /// Inject faults into a relay under load and count what was lost
    Faults {
        /// Kill and replace a few times only
        #[arg(long)]
        quick: bool,
        /// Run only the faults whose name contains this
        #[arg(long, default_value = "")]
        only: String,
    },
    /// Attack a relay and measure RingCentral's validation requests meanwhile
    Flood {
        /// Attack briefly, without external tools
        #[arg(long)]
        quick: bool,
        /// Seconds per attack
        #[arg(long)]
        seconds: Option<u64>,
        /// Run only attacks whose name contains this, after none
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
    },
    /// Run one attack
    #[command(hide = true)]
    FloodAttack {
        attack: Attack,
        connections: usize,
        address: SocketAddr,
        url: String,
        ca: PathBuf,
        seconds: u64,
    },
    /// Kill, stop or cut off the client in the middle of callbacks that come once and count what was lost or doubled
    PassthroughLoss {
        #[arg(default_value_t = 200)]
        runs: usize,
        #[command(flatten)]
        seed: Seed,
    },
    /// Set back, restore, copy and clear disks around some events and count what was lost in silence
    SetBack {
        #[arg(default_value_t = 1_000)]
        events: u64,
    },
    /// Validate many times on new TLS connections with no client attached
    Validations {
        #[arg(default_value_t = 1_000)]
        count: usize,
    },
    /// Press random keys in the terminal UI at 200 events a second
    Soak {
        #[arg(default_value_t = 60)]
        minutes: u64,
        /// Run for 20 seconds
        #[arg(long, conflicts_with = "minutes")]
        quick: bool,
        #[command(flatten)]
        seed: Seed,
    },
    /// Run `ringtail.exe` under wine beside this system's relay
    Windows {
        /// The built `ringtail.exe`
        client: PathBuf,
    },
    /// Start `ringtail wait` many times while events come and count what it missed
    WaitRaces {
        #[arg(default_value_t = 1_000)]
        runs: usize,
        #[command(flatten)]
        seed: Seed,
    },
}

#[derive(Debug, Args)]
struct Bench {
    /// Measure briefly, to see that everything runs: the figures mean nothing then
    #[arg(long)]
    quick: bool,
    /// Measure one table only; may be repeated
    #[arg(long, value_enum)]
    only: Vec<bench::Section>,
    /// Events in the inspector's history
    #[arg(long)]
    events: Option<u64>,
    /// Seconds for which idle links, and then a client, are watched
    #[arg(long, value_name = "SECONDS")]
    idle: Option<u64>,
    /// Keep the inspector's history in this directory and reuse it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Seed {
    /// Seed, to repeat a run [default: random]
    #[arg(long)]
    seed: Option<u64>,
}

impl Seed {
    fn chosen(&self) -> u64 {
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
        say(format!("seed {seed}"));
        seed
    }
}

fn main() -> ExitCode {
    match run_alone(Arguments::parse().program) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Without the backtraces, which would push it out of what a CI shows.
            writeln!(std::io::stderr(), "error: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

/// Runs a program in a runtime of its own.
fn run_alone(program: Program) -> anyhow::Result<bool> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_env("RINGTAIL_LOG"))
        .with_writer(std::io::stderr)
        .init();
    if matches!(program, Program::Faults { .. }) {
        // A mount namespace has to be entered before there are threads.
        mounts::enter(&[])?;
    }
    if matches!(program, Program::ClusterTest { .. }) {
        cluster::network::enter()?;
    }
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(Box::pin(unless_stopped(run(program))))
}

/// Returns whether the program found everything as it should be.
async fn run(program: Program) -> anyhow::Result<bool> {
    match program {
        Program::Bench(arguments) => {
            let mut plan = match arguments.quick {
                true => bench::Plan::QUICK,
                false => bench::Plan::FULL,
            };
            plan.events = arguments.events.unwrap_or(plan.events);
            plan.idle = arguments.idle.map_or(plan.idle, Duration::from_secs);
            bench::run(plan, &arguments.only, arguments.keep.as_deref(), say).await?;
        }
        Program::Apps { only } => return apps::run(&only, say).await,
        Program::BenchServer { kind, directory } => {
            let ready = |address| say(format!("ready {address}"));
            servers::serve(kind, &directory, ready).await?;
        }
        Program::CatchUp { events } => say(catch_up::run(events).await?),
        Program::ClusterTest {
            faults,
            relays,
            only,
            other,
            seed,
        } => {
            let plan = cluster::Plan {
                faults,
                seed: seed.chosen(),
                relays,
                only,
                other,
            };
            let report = Box::pin(cluster::run(plan, say)).await?;
            say(&report);
            return Ok(report.is_clean());
        }
        Program::CrashTest { kills, seed } => {
            let report = crash::run(kills, seed.chosen()).await?;
            say(&report);
            return Ok(report.is_clean());
        }
        Program::Demo { plain } => return demo(plain || !std::io::stdout().is_terminal()).await,
        Program::Faults { quick, only } => {
            let plan = match quick {
                true => faults::Plan::QUICK,
                false => faults::Plan::FULL,
            };
            return faults::run(plan, &only, |row| say(row)).await;
        }
        Program::Flood {
            quick,
            seconds,
            only,
        } => {
            let mut plan = match quick {
                true => flood::Plan::QUICK,
                false => flood::Plan::FULL,
            };
            plan.time = seconds.map_or(plan.time, Duration::from_secs);
            plan.only = only;
            let report = Box::pin(flood::run(plan)).await?;
            say(&report);
            report.ensure_good()?;
        }
        Program::FloodAttack {
            attack,
            connections,
            address,
            url,
            ca,
            seconds,
        } => {
            let time = Duration::from_secs(seconds);
            let under_way = || say(flood::UNDER_WAY);
            flood::attack(attack, connections, address, &url, &ca, time, under_way).await?;
        }
        Program::PassthroughLoss { runs, seed } => {
            let report = passthrough_loss::run(runs, seed.chosen()).await?;
            say(&report);
            return Ok(report.is_clean());
        }
        Program::SetBack { events } => return set_back::run(events, |row| say(row)).await,
        Program::Validations { count } => say(validation::run(count).await?),
        Program::Soak {
            minutes,
            quick,
            seed,
        } => {
            let (seconds, mutants) = if quick {
                (20, 50)
            } else {
                (minutes * 60, 1000)
            };
            let plan = soak::Plan {
                time: Duration::from_secs(seconds),
                mutants,
                seed: seed.chosen(),
            };
            say(soak::run(plan, say).await?);
        }
        Program::Windows { client } => return windows::run(&client, |row| say(row)).await,
        Program::WaitRaces { runs, seed } => {
            let report = wait_races::run(runs, seed.chosen()).await?;
            say(&report);
            return Ok(report.is_clean());
        }
    }
    Ok(true)
}

async fn demo(plain: bool) -> anyhow::Result<bool> {
    say(
        "Starting a relay with its own certificate, a double of RingCentral's API, and a sample app.",
    );
    let stage = Stage::set().await?;
    say(format!("The relay is at {}", stage.relay_url()));
    say(format!("The API is at {}", stage.cloud_url()));
    say(format!("The app is at {}", stage.app_url()));
    if !plain {
        say("Starting the client with its terminal UI: ? shows the keys, q quits.");
        say(format!("\n{}", stage.terminal().await?));
        return Ok(true);
    }
    say("Starting a client, which creates its subscription; then RingCentral begins to call.");
    let summary = stage.plain(say).await?;
    say(format!("\n{summary}"));
    if !summary.is_whole() {
        bail!("events are missing");
    }
    Ok(true)
}

/// Prints a line of the result. A reader that closed standard output does not want the rest.
fn say(line: impl Display) {
    writeln!(std::io::stdout(), "{line}").ok();
}
