//! Every code, by family. A code keeps its meaning, and its number is never reused.
//!
//! | codes | about |
//! |---|---|
//! | `SUB-` | RingCentral's: subscriptions |
//! | `CMN-`, `AGW-` | RingCentral's: parameters, permissions, rates |
//! | `OAU-` | RingCentral's: logins and tokens |
//! | `RT-1..` | the command line |
//! | `RT-2..` | configuration |
//! | `RT-3..` | the relay, as the client sees it |
//! | `RT-4..` | history, listening, replays and simulations |
//! | `RT-5..` | verdicts |
//! | `RT-6..` | the relay's start, data and accounts |
//! | `RT-7..` | RingCentral's API: login and subscriptions |

mod access;
mod client;
mod cloud;
mod entry;
mod login;
mod relay;
mod subscription;
mod verdict;

pub use self::access::*;
pub use self::client::*;
pub use self::cloud::*;
pub use self::login::*;
pub use self::relay::*;
pub use self::subscription::*;
pub use self::verdict::*;
use crate::Code;

/// Returns every code: RingCentral's, then Ringtail's own by number.
pub fn all() -> impl Iterator<Item = &'static Code> {
    let tables = [
        subscription::TABLE,
        access::TABLE,
        login::TABLE,
        client::TABLE,
        verdict::TABLE,
        relay::TABLE,
        cloud::TABLE,
    ];
    tables.into_iter().flatten().copied()
}
