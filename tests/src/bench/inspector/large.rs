//! A body of ten megabytes on the screen, from the key to the picture.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::{EVERY, Table};
use crate::client::Home;
use crate::relay::TestRelay;
use crate::terminal::Terminal;
use crate::{binaries, procfs};
use ringtail_kit::caller::Hook;

/// Items of the body, of eight bytes each.
const ITEMS: usize = 1_250_000;

/// Longest time that a picture may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Key, text on the screen afterwards, and name of the row.
const STEPS: [(&str, &str, &str); 6] = [
    ("Enter", "\"subscriptionId\"", "a body of 10 MB opened"),
    ("G", "MiB more not shown", "its last line"),
    ("x", "{\"uuid\":\"1\"", "the body as it is"),
    ("x", "00000000  7b 22", "the body in hexadecimal"),
    ("x", "\"subscriptionId\"", "the body laid out again"),
    ("Escape", "VERDICT", "back in the list"),
];

/// Measures in a terminal, reading and drawing included, and returns a note.
pub(super) async fn run(rounds: usize, table: &mut Table) -> anyhow::Result<String> {
    let relay = TestRelay::start().await?;
    let token = relay.account("bench").await?;
    let home = Home::new(&relay, &token)?;
    let endpoint = relay.endpoint(&token, "large").await?;
    let client = binaries::find(binaries::CLIENT)?;
    let pid = home.path().join("pid");
    let script = format!(
        "sh -c 'echo $$ > {}; exec {} listen --no-forward --endpoint large'\nread line\n",
        pid.display(),
        client.display(),
    );
    let terminal = Terminal::run(&home, &script).await?;
    terminal.shows("connected").await?;
    let pid: u32 = std::fs::read_to_string(&pid)?.trim().parse()?;
    let body = format!(
        "{{\"uuid\":\"1\",\"event\":\"/x/presence\",\"subscriptionId\":\"2\",\"body\":[{}0]}}",
        "{\"n\":1},".repeat(ITEMS)
    );
    let hook = Hook::notification(body);
    let answer = relay.caller()?.post(&endpoint.url, &hook).await?;
    ensure!(answer.status == 200, "answered {}", answer.status);
    terminal.shows("Presence").await?;
    let before = procfs::rss_kib(pid)?;
    for _ in 0..rounds {
        for (key, seen, what) in STEPS {
            table.add(what, EVERY, press(&terminal, key, seen).await?);
        }
    }
    Ok(format!(
        "10 MB in a terminal of 100 by 30, what tmux takes to show it included; memory of the client {} MB before and {} MB at most",
        before / 1024,
        procfs::peak_kib(pid).context("no peak")? / 1024,
    ))
}

/// Presses a key and returns the milliseconds until its effect is seen.
async fn press(terminal: &Terminal, key: &str, seen: &str) -> anyhow::Result<f64> {
    let began = Instant::now();
    terminal.press(key).await?;
    loop {
        let screen = terminal.screen().await;
        let took = began.elapsed();
        if screen.contains(seen) {
            return Ok(took.as_secs_f64() * 1000.0);
        }
        ensure!(
            took < PATIENCE,
            "{seen:?} is not seen after {key}:\n{screen}"
        );
    }
}
