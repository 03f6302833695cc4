//! The file of the search index: `search.db`, next to the history.
//!
//! It is disposable: an unusable index makes a search slower and never wrong. [`usable`] makes it readable with the
//! history and returns the last event that it knows: none when it is missing, damaged, or of another version or history.
//! Later events are scanned. One process at a time writes it, see [`super::indexer`].

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension, named_params};

use ringtail_files::private_options;
use ringtail_sqlite::{BUSY_TIMEOUT, Database, OpenError, Synchronous};

/// Name of the index's file in the data directory.
pub const INDEX_FILE_NAME: &str = "search.db";

/// The index. Each version has another application id: the file of another version is rebuilt.
const INDEX: Database = Database {
    application_id: 0x7269_7303,
    migrations: &[include_str!("search.sql")],
    synchronous: Synchronous::Normal,
    // What was deleted shall not stay in free pages.
    pragmas: &[("secure_delete", 1)],
};

/// Why the index could not be opened or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    #[error("the file cannot be created")]
    File(#[from] io::Error),
    #[error("SQLite cannot open the file")]
    Open(#[from] OpenError),
    #[error("SQLite failed")]
    Sqlite(#[from] rusqlite::Error),
}

/// Opens the index of a history for writing, and attaches it to a connection to the history. Starts an empty one when it
/// is missing or unusable. The caller has the lock.
pub(super) fn open(path: &Path, history: &Connection) -> Result<Connection, IndexError> {
    if path.exists()
        && let Some(index) = open_usable(path, history)?
    {
        return Ok(index);
    }
    empty(path)?;
    let index = open_file(path)?;
    let (id, deleted) =
        history.query_row("SELECT id, deleted FROM identity, total", [], |row| {
            Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, i64>(1)?))
        })?;
    index.execute(
        "INSERT INTO progress (only, history, event, event_id, deleted) VALUES (1, :history, 0, x'', :deleted)",
        named_params! {":history": id, ":deleted": deleted},
    )?;
    attach(history);
    Ok(index)
}

/// Opens the file if it is an index of this version and of this history.
fn open_usable(path: &Path, history: &Connection) -> Result<Option<Connection>, IndexError> {
    let index = match open_file(path) {
        Ok(index) => index,
        Err(IndexError::Open(OpenError::Sqlite(error))) if !is_damage(&error) => {
            return Err(error.into());
        }
        Err(IndexError::Open(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(usable(history).map(|_| index))
}

fn open_file(path: &Path) -> Result<Connection, IndexError> {
    create(path)?;
    Ok(INDEX.open_writer(path)?)
}

fn create(path: &Path) -> io::Result<()> {
    drop(private_options().create(true).truncate(false).open(path)?);
    Ok(())
}

/// Empties the file, whatever is in it. Windows refuses to remove a file that a reader has attached.
pub(super) fn empty(path: &Path) -> Result<(), IndexError> {
    create(path)?;
    let index = Connection::open(path)?;
    index.busy_timeout(BUSY_TIMEOUT)?;
    index.set_db_config(DbConfig::SQLITE_DBCONFIG_RESET_DATABASE, true)?;
    index.execute_batch("VACUUM")?;
    Ok(())
}

/// Attaches the index to a connection to the history, if it can be used, and returns the last event that it knows.
pub(super) fn usable(history: &Connection) -> Option<i64> {
    let position = attach(history).then(|| position(history)).flatten();
    if position.is_none() {
        // The next search attaches the one that replaces it.
        detach(history);
    }
    position
}

/// Attaches the index as `search` to a connection to the history. Returns whether it is attached.
fn attach(history: &Connection) -> bool {
    // 0 is the history, 1 holds temporary tables.
    if history.db_name(2).is_ok() {
        return true;
    }
    let Some(path) = path_beside(history).filter(|path| path.exists()) else {
        return false;
    };
    let attached = history
        .execute(
            "ATTACH DATABASE :path AS search",
            named_params! {":path": path.to_str()},
        )
        .and_then(|_| history.pragma_query_value(Some("search"), "application_id", |it| it.get(0)));
    match attached {
        Ok(id) if id == INDEX.application_id => return true,
        Ok::<i32, _>(_) => {}
        Err(error) => tracing::debug!(%error, "cannot attach the search index"),
    }
    detach(history);
    false
}

/// Detaches the index, if it is attached.
pub(super) fn detach(history: &Connection) {
    if history.db_name(2).is_ok() {
        history.flush_prepared_statement_cache();
        if let Err(error) = history.execute_batch("DETACH DATABASE search") {
            tracing::debug!(%error, "cannot detach the search index");
        }
    }
}

/// Returns the path of the index of a history.
fn path_beside(history: &Connection) -> Option<PathBuf> {
    let path = history.path().filter(|path| !path.is_empty())?;
    Some(Path::new(path).with_file_name(INDEX_FILE_NAME))
}

/// Returns the last event up to which the attached index knows the history; `None` when it is of another history, or of
/// this one before a power loss took its newest events, whose rows others have now.
fn position(history: &Connection) -> Option<i64> {
    let position = history
        .prepare_cached(
            "SELECT p.event FROM search.progress AS p
             WHERE p.history = (SELECT id FROM identity)
               AND p.event <= coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0)
               AND NOT EXISTS (SELECT 1 FROM event AS e WHERE e.row = p.event AND e.id <> p.event_id)",
        )
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional());
    position.unwrap_or_else(|error| {
        tracing::debug!(%error, "cannot read the search index");
        None
    })
}

/// Returns whether an error says that the file is damaged: no database, or one without the tables.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    // SQLite has no code for "no such table".
    use ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
    let code = error.sqlite_error_code();
    code.is_some_and(|code| matches!(code, DatabaseCorrupt | NotADatabase | Unknown))
}

/// Beginnings of what SQLite says, without a code for it, when tables are missing or unreadable.
const DAMAGED: [&str; 4] = [
    "no such table",
    "no such column",
    "vtable constructor failed",
    "invalid fts5 file format",
];

/// As [`is_damage`], of a query that a filter became: an error without a code may be about the query.
pub(super) fn is_damage_to_search(error: &rusqlite::Error) -> bool {
    let message = match error {
        rusqlite::Error::SqliteFailure(code, message) if code.code == ErrorCode::Unknown => {
            message.as_deref().unwrap_or_default()
        }
        rusqlite::Error::SqlInputError { msg, .. } => msg,
        _ => return is_damage(error),
    };
    DAMAGED.iter().any(|begin| message.starts_with(begin))
}
