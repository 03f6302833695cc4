//! What is different between two events, or between two answers of the app.
//!
//! Compared are documents of lines: a request line or a status, header fields, and the body, JSON laid out and anything
//! else as it is. What differs between any two events and means nothing is noise: it is left in its place, and its value
//! is not compared.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::event::Header;
use serde_json::Value;
use similar::{Algorithm, ChangeTag, TextDiff};

use ringtail_model::{AttemptDetail, EventDetail, Outcome};

/// Fields that differ from event to event: identity, times, order.
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

/// What stands for a value that is not compared.
const NOT_COMPARED: &str = "(not compared)";

/// Lines that are shown around a change.
const CONTEXT: usize = 3;

/// Longest document that is compared line by line, in bytes.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// How long a comparison looks for the shortest way; after that it takes a longer one.
const PATIENCE: Duration = Duration::from_millis(500);

/// Names of fields whose values are not compared, in headers and at any depth of JSON.
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
    /// Compares everything.
    #[must_use]
    pub fn none() -> Self {
        Self {
            names: BTreeSet::new(),
        }
    }

    /// Takes another field for noise. Case does not matter.
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

/// These names and no others are noise.
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
    /// In the first alone.
    Removed(String),
    /// In the second alone.
    Added(String),
    /// So many lines that are in both and not shown.
    Skipped(usize),
}

/// A comparison; without lines when there is no difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// Its lines, with what is around each change.
    pub lines: Vec<Line>,
    /// How many lines are in one of them alone.
    pub changes: usize,
}

/// An event has too few answers for a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FewAnswers {
    /// There is none; attempts that failed are not answers.
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

/// Returns the app's last two answers to an event, each with its number among them.
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

/// Says whether the app gave an answer, whatever it was.
pub fn is_answer(attempt: &AttemptDetail) -> bool {
    matches!(attempt.attempt.outcome, Outcome::Status(_))
}

/// Compares two events.
#[must_use]
pub fn events(one: &EventDetail, other: &EventDetail, noise: &Noise) -> Diff {
    let sizes = [&one.body, &other.body].map(Bytes::len);
    texts(&of_event(one, noise), &of_event(other, noise), sizes)
}

/// Compares two answers of the app.
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
            silence(&mut value, noise);
            text.push_str(&format!("{value:#}"));
        }
        Err(_) => text.push_str(&String::from_utf8_lossy(body)),
    }
}

fn silence(value: &mut Value, noise: &Noise) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    // A table under such a name is more than a value.
                    Value::Object(_) | Value::Array(_) => silence(value, noise),
                    _ if noise.has(name) => *value = Value::from(NOT_COMPARED),
                    _ => {}
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| silence(item, noise)),
        _ => {}
    }
}

/// Compares two documents; `sizes` are those of the bodies in them.
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
        .timeout(PATIENCE)
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

/// Takes over lines that are in both: as many as are near a change.
fn fold(lines: &mut Vec<Line>, same: &mut Vec<String>, after: bool, before: bool) {
    let head = if after { CONTEXT } else { 0 };
    let tail = if before { CONTEXT } else { 0 };
    let hidden = same.len().saturating_sub(head + tail);
    for (at, line) in same.drain(..).enumerate() {
        // A line in the place of one hidden line would save nothing.
        if hidden > 1 && (head..head + hidden).contains(&at) {
            if at == head {
                lines.push(Line::Skipped(hidden));
            }
            continue;
        }
        lines.push(Line::Same(line));
    }
}

/// Two documents that are too large to be laid side by side.
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
    fn noise_is_left_in_its_place_and_not_compared() {
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
    fn bytes_that_are_no_text_and_large_documents_are_compared() {
        assert_eq!(texts(&String::from_utf8_lossy(b"\xff\xfe"), "x").changes, 2);
        let large = "x".repeat(MAX_BYTES + 1);
        let diff = super::texts(&large, "x", [17, 1]);
        assert_eq!(diff.changes, 2);
        // Of the bodies, and not of what is made of them to be compared.
        assert!(show(&diff).starts_with("- (a body of 17 bytes, too large"));
        assert_eq!(texts(&large, &large).changes, 0);
    }

    #[tokio::test]
    async fn attempts_that_failed_are_not_answers() {
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
