//! `ringtail completions` and `ringtail man`.

use clap::CommandFactory as _;
use clap_complete::Shell;
use ringtail_errors::{Context as _, Failure};

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::output::print;

pub(super) async fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    print(&script(args.shell)).await
}

fn script(shell: Shell) -> Vec<u8> {
    // The generator panics if a write fails; a Vec never fails.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ringtail", &mut script);
    script
}

/// Writes `ringtail.1` and a page for each command.
pub(super) fn man(args: &ManArgs) -> Result<(), Failure> {
    let directory = &args.directory;
    let written = std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), directory));
    written.context(format!("cannot write the pages to {}", directory.display()))?;
    Ok(())
}
