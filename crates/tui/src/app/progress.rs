//! The progress of the watched replay.

use ringtail_views::replayer::ReplayStep;

/// How far the replay is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReplayProgress {
    /// Whether it replays an edited event, which has no number on the list yet.
    pub(crate) edited: bool,
    /// The number of sends, once it is known.
    pub(crate) total: Option<usize>,
    pub(crate) done: usize,
    pub(crate) failed: usize,
    pub(crate) stopping: bool,
    /// Whether personal data was masked when it began, and therefore in its result.
    pub(crate) masked: bool,
}

impl ReplayProgress {
    pub(crate) fn step(&mut self, step: ReplayStep) {
        match step {
            ReplayStep::Begun(total) => self.total = Some(total),
            ReplayStep::Sent { accepted } => {
                self.done += 1;
                self.failed += usize::from(!accepted);
            }
        }
    }
}
