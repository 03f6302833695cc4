//! Accounts and endpoints in the relay's SQLite database.

use parking_lot::Mutex;
use ringtail_protocol::event::Timestamp;
use ringtail_protocol::name::Name;
use rusqlite::{
    Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, named_params,
};

use super::account::{Account, AccountInfo, AccountKey};
use super::admin::EndpointName;
use super::back_end::AccountsBackEnd;
use super::endpoint::EndpointRecord;
use super::error::{AccountsError, MAX_ENDPOINTS};
use super::token::TokenHash;
use super::verify_token::VerifyTokenHash;
use crate::journal::EndpointKey;
use crate::store::{self, DataDir, StoreError};

/// Accounts in SQLite, on separate connections.
#[derive(Debug)]
pub(super) struct SqliteAccounts {
    /// Apart from the writer, so that authentication never waits for the journal's transactions.
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
}

impl SqliteAccounts {
    pub(super) fn open(dir: &DataDir) -> Result<Self, StoreError> {
        Ok(Self {
            // First: it creates the database.
            writer: Mutex::new(store::open_writer(dir)?),
            reader: Mutex::new(store::open_reader(dir)?),
        })
    }
}

impl AccountsBackEnd for SqliteAccounts {
    fn add(&self, name: &Name, token: &TokenHash) -> Result<bool, AccountsError> {
        let added = self.writer.lock().execute(
            "INSERT INTO account (name, token_hash, created_at, changed_at) VALUES (:name, :hash, :now, :now)
             ON CONFLICT (name) DO NOTHING",
            named_params! {
                ":name": name.as_str(),
                ":hash": token.as_bytes(),
                ":now": Timestamp::now().0,
            },
        )?;
        Ok(added > 0)
    }

    fn list(&self) -> Result<Vec<AccountInfo>, AccountsError> {
        let reader = self.reader.lock();
        let mut select = reader.prepare_cached(
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

    fn set_token(&self, name: &Name, token: Option<&TokenHash>) -> Result<bool, AccountsError> {
        let changed = self.writer.lock().execute(
            "UPDATE account
             SET token_hash = :hash, changed_at = :now, token_number = token_number + 1
             WHERE name = :name",
            named_params! {
                ":name": name.as_str(),
                ":hash": token.map(TokenHash::as_bytes),
                ":now": Timestamp::now().0,
            },
        )?;
        Ok(changed > 0)
    }

    fn revision(&self) -> Result<i64, AccountsError> {
        Ok(self
            .reader
            .lock()
            .prepare_cached("SELECT value FROM meta WHERE name = 'accounts_revision'")?
            .query_row([], |row| row.get(0))?)
    }

    fn tokens(&self) -> Result<Vec<(TokenHash, Account)>, AccountsError> {
        let reader = self.reader.lock();
        let mut select = reader.prepare_cached(
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
        Ok(tokens.collect::<Result<_, _>>()?)
    }

    fn find_endpoint(
        &self,
        account: &Account,
        name: &Name,
    ) -> Result<Option<EndpointRecord>, AccountsError> {
        Ok(select_endpoint(&self.reader.lock(), account, name)?)
    }

    fn create_endpoint(
        &self,
        account: &Account,
        name: &Name,
        id: &str,
    ) -> Result<EndpointRecord, AccountsError> {
        let mut writer = self.writer.lock();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let endpoint = create_endpoint(&transaction, account, name, id)?;
        transaction.commit()?;
        Ok(endpoint)
    }

    fn set_verify_token(
        &self,
        endpoint: EndpointKey,
        token: Option<&VerifyTokenHash>,
    ) -> Result<(), AccountsError> {
        self.writer.lock().execute(
            "UPDATE endpoint SET verify_token_hash = :hash WHERE key = :endpoint",
            named_params! {
                ":endpoint": endpoint.0,
                ":hash": token.map(VerifyTokenHash::as_bytes),
            },
        )?;
        Ok(())
    }

    fn endpoints(&self) -> Result<Vec<EndpointRecord>, AccountsError> {
        let reader = self.reader.lock();
        let mut select =
            reader.prepare_cached("SELECT key, id, account, verify_token_hash FROM endpoint")?;
        let endpoints = select.query_map([], endpoint_of_row)?;
        Ok(endpoints.collect::<Result<_, _>>()?)
    }

    fn endpoint_named(
        &self,
        endpoint: &EndpointName,
    ) -> Result<Option<EndpointKey>, AccountsError> {
        let key = self.reader.lock().query_row(
            "SELECT endpoint.key FROM endpoint JOIN account ON account.key = endpoint.account
             WHERE account.name = :account AND endpoint.name = :name",
            named_params! {
                ":account": endpoint.account.as_str(),
                ":name": endpoint.name.as_str(),
            },
            |row| row.get(0).map(EndpointKey),
        );
        Ok(key.optional()?)
    }

    fn set_retention(&self, endpoint: EndpointKey, days: Option<u16>) -> Result<(), AccountsError> {
        self.writer.lock().execute(
            "UPDATE endpoint SET retention_days = :days WHERE key = :endpoint",
            named_params! { ":endpoint": endpoint.0, ":days": days },
        )?;
        Ok(())
    }
}

fn create_endpoint(
    transaction: &Transaction<'_>,
    account: &Account,
    name: &Name,
    id: &str,
) -> Result<EndpointRecord, AccountsError> {
    // Another call may have created it meanwhile.
    if let Some(found) = select_endpoint(transaction, account, name)? {
        return Ok(found);
    }
    let count: i64 = transaction.query_row(
        "SELECT count(*) FROM endpoint WHERE account = :account",
        named_params! { ":account": account.key.0 },
        |row| row.get(0),
    )?;
    if usize::try_from(count).unwrap_or(usize::MAX) >= MAX_ENDPOINTS {
        return Err(AccountsError::TooManyEndpoints);
    }
    Ok(transaction.query_row(
        "INSERT INTO endpoint (id, account, name, created_at) VALUES (:id, :account, :name, :now)
         RETURNING key, id, account, verify_token_hash",
        named_params! {
            ":id": id,
            ":account": account.key.0,
            ":name": name.as_str(),
            ":now": Timestamp::now().0,
        },
        endpoint_of_row,
    )?)
}

fn select_endpoint(
    connection: &Connection,
    account: &Account,
    name: &Name,
) -> rusqlite::Result<Option<EndpointRecord>> {
    connection
        .prepare_cached(
            "SELECT key, id, account, verify_token_hash FROM endpoint
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
        verify_token: row
            .get::<_, Option<[u8; 32]>>(3)?
            .map(VerifyTokenHash::from_stored),
    })
}
