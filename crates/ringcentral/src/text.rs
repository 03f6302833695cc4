//! Text from strangers, made fit for one line of a terminal.

/// Returns the text as one line of at most `max` characters, without anything that moves a cursor or turns
/// the reading direction.
///
/// Runs of white space and line ends become one space; C0, C1, bidirectional controls and other invisible
/// format characters go. A cut is marked by an ellipsis, which counts.
pub(crate) fn tidy(text: &str, max: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    let mut gap = false;
    for character in text.chars() {
        if character.is_whitespace() {
            gap = length > 0;
            continue;
        }
        if is_hidden(character) {
            continue;
        }
        let needed = 1 + usize::from(gap);
        if length + needed > max {
            return cut(line, length, max);
        }
        if gap {
            line.push(' ');
        }
        line.push(character);
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

/// Characters that are not seen but change what is: controls, direction marks, byte-order marks, tags.
///
/// The joiners stay, because emoji and several scripts are written with them.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_visible_text_comes_out() {
        let cases = [
            ("", ""),
            ("  a \r\n\t b  ", "a b"),
            ("\u{1b}[2Jred\u{7}", "[2Jred"),
            ("a\u{85}b\u{9b}c\u{7f}", "a bc"),
            ("ab\u{202e}cd\u{2066}e\u{200f}", "abcde"),
            ("a\u{2028}b\u{feff}", "a b"),
            ("👩\u{200d}🚀", "👩\u{200d}🚀"),
        ];
        for (raw, line) in cases {
            assert_eq!(tidy(raw, 80), line, "{raw:?}");
        }
    }

    #[test]
    fn cuts_are_marked_and_counted() {
        let cases = [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("ab cd", 4, "ab…"),
            ("äöüß", 3, "äö…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
            ("abc  \n", 3, "abc"),
        ];
        for (raw, max, line) in cases {
            assert_eq!(tidy(raw, max), line, "{raw:?} in {max}");
        }
    }
}
