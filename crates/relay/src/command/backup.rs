//! `backup` and `restore`: the relay's database as one file.

use std::path::PathBuf;

use super::DataArgs;
use crate::output;
use crate::store::DataDir;
use crate::store::copy::{self, Contents};
use ringtail_errors::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// Write to this file, which must not exist
    #[arg(value_name = "FILE", value_parser = super::path())]
    file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// Read this file, made by `backup`
    #[arg(value_name = "FILE", value_parser = super::path())]
    file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Move an existing database aside
    #[arg(long)]
    force: bool,
}

pub(super) fn backup(args: &BackupArgs) -> Result<Exit, Failure> {
    let contents = copy::backup(&DataDir::open_existing(&args.data.data)?, &args.file)?;
    output::say(format_args!(
        "{} written: {}",
        args.file.display(),
        shown(contents)
    ));
    Ok(Exit::Ok)
}

pub(super) fn restore(args: &RestoreArgs) -> Result<Exit, Failure> {
    let dir = DataDir::open(&args.data.data)?;
    let lock = dir.lock_serving()?;
    let restored = copy::restore(&dir, &lock, &args.file, args.force)?;
    if let Some(aside) = restored.aside {
        output::say(format_args!(
            "the previous database is now {}; delete it with its -wal and -shm files when you no longer need it",
            aside.display()
        ));
    }
    output::say(format_args!(
        "{} restored: {}\n\
         tokens are those of the backup: revoke or rotate again what changed since\n\
         clients fetch the journal again and skip events that they have",
        args.file.display(),
        shown(restored.contents)
    ));
    Ok(Exit::Ok)
}

fn shown(contents: Contents) -> String {
    format!(
        "{} accounts, {} endpoints, {} events, {} bytes",
        contents.accounts, contents.endpoints, contents.events, contents.bytes
    )
}
