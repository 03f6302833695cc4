//! `migrate`: moves a relay from one database to another.

use clap::ValueEnum;
use ringtail_errors::{Exit, Failure, codes};
use ringtail_text::counted;

use super::database::DatabaseArgs;
use crate::migrate;
use crate::output;
use crate::postgres;
use crate::store::DataDir;

#[derive(Debug, clap::Args)]
pub(super) struct MigrateArgs {
    /// Read from this kind of database
    #[arg(long, value_name = "KIND")]
    from: DatabaseKind,
    /// Write to this kind of database, which must be empty
    #[arg(long, value_name = "KIND")]
    to: DatabaseKind,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DatabaseKind {
    /// The database in --data
    Sqlite,
    /// The database of --database
    Postgres,
}

pub(super) fn run(args: &MigrateArgs) -> Result<Exit, Failure> {
    let usage = |why| Failure::new(&codes::USAGE, why);
    if args.from == args.to {
        return Err(usage("--from and --to must differ"));
    }
    let url = args.database.url()?;
    let url = url.ok_or_else(|| usage("--database is missing"))?;
    let data = &args.database.data.data;
    let moved = match args.to {
        DatabaseKind::Postgres => {
            let dir = DataDir::open_existing(data)?;
            let _lock = dir.lock_serving()?;
            migrate::to_postgres(&dir, &postgres::open(&url)?)?
        }
        DatabaseKind::Sqlite => {
            let dir = DataDir::open(data)?;
            let _lock = dir.lock_serving()?;
            migrate::to_sqlite(&postgres::open(&url)?, &dir)?
        }
    };
    output::say(format_args!(
        "moved {}, {} and {}; both databases have the same digest:",
        counted(moved.accounts, "account"),
        counted(moved.endpoints, "endpoint"),
        counted(moved.events, "event")
    ));
    output::data(moved.digest)?;
    Ok(Exit::Ok)
}
