//! Accounts and endpoints in the database. Every call blocks.

use parking_lot::{Mutex, MutexGuard};
use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::event::Timestamp;
use ringtail_protocol::name::Name;
use rusqlite::{
    Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, named_params,
};

use super::account::{Account, AccountInfo, AccountKey};
use super::endpoint::{self, EndpointRecord};
use super::token::{Token, TokenHash};
use super::verify_token::VerifyTokenHash;
use crate::journal::EndpointKey;
use crate::store::{self, DataDir, StoreError};

/// Endpoints that an account may have, so that a leaked token cannot fill the table.
pub const MAX_ENDPOINTS: usize = 256;

/// Why accounts could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountsError {
    /// SQLite failed.
    #[error("the accounts could not be read or written")]
    Database(#[from] rusqlite::Error),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random(#[from] getrandom::Error),
    /// The relay is shutting down.
    #[error("the relay is shutting down")]
    ShuttingDown,
}

impl Coded for AccountsError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Database(_) => &codes::RELAY_DATABASE,
            Self::Random(_) | Self::ShuttingDown => &codes::FAILED,
        }
    }
}

/// Why an account was not added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The name is taken.
    #[error("there is an account {0} already")]
    Exists(Name),
    /// The store failed.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
}

impl Coded for AddError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Exists(_) => &codes::RELAY_ACCOUNT_EXISTS,
            Self::Accounts(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Exists(name) => Some(format!("run `accounts rotate {name}` for a new token")),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The name is unknown.
    #[error("there is no account {0}")]
    NoAccount(Name),
    /// The store failed.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
}

impl Coded for ChangeError {
    fn code(&self) -> &'static Code {
        match self {
            Self::NoAccount(_) => &codes::RELAY_NO_ACCOUNT,
            Self::Accounts(error) => error.code(),
        }
    }
}

/// Why an endpoint was not created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The account has [`MAX_ENDPOINTS`].
    #[error("the account has {MAX_ENDPOINTS} endpoints, which is the limit; use one of them")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
}

/// Accounts, their tokens and their endpoints, on separate connections.
#[derive(Debug)]
pub struct Accounts {
    /// Apart from the writer, so that authentication never waits for the journal's transactions.
    reader: Mutex<Reader>,
    writer: Mutex<Connection>,
}

#[derive(Debug)]
pub(super) struct Reader {
    connection: Connection,
    /// Revision that [`Accounts::changed`] compared last.
    compared: i64,
    /// Revision of `tokens`.
    loaded: Option<i64>,
    tokens: Vec<(TokenHash, Account)>,
}

