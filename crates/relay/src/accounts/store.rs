//! Accounts and endpoints: the rules, over any back end. Every call blocks.

use parking_lot::Mutex;
use ringtail_protocol::name::Name;
use tokio::sync::Notify;

use super::account::{Account, AccountInfo};
use super::admin::EndpointName;
use super::back_end::AccountsBackEnd;
use super::endpoint::{self, EndpointRecord};
use super::error::AccountsError;
use super::postgres::PostgresAccounts;
use super::sqlite::SqliteAccounts;
use super::token::{Token, TokenHash};
use super::verify_token::VerifyTokenHash;
use crate::journal::EndpointKey;
use crate::postgres::Postgres;
use crate::store::{DataDir, StoreError};

/// Accounts, their tokens and their endpoints.
#[derive(Debug)]
pub struct Accounts {
    back_end: Box<dyn AccountsBackEnd>,
    tokens: Mutex<Tokens>,
}

/// The valid tokens, as of a revision.
#[derive(Debug, Default)]
struct Tokens {
    revision: Option<i64>,
    valid: Vec<(TokenHash, Account)>,
}

impl Accounts {
    /// Opens the accounts in a data directory, creating the database when there is none. Blocks.
    pub fn open(dir: &DataDir) -> Result<Self, StoreError> {
        let back_end = SqliteAccounts::open(dir)?;
        Ok(Self::over(Box::new(back_end)))
    }

    /// Returns the accounts in a PostgreSQL database, which need not be there yet.
    #[must_use]
    pub fn in_postgres(postgres: &Postgres) -> Self {
        Self::over(Box::new(PostgresAccounts::new(postgres)))
    }

    fn over(back_end: Box<dyn AccountsBackEnd>) -> Self {
        Self {
            back_end,
            tokens: Mutex::default(),
        }
    }

    /// Adds an account and returns its token, which is not stored. Blocks.
    ///
    /// # Errors
    /// When the name is taken or the store fails.
    pub fn add(&self, name: &Name) -> Result<Token, AccountsError> {
        let token = Token::generate()?;
        match self.back_end.add(name, &token.hash())? {
            true => Ok(token),
            false => Err(AccountsError::Exists(name.clone())),
        }
    }

    /// Returns all accounts, by name. Blocks.
    pub fn list(&self) -> Result<Vec<AccountInfo>, AccountsError> {
        self.back_end.list()
    }

    /// Replaces the account's token, also a revoked one. Blocks.
    ///
    /// # Errors
    /// When the account is unknown or the store fails.
    pub fn rotate(&self, name: &Name) -> Result<Token, AccountsError> {
        let token = Token::generate()?;
        self.set_token(name, Some(&token.hash()))?;
        Ok(token)
    }

    /// Revokes the account's token. Its endpoints keep receiving events. Blocks.
    ///
    /// # Errors
    /// When the account is unknown or the store fails.
    pub fn revoke(&self, name: &Name) -> Result<(), AccountsError> {
        self.set_token(name, None)
    }

    fn set_token(&self, name: &Name, hash: Option<&TokenHash>) -> Result<(), AccountsError> {
        match self.back_end.set_token(name, hash)? {
            true => Ok(()),
            false => Err(AccountsError::NoAccount(name.clone())),
        }
    }

    /// Returns the account of a token, if any. Blocks for one small read unless accounts changed.
    pub fn authenticate(&self, token: &Token) -> Result<Option<Account>, AccountsError> {
        let hash = token.hash();
        self.with_tokens(|tokens| {
            // Compares with every account, so that the time does not depend on the position of the match.
            let mut found = None;
            for (known, account) in tokens {
                if known.matches(&hash) {
                    found = Some(account);
                }
            }
            found.cloned()
        })
    }

    /// Returns whether the account's token is still valid: neither revoked nor replaced. Blocks for one small read unless
    /// accounts changed.
    pub fn is_current(&self, account: &Account) -> Result<bool, AccountsError> {
        self.with_tokens(|tokens| tokens.iter().any(|(_, current)| current == account))
    }

    /// Looks into the valid tokens, loading them again if an account changed.
    fn with_tokens<T>(
        &self,
        look: impl FnOnce(&[(TokenHash, Account)]) -> T,
    ) -> Result<T, AccountsError> {
        let mut tokens = self.tokens.lock();
        // The revision first: a change between the two reads is then loaded twice, and never missed.
        let revision = self.back_end.revision()?;
        if tokens.revision != Some(revision) {
            tokens.valid = self.back_end.tokens()?;
            tokens.revision = Some(revision);
        }
        Ok(look(&tokens.valid))
    }

    /// Returns a number that changes whenever any process changes an account or endpoint. Blocks for one small read.
    pub fn revision(&self) -> Result<i64, AccountsError> {
        self.back_end.revision()
    }

    /// Returns the account's endpoint of that name, and creates it if there is none. Blocks; creating waits for the
    /// journal's transactions.
    ///
    /// # Errors
    /// When the account has too many endpoints or the store fails.
    pub fn endpoint(
        &self,
        account: &Account,
        name: &Name,
    ) -> Result<EndpointRecord, AccountsError> {
        // It nearly always exists, and reading does not wait.
        if let Some(found) = self.find_endpoint(account, name)? {
            return Ok(found);
        }
        let id = endpoint::fresh_id(name)?;
        self.back_end.create_endpoint(account, name, &id)
    }

    /// Sets or removes the verify token with which the edge answers challenges for the endpoint. Blocks.
    pub fn set_verify_token(
        &self,
        endpoint: &EndpointRecord,
        token: Option<VerifyTokenHash>,
    ) -> Result<EndpointRecord, AccountsError> {
        self.back_end
            .set_verify_token(endpoint.key, token.as_ref())?;
        Ok(EndpointRecord {
            verify_token: token,
            ..endpoint.clone()
        })
    }

    /// Returns the account's endpoint of that name. Blocks.
    pub fn find_endpoint(
        &self,
        account: &Account,
        name: &Name,
    ) -> Result<Option<EndpointRecord>, AccountsError> {
        self.back_end.find_endpoint(account, name)
    }

    /// Returns every endpoint of every account. Blocks.
    pub fn all_endpoints(&self) -> Result<Vec<EndpointRecord>, AccountsError> {
        self.back_end.endpoints()
    }

    /// Returns the key of an endpoint, if it exists. Blocks.
    pub fn endpoint_named(
        &self,
        endpoint: &EndpointName,
    ) -> Result<Option<EndpointKey>, AccountsError> {
        self.back_end.endpoint_named(endpoint)
    }

    /// Sets how many days the endpoint keeps its events; `None` for the relay's `--keep-days`. A serving relay applies it
    /// within a minute. Blocks.
    pub fn set_retention(
        &self,
        endpoint: EndpointKey,
        days: Option<u16>,
    ) -> Result<(), AccountsError> {
        self.back_end.set_retention(endpoint, days)
    }

    pub(super) fn find_id(&self, id: &str) -> Result<Option<EndpointRecord>, AccountsError> {
        self.back_end.find_id(id)
    }

    pub(super) fn told_of_changes(&self) -> Option<&Notify> {
        self.back_end.told_of_changes()
    }
}
