//! The letters that an event must have to match a text or a regular expression.
//!
//! The index knows every three letters in a row. Upper and lower case are known to agree for ASCII alone, so other
//! letters are left out.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

use ringtail_filter::{Fit, Text};

/// Most trigrams that one text is searched by.
const MAX_GROUPS: usize = 12;

/// Deepest nesting that is looked into: SQLite's parser fails at about twice as much.
const MAX_DEPTH: usize = 16;

/// Returns an expression of `text_index` that yields every event with the text; `None` when the text has no three
/// letters that every match has.
pub(super) fn expression(text: &Text, is_plain: fn(u8) -> bool) -> Option<String> {
    if text.fit != Fit::Pattern {
        return of_letters(text.source.as_bytes(), is_plain);
    }
    // As `Text` compiles it, except for the case, which the index does not know either.
    let parsed = ParserBuilder::new().utf8(false).build().parse(&text.source);
    of_pattern(&parsed.ok()?, is_plain, MAX_DEPTH)
}

fn of_pattern(pattern: &Hir, is_plain: fn(u8) -> bool, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    let of = |part| of_pattern(part, is_plain, depth);
    match pattern.kind() {
        HirKind::Literal(literal) => of_letters(&literal.0, is_plain),
        HirKind::Capture(capture) => of(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => of(&repetition.sub),
        HirKind::Concat(parts) => join(parts.iter().filter_map(of).collect(), " AND "),
        // If one alternative may have any letters, so may the whole.
        HirKind::Alternation(parts) => {
            let parts: Option<Vec<String>> = parts.iter().map(of).collect();
            parts.and_then(|parts| join(parts, " OR "))
        }
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

fn join(parts: Vec<String>, between: &str) -> Option<String> {
    match parts.len() {
        0 => None,
        1 => parts.into_iter().next(),
        _ => Some(format!("({})", parts.join(between))),
    }
}

/// Splits letters into trigrams.
fn of_letters(letters: &[u8], is_plain: fn(u8) -> bool) -> Option<String> {
    let usable = |byte: &u8| (b' '..0x7f).contains(byte) && is_plain(*byte);
    let mut groups: Vec<&str> = Vec::new();
    for run in letters.split(|byte| !usable(byte)) {
        // Runs of ASCII are UTF-8.
        let run = str::from_utf8(run).unwrap_or_default();
        let Some(last) = run.len().checked_sub(3) else {
            continue;
        };
        groups.extend(
            (0..last)
                .step_by(3)
                .chain([last])
                .map(|at| &run[at..at + 3]),
        );
    }
    groups.truncate(MAX_GROUPS);
    let quoted: Vec<String> = groups
        .iter()
        .map(|group| format!("\"{}\"", group.replace('"', "\"\"")))
        .collect();
    (!quoted.is_empty()).then(|| quoted.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str) -> Option<String> {
        let text = Text::new(pattern, Fit::Pattern).unwrap();
        expression(&text, |byte| byte != b'/')
    }

    #[test]
    fn an_expression_asks_for_letters_that_every_match_has() {
        for (pattern, expected) in [
            ("needle", Some(r#""nee" AND "dle""#)),
            ("^nee.*dle$", Some(r#"("nee" AND "dle")"#)),
            ("(need|dle)", Some(r#"("nee" AND "eed" OR "dle")"#)),
            ("abc(def|ghi)+x?", Some(r#"("abc" AND ("def" OR "ghi"))"#)),
            ("abc|de|fgh", None),
            ("(abc)?", None),
            ("(abc){0,3}x", None),
            ("(abc){2}", Some(r#""abc""#)),
            ("ab/cd", None),
            (r"\d{3}-\w+", None),
            ("(?i)abc", None),
            ("say \"hi\"", Some(r#""say" AND " ""h" AND "hi""""#)),
            ("ÄÖÜ", None),
        ] {
            assert_eq!(of(pattern).as_deref(), expected, "{pattern}");
        }
    }
}
