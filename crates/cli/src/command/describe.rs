//! `ringtail completions` and `ringtail man`: the command line, described for shells and for `man`.

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::exit::Failure;
use crate::output::print;

pub(super) async fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    print(&script(args.shell)).await
}

fn script(shell: Shell) -> Vec<u8> {
    // Memory takes everything; the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ringtail", &mut script);
    script
}

/// Writes `ringtail.1` and a page for each command.
pub(super) fn man(args: &ManArgs) -> Result<(), Failure> {
    let directory = &args.directory;
    let written = clap_mangen::generate_to(Cli::command(), directory);
    written.with_context(|| format!("the pages cannot be written to {}", directory.display()))?;
    Ok(())
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
        let mut found = vec!["ringtail".to_owned()];
        commands(&Cli::command(), "ringtail", &mut found);
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
