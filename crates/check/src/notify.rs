//! The answer to a notification, in the words that RingCentral records when it gives a subscription up.

use std::time::Duration;

use ringtail_ringcentral::limits::ANSWER_MAX_MS;
use ringtail_ringcentral::verdict::{Fault, NoAnswer as Recorded};

use super::answer::{no_answer, size, status_row};
use super::exchange::{Answer, NoAnswer};
use super::pace::{late, ms};
use super::row::{Outcome, Requirement, Row};

/// Judges one notification, which had a verification token or not.
pub(super) fn rows(result: &Result<Answer, NoAnswer>, has_token: bool) -> Vec<Row> {
    let answer = match result {
        Ok(answer) => answer,
        Err(none) => {
            let row = no_answer(Requirement::NotificationAnswer, none);
            return vec![recorded(
                row,
                Fault::NoAnswer {
                    reason: reason(none),
                },
            )];
        }
    };
    let status = answer.status.as_u16();
    let mut by_status = status_row(Requirement::NotificationStatus, answer.status, answer);
    if matches!(status, 400 | 415 | 422) {
        by_status = by_status
            .fix("look at the app's log: it refuses an SMS notification of the common form");
    }
    if matches!(status, 401 | 403) {
        by_status = match has_token {
            true => by_status.fix(
                "let the app take the configured Verification-Token, which this notification has, and exempt the path from logins",
            ),
            false => Row::warn(Requirement::NotificationStatus, by_status.seen).fix(
                "right, if the app checks the Verification-Token: set RINGTAIL_VERIFICATION_TOKEN to send it; else exempt the \
                 path from logins",
            ),
        };
    }
    let took = format!("{} ms", ms(answer.took));
    let by_time = if answer.took > Duration::from_millis(ANSWER_MAX_MS) {
        late(Requirement::NotificationTime, took)
    } else {
        Row::pass(Requirement::NotificationTime, took)
    };
    vec![
        Row::pass(Requirement::NotificationAnswer, "answered"),
        recorded(by_status, Fault::WrongStatus { status }),
        recorded(
            size(Requirement::NotificationSize, answer),
            Fault::TooLarge {
                bytes: answer.bytes,
            },
        ),
        recorded(by_time, Fault::Late { took: answer.took }),
    ]
}

/// Notifications earn no code: what RingCentral records of a failure is a reason.
fn recorded(row: Row, fault: Fault) -> Row {
    let row = Row { earns: None, ..row };
    if row.outcome == Outcome::Fail {
        row.records(fault.to_string())
    } else {
        row
    }
}

fn reason(none: &NoAnswer) -> Recorded {
    match none {
        NoAnswer::NoConnection { .. } => Recorded::Unreachable,
        NoAnswer::TimedOut { .. } => Recorded::TimedOut,
        NoAnswer::Empty | NoAnswer::Reset | NoAnswer::CutOff { .. } => Recorded::Reset,
        NoAnswer::NotHttp { .. } | NoAnswer::HeadersTooLarge | NoAnswer::Http2Only => {
            Recorded::NotHttp
        }
        NoAnswer::Tls { .. } => Recorded::Tls,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    #[test]
    fn failures_are_recorded_in_ringcentrals_words() {
        let answer = |status, took, bytes| Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            bytes,
            is_cut: false,
            took: Duration::from_millis(took),
            asks_certificate: false,
            version: http::Version::HTTP_11,
        };
        let of = |result: Result<Answer, NoAnswer>| {
            let rows = rows(&result, true);
            assert!(rows.iter().all(|row| row.earns.is_none()));
            rows.into_iter()
                .filter_map(|row| row.records)
                .collect::<Vec<_>>()
        };
        assert_eq!(of(Ok(answer(200, 20, 100))), [""; 0]);
        assert_eq!(
            of(Ok(answer(404, 20, 100))),
            ["Webhook responses with code: [404], reason: [Not Found]"]
        );
        assert_eq!(
            of(Ok(answer(401, 20, 100))),
            ["Webhook responses with code: [401], reason: [Unauthorized]"]
        );
        // An app that checks the token is right to refuse a notification without it.
        let without = rows(&Ok(answer(401, 20, 100)), false);
        assert!(without.iter().all(|row| row.outcome != Outcome::Fail));
        assert_eq!(
            of(Ok(answer(200, 3100, 1025))),
            [
                "Webhook response exceeds max size. Read bytes count: [1025]",
                "I/O operation is failed. Details: [Read timed out]"
            ]
        );
        assert_eq!(
            of(Err(NoAnswer::TimedOut { bytes: 0 })),
            ["I/O operation is failed. Details: [Read timed out]"]
        );
    }
}
