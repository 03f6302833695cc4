//! Text from strangers made fit for cells of a terminal.
//!
//! Everything that came over the network passes [`escape`] before it is drawn. What it returns moves no cursor,
//! turns no reading direction and hides nothing, so the width that is computed here is the width on screen.

use std::borrow::Cow;
use std::fmt::Write;

use ratatui::buffer::CellWidth;
use ratatui::style::Style;
use ratatui::text::Span;

/// What a piece of text is; the theme says how that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Tone {
    /// Ordinary text.
    #[default]
    Plain,
    /// What the eye shall meet first.
    Strong,
    /// Secondary.
    Dim,
    /// A name: of a JSON member, a header, a key of the keyboard.
    Name,
    /// A JSON string.
    Text,
    /// A JSON number.
    Number,
    /// `true`, `false`, `null`.
    Literal,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Wrong.
    Bad,
}

/// A piece of text in one tone, free of anything that [`escape`] replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

/// One line of runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TextLine(pub(crate) Vec<Run>);

impl TextLine {
    /// Returns a line of one run, escaped.
    pub(crate) fn new(tone: Tone, text: impl AsRef<str>) -> Self {
        Self::default().with(tone, text)
    }

    /// Appends a run, escaped.
    pub(crate) fn with(mut self, tone: Tone, text: impl AsRef<str>) -> Self {
        self.push(tone, text.as_ref());
        self
    }

    /// Appends a run, escaped, and joins it with the last one of the same tone.
    pub(crate) fn push(&mut self, tone: Tone, text: &str) {
        let text = escape(text);
        match self.0.last_mut() {
            Some(last) if last.tone == tone => last.text.push_str(&text),
            _ => self.0.push(Run {
                tone,
                text: text.into_owned(),
            }),
        }
    }

    /// Appends another line.
    pub(crate) fn and(mut self, other: Self) -> Self {
        for run in other.0 {
            self.push(run.tone, &run.text);
        }
        self
    }

    /// Returns the cells that the line takes.
    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|run| width(&run.text)).sum()
    }

    fn indent(&self) -> usize {
        let first = self.0.first().map_or("", |run| &run.text);
        first.len() - first.trim_start_matches(' ').len()
    }
}

/// Replaces what a terminal would obey or hide with something visible.
///
/// C0 controls become their pictures; C1, direction marks and invisible characters their numbers. Joiners and
/// variation selectors go without a trace: they only choose a glyph, and terminals disagree about its width.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_control())
        || !text.chars().any(|c| is_joiner(c) || is_hidden(c))
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('�')),
            '\u{7f}' => out.push('␡'),
            c if is_joiner(c) => {}
            c if is_hidden(c) => {
                let _infallible = write!(out, "<U+{:04X}>", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns the cells that the text takes.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    graphemes(text).map(|(_, width)| width).sum()
}

/// Returns as much of the text as fits, with an ellipsis if something is missing.
pub(crate) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 1;
    for (symbol, width) in graphemes(text) {
        if used + width > max {
            break;
        }
        used += width;
        out.push_str(symbol);
    }
    if max > 0 {
        out.truncate(out.trim_end().len());
        out.push('…');
    }
    Cow::Owned(out)
}

/// Breaks lines at `max` cells. What goes on below starts a little further in than its line.
pub(crate) fn wrap(lines: &[TextLine], max: usize) -> Vec<TextLine> {
    let max = max.max(4);
    let mut out = Vec::with_capacity(lines.len());
    for line in lines {
        if line.width() <= max {
            out.push(line.clone());
        } else {
            wrap_line(line, max, &mut out);
        }
    }
    out
}

fn wrap_line(line: &TextLine, max: usize, out: &mut Vec<TextLine>) {
    let hang = (line.indent() + 2).min(max / 2);
    let symbols: Vec<(Tone, &str, usize)> = line
        .0
        .iter()
        .flat_map(|run| graphemes(&run.text).map(|(symbol, width)| (run.tone, symbol, width)))
        .collect();
    let mut rest = symbols.as_slice();
    let mut indent = 0;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(break_at(rest, max - indent));
        let mut part = TextLine::default();
        if indent > 0 {
            part.push(Tone::Plain, &" ".repeat(indent));
        }
        for (tone, symbol, _) in now {
            part.push(*tone, symbol);
        }
        out.push(part);
        rest = later;
        indent = hang;
    }
}

