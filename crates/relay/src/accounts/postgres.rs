//! Accounts and endpoints in PostgreSQL.

use ringtail_protocol::event::Timestamp;
use ringtail_protocol::name::Name;
use tokio::sync::Notify;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::account::{Account, AccountInfo, AccountKey};
use super::admin::EndpointName;
use super::back_end::AccountsBackEnd;
use super::endpoint::EndpointRecord;
use super::error::{AccountsError, MAX_ENDPOINTS};
use super::token::TokenHash;
use super::verify_token::VerifyTokenHash;
use crate::journal::EndpointKey;
use crate::postgres::{Postgres, PostgresError, Session};

/// Finds an endpoint of an account, with the columns that [`endpoint_of_row`] reads.
const FIND: &str = "SELECT key, id, account, verify_token_hash FROM endpoint
    WHERE account = $1 AND name = $2";

/// Accounts in PostgreSQL.
#[derive(Debug)]
pub(super) struct PostgresAccounts(Postgres);

impl From<PostgresError> for AccountsError {
    fn from(error: PostgresError) -> Self {
        Self::Database(Box::new(error))
    }
}

impl From<tokio_postgres::Error> for AccountsError {
    fn from(error: tokio_postgres::Error) -> Self {
        PostgresError::from(error).into()
    }
}

impl PostgresAccounts {
    pub(super) fn new(postgres: &Postgres) -> Self {
        Self(postgres.clone())
    }

