//! What README and docs/ say of tests, files and commands, compared with what there is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use ringtail_tests::binaries;
use ringtail_tests::client::Home;
use ringtail_tests::eventually;
use ringtail_tests::hooks;
use ringtail_tests::payloads::compact;
use ringtail_tests::process;
use ringtail_tests::ringcentral::Hook;
use ringtail_tests::stores;
use tokio::process::Command;

use super::World;

#[test]
fn every_test_that_a_page_names_exists() -> anyhow::Result<()> {
    let mut sources = String::new();
    for file in below(&root(), "rs")? {
        sources += &std::fs::read_to_string(file)?;
    }
    let tests: BTreeSet<&str> = sources
        .split("fn ")
        .skip(1)
        .filter_map(|after| after.split('(').next())
        .collect();
    let mut named = 0;
    for (page, text) in pages()? {
        for word in quoted(&text).filter(|word| is_test(word)) {
            ensure!(
                tests.contains(word),
                "{page} names {word}, which no source has"
            );
            named += 1;
        }
    }
    ensure!(named > 50, "pages name {named} tests: the scan is broken");
    Ok(())
}

#[test]
fn every_file_that_a_page_names_exists() -> anyhow::Result<()> {
    let sources = below(&root(), "rs")?;
    for (page, text) in pages()? {
        for word in quoted(&text) {
            let script = word
                .split(' ')
                .next()
                .filter(|it| it.starts_with("scripts/"));
            let there = match script {
                Some(script) => root().join(script).is_file(),
                None if word.ends_with(".rs") => sources.iter().any(|file| file.ends_with(word)),
                None => true,
            };
            ensure!(there, "{page} names {word}, which is not there");
        }
        let directory = root().join(&page);
        let directory = directory.parent().context("no directory")?;
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|after| after.split(')').next())
        {
            let file = link.split('#').next().unwrap_or_default();
            let there = link.contains("://") || file.is_empty() || directory.join(file).exists();
            ensure!(there, "{page} links to {link}, which is not there");
        }
    }
    Ok(())
}

/// Asked for help behind all its words, a program takes them or says what is wrong with them.
#[tokio::test]
async fn every_command_of_a_page_is_one_that_the_programs_take() -> anyhow::Result<()> {
    let home = Home::alone()?;
    let mut taken = 0;
    for (page, text) in pages()? {
        for line in commands(&text) {
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
async fn what_the_readme_does_with_a_history_works() -> anyhow::Result<()> {
    let world = World::new().await?;
    let body = compact(&hooks::sms("1", 0, "Ahoy"));
    let hook = Hook::notification(body.clone());
    assert_eq!(world.caller.post(&world.url, &hook).await?.status, 200);
    eventually!(world.client.count_of("attempt") == 1, "the attempt")?;
    let id = world.client.said_of("event")[0]["id"]
        .as_str()
        .context("no id")?
        .to_owned();
    let readme = std::fs::read_to_string(root().join("README.md"))?;
    let mut ran = 0;
    let history = ["events", "replay", "explain"];
    for line in commands(&readme) {
        if line
            .split(' ')
            .nth(1)
            .is_some_and(|word| history.contains(&word))
        {
            let line = line.replace("ID", &id);
            let output = shell(&world.home, &line).await?;
            ensure!(
                output.status.success(),
                "{line}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            ran += 1;
        }
    }
    assert_eq!(ran, 6, "of the README's commands");
    assert_eq!(std::fs::read(world.home.path().join("body.json"))?, body);
    assert_eq!(stores::history_len(&world.home.data())?, 1);
    assert_eq!(world.app.count(), 2, "forwarded, and replayed");
    Ok(())
}

/// Runs a line as it stands, in the home directory.
async fn shell(home: &Home, line: &str) -> anyhow::Result<std::process::Output> {
    let programs = binaries::find(binaries::CLIENT)?;
    let programs = programs.parent().context("no directory")?;
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .current_dir(home.path())
        .env_clear()
        .envs(home.environment());
    command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    process::output(command).await
}

/// Returns the commands of ours in a page's indented and fenced lines, without what is said about them.
fn commands(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(str::trim_start).filter_map(|line| {
        let ours = line.starts_with("ringtail ") || line.starts_with("ringtail-relay ");
        let line = line.split("  ").next().filter(|_| ours)?;
        Some(line.trim_end_matches(['…', ' ']).to_owned())
    })
}

/// Returns what stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Tests have names of three words at least, and metrics a name of ours before them.
fn is_test(word: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    word.bytes().all(letter) && word.matches('_').count() >= 2 && !word.starts_with("ringtail_")
}

fn pages() -> anyhow::Result<Vec<(String, String)>> {
    let mut paths = below(&root().join("docs"), "md")?;
    paths.push(root().join("README.md"));
    let read = paths.into_iter().map(|path| {
        let name = path.strip_prefix(root())?.display().to_string();
        Ok((name, std::fs::read_to_string(path)?))
    });
    read.collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns every file with an ending in a directory, but nothing that was built.
fn below(directory: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(below(&path, ending)?);
        } else if path.extension().is_some_and(|it| it == ending) {
            found.push(path);
        }
    }
    Ok(found)
}
