//! An account.

use ringtail_protocol::event::Timestamp;
use ringtail_protocol::name::Name;

/// Number of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountKey(pub i64);

/// An account, as one of its tokens proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub key: AccountKey,
    /// Its name.
    pub name: Name,
    /// Number of the token among the account's; the next one's is higher.
    pub token_number: i64,
}

/// What `accounts list` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// The account's name.
    pub name: Name,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its token was made or revoked.
    pub changed_at: Timestamp,
    /// Whether it has no token that counts.
    pub revoked: bool,
    /// How many endpoints it has.
    pub endpoints: usize,
}
