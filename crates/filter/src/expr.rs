//! A filter as a tree.

use std::time::Duration;

use super::json_path::JsonPath;
use super::text::Text;
use super::when::{Day, When};

/// A filter that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// All hold: two or more, without nested [`Expr::And`].
    And(Vec<Expr>),
    /// At least one holds: two or more, without nested [`Expr::Or`].
    Or(Vec<Expr>),
    /// The opposite.
    Not(Box<Expr>),
    /// A single test.
    Test(Test),
}

/// A test of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Path, summary or body contain the text.
    Anywhere(Text),
    /// A field of the event matches the text.
    Field(Field, Text),
    /// A header of the request contains the text; the name is in lower case.
    Header(String, Text),
    /// `is:` and a flag.
    Flag(Flag),
    /// The status of the newest attempt.
    Status(StatusRange),
    /// The verdict on the newest attempt, one of [`verdict::WORDS`](ringtail_ringcentral::verdict::WORDS).
    Verdict(&'static str),
    /// The result of checking signature or token, one of `SIGNATURES`.
    Signature(&'static str),
    /// The newest attempt took longer.
    Slower(Duration),
    /// The number on the endpoint, both ends included.
    Seq(u64, u64),
    /// Received at this time or later.
    Since(When),
    /// Received before this time.
    Until(When),
    /// Received on this day.
    On(Day),
    /// The path exists.
    Has(JsonPath),
    /// A value at the path satisfies the comparison.
    Json(JsonPath, Comparison),
}

/// Fields that are compared with text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The kind, RingCentral's callback.
    Kind,
    /// The event filter of a notification.
    Event,
    /// The sender.
    From,
    /// The receiver.
    To,
    /// The call or conversation.
    Session,
    /// The extension.
    Extension,
    /// RingCentral's `uuid`.
    Uuid,
    /// The endpoint's name or id.
    Endpoint,
    /// The HTTP method.
    Method,
    /// Path and query.
    Path,
    /// The user's comment.
    Comment,
}

/// Properties without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    /// Not yet delivered to the target.
    Pending,
    /// Replayed at least once.
    Replayed,
    /// Its `uuid` came before.
    Duplicate,
    /// Follows a gap.
    Gap,
    /// Its signature or token is wrong or missing.
    Forged,
    /// Has a bookmark.
    Bookmarked,
    /// Has a field that no earlier body of its kind had.
    NewField,
}

/// Statuses, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange(pub u16, pub u16);

/// Results of checking a signature or token, as printed.
pub(crate) const SIGNATURES: [&str; 4] = ["valid", "wrong", "missing", "not-configured"];

/// A comparison with a JSON value. If a path has several values, one match is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// Equal to the text, or to the number as written.
    Is(Text),
    /// Different.
    IsNot(Text),
    /// Numeric order, or text order if either is not a number.
    Order(Order, String),
    /// Matches the regular expression.
    Fits(Text),
}

/// Kinds of [`Comparison::Order`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Expr {
    /// Joins the parts with `and`; a single part stays as it is.
    pub(super) fn all(parts: Vec<Self>) -> Self {
        join(parts, Self::And, |part| match part {
            Self::And(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// Joins the parts with `or`; a single part stays as it is.
    pub(super) fn any(parts: Vec<Self>) -> Self {
        join(parts, Self::Or, |part| match part {
            Self::Or(inner) => Ok(inner),
            other => Err(other),
        })
    }
}

fn join(
    parts: Vec<Expr>,
    whole: fn(Vec<Expr>) -> Expr,
    open: fn(Expr) -> Result<Vec<Expr>, Expr>,
) -> Expr {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match open(part) {
            Ok(inner) => flat.extend(inner),
            Err(other) => flat.push(other),
        }
    }
    match <[Expr; 1]>::try_from(flat) {
        Ok([only]) => only,
        Err(flat) => whole(flat),
    }
}
