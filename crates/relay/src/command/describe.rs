//! `completions` and `man`: the command line, described for shells and for `man`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Args, Exit};
use crate::output;

#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Directory for the pages, which must exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn completions(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    output::bytes(&script(args.shell)).context("the script could not be printed")?;
    Ok(Exit::Ok)
}

fn script(shell: Shell) -> Vec<u8> {
    // Memory takes everything; the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "ringtail-relay", &mut script);
    script
}

/// Writes `ringtail-relay.1` and a page for each command.
pub(super) fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    let directory = &args.directory;
    let written = clap_mangen::generate_to(Args::command(), directory);
    written.with_context(|| format!("the pages cannot be written to {}", directory.display()))?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    /// Every command that help shows, as its words.
    fn commands(command: &clap::Command, before: &str, found: &mut Vec<String>) {
        for below in command.get_subcommands().filter(|it| !it.is_hide_set()) {
            let words = format!("{before}-{}", below.get_name());
            commands(below, &words, found);
            found.push(words);
        }
    }

    fn all() -> Vec<String> {
        let mut found = vec!["ringtail-relay".to_owned()];
        commands(&Args::command(), "ringtail-relay", &mut found);
        assert!(found.len() > 10);
        found
    }

    #[test]
    fn every_command_has_a_page() {
        let directory = tempfile::tempdir().unwrap();
        man(&ManArgs {
            directory: directory.path().to_owned(),
        })
        .unwrap();
        let mut pages: Vec<String> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        pages.sort_unstable();
        let mut expected: Vec<String> = all().iter().map(|words| format!("{words}.1")).collect();
        expected.sort_unstable();
        assert_eq!(pages, expected);
        for page in pages {
            let text = std::fs::read_to_string(directory.path().join(&page)).unwrap();
            assert!(text.contains(".SH SYNOPSIS"), "{page}");
        }
    }

    #[test]
    fn every_shell_knows_every_command() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell)).unwrap();
            for words in all() {
                let name = words.rsplit('-').next().unwrap_or_default();
                assert!(script.contains(name), "{shell} does not know {words}");
            }
        }
    }
}
