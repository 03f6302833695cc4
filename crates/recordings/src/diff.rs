//! Differences between two events, or between two responses of the app.
//!
//! Compares lines: request line or status, header fields, and the body, with JSON formatted. Fields that differ between any
//! two events are noise: their values are not compared.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::event::Header;
use serde_json::Value;
use similar::{Algorithm, ChangeTag, TextDiff};

use ringtail_model::{AttemptDetail, EventDetail, Outcome};

/// Fields that differ between any two events: identity, times, order.
const NOISE: [&str; 16] = [
    "uuid",
    "timestamp",
    "sequence",
    "eventTime",
    "lastUpdated",
    "creationTime",
    "lastModifiedTime",
    "time",
    "issued_at",
    "date_time",
    "content-length",
    "date",
    "rcrequestid",
    "traceparent",
    "x-request-id",
    "x-forwarded-for",
];

/// Placeholder of a value that is not compared.
const NOT_COMPARED: &str = "(not compared)";

/// Lines shown around a change.
const CONTEXT: usize = 3;

/// Maximum bytes of a document compared by lines.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Time limit for finding the shortest difference.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Names of fields to ignore, in headers and at any depth of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noise {
    names: BTreeSet<String>,
}

impl Default for Noise {
    fn default() -> Self {
        Self {
            names: NOISE.into_iter().map(str::to_lowercase).collect(),
        }
    }
}

impl Noise {
    /// Ignores no field.
    #[must_use]
    pub fn none() -> Self {
        Self {
            names: BTreeSet::new(),
        }
    }

    /// Adds a field to ignore. Case is ignored.
    #[must_use]
    pub fn with(mut self, name: &str) -> Self {
        self.names.insert(name.to_lowercase());
        self
    }

    /// Returns the names, in lower case and in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains(&name.to_lowercase())
    }
}

/// Ignores exactly these names.
impl<'a> FromIterator<&'a str> for Noise {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        names.into_iter().fold(Self::none(), Self::with)
    }
}

/// A line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// In both.
    Same(String),
    /// Only in the first.
    Removed(String),
    /// Only in the second.
    Added(String),
    /// Number of equal lines left out.
    Skipped(usize),
}

/// A comparison; it has no lines if nothing differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// Changed lines with context.
    pub lines: Vec<Line>,
    /// Number of changed lines.
    pub changes: usize,
}

/// An event has too few responses to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FewAnswers {
    /// There is none; failed attempts do not count.
    #[error("the app has never answered event {seq}")]
    None {
        /// The event's number.
        seq: u64,
    },
    /// There is one.
    #[error("the app has answered event {seq} once")]
    One {
        /// The event's number.
        seq: u64,
    },
}

impl Coded for FewAnswers {
    fn code(&self) -> &'static Code {
        &codes::NO_DATA
    }
}

/// Returns the app's last two responses to an event, with their numbers.
///
/// # Errors
/// When there are fewer.
pub fn last_answers(event: &EventDetail) -> Result<[(usize, &AttemptDetail); 2], FewAnswers> {
    let answers: Vec<_> = event.attempts.iter().filter(|one| is_answer(one)).collect();
    let (seq, count) = (event.event.seq, answers.len());
    match answers.as_slice() {
        [.., one, other] => Ok([(count - 1, *one), (count, *other)]),
        [_] => Err(FewAnswers::One { seq }),
        [] => Err(FewAnswers::None { seq }),
    }
}

/// Returns true if the app responded, with any status.
pub fn is_answer(attempt: &AttemptDetail) -> bool {
    matches!(attempt.attempt.outcome, Outcome::Status(_))
}

/// Compares two events.
#[must_use]
pub fn events(one: &EventDetail, other: &EventDetail, noise: &Noise) -> Diff {
    let sizes = [&one.body, &other.body].map(Bytes::len);
    texts(&of_event(one, noise), &of_event(other, noise), sizes)
}

