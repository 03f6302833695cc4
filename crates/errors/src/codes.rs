//! Every code, by family. A code keeps its meaning, and its number is never reused.
//!
//! | codes | about |
//! |---|---|
//! | `SUB-` | RingCentral's: subscriptions |
//! | `CMN-`, `OAU-`, `AGW-` | RingCentral's: parameters, permissions, rates, tokens |
//! | `RT-1..` | the command line |
//! | `RT-2..` | configuration |
//! | `RT-3..` | the relay, as the client sees it |
//! | `RT-4..` | history, listening, replays and simulations |
//! | `RT-5..` | verdicts |
//! | `RT-6..` | the relay's start, data and accounts |

mod access;
mod client;
mod relay;
mod subscription;
mod verdict;

pub use self::access::*;
pub use self::client::*;
pub use self::relay::*;
pub use self::subscription::*;
pub use self::verdict::*;
use crate::{Code, Exit, Origin};

/// Returns every code: RingCentral's, then Ringtail's own by number.
pub fn all() -> impl Iterator<Item = &'static Code> {
    let tables = [
        subscription::TABLE,
        access::TABLE,
        client::TABLE,
        verdict::TABLE,
        relay::TABLE,
    ];
    tables.into_iter().flatten().copied()
}

/// A code of RingCentral's.
const fn theirs(status: u16, message: &'static str) -> Origin {
    Origin::RingCentral {
        status: Some(status),
        message,
    }
}

/// A code that a program ends with.
const fn ends(exit: Exit) -> Origin {
    Origin::Ringtail { exit: Some(exit) }
}

/// The fields that most entries leave out.
const NOTHING: Code = Code {
    id: "",
    origin: Origin::Ringtail { exit: None },
    meaning: "",
    causes: &[],
    hint: None,
    next: &[],
    sections: &[],
};

/// Makes a static of each entry, so that no program can print a code that is not explained, and the table of all.
macro_rules! codes {
    ($($name:ident = $code:literal, $origin:expr; { $($fields:tt)* })*) => {
        $(
            #[doc = concat!("`", $code, "`")]
            pub static $name: $crate::Code = $crate::Code {
                id: $code,
                origin: $origin,
                $($fields)*
                ..super::NOTHING
            };
        )*

        pub(super) static TABLE: &[&$crate::Code] = &[$(&$name),*];
    };
}
use codes;
