//! New fields of an event: fields or types that no earlier event of its kind had.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The new fields of an event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NewFields {
    /// The fields, only the outermost of nested ones; never empty.
    pub fields: Vec<NewField>,
    /// Number of further ones.
    pub more: usize,
}

/// A new field, or a new type of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewField {
    /// Path in the filter language; `*` stands for any key of a table.
    pub path: String,
    /// Its type.
    pub is: String,
    /// Its earlier types; empty for a new field.
    pub was: Vec<String>,
}

/// One line; text from the network is not escaped.
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