/// Compares two responses.
#[must_use]
pub fn answers(one: &AttemptDetail, other: &AttemptDetail, noise: &Noise) -> Diff {
    let sizes = [&one.body, &other.body].map(Bytes::len);
    texts(&of_answer(one, noise), &of_answer(other, noise), sizes)
}

fn of_event(event: &EventDetail, noise: &Noise) -> String {
    let mut text = format!("{} {}\n", event.event.method, event.event.path);
    put(&mut text, &event.headers, &event.body, noise);
    text
}

fn of_answer(answer: &AttemptDetail, noise: &Noise) -> String {
    let mut text = match &answer.attempt.outcome {
        Outcome::Status(status) => format!("{status}\n"),
        Outcome::Error { message, .. } => format!("{message}\n"),
    };
    put(&mut text, &answer.headers, &answer.body, noise);
    text
}

fn put(text: &mut String, headers: &[Header], body: &[u8], noise: &Noise) {
    for header in headers {
        let value = match noise.has(&header.name) {
            true => NOT_COMPARED.into(),
            false => String::from_utf8_lossy(&header.value),
        };
        text.push_str(&format!("{}: {value}\n", header.name));
    }
    text.push('\n');
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            hide_noise(&mut value, noise);
            text.push_str(&format!("{value:#}"));
        }
        Err(_) => text.push_str(&String::from_utf8_lossy(body)),
    }
}

fn hide_noise(value: &mut Value, noise: &Noise) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    // Only scalar values are noise.
                    Value::Object(_) | Value::Array(_) => hide_noise(value, noise),
                    _ if noise.has(name) => *value = Value::from(NOT_COMPARED),
                    _ => {}
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide_noise(item, noise)),
        _ => {}
    }
}

/// Compares two documents with bodies of these sizes.
fn texts(one: &str, other: &str, sizes: [usize; 2]) -> Diff {
    if one == other {
        return Diff {
            lines: Vec::new(),
            changes: 0,
        };
    }
    if one.len().max(other.len()) > MAX_BYTES {
        return whole(sizes);
    }
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Patience)
        .timeout(TIMEOUT)
        .diff_lines(one, other);
    let mut lines = Vec::new();
    let mut changes = 0;
    let mut same: Vec<String> = Vec::new();
    for change in diff.iter_all_changes() {
        let line = change.value().trim_end_matches(['\n', '\r']).to_owned();
        let line = match change.tag() {
            ChangeTag::Equal => {
                same.push(line);
                continue;
            }
            ChangeTag::Delete => Line::Removed(line),
            ChangeTag::Insert => Line::Added(line),
        };
        fold(&mut lines, &mut same, changes > 0, true);
        changes += 1;
        lines.push(line);
    }
    fold(&mut lines, &mut same, changes > 0, false);
    Diff { lines, changes }
}

/// Adds the equal lines near a change.
fn fold(lines: &mut Vec<Line>, same: &mut Vec<String>, after: bool, before: bool) {
    let head = if after { CONTEXT } else { 0 };
    let tail = if before { CONTEXT } else { 0 };
    let hidden = same.len().saturating_sub(head + tail);
    for (at, line) in same.drain(..).enumerate() {
        // A placeholder for a single line would save nothing.
        if hidden > 1 && (head..head + hidden).contains(&at) {
            if at == head {
                lines.push(Line::Skipped(hidden));
            }
            continue;
        }
        lines.push(Line::Same(line));
    }
}

