//! Arguments that say which events are meant.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct SelectArgs {
    /// The events: numbers, ranges (17..20), beginnings of ids, or endpoint/number
    #[arg(value_name = "EVENT")]
    pub(crate) events: Vec<String>,
    /// Every event that a filter is for, oldest first
    #[arg(long, short, value_name = "FILTER", conflicts_with = "events")]
    pub(crate) filter: Option<String>,
    /// Only events of this endpoint: its name or id
    #[arg(long, short, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
}

impl SelectArgs {
    /// Says whether nothing is named, which means everything to commands that only read.
    pub(crate) fn is_all(&self) -> bool {
        self.events.is_empty() && self.filter.is_none()
    }
}
