//! RingCentral's REST API: login, and webhook subscriptions (docs/RINGCENTRAL.md 4 and 5).
//!
//! [`Api`] makes the calls, one at a time for all processes of a login, and keeps to RingCentral's rate limits.
//! [`Keeper`] keeps one active subscription for an address. What to do is decided in `ringtail_ringcentral`; nothing is
//! printed here. No error, log or `Debug` has a secret.

mod api;
mod clock;
mod error;
mod keep;
mod login;
mod records;
mod server;
mod session;
mod transport;

pub use self::api::{Api, Tell};
pub use self::error::{ApiError, Call, Refusal};
pub use self::keep::{Action, Keeper, Kept, renew};
pub use self::login::{Credentials, JwtLogin, Login, LoginFileError, Place};
pub use self::records::{Record, Records};
pub use self::server::{BadServer, Server};
pub use self::transport::NoResponse;

#[cfg(test)]
mod tests;
