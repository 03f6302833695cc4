//! The words of the language: one table for the parser, the completion and the help.

use ringtail_ringcentral::{catalogue, verdict};

use super::expr::{Field, Flag, SIGNATURES};
use super::text::Fit;

/// A word of the language.
#[derive(Debug)]
pub struct Word {
    /// As it is written, without its colon.
    pub name: &'static str,
    /// What stands after the colon; `None` for a word that stands alone.
    pub value: Option<&'static str>,
    /// What it lets through.
    pub help: &'static str,
    /// How it is used.
    pub example: &'static str,
    pub(super) means: Means,
}

/// What a word asks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Means {
    Field(Field, Fit),
    Flag(Flag),
    Header,
    Status,
    Verdict,
    Signature,
    Slower,
    Seq,
    Since,
    Until,
    On,
    Has,
}

/// Every word, in the order of the help.
pub const WORDS: &[Word] = &[
    field(
        "kind",
        Field::Kind,
        Fit::Whole,
        "KIND",
        "what it is: sms, telephony, presence, …; or notification, passthrough, validation",
        "kind:sms",
    ),
    field(
        "event",
        Field::Event,
        Fit::Begins,
        "TEXT",
        "a part of the event filter's path begins so",
        "event:telephony",
    ),
    field(
        "from",
        Field::From,
        Fit::Begins,
        "WHO",
        "who called or wrote: number, name or extension begins so",
        "from:+1650",
    ),
    field(
        "to",
        Field::To,
        Fit::Begins,
        "WHO",
        "who was called or written to",
        "to:pat",
    ),
    field(
        "session",
        Field::Session,
        Fit::Begins,
        "ID",
        "the call's telephony session begins so",
        "session:s-718",
    ),
    field(
        "ext",
        Field::Extension,
        Fit::Whole,
        "ID",
        "the extension, by id or number",
        "ext:101",
    ),
    field(
        "uuid",
        Field::Uuid,
        Fit::Begins,
        "ID",
        "RingCentral's id of the notification begins so",
        "uuid:4044",
    ),
    word(
        "status",
        "CODE",
        "the app's status: one, or a class",
        "status:5xx",
        Means::Status,
    ),
    word(
        "verdict",
        "WORD",
        "what RingCentral would have made of the answer: ok, late, status, size, token, no-answer, or unjudged if it has no say",
        "verdict:late",
        Means::Verdict,
    ),
    word(
        "slower",
        "TIME",
        "the app took longer",
        "slower:500ms",
        Means::Slower,
    ),
    flag("held", Flag::Held, "waits for the app"),
    flag("replayed", Flag::Replayed, "was replayed"),
    flag("duplicate", Flag::Duplicate, "the same request came before"),
    flag(
        "gap",
        Flag::Gap,
        "comes right after numbers that are missing",
    ),
    flag(
        "forged",
        Flag::Forged,
        "the proof of origin is wrong or missing",
    ),
    flag("marked", Flag::Marked, "is marked"),
    flag(
        "new-field",
        Flag::NewField,
        "its body has a field or a type that no event of its kind before had",
    ),
    field(
        "comment",
        Field::Comment,
        Fit::Part,
        "TEXT",
        "is marked, and its comment has it",
        "comment:bug",
    ),
    word(
        "signature",
        "WORD",
        "what the proof of origin is worth: valid, wrong, missing, not-configured",
        "signature:wrong",
        Means::Signature,
    ),
    word(
        "since",
        "TIME",
        "from then on: -3h, -2d, 14:05, today, 2026-11-20, 2026-11-20T14:05",
        "since:-3h",
        Means::Since,
    ),
    word(
        "until",
        "TIME",
        "before then",
        "until:yesterday",
        Means::Until,
    ),
    word(
        "on",
        "DAY",
        "on that day: today, yesterday, 2026-11-20",
        "on:yesterday",
        Means::On,
    ),
    word(
        "seq",
        "NUMBER",
        "the number on the endpoint, or a range",
        "seq:17..20",
        Means::Seq,
    ),
    field(
        "endpoint",
        Field::Endpoint,
        Fit::Whole,
        "NAME",
        "the endpoint, by name or id",
        "endpoint:demo",
    ),
    field(
        "method",
        Field::Method,
        Fit::Whole,
        "METHOD",
        "the request's method",
        "method:POST",
    ),
    field(
        "path",
        Field::Path,
        Fit::Begins,
        "TEXT",
        "a part of the path or query begins so",
        "path:/hooks",
    ),
    word(
        "header.NAME",
        "TEXT",
        "the request's header has it",
        "header.user-agent:ringcentral",
        Means::Header,
    ),
    word(
        "has",
        "PATH",
        "the JSON body has something there",
        "has:body.parties[*].missedCall",
        Means::Has,
    ),
];

