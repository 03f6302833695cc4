//! `migrate`: moves a relay from one database to another.

use clap::ValueEnum;
use ringtail_errors::{Exit, Failure, codes};

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
    let url = args.database.url()?;
    let url = url.ok_or_else(|| usage("--database is missing"))?;
    let data = &args.database.data.data;
    let moved = match (args.from, args.to) {
        (DatabaseKind::Sqlite, DatabaseKind::Postgres) => {
            let dir = DataDir::open_existing(data)?;
            let _lock = dir.lock_serving()?;
            migrate::to_postgres(&dir, &postgres::open(&url)?)?
        }
        (DatabaseKind::Postgres, DatabaseKind::Sqlite) => {
            let dir = DataDir::open(data)?;
            let _lock = dir.lock_serving()?;
            migrate::to_sqlite(&postgres::open(&url)?, &dir)?
        }
        _ => return Err(usage("--from and --to must differ")),
    };
    output::say(format_args!(
        "moved {} accounts, {} endpoints and {} events; both databases have the same digest:",
        moved.accounts, moved.endpoints, moved.events
    ));
    output::data(moved.digest)?;
    Ok(Exit::Ok)
}
