//! What is new in the body of an event.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is new in the body of an event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NewFields {
    /// What is new, of new objects and arrays the outermost; never empty.
    pub fields: Vec<NewField>,
    /// How many more there are.
    pub more: usize,
}

/// A place in the body where something is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewField {
    /// The place, as a filter has it; any key of a table is `*`.
    pub path: String,
    /// The type of what is there.
    pub is: String,
    /// The types that were there before; empty if nothing was.
    pub was: Vec<String>,
}

/// In words, without a line end; what came over the network is not escaped.
impl fmt::Display for NewFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, field) in self.fields.iter().enumerate() {
            let between = if at == 0 { "" } else { "; " };
            write!(f, "{between}{field}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl fmt::Display for NewField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, is, was } = self;
        let path = if path.is_empty() { "the body" } else { path };
        if was.is_empty() {
            write!(f, "new field {path} ({is})")
        } else {
            write!(f, "new type at {path} ({is}, was {})", was.join(" or "))
        }
    }
}