impl Accounts {
    /// Opens the store, creating the database when there is none. Blocks.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open(dir: &DataDir) -> Result<Self, StoreError> {
        let writer = store::open_writer(dir)?;
        let connection = store::open_reader(dir)?;
        let compared = revision(&connection)
            .map_err(|source| StoreError::open(&dir.database(), source.into()))?;
        Ok(Self {
            reader: Mutex::new(Reader {
                connection,
                compared,
                loaded: None,
                tokens: Vec::new(),
            }),
            writer: Mutex::new(writer),
        })
    }

    /// Adds an account and returns its token, which is not stored. Blocks.
    ///
    /// # Errors
    /// When the name is taken or the store fails.
    pub fn add(&self, name: &Name) -> Result<Token, AddError> {
        let token = Token::generate().map_err(AccountsError::from)?;
        let now = Timestamp::now();
        let added = self
            .writer()
            .execute(
                "INSERT INTO account (name, token_hash, created_at, changed_at) VALUES (:name, :hash, :now, :now)
                 ON CONFLICT (name) DO NOTHING",
                named_params! {
                    ":name": name.as_str(),
                    ":hash": token.hash().as_bytes(),
                    ":now": now.0,
                },
            )
            .map_err(AccountsError::from)?;
        match added {
            0 => Err(AddError::Exists(name.clone())),
            _ => Ok(token),
        }
    }

    /// Returns all accounts, by name. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn list(&self) -> Result<Vec<AccountInfo>, AccountsError> {
        let reader = self.reader();
        let mut select = reader.connection.prepare_cached(
            "SELECT name, created_at, changed_at, token_hash IS NULL,
                    (SELECT count(*) FROM endpoint WHERE account = account.key)
             FROM account ORDER BY name",
        )?;
        let accounts = select.query_map([], |row| {
            Ok(AccountInfo {
                name: Name::from_stored(row.get(0)?),
                created_at: Timestamp(row.get(1)?),
                changed_at: Timestamp(row.get(2)?),
                revoked: row.get(3)?,
                endpoints: usize::try_from(row.get::<_, i64>(4)?).unwrap_or_default(),
            })
        })?;
        Ok(accounts.collect::<Result<_, _>>()?)
    }

    /// Replaces the account's token, also a revoked one. Blocks.
    ///
    /// # Errors
    /// When the account is unknown or the store fails.
    pub fn rotate(&self, name: &Name) -> Result<Token, ChangeError> {
        let token = Token::generate().map_err(AccountsError::from)?;
        self.set_token(name, Some(&token.hash()))?;
        Ok(token)
    }

    /// Revokes the account's token. Its endpoints keep receiving events. Blocks.
    ///
    /// # Errors
    /// When the account is unknown or the store fails.
    pub fn revoke(&self, name: &Name) -> Result<(), ChangeError> {
        self.set_token(name, None)
    }

    fn set_token(&self, name: &Name, hash: Option<&TokenHash>) -> Result<(), ChangeError> {
        let changed = self
            .writer()
            .execute(
                "UPDATE account
                 SET token_hash = :hash, changed_at = :now, token_number = token_number + 1
                 WHERE name = :name",
                named_params! {
                    ":name": name.as_str(),
                    ":hash": hash.map(TokenHash::as_bytes),
                    ":now": Timestamp::now().0,
                },
            )
            .map_err(AccountsError::from)?;
        match changed {
            0 => Err(ChangeError::NoAccount(name.clone())),
            _ => Ok(()),
        }
    }

    /// Returns the account of a token, if any. Blocks for microseconds unless accounts changed.
    ///
    /// # Errors
    /// When the store fails.
    pub fn authenticate(&self, token: &Token) -> Result<Option<Account>, AccountsError> {
        let hash = token.hash();
        let mut reader = self.reader();
        reader.load()?;
        // Compares with every account, so that the time does not depend on the position of the match.
        let mut found = None;
        for (known, account) in &reader.tokens {
            if known.matches(&hash) {
                found = Some(account);
            }
        }
        Ok(found.cloned())
    }

    /// Returns whether the account's token is still valid: neither revoked nor replaced. Blocks for microseconds unless
    /// accounts changed.
    ///
    /// # Errors
    /// When the store fails.
    pub fn is_current(&self, account: &Account) -> Result<bool, AccountsError> {
        let mut reader = self.reader();
        reader.load()?;
        Ok(reader.tokens.iter().any(|(_, current)| current == account))
    }

    /// Returns whether any process has changed an account since the last call or since the store was opened. Blocks for
    /// microseconds: it reads one row.
    ///
    /// # Errors
    /// When the store fails.
    pub fn changed(&self) -> Result<bool, AccountsError> {
        let mut reader = self.reader();
        let revision = revision(&reader.connection)?;
        let changed = revision != reader.compared;
        reader.compared = revision;
        Ok(changed)
    }

    /// Returns the account's endpoint of that name, and creates it if there is none. Blocks; creating waits for the
    /// journal's transactions.
    ///
    /// # Errors
    /// When the account has [`MAX_ENDPOINTS`] or the store fails.
    pub fn endpoint(
        &self,
        account: &Account,
        name: &Name,
    ) -> Result<EndpointRecord, EndpointError> {
        // It nearly always exists, and reading does not wait.
        if let Some(found) = self
            .find_endpoint(account, name)
            .map_err(AccountsError::from)?
        {
            return Ok(found);
        }
        let mut writer = self.writer();
        let transaction = writer
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(AccountsError::from)?;
        let endpoint = create_endpoint(&transaction, account, name)?;
        transaction.commit().map_err(AccountsError::from)?;
        Ok(endpoint)
    }

    /// Sets or removes the verify token with which the edge answers challenges for the endpoint. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn set_verify_token(
        &self,
        endpoint: &EndpointRecord,
        token: Option<VerifyTokenHash>,
    ) -> Result<EndpointRecord, AccountsError> {
        self.writer().execute(
            "UPDATE endpoint SET verify_token_hash = :hash WHERE key = :endpoint",
            named_params! {
                ":endpoint": endpoint.key.0,
                ":hash": token.as_ref().map(VerifyTokenHash::as_bytes),
            },
        )?;
        Ok(EndpointRecord {
            verify_token: token,
            ..endpoint.clone()
        })
    }

    fn find_endpoint(
        &self,
        account: &Account,
        name: &Name,
    ) -> rusqlite::Result<Option<EndpointRecord>> {
        select_endpoint(&self.reader().connection, account, name)
    }

    /// Returns every endpoint of every account. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn all_endpoints(&self) -> Result<Vec<EndpointRecord>, AccountsError> {
        let reader = self.reader();
        let mut select = reader.connection.prepare_cached(
            "SELECT key, id, account, name, created_at, verify_token_hash FROM endpoint",
        )?;
        let endpoints = select.query_map([], endpoint_of_row)?;
        Ok(endpoints.collect::<Result<_, _>>()?)
    }

    pub(super) fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock()
    }

    pub(super) fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock()
    }
}

