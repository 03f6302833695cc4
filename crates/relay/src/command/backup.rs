//! `backup` and `restore`: the relay's database as one file.

use std::path::PathBuf;

use super::Data;
use crate::output;
use crate::store::DataDir;
use crate::store::copy::{self, Contents};
use ringtail_errors::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// Write to this file, which must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// Read this file, made by `backup`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    data: Data,
    /// Move a database that is there aside
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
            "the database that was there is {} now: remove it with its -wal and -shm when it is no longer wanted",
            aside.display()
        ));
    }
    output::say(format_args!(
        "{} put back: {}\n\
         tokens count as they did when the backup was made: revoke again what was revoked or rotated since\n\
         clients fetch again what the journal holds, and know what they have",
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