const fn word(
    name: &'static str,
    value: &'static str,
    help: &'static str,
    example: &'static str,
    means: Means,
) -> Word {
    Word {
        name,
        value: Some(value),
        help,
        example,
        means,
    }
}

const fn field(
    name: &'static str,
    field: Field,
    fit: Fit,
    value: &'static str,
    help: &'static str,
    example: &'static str,
) -> Word {
    word(name, value, help, example, Means::Field(field, fit))
}

const fn flag(name: &'static str, flag: Flag, help: &'static str) -> Word {
    Word {
        name,
        value: None,
        help,
        example: name,
        means: Means::Flag(flag),
    }
}

/// Words that join.
pub(super) const JOINERS: [&str; 3] = ["and", "or", "not"];

/// Finds a word by its name.
pub(super) fn find(name: &str) -> Option<&'static Word> {
    WORDS
        .iter()
        .find(|word| word.name.eq_ignore_ascii_case(name))
}

pub(super) fn of_field(field: Field) -> &'static str {
    let of = |word: &&Word| matches!(word.means, Means::Field(known, _) if known == field);
    WORDS.iter().find(of).map_or("", |word| word.name)
}

pub(super) fn of_flag(flag: Flag) -> &'static str {
    let of = |word: &&Word| matches!(word.means, Means::Flag(known) if known == flag);
    WORDS.iter().find(of).map_or("", |word| word.name)
}

/// Says whether a text that stands alone is looked for as it is, and needs no quotes.
pub(super) fn reads_as_text(text: &str) -> bool {
    let plain =
        |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+' | '@' | '#');
    !text.is_empty()
        && text.chars().all(plain)
        && !JOINERS.iter().any(|word| word.eq_ignore_ascii_case(text))
        && find(text).is_none_or(|word| word.value.is_some())
}

/// Values that a word can have, where they can be told.
pub(super) fn values(word: &Word) -> Vec<&'static str> {
    match word.means {
        Means::Field(Field::Kind, _) => kinds(),
        Means::Verdict => verdict::WORDS.to_vec(),
        Means::Signature => SIGNATURES.to_vec(),
        Means::Status => vec!["2xx", "3xx", "4xx", "5xx", "404"],
        Means::Since => vec!["-1h", "-1d", "today", "yesterday"],
        Means::Until => vec!["-1h", "today", "yesterday"],
        Means::On => vec!["today", "yesterday"],
        Means::Slower => vec!["500ms", "1s", "3s"],
        Means::Field(Field::Method, _) => vec!["GET", "POST", "PUT"],
        _ => Vec::new(),
    }
}

/// Every kind that an event can be of.
pub(super) fn kinds() -> Vec<&'static str> {
    let mut kinds: Vec<_> = catalogue::topics()
        .chain([
            "notification",
            "passthrough",
            "validation",
            ringtail_model::UNDECODABLE,
        ])
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Returns what the word that ends at the end of the text may become, each whole, and where it begins in the text.
/// Words of which nothing is written are not among it.
#[must_use]
pub fn complete(text: &str) -> (usize, Vec<String>) {
    let cut = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '!' | '&' | '|' | '"');
    let start = text.rfind(cut).map_or(0, |at| {
        at + text[at..].chars().next().map_or(1, char::len_utf8)
    });
    let last = &text[start..];
    let begins = |whole: &str| {
        whole.len() > last.len()
            && whole.is_char_boundary(last.len())
            && whole[..last.len()].eq_ignore_ascii_case(last)
    };
    let found = match last.split_once(':') {
        _ if last.is_empty() => Vec::new(),
        Some((name, _)) => find(name)
            .map(|word| {
                values(word)
                    .into_iter()
                    .map(|value| format!("{}:{value}", word.name))
                    .collect()
            })
            .unwrap_or_default(),
        None => WORDS
            .iter()
            .map(|word| match word.value {
                Some(_) => format!("{}:", word.name.trim_end_matches("NAME")),
                None => word.name.to_owned(),
            })
            .map(|word| {
                if word == "header.:" {
                    "header.".to_owned()
                } else {
                    word
                }
            })
            .collect(),
    };
    let found = found
        .into_iter()
        .filter(|whole: &String| begins(whole))
        .collect();
    (start, found)
}

/// Returns the known name that was most likely meant.
pub(super) fn nearest<'a>(
    meant: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let meant = meant.to_ascii_lowercase();
    let limit = if meant.chars().count() <= 3 { 1 } else { 2 };
    known
        .into_iter()
        .map(|name| (distance(&meant, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters have to be put in, taken out, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(32).collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let change = rows[i][j] + usize::from(from != to);
            let mut best = change.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
