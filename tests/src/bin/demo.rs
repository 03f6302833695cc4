//! Shows Ringtail at work: see [`ringtail_tests::demo`].

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser;
use ringtail_tests::demo::Stage;
use ringtail_tests::stopping::unless_stopped;

#[derive(Debug, Parser)]
#[command(about = "Shows relay, client and app at work on realistic RingCentral events")]
struct Arguments {
    /// Print lines and end by itself, instead of the terminal UI
    #[arg(long)]
    plain: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let plain = Arguments::parse().plain || !std::io::stdout().is_terminal();
    Box::pin(unless_stopped(show(plain))).await
}

async fn show(plain: bool) -> anyhow::Result<ExitCode> {
    say("Starting a relay with a certificate of its own, and a sample app.");
    let stage = Stage::set().await?;
    say(&format!("The relay is at {}", stage.relay_url()));
    say(&format!("The app is at {}", stage.app_url()));
    let summary = if plain {
        say("Starting a client; RingCentral begins to call.");
        stage.plain(|line| say(&line)).await?
    } else {
        say("Starting the client with its terminal UI: ? shows the keys, q leaves.");
        stage.terminal().await?
    };
    say(&format!("\n{summary}"));
    if plain && !summary.is_whole() {
        say("\nSomething is missing.");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}
