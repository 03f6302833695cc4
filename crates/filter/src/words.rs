//! The words of the language: one table for parser, completion and help.

use ringtail_ringcentral::{catalogue, verdict};

use super::expr::{Field, Flag, SIGNATURES};
use super::text::Fit;

/// A word of the language.
#[derive(Debug)]
pub struct Word {
    /// Its name, without the colon.
    pub name: &'static str,
    /// Placeholder of the value after the colon; `None` for a flag.
    pub value: Option<&'static str>,
    /// Which events match.
    pub help: &'static str,
    /// An example.
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
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    field("kind", Field::Kind, Fit::Whole, "KIND", "kind:sms",
        "the kind: sms, telephony, presence, …; or notification, passthrough, validation"),
    field("event", Field::Event, Fit::Begins, "TEXT", "event:telephony",
        "part of the event filter's path starts with it"),
    field("from", Field::From, Fit::Begins, "WHO", "from:+1650",
        "caller, sender, author or who pressed a button: name, id or number (+1 or not) starts with it"),
    field("to", Field::To, Fit::Begins, "WHO", "to:pat", "callee or recipient, likewise"),
    field("session", Field::Session, Fit::Begins, "ID", "session:s-718", "the telephony session id starts with it"),
    field("ext", Field::Extension, Fit::Whole, "ID", "ext:101", "the extension, by id or number"),
    field("uuid", Field::Uuid, Fit::Begins, "ID", "uuid:4044", "RingCentral's notification id starts with it"),
    word("status", "CODE", "status:5xx", Means::Status, "status of the app's answer: a code or a class"),
    word("verdict", "WORD", "verdict:late", Means::Verdict,
        "RingCentral's verdict on the answer: ok, late, status, size, token, no-answer, or unjudged"),
    word("slower", "TIME", "slower:500ms", Means::Slower, "the app took longer"),
    flag("pending", Flag::Pending, "not yet delivered to the app"),
    flag("replayed", Flag::Replayed, "replayed at least once"),
    flag("duplicate", Flag::Duplicate, "repeats an earlier request"),
    flag("gap", Flag::Gap, "follows missing numbers"),
    flag("forged", Flag::Forged, "signature or token is wrong or missing"),
    flag("bookmarked", Flag::Bookmarked, "has a bookmark"),
    flag("new-field", Flag::NewField, "has a field or type that no earlier event of its kind had"),
    field("comment", Field::Comment, Fit::Part, "TEXT", "comment:bug", "its bookmark's comment contains the text"),
    word("signature", "WORD", "signature:wrong", Means::Signature,
        "result of checking signature or token: valid, wrong, missing, not-configured"),
    word("since", "TIME", "since:-3h", Means::Since,
        "at that time or later: -3h, -2d, 14:05, today, 2026-11-20, 2026-11-20T14:05"),
    word("until", "TIME", "until:yesterday", Means::Until, "before that time"),
    word("on", "DAY", "on:yesterday", Means::On, "on that day: today, yesterday, 2026-11-20"),
    word("seq", "NUMBER", "seq:17..20", Means::Seq, "the number on the endpoint, or a range"),
    field("endpoint", Field::Endpoint, Fit::Whole, "NAME", "endpoint:demo", "the endpoint, by name or id"),
    field("method", Field::Method, Fit::Whole, "METHOD", "method:POST", "the request's method"),
    field("path", Field::Path, Fit::Begins, "TEXT", "path:/hooks", "part of the path or query starts with it"),
    word("header.NAME", "TEXT", "header.user-agent:ringcentral", Means::Header, "the request's header contains the text"),
    word("has", "PATH", "has:body.parties[*].missedCall", Means::Has, "the JSON body has something at the path"),
];

const fn word(
    name: &'static str,
    value: &'static str,
    example: &'static str,
    means: Means,
    help: &'static str,
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
    example: &'static str,
    help: &'static str,
) -> Word {
    word(name, value, example, Means::Field(field, fit), help)
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

/// Returns true if the text on its own, unquoted, is a search for itself.
pub(super) fn reads_as_text(text: &str) -> bool {
    let plain =
        |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+' | '@' | '#');
    !text.is_empty()
        && text.chars().all(plain)
        && !JOINERS.iter().any(|word| word.eq_ignore_ascii_case(text))
        && find(text).is_none_or(|word| word.value.is_some())
}

/// Returns the values to offer for a word.
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

/// Returns every kind of event.
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

/// Returns the completions of the last word in the text, and the byte where that word begins. An empty word has none.
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
            .map(|word| match word.name.strip_suffix("NAME") {
                Some(prefix) => prefix.to_owned(),
                None if word.value.is_some() => format!("{}:", word.name),
                None => word.name.to_owned(),
            })
            .collect(),
    };
    let found = found
        .into_iter()
        .filter(|whole: &String| begins(whole))
        .collect();
    (start, found)
}

/// What people call a kind.
const NICKNAMES: [(&str, &str); 5] = [
    ("call", "telephony"),
    ("calls", "telephony"),
    ("message", "post"),
    ("button", "interactive-message"),
    ("text", "sms"),
];

/// Returns the kind that was probably meant: by another name, with a typing mistake, or by a part of its name.
pub(super) fn nearest_kind(typed: &str, kinds: &[&'static str]) -> Option<&'static str> {
    let typed = typed.to_ascii_lowercase();
    let called = NICKNAMES.iter().find(|(name, _)| *name == typed);
    let part = || {
        let is_part = |kind: &&&str| typed.len() >= 3 && kind.contains(typed.as_str());
        kinds.iter().find(is_part).copied()
    };
    let called = called.map(|(_, kind)| *kind);
    let near = called.or_else(|| nearest(&typed, kinds.iter().copied()));
    near.or_else(part)
}

/// Returns the known name with the fewest typing mistakes, if there are few.
pub(super) fn nearest<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed: String = typed.to_ascii_lowercase().chars().take(32).collect();
    let limit = if typed.chars().count() <= 3 { 1 } else { 2 };
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&typed, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