    fn query(
        &self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, AccountsError> {
        self.0.block_on(async {
            let mut session = self.0.take().await?;
            let rows = session.query(sql, params).await?;
            session.release();
            Ok(rows)
        })
    }

    fn execute(
        &self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, AccountsError> {
        self.0.block_on(async {
            let mut session = self.0.take().await?;
            let changed = session.execute(sql, params).await?;
            session.release();
            Ok(changed)
        })
    }
}

impl AccountsBackEnd for PostgresAccounts {
    fn add(&self, name: &Name, token: &TokenHash) -> Result<bool, AccountsError> {
        let added = self.execute(
            "INSERT INTO account (name, token_hash, created_at, changed_at) VALUES ($1, $2, $3, $3)
             ON CONFLICT (name) DO NOTHING",
            &[&name.as_str(), &token.as_bytes(), &Timestamp::now().0],
        )?;
        Ok(added > 0)
    }

    fn list(&self) -> Result<Vec<AccountInfo>, AccountsError> {
        let rows = self.query(
            "SELECT name, created_at, changed_at, token_hash IS NULL,
                    (SELECT count(*) FROM endpoint WHERE account = account.key)
             FROM account ORDER BY name COLLATE \"C\"",
            &[],
        )?;
        let accounts = rows.iter().map(|row| {
            Ok(AccountInfo {
                name: Name::from_stored(row.try_get(0)?),
                created_at: Timestamp(row.try_get(1)?),
                changed_at: Timestamp(row.try_get(2)?),
                revoked: row.try_get(3)?,
                endpoints: usize::try_from(row.try_get::<_, i64>(4)?).unwrap_or_default(),
            })
        });
        accounts.collect()
    }

    fn set_token(&self, name: &Name, token: Option<&TokenHash>) -> Result<bool, AccountsError> {
        let changed = self.execute(
            "UPDATE account
             SET token_hash = $2, changed_at = $3, token_number = token_number + 1
             WHERE name = $1",
            &[
                &name.as_str(),
                &token.map(TokenHash::as_bytes),
                &Timestamp::now().0,
            ],
        )?;
        Ok(changed > 0)
    }

    fn revision(&self) -> Result<i64, AccountsError> {
        let rows = self.query(
            "SELECT value::bigint FROM meta WHERE name = 'accounts_revision'",
            &[],
        )?;
        let first = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(first.unwrap_or_default())
    }

    fn tokens(&self) -> Result<Vec<(TokenHash, Account)>, AccountsError> {
        let rows = self.query(
            "SELECT token_hash, key, name, token_number FROM account WHERE token_hash IS NOT NULL",
            &[],
        )?;
        let mut tokens = Vec::with_capacity(rows.len());
        for row in rows {
            // The schema allows no other length.
            let Ok(hash) = <[u8; 32]>::try_from(row.try_get::<_, &[u8]>(0)?) else {
                continue;
            };
            let account = Account {
                key: AccountKey(row.try_get(1)?),
                name: Name::from_stored(row.try_get(2)?),
                token_number: row.try_get(3)?,
            };
            tokens.push((TokenHash::from_stored(hash), account));
        }
        Ok(tokens)
    }

    fn find_endpoint(
        &self,
        account: &Account,
        name: &Name,
    ) -> Result<Option<EndpointRecord>, AccountsError> {
        let rows = self.query(FIND, &[&account.key.0, &name.as_str()])?;
        rows.first().map(endpoint_of_row).transpose()
    }

    fn create_endpoint(
        &self,
        account: &Account,
        name: &Name,
        id: &str,
    ) -> Result<EndpointRecord, AccountsError> {
        self.0.block_on(async {
            let mut session = self.0.take().await?;
            let created = create_endpoint(&mut session, account, name, id).await?;
            session.release();
            created.ok_or(AccountsError::TooManyEndpoints)
        })
    }

    fn set_verify_token(
        &self,
        endpoint: EndpointKey,
        token: Option<&VerifyTokenHash>,
    ) -> Result<(), AccountsError> {
        self.execute(
            "UPDATE endpoint SET verify_token_hash = $2 WHERE key = $1",
            &[&endpoint.0, &token.map(VerifyTokenHash::as_bytes)],
        )?;
        Ok(())
    }

    fn find_id(&self, id: &str) -> Result<Option<EndpointRecord>, AccountsError> {
        let rows = self.query(
            "SELECT key, id, account, verify_token_hash FROM endpoint WHERE id = $1",
            &[&id],
        )?;
        rows.first().map(endpoint_of_row).transpose()
    }

    fn endpoints(&self) -> Result<Vec<EndpointRecord>, AccountsError> {
        let rows = self.query(
            "SELECT key, id, account, verify_token_hash FROM endpoint",
            &[],
        )?;
        rows.iter().map(endpoint_of_row).collect()
    }

    fn endpoint_named(
        &self,
        endpoint: &EndpointName,
    ) -> Result<Option<EndpointKey>, AccountsError> {
        let rows = self.query(
            "SELECT endpoint.key FROM endpoint JOIN account ON account.key = endpoint.account
             WHERE account.name = $1 AND endpoint.name = $2",
            &[&endpoint.account.as_str(), &endpoint.name.as_str()],
        )?;
        let key = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(key.map(EndpointKey))
    }

    fn set_retention(&self, endpoint: EndpointKey, days: Option<u16>) -> Result<(), AccountsError> {
        self.execute(
            "UPDATE endpoint SET retention_days = $2 WHERE key = $1",
            &[&endpoint.0, &days.map(i32::from)],
        )?;
        Ok(())
    }

    fn told_of_changes(&self) -> Option<&Notify> {
        Some(self.0.accounts_changed())
    }
}

/// Creates an endpoint, or finds the one that another call has created; `None` when the account has too many.
async fn create_endpoint(
    session: &mut Session,
    account: &Account,
    name: &Name,
    id: &str,
) -> Result<Option<EndpointRecord>, AccountsError> {
    session.batch("BEGIN").await?;
    // In a separate statement: the next one then sees what another relay has created meanwhile.
    let lock = "SELECT 1 FROM account WHERE key = $1 FOR UPDATE";
    session.query(lock, &[&account.key.0]).await?;
    let insert = "INSERT INTO endpoint (id, account, name, created_at)
         SELECT $2, $1, $3, $4
         WHERE (SELECT count(*) FROM endpoint WHERE account = $1) < $5
         ON CONFLICT (account, name) DO NOTHING";
    let most = i64::try_from(MAX_ENDPOINTS).unwrap_or(i64::MAX);
    let now = Timestamp::now().0;
    let params: [&(dyn ToSql + Sync); 5] = [&account.key.0, &id, &name.as_str(), &now, &most];
    session.execute(insert, &params).await?;
    let found = session
        .query(FIND, &[&account.key.0, &name.as_str()])
        .await?;
    session.batch("COMMIT").await?;
    found.first().map(endpoint_of_row).transpose()
}

fn endpoint_of_row(row: &Row) -> Result<EndpointRecord, AccountsError> {
    let hash: Option<&[u8]> = row.try_get(3)?;
    Ok(EndpointRecord {
        key: EndpointKey(row.try_get(0)?),
        id: row.try_get(1)?,
        account: AccountKey(row.try_get(2)?),
        verify_token: hash
            .and_then(|hash| hash.try_into().ok())
            .map(VerifyTokenHash::from_stored),
    })
}
