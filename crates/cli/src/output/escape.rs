//! Text from strangers, made harmless for a terminal.

use std::borrow::Cow;

/// Replaces what a terminal would obey instead of show: control characters, and those that turn the direction of
/// reading. Line ends and tabs are replaced as well; see [`escape_lines`].
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    escape_unless(text, |_| false)
}

/// As [`escape`], but line ends and tabs stay: for bodies.
pub(crate) fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_unless(text, |c| matches!(c, '\n' | '\t'))
}

/// Says whether a terminal shows every byte, and obeys none but line ends and tabs.
pub(crate) fn is_shown_as_it_is(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        let mut lines = text.split_inclusive('\n').map(|line| {
            let line = line.strip_suffix('\n').unwrap_or(line);
            line.strip_suffix('\r').unwrap_or(line)
        });
        lines.all(|line| !line.contains(|c| is_obeyed(c) && c != '\t'))
    })
}

fn escape_unless(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|c| is_obeyed(c) && !keep(c)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_obeyed(c) && !keep(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_comes_out() {
        assert_eq!(escape("plain äöü 👩\u{200d}🚀"), "plain äöü 👩\u{200d}🚀");
        assert_eq!(
            escape("a\u{1b}[2J\u{7}\r\n\tb\u{9b}\u{202e}c"),
            "a\\u{1b}[2J\\u{7}\\r\\n\\tb\\u{9b}\\u{202e}c"
        );
        for (bytes, shown) in [
            (&b"{\r\n\t\"a\": 1}\n"[..], true),
            (b"a\rb", false),
            (b"\x1b[2J", false),
            (b"\xff", false),
            ("\u{202e}".as_bytes(), false),
            (b"", true),
        ] {
            assert_eq!(is_shown_as_it_is(bytes), shown, "{bytes:?}");
        }
        assert_eq!(escape_lines("a\n\tb\r\u{1b}"), "a\n\tb\\r\\u{1b}");
    }
}
