//! Lost events, told where they would stand in a list.

use std::collections::HashMap;

use ringtail_errors::Failure;
use ringtail_model::{EventRow, GapRow};
use ringtail_store::History;
use ringtail_views::find::gaps;

/// The gaps that were not told yet.
#[derive(Default)]
pub(super) struct Gaps {
    left: Vec<GapRow>,
    /// The newest event of each endpoint that was listed.
    listed: HashMap<String, u64>,
}

impl Gaps {
    pub(super) async fn read(history: &History) -> Result<Self, Failure> {
        Ok(Self {
            left: gaps(history).await?,
            listed: HashMap::new(),
        })
    }

    /// Returns the gaps directly before an event, which is listed next.
    pub(super) fn before(&mut self, event: &EventRow) -> Vec<GapRow> {
        self.listed.insert(event.endpoint.clone(), event.seq);
        let is_before =
            |gap: &mut GapRow| gap.endpoint == event.endpoint && gap.last + 1 == event.seq;
        self.left.extract_if(.., is_before).collect()
    }

    /// Returns those after which no event came yet.
    pub(super) fn after_all(mut self) -> Vec<GapRow> {
        let listed = &self.listed;
        let is_after =
            |gap: &mut GapRow| listed.get(&gap.endpoint).is_none_or(|seq| *seq < gap.first);
        self.left.extract_if(.., is_after).collect()
    }
}