/// Two documents too large to compare by lines.
fn whole([one, other]: [usize; 2]) -> Diff {
    let sized =
        |bytes: usize| format!("(a body of {bytes} bytes, too large to compare line by line)");
    Diff {
        lines: vec![Line::Removed(sized(one)), Line::Added(sized(other))],
        changes: 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringtail_model::FailureKind;
    use ringtail_store::NewAttempt;
    use ringtail_store::testing::{TestHistory, attempt, call};

    fn texts(one: &str, other: &str) -> Diff {
        super::texts(one, other, [one.len(), other.len()])
    }

    fn show(diff: &Diff) -> String {
        let lines = diff.lines.iter().map(|line| match line {
            Line::Same(text) => format!("  {text}\n"),
            Line::Removed(text) => format!("- {text}\n"),
            Line::Added(text) => format!("+ {text}\n"),
            Line::Skipped(count) => format!("  … {count} lines\n"),
        });
        lines.collect()
    }

    fn document(body: &str, noise: &Noise) -> String {
        let mut text = String::new();
        put(&mut text, &[], body.as_bytes(), noise);
        text
    }

    #[test]
    fn values_of_noise_are_not_compared() {
        let one = r#"{"uuid":"1","body":{"sequence":1,"status":"Ringing","eventTime":"a"}}"#;
        let other = r#"{"uuid":"2","body":{"sequence":2,"status":"Answered","eventTime":"b"}}"#;
        let noise = Noise::default();
        let diff = texts(&document(one, &noise), &document(other, &noise));
        assert_eq!(diff.changes, 2);
        let changed: Vec<&Line> = diff
            .lines
            .iter()
            .filter(|line| matches!(line, Line::Removed(_) | Line::Added(_)))
            .collect();
        assert_eq!(
            changed,
            [
                &Line::Removed(r#"    "status": "Ringing","#.into()),
                &Line::Added(r#"    "status": "Answered","#.into()),
            ]
        );
        assert!(show(&diff).contains(r#""sequence": "(not compared)","#));
        let noise = noise.with("STATUS");
        assert_eq!(noise.names().collect::<Noise>(), noise);
        assert_eq!(
            texts(&document(one, &noise), &document(other, &noise)).changes,
            0
        );
        let noise = Noise::none();
        assert_eq!(
            texts(&document(one, &noise), &document(other, &noise)).changes,
            8
        );
    }

    #[test]
    fn far_lines_are_folded() {
        let one: String = (0..40).map(|n| format!("line {n}\n")).collect();
        let other = one.replace("line 20\n", "line x\n");
        assert_eq!(
            show(&texts(&one, &other)),
            "  … 17 lines\n  line 17\n  line 18\n  line 19\n- line 20\n+ line x\n  line 21\n  line 22\n  line 23\n  … 16 lines\n"
        );
        assert_eq!(
            texts(&one, &one),
            Diff {
                lines: Vec::new(),
                changes: 0
            }
        );
    }

    #[test]
    fn binary_and_large_documents_are_compared() {
        assert_eq!(texts(&String::from_utf8_lossy(b"\xff\xfe"), "x").changes, 2);
        let large = "x".repeat(MAX_BYTES + 1);
        let diff = super::texts(&large, "x", [17, 1]);
        assert_eq!(diff.changes, 2);
        // The size of the body, not of the formatted document.
        assert!(show(&diff).starts_with("- (a body of 17 bytes, too large"));
        assert_eq!(texts(&large, &large).changes, 0);
    }

    #[tokio::test]
    async fn failed_attempts_are_not_responses() {
        let test = TestHistory::open();
        let event = call(1, "s");
        test.receives(vec![event.clone()]).await;
        let failed = Outcome::Error {
            kind: FailureKind::Refused,
            message: String::new(),
        };
        let mut seen = Vec::new();
        for ended in [
            failed.clone(),
            Outcome::Status(200),
            failed.clone(),
            Outcome::Status(500),
            failed,
        ] {
            let made = NewAttempt {
                outcome: ended,
                ..attempt(event.id)
            };
            test.history.record_attempt(made, false).await.unwrap();
            let stored = test.history.event(event.id).await.unwrap().unwrap();
            seen.push(match last_answers(&stored) {
                Ok(two) => format!("{:?}", two.map(|(at, one)| (at, outcome(one)))),
                Err(few) => few.to_string(),
            });
        }
        let (never, once) = (
            "the app has never answered event 1",
            "the app has answered event 1 once",
        );
        let two = "[(1, Status(200)), (2, Status(500))]";
        assert_eq!(seen, [never, once, once, two, two]);
    }

    fn outcome(answer: &AttemptDetail) -> Outcome {
        answer.attempt.outcome.clone()
    }
}
