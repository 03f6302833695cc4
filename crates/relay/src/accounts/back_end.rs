//! What keeps the accounts: one implementation per database. Every call blocks.

use std::fmt::Debug;

use ringtail_protocol::name::Name;
use tokio::sync::Notify;

use super::account::{Account, AccountInfo};
use super::admin::EndpointName;
use super::endpoint::EndpointRecord;
use super::error::AccountsError;
use super::token::TokenHash;
use super::verify_token::VerifyTokenHash;
use crate::journal::EndpointKey;

/// A database of accounts and endpoints. [`super::Accounts`] has the rules.
pub(super) trait AccountsBackEnd: Debug + Send + Sync {
    /// Adds an account; false when the name is taken.
    fn add(&self, name: &Name, token: &TokenHash) -> Result<bool, AccountsError>;

    /// Returns all accounts, by name.
    fn list(&self) -> Result<Vec<AccountInfo>, AccountsError>;

    /// Replaces or revokes the account's token; false when the name is unknown.
    fn set_token(&self, name: &Name, token: Option<&TokenHash>) -> Result<bool, AccountsError>;

    /// Returns a number that changes with every change of accounts and endpoints.
    fn revision(&self) -> Result<i64, AccountsError>;

    /// Returns the valid tokens.
    fn tokens(&self) -> Result<Vec<(TokenHash, Account)>, AccountsError>;

    /// Returns the account's endpoint of that name.
    fn find_endpoint(
        &self,
        account: &Account,
        name: &Name,
    ) -> Result<Option<EndpointRecord>, AccountsError>;

    /// Creates the account's endpoint of that name with this id, or returns the one that another call created meanwhile.
    fn create_endpoint(
        &self,
        account: &Account,
        name: &Name,
        id: &str,
    ) -> Result<EndpointRecord, AccountsError>;

    /// Sets or removes an endpoint's verify token.
    fn set_verify_token(
        &self,
        endpoint: EndpointKey,
        token: Option<&VerifyTokenHash>,
    ) -> Result<(), AccountsError>;

    /// Returns the endpoint of that public id, if another relay may have created it since.
    fn find_id(&self, _id: &str) -> Result<Option<EndpointRecord>, AccountsError> {
        Ok(None)
    }

    /// Returns every endpoint of every account.
    fn endpoints(&self) -> Result<Vec<EndpointRecord>, AccountsError>;

    /// Returns the key of an endpoint, if it exists.
    fn endpoint_named(&self, endpoint: &EndpointName)
    -> Result<Option<EndpointKey>, AccountsError>;

    /// Sets how many days the endpoint keeps its events.
    fn set_retention(&self, endpoint: EndpointKey, days: Option<u16>) -> Result<(), AccountsError>;

    /// Is notified when another process may have changed something, if the database tells.
    fn told_of_changes(&self) -> Option<&Notify> {
        None
    }
}
