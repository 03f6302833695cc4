//! `completions` and `man`: shell completions and manual pages.

use std::path::PathBuf;

use clap_complete::Shell;
use ringtail_errors::{Context as _, Exit, Failure};

use crate::output;

#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Directory for the pages, created if missing
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    output::unless_closed(output::bytes(&script(args.shell)))
        .context("the script could not be printed")?;
    Ok(Exit::Ok)
}

fn script(shell: Shell) -> Vec<u8> {
    // Into memory: the generator panics when it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "ringtail-relay", &mut script);
    script
}

/// Writes `ringtail-relay.1` and a page for each command.
pub(super) fn man(args: &ManArgs) -> Result<Exit, Failure> {
    let directory = &args.directory;
    let written = std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(super::command(), directory));
    written.context(format!(
        "the pages cannot be written to {}",
        directory.display()
    ))?;
    Ok(Exit::Ok)
}
