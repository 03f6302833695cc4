//! Parses the values of words.

use ringtail_ringcentral::verdict::WORDS;

use super::Field;
use super::expr::{SIGNATURES, StatusRange, Test};
use super::json_path::JsonPath;
use super::text::{Fit, Text};
use super::when::{Day, When, duration};
use super::words::{self, Means};

/// Rejects unknown kinds, which are typing mistakes.
pub(super) fn checked(field: Field, text: Text) -> Result<Test, String> {
    if field == Field::Kind && text.fit != Fit::Pattern {
        let kinds = words::kinds();
        let known = kinds
            .iter()
            .any(|kind| kind.eq_ignore_ascii_case(&text.source));
        if !known {
            let source = &text.source;
            let list = kinds.join(", ");
            return Err(match words::nearest_kind(source, &kinds) {
                Some(near) => {
                    format!("unknown kind \"{source}\"; did you mean {near}? The kinds are {list}")
                }
                None => format!("unknown kind \"{source}\"; the kinds are {list}"),
            });
        }
    }
    Ok(Test::Field(field, text))
}

/// Parses the value of a word that does not compare text.
pub(super) fn plain(means: Means, value: &str) -> Result<Test, String> {
    let test = match means {
        Means::Status => status(value).map(Test::Status),
        Means::Verdict => verdict(value).map(Test::Verdict),
        Means::Signature => one_of(&SIGNATURES, value).map(Test::Signature),
        Means::Slower => duration(value).map(Test::Slower),
        Means::Seq => seq(value).map(|(first, last)| Test::Seq(first, last)),
        Means::Since => When::parse(value).map(Test::Since),
        Means::Until => When::parse(value).map(Test::Until),
        Means::On => Day::parse(value).map(Test::On),
        Means::Has => JsonPath::parse(value).map(Test::Has),
        Means::Field(..) | Means::Flag(_) | Means::Header => None,
    };
    test.ok_or_else(|| {
        let wanted = match means {
            Means::Status => "a status, such as 404, or a class from 1xx to 5xx".to_owned(),
            Means::Verdict => format!("one of {}", WORDS.join(", ")),
            Means::Signature => format!("one of {}", SIGNATURES.join(", ")),
            Means::Slower => "a time up to a day, such as 500ms or 1.5s".to_owned(),
            Means::Seq => "a number, such as 17, or a range, such as 17..20".to_owned(),
            Means::On => "a day: today, yesterday, or one such as 2026-11-20".to_owned(),
            Means::Has => "a JSON path, such as body.parties[*].missedCall".to_owned(),
            _ => "a time: -3h, 14:05, today, yesterday, 2026-11-20 or 2026-11-20T14:05".to_owned(),
        };
        format!("expected {wanted}")
    })
}

fn one_of(known: &[&'static str], value: &str) -> Option<&'static str> {
    known
        .iter()
        .find(|word| word.eq_ignore_ascii_case(value))
        .copied()
}

/// Parses a verdict; `none` is the terminal UI's word for `no-answer`.
fn verdict(value: &str) -> Option<&'static str> {
    let value = match value.eq_ignore_ascii_case("none") {
        true => "no-answer",
        false => value,
    };
    one_of(&WORDS, value)
}

fn status(value: &str) -> Option<StatusRange> {
    let lower = value.to_ascii_lowercase();
    let digits =
        |text: &str, len| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    let valid = |status: &u16| (100..1000).contains(status);
    if let Some(class) = lower.strip_suffix("xx").filter(|class| digits(class, 1)) {
        let first = class.parse::<u16>().ok()? * 100;
        return Some(StatusRange(first, first + 99)).filter(|_| (100..600).contains(&first));
    }
    let status = lower
        .parse()
        .ok()
        .filter(|_| digits(&lower, 3))
        .filter(valid)?;
    Some(StatusRange(status, status))
}

fn seq(value: &str) -> Option<(u64, u64)> {
    let number = |text: &str| -> Option<u64> {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| plain)
    };
    let (first, last) = match value.split_once("..") {
        None => (number(value)?, number(value)?),
        Some(("", "")) => return None,
        Some(("", last)) => (0, number(last)?),
        Some((first, "")) => (number(first)?, u64::MAX),
        Some((first, last)) => (number(first)?, number(last)?),
    };
    (first <= last).then_some((first, last))
}
