//! Ringtail's own codes. A code never changes its meaning, and a number that is no longer used is not used again.
//!
//! | codes | about |
//! |---|---|
//! | `RT-1..` | what was asked of a program |
//! | `RT-2..` | configuration |
//! | `RT-3..` | the relay, as the client meets it |
//! | `RT-4..` | history, listening, replays and simulations |
//! | `RT-5..` | verdicts |
//! | `RT-6..` | the relay's own start and accounts |

mod client;
mod relay;
mod verdict;

pub use self::client::*;
pub use self::relay::*;
pub use self::verdict::*;
use super::Entry;

/// What Ringtail's own codes begin with.
pub const PREFIX: &str = "RT-";

/// Every code of Ringtail's own, by number.
pub(super) static ALL: std::sync::LazyLock<Vec<&'static Entry>> =
    std::sync::LazyLock::new(|| [client::TABLE, verdict::TABLE, relay::TABLE].concat());

/// Makes a static of each entry, so that a program cannot print a code that is not explained, and the table of all.
macro_rules! table {
    ($($name:ident $code:literal $(as $word:literal)? {
        message: $message:literal,
        meaning: $meaning:literal,
        causes: $causes:expr,
        next: $next:expr,
        sections: $sections:expr,
    })*) => {
        $(
            #[doc = $meaning]
            pub static $name: $crate::errors::Entry = $crate::errors::Entry {
                code: $code,
                status: None,
                message: $message,
                meaning: $meaning,
                causes: &$causes,
                next: &$next,
                sections: &$sections,
                word: $crate::errors::own::table!(@word $($word)?),
            };
        )*

        pub(super) static TABLE: &[&$crate::errors::Entry] = &[$(&$name),*];
    };
    (@word) => { None };
    (@word $word:literal) => { Some($word) };
}
use table;
