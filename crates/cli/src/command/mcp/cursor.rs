//! How far a client has read: a position, and earlier events whose answer it has not seen.
//!
//! ```text
//! 312        everything up to position 312
//! 312-2,7    the same, except that the events at 310 and 305 had no answer yet
//! ```
//!
//! The app may answer an event long after the next one has come, and only its answer makes it match `status:5xx`. Without
//! the second part, a wait from the cursor would miss it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use ringtail_errors::{Failure, codes};
use ringtail_model::{EventRow, ForwardState, RowId};
use ringtail_protocol::event::{Disposition, Timestamp};

/// Events without an answer that a cursor names, the newest of the last [`LOOKED_AT`].
const MAX_OPEN: usize = 64;

/// Events that are searched for such ones.
pub(super) const LOOKED_AT: usize = 200;

/// How long the app may take for an event that it answers itself, in microseconds.
const PASSED_MICROS: i64 = 60_000_000;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cursor {
    /// Every event up to here was read.
    pub(super) after: RowId,
    /// Those among them that may still match by their answer.
    pub(super) open: BTreeSet<RowId>,
}

impl Cursor {
    /// Makes the cursor of a reader that has read everything up to a position. `rows` are the events there and before.
    pub(super) fn at(after: RowId, rows: &[EventRow], now: Timestamp) -> Self {
        let open = rows.iter().filter(|row| is_open(row, now));
        let open = open.map(|row| row.row).take(MAX_OPEN).collect();
        Self { after, open }
    }

    /// Returns up to where a reader is that was given events from this cursor on.
    pub(super) fn reached(&self, given: &BTreeSet<RowId>) -> RowId {
        let last = given.last().copied();
        last.max(Some(self.after)).unwrap_or_default()
    }

    /// Makes the cursor after events were given. `rows` are those up to there that were open or came after this cursor. The
    /// ones that match and were not given stay open.
    pub(super) fn next(
        &self,
        given: &BTreeSet<RowId>,
        rows: &[EventRow],
        matching: &BTreeSet<RowId>,
        now: Timestamp,
    ) -> Self {
        let is_left = |row: &&EventRow| {
            !given.contains(&row.row) && (is_open(row, now) || matching.contains(&row.row))
        };
        Self {
            after: self.reached(given),
            open: rows
                .iter()
                .filter(is_left)
                .map(|row| row.row)
                .take(MAX_OPEN)
                .collect(),
        }
    }
}

/// Returns whether the answer to an event may still come.
fn is_open(row: &EventRow, now: Timestamp) -> bool {
    let is_recent = now.0.saturating_sub(row.received_at.0) < PASSED_MICROS;
    let is_passed = row.disposition == Disposition::Passed && is_recent;
    row.last_attempt.is_none() && (row.forward == ForwardState::Pending || is_passed)
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.after.0)?;
        for (index, row) in self.open.iter().rev().enumerate() {
            let before = if index == 0 { '-' } else { ',' };
            write!(f, "{before}{}", self.after.0 - row.0)?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        parse(text).ok_or_else(|| {
            Failure::new(&codes::USAGE, format!("no cursor: \"{text}\""))
                .hint("pass the `cursor` of an earlier result, or omit it")
        })
    }
}

fn parse(text: &str) -> Option<Cursor> {
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= 0);
    let (after, open) = match text.split_once('-') {
        Some((after, open)) => (number(after)?, Some(open)),
        None => (number(text)?, None),
    };
    let back = open.into_iter().flat_map(|open| open.split(','));
    let open = back.map(|back| {
        let row = after - number(back)?;
        (row >= 0).then_some(RowId(row))
    });
    let open: BTreeSet<RowId> = open.collect::<Option<_>>()?;
    (open.len() <= MAX_OPEN).then_some(Cursor {
        after: RowId(after),
        open,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_is_written(after in 1000..i64::MAX, back in prop::collection::btree_set(0..1000_i64, 0..20)) {
            let open = back.into_iter().map(|back| RowId(after - back)).collect();
            let cursor = Cursor { after: RowId(after), open };
            prop_assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }

        #[test]
        fn any_other_text_is_refused_or_read(text in "[0-9,-]{0,30}|.{0,40}") {
            drop(text.parse::<Cursor>());
        }
    }

    #[test]
    fn wrong_cursors_are_refused() {
        for wrong in ["", "x", "-1", "1-", "1-1,", "1-x", "5-6"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
        let many: Vec<String> = (0..=MAX_OPEN).map(|back| back.to_string()).collect();
        assert!(
            format!("9999-{}", many.join(","))
                .parse::<Cursor>()
                .is_err()
        );
    }
}