impl Reader {
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Loads the tokens again if an account changed.
    fn load(&mut self) -> rusqlite::Result<()> {
        // The revision first: a change between the two reads is then loaded twice, and never missed.
        let revision = revision(&self.connection)?;
        if self.loaded == Some(revision) {
            return Ok(());
        }
        let mut select = self.connection.prepare_cached(
            "SELECT token_hash, key, name, token_number FROM account WHERE token_hash IS NOT NULL",
        )?;
        let tokens = select.query_map([], |row| {
            Ok((
                TokenHash::from_stored(row.get(0)?),
                Account {
                    key: AccountKey(row.get(1)?),
                    name: Name::from_stored(row.get(2)?),
                    token_number: row.get(3)?,
                },
            ))
        })?;
        self.tokens = tokens.collect::<Result<_, _>>()?;
        self.loaded = Some(revision);
        Ok(())
    }
}

fn revision(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE name = 'accounts_revision'")?
        .query_row([], |row| row.get(0))
}

fn create_endpoint(
    transaction: &Transaction<'_>,
    account: &Account,
    name: &Name,
) -> Result<EndpointRecord, EndpointError> {
    let failed = AccountsError::from;
    // Another call may have created it meanwhile.
    if let Some(found) = select_endpoint(transaction, account, name).map_err(failed)? {
        return Ok(found);
    }
    let count: i64 = transaction
        .query_row(
            "SELECT count(*) FROM endpoint WHERE account = :account",
            named_params! { ":account": account.key.0 },
            |row| row.get(0),
        )
        .map_err(failed)?;
    if usize::try_from(count).unwrap_or(usize::MAX) >= MAX_ENDPOINTS {
        return Err(EndpointError::TooMany);
    }
    let id = endpoint::fresh_id(name).map_err(AccountsError::from)?;
    transaction
        .query_row(
            "INSERT INTO endpoint (id, account, name, created_at) VALUES (:id, :account, :name, :now)
             RETURNING key, id, account, name, created_at, verify_token_hash",
            named_params! {
                ":id": id,
                ":account": account.key.0,
                ":name": name.as_str(),
                ":now": Timestamp::now().0,
            },
            endpoint_of_row,
        )
        .map_err(|error| EndpointError::from(failed(error)))
}

fn select_endpoint(
    connection: &Connection,
    account: &Account,
    name: &Name,
) -> rusqlite::Result<Option<EndpointRecord>> {
    connection
        .prepare_cached(
            "SELECT key, id, account, name, created_at, verify_token_hash FROM endpoint
             WHERE account = :account AND name = :name",
        )?
        .query_row(
            named_params! { ":account": account.key.0, ":name": name.as_str() },
            endpoint_of_row,
        )
        .optional()
}

fn endpoint_of_row(row: &Row<'_>) -> rusqlite::Result<EndpointRecord> {
    Ok(EndpointRecord {
        key: EndpointKey(row.get(0)?),
        id: row.get(1)?,
        account: AccountKey(row.get(2)?),
        name: Name::from_stored(row.get(3)?),
        created_at: Timestamp(row.get(4)?),
        verify_token: row
            .get::<_, Option<[u8; 32]>>(5)?
            .map(VerifyTokenHash::from_stored),
    })
}
