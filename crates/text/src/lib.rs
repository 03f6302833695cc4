//! Text for people: untrusted text made safe to print, errors on one line, sizes and shell words.
//!
//! Everything that comes from the network passes through [`escape`], [`escape_lines`] or [`one_line`] before a
//! terminal, a log or a JSON reader sees it. All three replace or remove the same characters: those for which
//! [`is_unsafe`] is true.

pub mod decimal;
pub mod hex;
pub mod json;

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{Display, Write as _};
use std::str::FromStr;
use std::time::Duration;

pub use decode::{decode, decode_bytes};

mod decode;

/// Returns true for characters that a terminal obeys instead of showing, or that hide or reorder other text:
/// C0 and C1 controls, DEL, line and paragraph separators, direction marks, and invisible format characters.
///
/// The zero-width joiners and variation selectors are safe: emoji and several scripts are written with them. After ASCII
/// a joiner joins nothing and only hides; [`escape`] replaces it there.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Replaces every unsafe character with its JSON escape, such as `\n` or `\u202e`.
///
/// Because the notation is JSON's, compact JSON stays valid and keeps its meaning: unsafe characters only occur
/// inside its strings.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_except(text, |_| false)
}

/// Like [`escape`], but keeps line feeds and tabs: for bodies and indented JSON.
#[must_use]
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_except(text, |c| matches!(c, '\n' | '\t'))
}

/// Returns true if [`escape_lines`] would return the bytes unchanged, apart from CRLF line endings.
#[must_use]
pub fn is_safe(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        text.split_inclusive('\n').all(|line| {
            let line = line.strip_suffix('\n').unwrap_or(line);
            let line = line.strip_suffix('\r').unwrap_or(line);
            matches!(escape_lines(line), Cow::Borrowed(_))
        })
    })
}

fn escape_except(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let mut safe = String::new();
    let (mut done, mut before) = (0, ' ');
    for (at, c) in text.char_indices() {
        let joins_nothing = matches!(c, '\u{200c}' | '\u{200d}') && before.is_ascii();
        if joins_nothing || is_unsafe(c) && !keep(c) {
            safe.push_str(text.get(done..at).unwrap_or_default());
            push_escape(&mut safe, c);
            done = at + c.len_utf8();
        }
        before = c;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    safe.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(safe)
}

fn push_escape(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _infallible = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

/// Returns the text as one line of at most `max` characters.
///
/// White space and line ends become single spaces, unsafe characters are removed, and an ellipsis, which counts,
/// marks a cut.
#[must_use]
pub fn one_line(text: &str, max: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() {
            gap = length > 0;
            continue;
        }
        if is_unsafe(c) {
            continue;
        }
        let needed = 1 + usize::from(gap);
        if length + needed > max {
            return cut(line, length, max);
        }
        if gap {
            line.push(' ');
        }
        line.push(c);
        length += needed;
        gap = false;
    }
    line
}

fn cut(mut line: String, length: usize, max: usize) -> String {
    if length >= max {
        line.pop();
    }
    if max > 0 {
        line.truncate(line.trim_end().len());
        line.push('…');
    }
    line
}

/// Returns an error and its causes on one line, joined by colons.
///
/// A cause that the text already ends with is left out, because a transparent error repeats its source, and so is one that
/// only puts a label before the error above it, as SQLite's `Error code 13: database or disk is full`.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        let label = message.strip_suffix(&last);
        let is_labelled = label.is_some_and(|label| label.ends_with(": "));
        if !is_labelled && !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        last = message;
        cause = error.source();
    }
    text
}

/// Returns a number with the word for its things, such as `1 event`, `2 events` or `2 parties`.
#[must_use]
pub fn counted(count: impl Display, one: &str) -> String {
    let count = count.to_string();
    match one.strip_suffix('y') {
        _ if count == "1" => format!("1 {one}"),
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {one}s"),
    }
}

/// Returns a parser of whole numbers of a range, such as clap takes. Its errors tell the range.
pub fn whole<T: FromStr>(
    from: u64,
    to: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok();
        let is_inside = number.is_some_and(|number| (from..=to).contains(&number));
        let parsed = text.parse().ok().filter(|_| is_inside);
        parsed.ok_or_else(|| match to {
            // Nobody reaches what the type ends at.
            to if to >= u32::MAX.into() => format!("give a whole number from {from}"),
            to => format!("give a whole number from {from} to {to}"),
        })
    }
}

/// Returns a duration in milliseconds, rounded.
#[must_use]
pub fn millis(time: Duration) -> u128 {
    (time.as_micros() + 500) / 1000
}

/// Returns bytes as text, with `\xff` for those that are not UTF-8.
#[must_use]
pub fn lossless(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes) {
        return text.into();
    }
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text.into()
}

