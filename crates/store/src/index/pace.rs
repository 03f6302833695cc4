//! How many events are indexed at once.
//!
//! Few make the index costly, many keep whoever has something to store waiting. How long one takes differs by ten times
//! with the events, the size of the index and what else the machine does, so it is measured.

use std::time::Duration;

/// Events of the smallest step.
const LEAST: usize = 16;

/// Events of the largest step.
const MOST: usize = 128;

/// What a step may take.
const AIM: Duration = Duration::from_millis(30);

/// The size of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Events of the next step.
    pub(crate) events: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { events: 32 }
    }
}

impl Pace {
    /// Takes how long a step was.
    pub(crate) fn took(&mut self, time: Duration) {
        if time > AIM {
            self.events = (self.events / 2).max(LEAST);
        } else if time < AIM / 4 {
            self.events = (self.events * 2).min(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_shrink_at_once_and_grow_where_there_is_room() {
        let mut pace = Pace::default();
        let sizes: Vec<usize> = [1, 7, 1, 8, 30, 31, 100, 400, 30, 8, 7]
            .into_iter()
            .map(|ms| {
                pace.took(Duration::from_millis(ms));
                pace.events
            })
            .collect();
        assert_eq!(sizes, [64, 128, 128, 128, 128, 64, 32, 16, 16, 16, 32]);
        for _ in 0..9 {
            pace.took(AIM * 2);
        }
        assert_eq!(pace.events, LEAST);
    }
}
