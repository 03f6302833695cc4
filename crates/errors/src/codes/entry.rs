//! How an entry of the tables is written.

use crate::{Code, Exit, Origin};

/// A code of RingCentral's.
pub(super) const fn theirs(status: u16, message: &'static str) -> Origin {
    Origin::RingCentral {
        status: Some(status),
        message,
    }
}

/// What helps when an access token is missing or no longer valid.
pub(super) const TOKEN_NEXT: &[&str] = &[
    "Get a new access token: `POST /restapi/oauth/token` (a JWT is exchanged there, not sent as a Bearer token).",
    "Keep the token until it expires; do not log in for every call.",
];

/// A code that a program ends with.
pub(super) const fn ends(exit: Exit) -> Origin {
    Origin::Ringtail { exit: Some(exit) }
}

/// The fields that most entries leave out.
pub(super) const NOTHING: Code = Code {
    id: "",
    origin: Origin::Ringtail { exit: None },
    meaning: "",
    causes: &[],
    next: &[],
    hint: None,
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
                ..super::entry::NOTHING
            };
        )*

        pub(super) static TABLE: &[&$crate::Code] = &[$(&$name),*];
    };
}
pub(super) use codes;
