//! RingCentral's messages and recorded reasons, in whatever form a program has printed them.
//!
//! Message and text are compared as words: case, punctuation, quotes, escapes, colours and line breaks do not matter. `…` in a
//! message stands for any words.

use std::sync::LazyLock;

use crate::{Code, Origin, all, codes};

/// Most bytes that a placeholder stands for.
const MAX_GAP: usize = 300;

/// Wordings beside those of the tables: reasons recorded for a blacklisted subscription (section 2.6), the API's present
/// words for missing permissions, and the words of programs that fail before RingCentral answers.
static OTHER_WORDINGS: &[(&str, &Code)] = &[
    (
        "I/O operation is failed. Details: [Read timed out]",
        &codes::LATE,
    ),
    ("Read timed out", &codes::LATE),
    (
        "Webhook responses with code: […], reason: […]",
        &codes::STATUS,
    ),
    ("Webhook responses with code", &codes::STATUS),
    ("response exceeds max size", &codes::SIZE),
    ("I/O operation is failed", &codes::NO_ANSWER),
    ("application needs to have […] permission", &codes::CMN_401),
    ("user needs to have […] permission", &codes::CMN_408),
    ("Parameter […] is invalid", &codes::CMN_101),
    ("WebHook response exceeds", &codes::SUB_525),
    ("certificate has expired", &codes::SUB_524),
    ("self signed certificate", &codes::SUB_524),
    ("unable to verify the first certificate", &codes::SUB_524),
    ("unable to get local issuer certificate", &codes::SUB_524),
    ("PKIX path building failed", &codes::SUB_524),
    ("SSL handshake", &codes::SUB_524),
];

/// OAuth's own words, which count if no message stands beside them.
static OAUTH_WORDS: &[(&str, &Code)] = &[
    ("invalid_client", &codes::OAU_146),
    ("unauthorized_client", &codes::OAU_251),
    ("unsupported_grant_type", &codes::OAU_251),
    ("redirect_uri_mismatch", &codes::OAU_109),
    ("invalid_grant", &codes::INVALID_GRANT),
    ("invalid_token", &codes::OAU_128),
    ("insufficient_scope", &codes::CMN_401),
    ("refresh token has expired", &codes::INVALID_GRANT),
    ("InvalidParameter", &codes::INVALID_PARAMETER),
];

/// Returns the words of a text in lower case, each between spaces.
pub(super) fn words(text: &str) -> String {
    let mut words = String::from(" ");
    let mut left = text;
    while let Some(character) = left.chars().next() {
        let skipped = separator(left);
        let (taken, rest) = left.split_at(skipped.max(character.len_utf8()));
        left = rest;
        if skipped == 0 && character.is_alphanumeric() {
            words.extend(taken.chars().flat_map(char::to_lowercase));
        } else if !words.ends_with(' ') {
            words.push(' ');
        }
    }
    if !words.ends_with(' ') {
        words.push(' ');
    }
    words
}

/// Returns how many bytes at the beginning of the text are an escape of JSON, of a URL, of HTML or of a terminal.
fn separator(text: &str) -> usize {
    let bytes = text.as_bytes();
    let all_hex = |range: std::ops::Range<usize>| {
        let digits = bytes.get(range);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    match bytes {
        [b'\\', ..] => {
            let slashes = bytes.iter().take_while(|byte| **byte == b'\\').count();
            match bytes.get(slashes) {
                Some(b'u') if all_hex(slashes + 1..slashes + 5) => slashes + 5,
                Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'/') => slashes + 1,
                _ => slashes,
            }
        }
        [b'%', ..] if all_hex(1..3) => 3,
        [b'&', ..] => {
            let entity = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
            let name = bytes
                .iter()
                .skip(1)
                .take(8)
                .take_while(|byte| entity(byte))
                .count();
            match bytes.get(name + 1) {
                Some(b';') => name + 2,
                _ => 0,
            }
        }
        [0x1b, b'[', rest @ ..] => {
            let parameters = rest
                .iter()
                .take_while(|byte| !byte.is_ascii_alphabetic())
                .count();
            // Parameters are ASCII; anything else is no sequence of a terminal.
            match rest.get(..=parameters) {
                Some(sequence) if sequence.is_ascii() => 2 + sequence.len(),
                _ => 0,
            }
        }
        _ => 0,
    }
}

/// A message as words, to look for.
struct Pattern {
    /// What stands between the placeholders.
    parts: Vec<String>,
    code: &'static Code,
}

static PATTERNS: LazyLock<Vec<Pattern>> =
    LazyLock::new(|| patterns(messages().chain(OTHER_WORDINGS.iter().copied())));

static OAUTH_PATTERNS: LazyLock<Vec<Pattern>> =
    LazyLock::new(|| patterns(OAUTH_WORDS.iter().copied()));

fn patterns(messages: impl Iterator<Item = (&'static str, &'static Code)>) -> Vec<Pattern> {
    let parts = |message: &str| {
        let parts = message.split('…').map(words);
        parts.filter(|part| part != " ").collect()
    };
    messages
        .map(|(message, code)| Pattern {
            parts: parts(message),
            code,
        })
        .collect()
}

/// A message that stands in the text.
struct Match {
    /// Where, in the words of the text.
    start: usize,
    end: usize,
    /// Bytes of the message without its placeholders.
    weight: usize,
    code: &'static Code,
}

/// Returns the codes whose messages stand in the text, in their order there, beside those already known.
///
/// Of messages that overlap the longest counts. What a known code says as well is not taken for another code's.
pub(super) fn find(words: &str, known: &[&'static Code]) -> Vec<&'static Code> {
    let mut matches = matches(words, &PATTERNS);
    if matches.is_empty() && known.is_empty() {
        matches = self::matches(words, &OAUTH_PATTERNS);
    }
    let is_known = |code: &Code| known.iter().any(|known| known.id == code.id);
    // Stable, so that of codes with one message a known one is taken, or the first.
    matches.sort_by_key(|one| (std::cmp::Reverse(one.weight), !is_known(one.code)));
    let mut taken: Vec<Match> = Vec::new();
    for one in matches {
        if taken
            .iter()
            .all(|other| one.end <= other.start || other.end <= one.start)
        {
            taken.push(one);
        }
    }
    taken.sort_by_key(|one| one.start);
    taken.into_iter().map(|one| one.code).collect()
}

fn matches(words: &str, patterns: &'static [Pattern]) -> Vec<Match> {
    let stands = |pattern| stands(words, pattern);
    patterns.iter().filter_map(stands).collect()
}

/// Returns every message of RingCentral's that a source gives.
fn messages() -> impl Iterator<Item = (&'static str, &'static Code)> {
    all().filter_map(|code| match code.origin {
        Origin::RingCentral { message, .. } if !message.starts_with('(') => Some((message, code)),
        _ => None,
    })
}

fn stands(words: &str, pattern: &'static Pattern) -> Option<Match> {
    let (first, others) = pattern.parts.split_first()?;
    words.match_indices(first.as_str()).find_map(|(start, _)| {
        // Words share the space between them.
        let mut end = start + first.len() - 1;
        for part in others {
            let gap = words.get(end..)?;
            let gap = gap.get(..gap.floor_char_boundary(MAX_GAP + part.len()))?;
            end += gap.find(part.as_str())? + part.len() - 1;
        }
        Some(Match {
            start,
            end,
            weight: pattern.parts.iter().map(String::len).sum(),
            code: pattern.code,
        })
    })
}