/// Returns a number of bytes with the unit that fits, such as `512 B`, `1.3 KiB` or `150 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while tenths >= 10_240
        && let Some(next) = units.next()
    {
        tenths /= 1024;
        unit = Some(next);
    }
    let unit = unit.unwrap_or(&"");
    if tenths >= 1000 {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

/// Returns the text as one word of a POSIX shell, in single quotes unless it needs none.
#[must_use]
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let needs_no_quotes =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ':' | '@');
    if !text.is_empty() && text.chars().all(needs_no_quotes) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_what_a_terminal_obeys_or_hides() {
        let cases = [
            ("plain äöü 👩\u{200d}🚀", "plain äöü 👩\u{200d}🚀"),
            ("a\u{1b}[2J\u{7}\r\n\tb", r"a\u001b[2J\u0007\r\n\tb"),
            (
                "\u{9b}\u{7f}\u{202e}\u{200b}\u{feff}",
                r"\u009b\u007f\u202e\u200b\ufeff",
            ),
            ("\u{e0041}", r"\udb40\udc41"),
            ("a\u{200d}b\u{200c}", r"a\u200db\u200c"),
            ("\u{1d173}\u{13430}", r"\ud834\udd73\ud80d\udc30"),
        ];
        for (raw, safe) in cases {
            assert_eq!(escape(raw), safe, "{raw:?}");
            assert!(is_safe(escape(raw).as_bytes()));
        }
        assert_eq!(escape_lines("a\n\tb\r\u{1b}"), "a\n\tb\\r\\u001b");
    }

    proptest! {
        #[test]
        fn escaped_json_is_plain_and_the_same_after_parsing(text in any::<String>(), odd in "[\\p{Cc}\\p{Cf}\\u{200b}-\\u{200f}\\u{202a}-\\u{202e}a]{0,8}") {
            let value = serde_json::json!({ text: odd });
            let safe = escape(&value.to_string()).into_owned();
            prop_assert!(!safe.contains(is_unsafe), "{:?}", safe);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        }
    }

    #[test]
    fn bytes_are_safe_only_if_nothing_would_be_escaped() {
        for (bytes, safe) in [
            (&b"{\r\n\t\"a\": 1}\n"[..], true),
            (b"", true),
            (b"a\rb", false),
            (b"\x1b[2J", false),
            (b"\xff", false),
            ("\u{202e}".as_bytes(), false),
        ] {
            assert_eq!(is_safe(bytes), safe, "{bytes:?}");
        }
    }

    #[test]
    fn one_line_has_single_spaces_and_marks_a_cut() {
        let cases = [
            ("", 80, ""),
            ("  a \r\n\t b  ", 80, "a b"),
            ("\u{1b}[2Jred\u{7}", 80, "[2Jred"),
            ("ab\u{202e}cd\u{2066}e\u{200f}", 80, "abcde"),
            ("a\u{2028}b\u{feff}", 80, "a b"),
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("ab cd", 4, "ab…"),
            ("äöüß", 3, "äö…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
            ("abc  \n", 3, "abc"),
        ];
        for (raw, max, line) in cases {
            assert_eq!(one_line(raw, max), line, "{raw:?} in {max}");
        }
    }

    #[test]
    fn a_chain_names_each_cause_once() {
        #[derive(Debug)]
        struct Link(&'static str, Option<Box<Link>>);
        impl std::fmt::Display for Link {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.0)
            }
        }
        impl Error for Link {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                self.1.as_deref().map(|link| link as _)
            }
        }
        let cause = Link("no route", None);
        let transparent = Link("no route", Some(Box::new(cause)));
        let error = Link("cannot dial", Some(Box::new(transparent)));
        assert_eq!(chain(&error), "cannot dial: no route");
        let labelled = Link("no route", Some(Box::new(Link("code 13: no route", None))));
        let error = Link("cannot dial", Some(Box::new(labelled)));
        assert_eq!(chain(&error), "cannot dial: no route");
    }

    #[test]
    fn one_thing_is_not_many() {
        let seen = [0, 1, 2].map(|count| counted(count, "event"));
        assert_eq!(seen, ["0 events", "1 event", "2 events"]);
        assert_eq!(
            [1, 2].map(|count| counted(count, "party")),
            ["1 party", "2 parties"]
        );
    }

    #[test]
    fn milliseconds_are_rounded() {
        for (micros, shown) in [(499, 0), (500, 1), (919, 1), (1499, 1), (2_999_500, 3000)] {
            assert_eq!(millis(Duration::from_micros(micros)), shown, "{micros}");
        }
    }

    #[test]
    fn sizes_have_a_unit_that_fits() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (102_399, "99.9 KiB"),
            (153_600, "150 KiB"),
            (1_048_575, "1023 KiB"),
            (1_572_864, "1.5 MiB"),
            (5 << 40, "5.0 TiB"),
            (u64::MAX, "16777215 TiB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn shell_words_stay_one_word() {
        for (text, word) in [
            ("/etc/ringtail.toml", "/etc/ringtail.toml"),
            ("", "''"),
            ("it's", r"'it'\''s'"),
            (";touch${IFS}x", "';touch${IFS}x'"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }
}
