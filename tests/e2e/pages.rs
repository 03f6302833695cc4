//! Files and commands that README and docs/ name exist.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use ringtail_kit::app::{App, Reply};
use ringtail_kit::eventually;
use ringtail_properties::payloads::compact;
use ringtail_tests::binaries;
use ringtail_tests::client::Home;
use ringtail_tests::hooks;
use ringtail_tests::process;
use ringtail_tests::relay::TestRelay;
use ringtail_tests::stores;
use tokio::process::Command;

use super::World;

#[test]
fn every_link_and_script_of_a_page_exists() -> anyhow::Result<()> {
    for (page, text) in pages()? {
        for script in quoted(&text).filter(|word| word.starts_with("scripts/")) {
            let script = script.split(' ').next().unwrap_or_default();
            ensure!(root().join(script).is_file(), "{page}: no {script}");
        }
        let directory = root().join(&page).with_file_name("");
        for link in text.split("](").skip(1) {
            let link = link.split([')', '#']).next().unwrap_or_default();
            let exists = link.contains("://") || directory.join(link).exists();
            ensure!(exists, "{page}: no {link}");
        }
    }
    Ok(())
}

/// With `--help` at the end, a program parses its arguments or reports an error.
#[tokio::test]
async fn the_programs_accept_every_command_of_a_page() -> anyhow::Result<()> {
    let home = Home::alone()?;
    let mut taken = 0;
    for (page, text) in pages()? {
        for line in commands(&text) {
            let line = line.split(" > ").next().unwrap_or_default();
            let output = shell(&home, &format!("{line} --help")).await?;
            ensure!(
                output.status.success(),
                "{page}: {line}\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
            taken += 1;
        }
    }
    ensure!(
        taken > 30,
        "pages have {taken} commands: the scan is broken"
    );
    Ok(())
}

#[tokio::test]
async fn the_readmes_commands_on_a_history_work() -> anyhow::Result<()> {
    let world = World::new().await?;
    let body = compact(&hooks::sms("1", 0, "Ahoy"));
    world.notify(body.clone()).await?;
    eventually!(world.client.count_of("attempt") == 1, "the attempt")?;
    let seq = world.client.lines_of("event")[0]["seq"].to_string();
    let readme = std::fs::read_to_string(root().join("README.md"))?;
    let mut ran = 0;
    let history = ["events", "replay", "explain"];
    for line in commands(&readme) {
        if line
            .split(' ')
            .nth(1)
            .is_some_and(|word| history.contains(&word))
        {
            let line = line.replace("17", &seq);
            let output = shell(&world.home, &line).await?;
            ensure!(
                output.status.success(),
                "{line}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            ran += 1;
        }
    }
    assert_eq!(ran, 5, "of the README's commands");
    assert_eq!(std::fs::read(world.home.path().join("body.json"))?, body);
    assert_eq!(stores::history_len(&world.home.data())?, 1);
    assert_eq!(world.app.count(), 2, "forwarded, and replayed");
    Ok(())
}

#[tokio::test]
async fn the_ci_job_runs() -> anyhow::Result<()> {
    let relay = TestRelay::start().await?;
    let home = Home::new(&relay, &relay.account("ci").await?)?;
    let page = std::fs::read_to_string(root().join("docs/CI.md"))?;
    let job = page
        .split("```bash\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let job = job.context("no job in the page")?;
    let run = async |app: App, job: &str| {
        let url = app.url("");
        let port = url.rsplit(':').next().unwrap_or_default();
        shell(&home, &format!("PORT={port}\n{job}")).await
    };
    let output = run(App::accepting(), job).await?;
    ensure!(output.status.success(), "{output:?}");
    // Without the app's success the job fails.
    let job = job.replace("--since", "--timeout 2 --since");
    let output = run(App::replying(|_| Reply::status(500)), &job).await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(1) && said.contains("RT-109"),
        "{said}"
    );
    Ok(())
}

/// Runs a command line in the home directory.
async fn shell(home: &Home, line: &str) -> anyhow::Result<std::process::Output> {
    let programs = binaries::find(binaries::CLIENT)?;
    let programs = programs.parent().context("no directory")?;
    let mut command = Command::new("bash");
    command
        .args(["-c", line])
        .current_dir(home.path())
        .env_clear()
        .envs(home.environment());
    command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    process::output(command).await
}

/// Returns our commands in a page's indented and fenced lines, without comments.
fn commands(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(str::trim_start).filter_map(|line| {
        let ours = line.starts_with("ringtail ") || line.starts_with("ringtail-relay ");
        let line = line.split("  ").next().filter(|_| ours)?;
        Some(line.trim_end_matches(['…', ' ']).to_owned())
    })
}

/// Returns the words between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn pages() -> anyhow::Result<Vec<(String, String)>> {
    let mut pages = vec!["README.md".to_owned()];
    for entry in std::fs::read_dir(root().join("docs"))? {
        pages.push(format!("docs/{}", entry?.file_name().to_string_lossy()));
    }
    let read = pages.into_iter().map(|page| {
        let text = std::fs::read_to_string(root().join(&page))?;
        Ok((page, text))
    });
    read.collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