/// Returns how many symbols fit, ending after a space if there is one not far from the edge.
fn break_at(symbols: &[(Tone, &str, usize)], max: usize) -> usize {
    let mut used = 0;
    let fitting = symbols
        .iter()
        .take_while(|(_, _, width)| {
            used += width;
            used <= max
        })
        .count()
        .max(1);
    if fitting == symbols.len() {
        return fitting;
    }
    let near = fitting - fitting / 3;
    (near..=fitting)
        .rev()
        .find(|end| {
            symbols
                .get(end - 1)
                .is_some_and(|(_, symbol, _)| *symbol == " ")
        })
        .unwrap_or(fitting)
}

/// Cuts text as ratatui does when it fills cells, so that both count alike.
fn graphemes(text: &str) -> impl Iterator<Item = (&str, usize)> {
    // The span's iterator borrows the span; going through offsets gives slices of the text itself.
    let span = Span::raw(text);
    let mut at = 0;
    let pieces: Vec<(usize, usize)> = span
        .styled_graphemes(Style::new())
        .map(|grapheme| (grapheme.symbol.len(), grapheme.symbol.cell_width().into()))
        .collect();
    pieces.into_iter().map(move |(len, width)| {
        let piece = text.get(at..at + len).unwrap_or_default();
        at += len;
        (piece, width)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let cases = [
            ("plain", "plain"),
            ("\u{1b}[2J\u{7}", "␛[2J␇"),
            ("a\r\nb\tc\u{7f}", "a␍␊b␉c␡"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("ab\u{202e}cd", "ab<U+202E>cd"),
            ("\u{feff}x\u{200b}y", "<U+FEFF>x<U+200B>y"),
            ("👩\u{200d}🚀☎\u{fe0f}", "👩🚀☎"),
            ("e\u{301} שלום 日本", "e\u{301} שלום 日本"),
        ];
        for (raw, shown) in cases {
            assert_eq!(escape(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn cuts_count_cells_and_not_characters() {
        let cases = [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("ab cd", 4, "ab…"),
            ("abc", 0, ""),
        ];
        for (raw, max, shown) in cases {
            assert_eq!(cut(raw, max), shown, "{raw:?} in {max}");
            assert!(width(&cut(raw, max)) <= max);
        }
    }

    #[test]
    fn long_lines_hang_below_their_start() {
        let line = TextLine::new(Tone::Plain, "  ")
            .with(Tone::Name, "\"a\"")
            .with(Tone::Text, "0123456789");
        let wrapped: Vec<String> = wrap(&[line], 10).iter().map(flat).collect();
        assert_eq!(wrapped, ["  \"a\"01234", "    56789"]);
        let prose = TextLine::new(Tone::Plain, "one two three four");
        let wrapped: Vec<String> = wrap(&[prose], 10).iter().map(flat).collect();
        assert_eq!(wrapped, ["one two ", "  three ", "  four"]);
    }

    fn flat(line: &TextLine) -> String {
        line.0.iter().map(|run| run.text.as_str()).collect()
    }

    proptest::proptest! {
        #[test]
        fn wrapped_lines_fit_and_lose_nothing(text in "\\PC{0,200}", max in 4_usize..40) {
            let line = TextLine::new(Tone::Plain, &text);
            let wrapped = wrap(std::slice::from_ref(&line), max);
            let solid = |lines: &[TextLine]| {
                lines.iter().map(flat).collect::<String>().replace(' ', "")
            };
            proptest::prop_assert_eq!(solid(&wrapped), solid(&[line]));
            for line in &wrapped {
                proptest::prop_assert!(line.width() <= max.max(4) + 2);
            }
        }
    }
}
