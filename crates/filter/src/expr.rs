//! What a filter says, as a tree.

use std::fmt;
use std::time::Duration;

use super::json_path::JsonPath;
use super::text::Text;
use super::when::{Day, When};
use super::words;

/// A filter that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// All of them hold; two at least, none of which is an [`Expr::And`].
    And(Vec<Expr>),
    /// One of them holds; two at least, none of which is an [`Expr::Or`].
    Or(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// One question.
    Test(Test),
}

/// One question to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Whether path, summary or body have the text.
    Anywhere(Text),
    /// Whether a field of the event has the text.
    Field(Field, Text),
    /// Whether a header of the request has the text; the name is in lower case.
    Header(String, Text),
    /// `is:` and a flag.
    Flag(Flag),
    /// The status of the newest attempt.
    Status(StatusRange),
    /// The verdict on the newest attempt, one of [`verdict::WORDS`](ringtail_ringcentral::verdict::WORDS).
    Verdict(&'static str),
    /// What the proof of origin is worth, one of [`SIGNATURES`].
    Signature(&'static str),
    /// Whether the newest attempt took longer.
    Slower(Duration),
    /// The number on the endpoint, both ends included.
    Seq(u64, u64),
    /// Received at this time or later.
    Since(When),
    /// Received before this time.
    Until(When),
    /// Received on this day.
    On(Day),
    /// Whether something is at the place.
    Has(JsonPath),
    /// Whether what is at the place compares.
    Json(JsonPath, Comparison),
}

/// Fields that texts are compared with.
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

/// What holds or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    /// Pending while the target is down or forwarding is paused.
    Held,
    /// Replayed at least once.
    Replayed,
    /// Its `uuid` came before.
    Duplicate,
    /// Follows a gap.
    Gap,
    /// Its signature or token is wrong or missing.
    Forged,
    /// Has a bookmark.
    Marked,
    /// Has a field that no earlier body of its kind had.
    NewField,
}

/// Statuses, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange(pub u16, pub u16);

/// What a proof of origin can be worth, as it is printed.
pub(crate) const SIGNATURES: [&str; 4] = ["valid", "wrong", "missing", "not-configured"];

/// How a JSON value is compared. Several values are at one path; one that compares is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// It is this text or number, as written.
    Is(Text),
    /// It is something else.
    IsNot(Text),
    /// As numbers, or as texts if one of them is no number.
    Order(Order, String),
    /// The regular expression fits.
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

impl Order {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl Expr {
    /// Returns what holds when all do; `None` if there is nothing.
    pub(super) fn all(parts: Vec<Self>) -> Option<Self> {
        join(parts, Self::And, |part| match part {
            Self::And(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// Returns what holds when one does; `None` if there is nothing.
    pub(super) fn any(parts: Vec<Self>) -> Option<Self> {
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
) -> Option<Expr> {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match open(part) {
            Ok(inner) => flat.extend(inner),
            Err(other) => flat.push(other),
        }
    }
    if flat.len() > 1 {
        Some(whole(flat))
    } else {
        flat.pop()
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Self], between: &str| {
            for (position, part) in parts.iter().enumerate() {
                if position > 0 {
                    f.write_str(between)?;
                }
                match part {
                    Self::And(_) | Self::Or(_) => write!(f, "({part})")?,
                    _ => part.fmt(f)?,
                }
            }
            Ok(())
        };
        match self {
            Self::And(parts) => list(f, parts, " "),
            Self::Or(parts) => list(f, parts, " or "),
            Self::Not(part) if matches!(**part, Self::And(_) | Self::Or(_)) => {
                write!(f, "not ({part})")
            }
            Self::Not(part) => write!(f, "not {part}"),
            Self::Test(test) => test.fmt(f),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anywhere(text) if words::reads_as_text(&text.source) => text.fmt(f),
            Self::Anywhere(text) if text.fit == super::Fit::Pattern => text.fmt(f),
            Self::Anywhere(text) => super::text::quote(&text.source, f),
            Self::Field(field, text) => write!(f, "{}:{text}", words::of_field(*field)),
            Self::Header(name, text) => write!(f, "header.{name}:{text}"),
            Self::Flag(flag) => f.write_str(words::of_flag(*flag)),
            Self::Status(StatusRange(first, last)) if first == last => write!(f, "status:{first}"),
            Self::Status(StatusRange(first, _)) => write!(f, "status:{}xx", first / 100),
            Self::Verdict(word) => write!(f, "verdict:{word}"),
            Self::Signature(word) => write!(f, "signature:{word}"),
            Self::Slower(time) => write!(f, "slower:{}ms", time.as_millis()),
            Self::Seq(first, last) if first == last => write!(f, "seq:{first}"),
            Self::Seq(first, last) => write!(f, "seq:{first}..{last}"),
            Self::Since(when) => write!(f, "since:{when}"),
            Self::Until(when) => write!(f, "until:{when}"),
            Self::On(day) => write!(f, "on:{day}"),
            Self::Has(path) => write!(f, "has:{path}"),
            Self::Json(path, comparison) => write!(f, "{path} {comparison}"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(text) => write!(f, "= {text}"),
            Self::IsNot(text) => write!(f, "!= {text}"),
            Self::Fits(text) => {
                f.write_str("~ ")?;
                // The sign is the operator's.
                let text = text.to_string();
                f.write_str(text.strip_prefix('~').unwrap_or(&text))
            }
            Self::Order(order, value) => {
                write!(f, "{} ", order.sign())?;
                super::text::quote(value, f)
            }
        }
    }
}
