//! Arguments that select events.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct SelectArgs {
    /// Events: numbers, ranges (17..20), beginnings of ids, or endpoint/number
    #[arg(value_name = "EVENT")]
    pub(crate) events: Vec<String>,
    /// Select all events that match, oldest first
    #[arg(long, short, value_name = "FILTER", conflicts_with = "events")]
    pub(crate) filter: Option<String>,
    /// Use only events of this endpoint (name or id)
    #[arg(long, short, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
}

impl SelectArgs {
    /// Returns whether nothing is selected; commands that only read then take all events.
    pub(crate) fn is_all(&self) -> bool {
        self.events.is_empty() && self.filter.is_none()
    }
}
