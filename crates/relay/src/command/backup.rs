//! `backup` and `restore`: the relay's database as one file.

use std::fs;
use std::path::{Path, PathBuf};

use ringtail_errors::{Exit, Failure, codes};
use ringtail_text::counted;

use super::DataArgs;
use super::database::VARIABLE;
use crate::output;
use crate::store::DataDir;
use crate::store::copy::{self, Contents};

#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// Write to this file, which must not exist
    #[arg(value_name = "FILE", value_parser = super::path())]
    file: PathBuf,
    #[command(flatten)]
    sqlite: SqliteArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// Read this file, made by `backup`
    #[arg(value_name = "FILE", value_parser = super::path())]
    file: PathBuf,
    #[command(flatten)]
    sqlite: SqliteArgs,
    /// Move an existing database aside
    #[arg(long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
struct SqliteArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Refused: without it, the commands would take the database of --data
    #[arg(long, env = VARIABLE, hide = true)]
    database: Option<String>,
}

impl SqliteArgs {
    /// Returns the data directory, unless the relay's database is elsewhere.
    fn path(&self) -> Result<&Path, Failure> {
        if self.database.is_none() {
            return Ok(&self.data.data);
        }
        let why = format!("backup and restore are for SQLite, but --database or {VARIABLE} is set");
        let hint = format!(
            "use PostgreSQL's pg_dump and pg_restore; for the SQLite database in --data, unset {VARIABLE}"
        );
        Err(Failure::new(&codes::USAGE, why).hint(hint))
    }
}

pub(super) fn backup(args: &BackupArgs) -> Result<Exit, Failure> {
    let contents = copy::backup(&DataDir::open_existing(args.sqlite.path()?)?, &args.file)?;
    output::say(format_args!(
        "{} written: {}",
        args.file.display(),
        shown(contents)
    ));
    Ok(Exit::Ok)
}

pub(super) fn restore(args: &RestoreArgs) -> Result<Exit, Failure> {
    let data = args.sqlite.path()?;
    check(&args.file)?;
    let dir = DataDir::open(data)?;
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

/// Refuses a backup that is not there, before anything is made.
fn check(file: &Path) -> Result<(), Failure> {
    let why = match fs::metadata(file) {
        Ok(found) if found.is_dir() => "it is a directory".to_owned(),
        Ok(_) => return Ok(()),
        Err(error) => error.to_string(),
    };
    let text = format!("{} cannot be restored: {why}", file.display());
    let hint = "name a file that `ringtail-relay backup` made";
    Err(Failure::new(&codes::RELAY_RESTORE, text).hint(hint))
}

fn shown(contents: Contents) -> String {
    format!(
        "{}, {}, {}, {}",
        counted(contents.accounts, "account"),
        counted(contents.endpoints, "endpoint"),
        counted(contents.events, "event"),
        counted(contents.bytes, "byte")
    )
}
