//! How long answers take, over several tries.

use std::time::Duration;

use ringtail_errors::codes;
use ringtail_ringcentral::limits::{ANSWER_MAX_MS, ANSWER_MAX_MS_OLD};

use super::row::{Requirement, Row};

/// A first answer faster than this does not count as a cold start: it meets the strictest limit that RingCentral ever documented.
const COLD: Duration = Duration::from_millis(ANSWER_MAX_MS_OLD);

/// One try that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    /// Time to make the connection, TLS included; none when the connection of the try before was used.
    pub connection: Option<Duration>,
    /// Time from the request to the last byte of the answer.
    pub answer: Duration,
    /// Status of the answer.
    pub status: u16,
    /// Bytes of the answer on the wire.
    pub bytes: u64,
}

/// Makes the rows of time.
pub(super) fn rows(tries: &[Try]) -> Vec<Row> {
    let Some((first, later)) = tries.split_first() else {
        return Vec::new();
    };
    let slowest = tries.iter().map(|one| one.answer).max().unwrap_or_default();
    let limit = Duration::from_millis(ANSWER_MAX_MS);
    let old_limit = Duration::from_millis(ANSWER_MAX_MS_OLD);
    let connection = first.connection.unwrap_or_default();
    let mut seen = format!(
        "first {} ms after {} ms of connecting",
        ms(first.answer),
        ms(connection)
    );
    if let (Some(fastest), Some(slowest)) = (
        later.iter().map(|one| one.answer).min(),
        later.iter().map(|one| one.answer).max(),
    ) {
        seen.push_str(&match (ms(fastest), ms(slowest)) {
            (low, high) if low == high => format!("; warm {low} ms"),
            (low, high) => format!("; warm {low} to {high} ms"),
        });
    }
    let mut rows = Vec::new();
    if slowest > limit {
        rows.push(late(Requirement::Time, seen).earns(&codes::SUB_521));
        rows.push(Row::skipped(Requirement::OldTime, "over 3000 ms already"));
    } else {
        rows.push(if slowest + connection > limit {
            Row::warn(Requirement::Time, format!("{seen}: together over 3000 ms"))
                .earns(&codes::SUB_521)
                .fix("nothing says whether RingCentral counts the connection; look why it takes so long")
        } else {
            Row::pass(Requirement::Time, seen)
        });
        rows.push(if slowest > old_limit {
            Row::warn(
                Requirement::OldTime,
                format!(
                    "{} ms: older editions of RingCentral's guide allow 1000 ms",
                    ms(slowest)
                ),
            )
            .earns(&codes::SUB_521)
            .fix("answer first and work afterwards; under 1000 ms is right by every edition")
        } else {
            Row::pass(Requirement::OldTime, format!("slowest {} ms", ms(slowest)))
        });
    }
    rows.push(cold(first, later));
    rows
}

/// A failure by time; for a notification as well. The caller adds the code.
pub(super) fn late(requirement: Requirement, seen: String) -> Row {
    Row::fail(requirement, seen)
        .fix("answer first and work afterwards: put the work into a queue, or in the background")
}

fn cold(first: &Try, later: &[Try]) -> Row {
    let requirement = Requirement::ColdStart;
    let Some(warm) = later.iter().map(|one| one.answer).max() else {
        return Row::skipped(requirement, "one try tells nothing");
    };
    let seen = format!(
        "first {} ms, later {} ms at most",
        ms(first.answer),
        ms(warm)
    );
    if first.answer < COLD || first.answer <= warm * 3 {
        return Row::pass(requirement, seen);
    }
    Row::warn(requirement, seen)
        .earns(&codes::SUB_521)
        .fix("keep the host awake, or wake it before subscribing: RingCentral's call may be the first after hours")
}

pub(super) fn ms(time: Duration) -> u128 {
    time.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Outcome::{self, Fail, Pass, Skipped, Warn};

    fn outcomes(connection: u64, answers: &[u64]) -> Vec<Outcome> {
        let tries: Vec<Try> = answers
            .iter()
            .enumerate()
            .map(|(place, answer)| Try {
                connection: (place == 0).then(|| Duration::from_millis(connection)),
                answer: Duration::from_millis(*answer),
                status: 200,
                bytes: 150,
            })
            .collect();
        rows(&tries).into_iter().map(|row| row.outcome).collect()
    }

    #[test]
    fn both_limits_and_a_cold_start_are_told_apart() {
        assert_eq!(outcomes(40, &[900, 900]), [Pass, Pass, Pass]);
        assert_eq!(outcomes(40, &[1000, 1000]), [Pass, Pass, Pass]);
        assert_eq!(outcomes(40, &[1001, 1000]), [Pass, Warn, Pass]);
        assert_eq!(outcomes(40, &[2900, 2900]), [Pass, Warn, Pass]);
        assert_eq!(outcomes(200, &[2900, 2900]), [Warn, Warn, Pass]);
        assert_eq!(outcomes(0, &[3000, 3000]), [Pass, Warn, Pass]);
        assert_eq!(outcomes(40, &[3001, 3000]), [Fail, Skipped, Pass]);
        assert_eq!(outcomes(40, &[1000, 20, 30]), [Pass, Pass, Warn]);
        assert_eq!(outcomes(40, &[999, 20, 30]), [Pass, Pass, Pass]);
        assert_eq!(outcomes(40, &[306, 2]), [Pass, Pass, Pass]);
        assert_eq!(outcomes(40, &[50, 2]), [Pass, Pass, Pass]);
        assert_eq!(outcomes(40, &[20, 3100]), [Fail, Skipped, Pass]);
        assert_eq!(outcomes(40, &[20]), [Pass, Pass, Skipped]);
        assert_eq!(outcomes(40, &[]), []);
    }
}
