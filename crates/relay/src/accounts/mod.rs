//! Accounts, their tokens and their endpoints.
//!
//! Commands use [`Accounts`], whose calls block. A serving relay uses [`SharedAccounts`], whose calls are async, and
//! [`EndpointTable`], which answers the edge from memory.
//!
//! Administration runs in another process; the relay notices by [`Accounts::revision`]. The endpoints of a revoked
//! account keep receiving events, so that RingCentral is always answered.

mod account;
mod admin;
mod back_end;
mod endpoint;
mod error;
mod known;
mod postgres;
mod shared;
mod sqlite;
mod store;
mod table;
mod token;
mod verify_token;

pub use self::account::{Account, AccountInfo, AccountKey};
pub use self::admin::{EndpointName, EndpointNameError, MAX_RETENTION_DAYS};
pub use self::endpoint::EndpointRecord;
pub use self::error::{AccountsError, MAX_ENDPOINTS};
pub(crate) use self::known::{Known, KnownFile};
pub use self::shared::SharedAccounts;
pub use self::store::Accounts;
pub use self::table::EndpointTable;
pub use self::token::Token;
pub use self::verify_token::{MAX_VERIFY_TOKEN_BYTES, VerifyTokenHash};

#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;
