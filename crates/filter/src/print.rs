//! A filter as text, in one canonical form that parses to the same filter.

use std::fmt;

use super::expr::{Comparison, Expr, Order, StatusRange, Test};
use super::json_path::{JsonPath, Step};
use super::text::{Fit, quote};
use super::words;

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
            Self::Anywhere(text) if text.fit == Fit::Pattern => text.fmt(f),
            Self::Anywhere(text) => quote(&text.source, f),
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
                quote(value, f)
            }
        }
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Any => f.write_str("[*]")?,
                Step::Field(name) => {
                    // A lone joining word or flag would not parse as a path.
                    let joins = self.0.len() == 1 && !words::reads_as_text(name);
                    if joins || !is_plain(name) {
                        f.write_str("[")?;
                        quote(name, f)?;
                        f.write_str("]")?;
                    } else {
                        let dot = if position == 0 { "" } else { "." };
                        write!(f, "{dot}{name}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Order {
    fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// Returns true if a name needs no quotes in a filter.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(plain)
}
