//! Who may use the relay, and which endpoints are theirs.
//!
//! [`Accounts`] is the store: every call blocks, which suits commands. A relay that serves uses
//! [`SharedAccounts`], whose calls are async, and [`EndpointTable`], which answers the edge from memory.
//!
//! Administration runs in a process of its own beside a relay that serves; [`Accounts::changed`] is how the relay
//! notices. A revoked account keeps its endpoints, and they keep taking events: RingCentral is answered whatever
//! becomes of a token.

mod account;
mod admin;
mod endpoint;
mod shared;
mod store;
mod table;
mod token;
mod verify_token;

pub use self::account::{Account, AccountInfo, AccountKey};
pub use self::admin::{EndpointName, EndpointNameError, MAX_RETENTION_DAYS};
pub use self::endpoint::EndpointRecord;
pub use self::shared::SharedAccounts;
pub use self::store::{
    Accounts, AccountsError, AddError, ChangeError, EndpointError, MAX_ENDPOINTS,
};
pub use self::table::EndpointTable;
pub use self::token::Token;
pub use self::verify_token::{MAX_VERIFY_TOKEN_BYTES, VerifyTokenHash};

#[cfg(test)]
mod tests;
