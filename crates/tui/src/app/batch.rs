//! A replay that is watched: how far it is, and that it can be stopped.

use crate::source::ReplayStep;

/// How it goes so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// What is replayed, if it is one that has no number on the list yet.
    pub(crate) what: Option<&'static str>,
    /// How many are sent in all, once that is known.
    pub(crate) total: Option<usize>,
    pub(crate) done: usize,
    pub(crate) failed: usize,
    pub(crate) stopping: bool,
    /// Whether personal data was masked when it began: what is told of it then follows that.
    pub(crate) masked: bool,
}

impl Batch {
    /// Begins before anything is known.
    pub(crate) fn new(masked: bool) -> Self {
        Self {
            what: None,
            total: None,
            done: 0,
            failed: 0,
            stopping: false,
            masked,
        }
    }

    /// Takes in how it goes on.
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
