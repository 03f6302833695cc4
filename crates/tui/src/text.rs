//! Spans and lines of text that is safe to draw, and their width in cells.
//!
//! Everything from the network passes [`span`]. What [`escape`] returns moves no cursor, turns no reading direction
//! and hides nothing, so the width computed here is the width on screen.

use std::borrow::Cow;

use ratatui::buffer::CellWidth;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Returns a span of escaped text.
pub(crate) fn span(text: impl AsRef<str>, style: Style) -> Span<'static> {
    Span::styled(escape(text.as_ref()).into_owned(), style)
}

/// Returns a line of escaped text.
pub(crate) fn line(text: impl AsRef<str>, style: Style) -> Line<'static> {
    Line::from(span(text, style))
}

/// Returns one line of two.
pub(crate) fn join(mut line: Line<'static>, more: Line<'static>) -> Line<'static> {
    line.extend(more);
    line
}

/// Replaces what a terminal would obey or hide with its escape, and what terminals draw with different widths with what all
/// draw alike: cells behind it would keep remains of other text.
///
/// Joiners, variation selectors and skin tones only choose a glyph and are removed. The two letters of a flag become wide
/// letters.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    let chooses_glyph = |c| matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}');
    let flag_letter = |c| {
        u32::from(c)
            .checked_sub(0x1f1e6)
            .filter(|letter| *letter < 26)
    };
    let is_disputed = |c| chooses_glyph(c) || flag_letter(c).is_some();
    if text.is_ascii() || !text.contains(is_disputed) {
        return ringtail_text::escape(text);
    }
    let wide = |c| match flag_letter(c) {
        Some(letter) => char::from_u32(u32::from('Ａ') + letter).unwrap_or(c),
        None => c,
    };
    let shown: String = text
        .chars()
        .filter(|c| !chooses_glyph(*c))
        .map(wide)
        .collect();
    Cow::Owned(ringtail_text::escape(&shown).into_owned())
}

/// Returns the cells that the line takes.
pub(crate) fn line_width(line: &Line<'_>) -> usize {
    line.iter().map(|span| width(&span.content)).sum()
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

/// Returns as much of the end of the text as fits, with an ellipsis if something is missing.
pub(crate) fn cut_start(text: &str, max: usize) -> Cow<'_, str> {
    let mut surplus = (width(text) + 1).saturating_sub(max);
    if surplus < 2 {
        return Cow::Borrowed(text);
    }
    let hidden = graphemes(text).take_while(|(_, width)| {
        let is_hidden = surplus > 0;
        surplus = surplus.saturating_sub(*width);
        is_hidden
    });
    let hidden: usize = hidden.map(|(symbol, _)| symbol.len()).sum();
    Cow::Owned(format!("…{}", text.get(hidden..).unwrap_or_default()))
}

/// Returns the text cut or filled with spaces to a width.
pub(crate) fn column(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let pad = columns.saturating_sub(width(&text));
    format!("{text}{:pad$}", "")
}

