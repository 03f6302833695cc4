use std::path::PathBuf;

use anyhow::{Context, anyhow};
use ringtail_ringcentral::errors;
use ringtail_store::{History, Selector};

use super::*;

#[test]
fn every_exit_has_a_code_of_its_own() {
    let exits = [
        Exit::Failure,
        Exit::NotAccepted,
        Exit::Usage,
        Exit::NoData,
        Exit::Unavailable,
        Exit::Protocol,
        Exit::Refused,
        Exit::Config,
    ];
    let mut codes: Vec<&str> = exits.iter().map(|exit| by_exit(*exit).code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), exits.len());
}

/// A code that nothing prints is one that a reader of the table looks for in vain.
#[test]
fn every_code_of_the_client_is_printed_somewhere() {
    let doors = [
        include_str!("../code.rs"),
        include_str!("../../../client/src/link/code.rs"),
        include_str!("../main.rs"),
        include_str!("../output/plain.rs"),
        include_str!("../command/explain.rs"),
        include_str!("../command/replay.rs"),
        include_str!("../command/replay/edit.rs"),
        include_str!("../command/simulate.rs"),
    ]
    .concat();
    let table = include_str!("../../../ringcentral/src/errors/own/client.rs");
    let names = table.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("    ")?.split_once(' ')?;
        rest.starts_with("\"RT-").then_some(name)
    });
    let mut count = 0;
    for name in names {
        count += 1;
        let printed = format!("own::{name}");
        let is_name =
            |rest: &str| !rest.starts_with(|next: char| next.is_ascii_uppercase() || next == '_');
        assert!(
            doors.split(&printed).skip(1).any(is_name),
            "{printed} is never printed"
        );
    }
    let known = errors::all()
        .filter(|entry| ("RT-100".."RT-500").contains(&entry.code))
        .count();
    assert_eq!(count, known);
}

#[test]
fn errors_are_known_by_type_wherever_they_stand() {
    let selector = || Selector::parse("x").unwrap_err();
    let bare = anyhow::Error::from(selector());
    let within = anyhow::Error::from(selector()).context("a").context("b");
    for error in [bare, within] {
        assert_eq!(of(Exit::Failure, &error).code, "RT-107");
    }
    assert_eq!(of(Exit::Config, &anyhow!("x")).code, "RT-200");
    let target = ringtail_model::target::TargetUrl::parse("").unwrap_err();
    assert_eq!(of(Exit::Usage, &target.into()).code, "RT-102");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let opened = History::open(&file).context("opening").unwrap_err();
    assert_eq!(of(Exit::Failure, &opened).code, "RT-400");
}

#[test]
fn an_error_inside_a_transparent_one_keeps_its_code() {
    let mode = 0o644;
    let path = PathBuf::from("login.toml");
    let login = ConfigError::from(LoginError::NotPrivate { path, mode });
    assert_eq!(of(Exit::Config, &login.into()).code, "RT-206");
    let data = PathBuf::from("data");
    let name = "demo".to_owned();
    let taken = SpawnError::from(LockError::Taken { name, data });
    assert_eq!(of(Exit::Failure, &taken.into()).code, "RT-406");
}
