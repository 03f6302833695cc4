//! What an event says, in one word and one line.

use crate::classify::{RequestView, classify};

/// An event in one word and one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Stable machine word for what the event is about.
    pub topic: &'static str,
    /// One line for people, bounded and free of control characters.
    pub text: String,
}

/// Returns what the request says.
pub fn summarize(request: &RequestView<'_>) -> Summary {
    let callback = classify(request);
    Summary {
        topic: callback.name(),
        text: crate::text::tidy(callback.about(), 160),
    }
}
