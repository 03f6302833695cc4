//! Differences between two events, or between two responses of the app.
//!
//! Compares lines: request line or status, header fields, and the body, with JSON formatted. Fields that differ between any
//! two events are noise: their values are not compared. Nor is the order of fields.

mod aligned;
mod changes;

use std::collections::BTreeSet;
use std::time::Duration;

use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::event::Header;
use ringtail_text::json::{self, Kind, Token};
use ringtail_text::lossless;
use similar::{Algorithm, ChangeTag, TextDiff};

use ringtail_model::{AttemptDetail, EventDetail, Outcome};

use self::aligned::Aligned;
pub use self::changes::{Change, Changes, answer_changes, event_changes};

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

/// Names of skipped fields that are listed.
const MAX_NAMED: usize = 12;

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

/// A comparison; it has no lines if nothing that was compared differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// Changed lines with context.
    pub lines: Vec<Line>,
    /// Number of changed lines.
    pub changes: usize,
    /// What differs or may differ and was not compared.
    pub not_compared: Vec<String>,
}

impl Diff {
    /// Returns the words for no changes.
    #[must_use]
    pub fn no_difference(&self) -> String {
        match self.not_compared.as_slice() {
            [] => "no difference".to_owned(),
            parts => format!("no difference, apart from {}", parts.join(", ")),
        }
    }
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
    let (seq, count) = (event.event.seq, event.older_answers + answers.len());
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
    let message = |event: &EventDetail| format!("{} {}", event.event.method, event.event.path);
    compare(
        [
            (&message(one), &one.headers, &one.body),
            (&message(other), &other.headers, &other.body),
        ],
        noise,
    )
}

/// Compares two responses.
#[must_use]
pub fn answers(one: &AttemptDetail, other: &AttemptDetail, noise: &Noise) -> Diff {
    let head = |answer: &AttemptDetail| match &answer.attempt.outcome {
        Outcome::Status(status) => status.to_string(),
        Outcome::Error { message, .. } => message.clone(),
    };
    let mut diff = compare(
        [
            (&head(one), &one.headers, &one.body),
            (&head(other), &other.headers, &other.body),
        ],
        noise,
    );
    diff.not_compared.extend(not_kept(one, other));
    diff
}

/// Names the end of two bodies that cannot be compared.
fn not_kept(one: &AttemptDetail, other: &AttemptDetail) -> Option<String> {
    let lost = one.body_lost.max(other.body_lost);
    (lost > 0).then(|| format!("the last {lost} bytes of the body, which were not kept"))
}

/// The head line, header fields and body of an event or a response.
type Message<'a> = (&'a str, &'a [Header], &'a [u8]);

/// What is compared of a message.
struct Document {
    /// The lines.
    text: String,
    /// Names of fields that are not compared, with their values.
    hidden: Vec<(String, Vec<u8>)>,
    /// The body, as received but for those fields.
    body: Vec<u8>,
    /// Bytes of the body as received.
    size: usize,
}

impl Document {
    /// Makes the lines of a message, whose header fields and JSON are given in the order to show.
    fn new(
        (head, _, body): Message<'_>,
        headers: &[Header],
        ordered: Option<&str>,
        noise: &Noise,
    ) -> Self {
        let mut text = format!("{head}\n");
        let mut hidden = Vec::new();
        for Header { name, value } in headers {
            let value = match noise.has(name) {
                true => {
                    hidden.push((name.to_lowercase(), value.to_vec()));
                    NOT_COMPARED.into()
                }
                false => lossless(value),
            };
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push('\n');
        let without_noise = |name: &str, token: &Token<'_>| {
            // Only scalar values are noise.
            let is_scalar = matches!(token.kind, Kind::String | Kind::Number | Kind::Word);
            let is_noise = is_scalar && noise.has(&json::decoded(name));
            is_noise.then(|| json::literal(NOT_COMPARED))
        };
        let received = str::from_utf8(body).ok();
        let json = received.and_then(|received| {
            let ordered = ordered.unwrap_or(received);
            Some((received, ordered, json::indented(ordered, without_noise)?))
        });
        let exact = match json {
            Some((received, ordered, indented)) => {
                text.push_str(&indented);
                json::with_values(ordered, |name, token| {
                    let new = without_noise(name, token)?;
                    let value = token.text.as_bytes().to_vec();
                    hidden.push((json::decoded(name).to_lowercase(), value));
                    Some(new)
                });
                let exact = json::with_values(received, without_noise);
                exact.into_owned().into_bytes()
            }
            None => {
                text.push_str(&lossless(body));
                body.to_vec()
            }
        };
        Self {
            text,
            hidden,
            body: exact,
            size: body.len(),
        }
    }
}

fn compare(messages: [Message<'_>; 2], noise: &Noise) -> Diff {
    let mut aligned = Aligned::default();
    let [ours, theirs] = messages;
    let headers = aligned.headers([ours.1, theirs.1], noise);
    let json = |body| str::from_utf8(body).ok().filter(|it| json::is_valid(it));
    let bodies = match (json(ours.2), json(theirs.2)) {
        (Some(one), Some(other)) if one.len().max(other.len()) <= MAX_BYTES => {
            aligned.json(one, other, noise).map(Some)
        }
        _ => [None, None],
    };
    let [one, other] = [0, 1].map(|side| {
        let ordered = bodies[side].as_deref();
        Document::new(messages[side], &headers[side], ordered, noise)
    });
    let mut diff = lines(&one, &other);
    let mut names: BTreeSet<&str> = aligned.dropped.iter().map(String::as_str).collect();
    let (mut ours, mut theirs) = (one.hidden.iter(), other.hidden.iter());
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => break,
            (one, other) if one == other => {}
            (one, other) => {
                let hidden = [one, other].into_iter().flatten();
                names.extend(hidden.map(|(name, _)| name.as_str()));
            }
        }
    }
    let named: Vec<&str> = names.iter().take(MAX_NAMED).copied().collect();
    let mut named = named.join(", ");
    if names.len() > MAX_NAMED {
        named.push_str(&format!(" and {} more", names.len() - MAX_NAMED));
    }
    if !names.is_empty() {
        diff.not_compared.push(format!("skipped fields: {named}"));
    }
    for (has_moved, what) in [
        (aligned.headers_moved, "order or case of header names"),
        (aligned.members_moved, "order of the JSON's fields"),
    ] {
        diff.not_compared.extend(has_moved.then(|| what.to_owned()));
    }
    let is_as_received = !aligned.members_moved && !aligned.members_dropped;
    if diff.changes == 0 && is_as_received && one.body != other.body {
        diff.not_compared
            .push("white space between the tokens of the JSON".to_owned());
    }
    diff
}

/// Compares two documents by lines.
fn lines(one: &Document, other: &Document) -> Diff {
    let (one, other, sizes) = (&one.text, &other.text, [one.size, other.size]);
    if one == other {
        return Diff::default();
    }
    if one.len().max(other.len()) > MAX_BYTES {
        return whole(sizes);
    }
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Patience)
        .timeout(TIMEOUT)
        .diff_lines(one.as_str(), other.as_str());
    let mut lines = Vec::new();
    let mut changes = 0;
    let mut same: Vec<String> = Vec::new();
    for change in diff.iter_all_changes() {
        let line = change.value();
        let line = line.strip_suffix('\n').unwrap_or(line).to_owned();
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
    Diff {
        lines,
        changes,
        ..Diff::default()
    }
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
        ..Diff::default()
    }
}

#[cfg(test)]
mod tests;
