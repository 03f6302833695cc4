//! An account.

use ringtail_protocol::event::Timestamp;
use ringtail_protocol::name::Name;
use serde::{Deserialize, Serialize};

/// Key of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccountKey(pub i64);

/// An authenticated account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its key.
    pub key: AccountKey,
    /// Its name.
    pub name: Name,
    /// Number of its token; later tokens have higher numbers.
    pub token_number: i64,
}

/// An account for `accounts list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// The account's name.
    pub name: Name,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its token was created or revoked.
    pub changed_at: Timestamp,
    /// Whether it has no valid token.
    pub revoked: bool,
    /// How many endpoints it has.
    pub endpoints: usize,
}