/// Returns as much of the line as fits, with an ellipsis if something is missing.
pub(crate) fn fit(line: Line<'static>, max: usize) -> Line<'static> {
    if line_width(&line) <= max {
        return line;
    }
    let mut room = max;
    let mut out = Line::default();
    for span in line {
        let cut = cut(&span.content, room).into_owned();
        let is_cut = cut != span.content;
        room -= width(&cut);
        out += Span::styled(cut, span.style);
        if is_cut {
            break;
        }
    }
    out
}

/// Breaks a line at `max` cells. Continuation lines are indented two cells more than the first.
pub(crate) fn wrap(line: &Line<'static>, max: usize) -> Vec<Line<'static>> {
    let max = max.max(4);
    if line_width(line) <= max {
        return vec![line.clone()];
    }
    let first = line.spans.first().map_or("", |span| &span.content);
    let indent = first.len() - first.trim_start_matches(' ').len();
    let hang = (indent + 2).min(max / 2);
    let symbols: Vec<(Style, &str, usize)> = line
        .iter()
        .flat_map(|span| {
            graphemes(&span.content).map(|(symbol, width)| (span.style, symbol, width))
        })
        .collect();
    let mut out = Vec::new();
    let mut rest = symbols.as_slice();
    while !rest.is_empty() {
        let indent = if out.is_empty() { 0 } else { hang };
        let (now, later) = rest.split_at(break_at(rest, max - indent));
        let mut part = Line::default();
        if indent > 0 {
            part += Span::raw(" ".repeat(indent));
        }
        for run in now.chunk_by(|(one, ..), (other, ..)| one == other) {
            let text: String = run.iter().map(|(_, symbol, _)| *symbol).collect();
            part += Span::styled(text, run.first().map_or(Style::new(), |(style, ..)| *style));
        }
        out.push(part);
        rest = later;
    }
    out
}

/// Returns how many symbols fit, ending after a space if there is one near the edge.
fn break_at(symbols: &[(Style, &str, usize)], max: usize) -> usize {
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
    let after_space = |end: &usize| {
        symbols
            .get(end - 1)
            .is_some_and(|(_, symbol, _)| *symbol == " ")
    };
    (near..=fitting).rev().find(after_space).unwrap_or(fitting)
}

/// Cuts text as ratatui does when it fills cells, so that both count alike.
fn graphemes(text: &str) -> impl Iterator<Item = (&str, usize)> {
    // The span's iterator borrows the span; offsets give slices of the text itself.
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
    use crate::theme::{NAME, PLAIN, STRING};

    #[test]
    fn escaped_text_is_as_wide_as_it_is_counted() {
        let cases = [
            ("plain", "plain"),
            ("\u{1b}[2J\u{9b}\u{202e}x\n", r"\u001b[2J\u009b\u202ex\n"),
            ("👩\u{200d}🚀☎\u{fe0f}", "👩🚀☎"),
            ("e\u{301} שלום 日本", "e\u{301} שלום 日本"),
            ("🇨🇭👍🏽🇨", "ＣＨ👍Ｃ"),
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
            let end = cut_start(raw, max);
            assert!(width(&end) <= max.max(1), "{end:?} in {max}");
            assert!(raw.ends_with(end.trim_start_matches('…')), "{end:?}");
            assert_eq!(end.starts_with('…'), width(raw) > max, "{end:?}");
            let (first, rest) = raw.split_at(raw.ceil_char_boundary(1));
            let spans = span(first, NAME) + span(rest, STRING);
            assert_eq!(
                width(&fit(spans, max).to_string()),
                width(shown),
                "{raw:?} in {max}"
            );
        }
    }

    #[test]
    fn long_lines_hang_below_their_start() {
        let text = span("  ", PLAIN) + span("\"a\"", NAME) + span("0123456789", STRING);
        let wrapped = wrap(&text, 10);
        assert_eq!(
            wrapped[0],
            span("  ", PLAIN) + span("\"a\"", NAME) + span("01234", STRING)
        );
        assert_eq!(wrapped[1], span("    ", PLAIN) + span("56789", STRING));
        let prose = wrap(&line("one two three four", PLAIN), 10);
        let prose: Vec<String> = prose.iter().map(Line::to_string).collect();
        assert_eq!(prose, ["one two ", "  three ", "  four"]);
    }

    proptest::proptest! {
        /// Some terminals add the widths of the characters, others look at the whole.
        #[test]
        fn terminals_agree_about_the_width_of_each_cell(
            text in "(\\PC|[a-z]|[🇦-🇿]|[🏻-🏿]|[👍👩🚀☎❤1]|\u{200d}|\u{fe0f}|\u{20e3}|\u{301}){0,40}",
        ) {
            let shown = escape(&text);
            for (symbol, width) in graphemes(&shown) {
                let each = symbol.chars().map(|c| usize::from(c.to_string().cell_width()));
                proptest::prop_assert_eq!(each.sum::<usize>(), width, "{:?}", symbol);
                proptest::prop_assert!(!symbol.contains(|c| matches!(c, '🇦'..='🇿')));
            }
        }

        #[test]
        fn wrapped_lines_fit_and_lose_nothing(text in "\\PC{0,200}", max in 4_usize..40) {
            let whole = line(&text, PLAIN);
            let wrapped = wrap(&whole, max);
            let solid = |lines: &[Line]| {
                lines.iter().map(Line::to_string).collect::<String>().replace(' ', "")
            };
            proptest::prop_assert_eq!(solid(&wrapped), solid(&[whole]));
            for line in &wrapped {
                proptest::prop_assert!(line_width(line) <= max.max(4) + 2);
            }
        }
    }
}
