//! Which database a command uses.

use std::path::PathBuf;

use ringtail_errors::{Context as _, Failure, codes};

use super::DataArgs;
use crate::database::Database;
use crate::postgres::{self, DatabaseUrl};
use crate::store::DataDir;

/// Environment variable of `--database`.
pub(super) const VARIABLE: &str = "RINGTAIL_RELAY_DATABASE";

/// The relay's database.
#[derive(Debug, clap::Args)]
pub(super) struct DatabaseArgs {
    #[command(flatten)]
    pub(super) data: DataArgs,
    /// Store accounts and events in this PostgreSQL database instead, as `postgres://USER@HOST/NAME`; several relays may
    /// share it
    #[arg(long, env = VARIABLE, value_name = "URL")]
    database: Option<String>,
    /// Read the password of --database from this file [default: the environment's PGPASSWORD]
    #[arg(
        long,
        env = "RINGTAIL_RELAY_DATABASE_PASSWORD_FILE",
        value_name = "FILE",
        value_parser = super::path()
    )]
    database_password_file: Option<PathBuf>,
}

impl DatabaseArgs {
    /// Returns where the database is, unless it is in the data directory.
    pub(super) fn url(&self) -> Result<Option<DatabaseUrl>, Failure> {
        let Some(text) = &self.database else {
            return Ok(None);
        };
        let url = DatabaseUrl::parse(text)
            .map_err(|error| Failure::new(&codes::USAGE, format!("--database: {error}")))?;
        let is_environments = std::env::var(VARIABLE).is_ok_and(|set| set == *text);
        if url.has_password() && !is_environments {
            let why = "--database has a password, which every user of this machine can see in the list of processes";
            return Err(Failure::new(&codes::USAGE, why).hint(format!(
                "set {VARIABLE} or PGPASSWORD in the environment, or name a file with --database-password-file"
            )));
        }
        let password = match &self.database_password_file {
            Some(file) => {
                let text = std::fs::read_to_string(file);
                let text = text.context(format!("{} cannot be read", file.display()))?;
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
            None if url.has_password() => None,
            None => std::env::var("PGPASSWORD").ok(),
        };
        Ok(Some(match password {
            Some(password) => url.with_password(&password),
            None => url,
        }))
    }

    /// Opens the database that a command reads or changes.
    pub(super) fn existing(&self) -> Result<Database, Failure> {
        if let Some(url) = self.url()? {
            return Ok(Database::Postgres(postgres::open(&url)?));
        }
        Ok(Database::Sqlite(DataDir::open_existing(&self.data.data)?))
    }

    /// Opens the database, or creates it, and returns the data directory if that is new.
    pub(super) fn or_new(&self) -> Result<(Database, Option<PathBuf>), Failure> {
        if let Some(url) = self.url()? {
            return Ok((Database::Postgres(postgres::open(&url)?), None));
        }
        let data = &self.data.data;
        let is_new = DataDir::open_existing(data).is_err();
        let dir = DataDir::open(data)?;
        Ok((Database::Sqlite(dir), is_new.then(|| data.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(database: &str) -> Result<Option<DatabaseUrl>, Failure> {
        let data = DataArgs {
            data: PathBuf::from("data"),
        };
        DatabaseArgs {
            data,
            database: Some(database.to_owned()),
            database_password_file: None,
        }
        .url()
    }

    #[test]
    fn a_password_is_no_argument() {
        assert!(url("postgres://anna@db.example.com/relay").is_ok());
        let refused = url("postgres://anna:hush@db.example.com/relay").unwrap_err();
        insta::assert_snapshot!(refused);
        for bad in ["mysql://anna:hush@db/relay", "postgres:///relay", "hush"] {
            let refused = url(bad).unwrap_err().to_string();
            assert!(!refused.contains("hush"), "{refused}");
        }
    }
}
