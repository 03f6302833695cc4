//! Styles, and the themes that change them.
//!
//! Everything is drawn in the sixteen ANSI colours, which the user's terminal makes readable, and never in black or
//! white. The other themes are a pass over the finished picture. Without colours, bold, dim and reverse remain, and
//! every colour comes with a word or a sign.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

/// Ordinary text.
pub(crate) const PLAIN: Style = Style::new();
/// What to read first.
pub(crate) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
/// Secondary text.
pub(crate) const DIM: Style = Style::new().add_modifier(Modifier::DIM);
/// The name of a JSON member, a header or a key of the keyboard.
pub(crate) const NAME: Style = Style::new().fg(Color::Cyan);
/// A JSON string.
pub(crate) const STRING: Style = Style::new().fg(Color::Green);
/// A JSON number.
pub(crate) const NUMBER: Style = Style::new().fg(Color::Yellow);
/// `true`, `false` or `null`.
pub(crate) const LITERAL: Style = Style::new().fg(Color::Magenta);
/// Success.
pub(crate) const GOOD: Style = Style::new().fg(Color::Green);
/// A warning.
pub(crate) const WARN: Style = NUMBER.add_modifier(Modifier::BOLD);
/// An error.
pub(crate) const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
/// Laid over the row or tab that keys act on.
pub(crate) const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);
/// Laid over the chosen row while keys act elsewhere.
pub(crate) const CHOSEN_ELSEWHERE: Style = STRONG;

/// The look of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// The terminal's own colours.
    #[default]
    Ansi,
    /// Bold colours, no dim text, errors reversed.
    HighContrast,
    /// No colours: bold, dim and reversed.
    Mono,
}

impl Theme {
    /// Returns the theme of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Ansi, Self::HighContrast, Self::Mono]
            .into_iter()
            .find(|theme| theme.word() == name)
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ansi => "ansi",
            Self::HighContrast => "high-contrast",
            Self::Mono => "mono",
        }
    }

    pub(crate) fn next(self) -> Self {
        match self {
            Self::Ansi => Self::HighContrast,
            Self::HighContrast => Self::Mono,
            Self::Mono => Self::Ansi,
        }
    }

    /// Changes a finished picture.
    pub(crate) fn apply(self, buf: &mut Buffer) {
        match self {
            Self::Ansi => {}
            Self::HighContrast => {
                for cell in &mut buf.content {
                    cell.modifier.remove(Modifier::DIM);
                    if cell.fg == Color::Red {
                        cell.fg = Color::Reset;
                        cell.modifier |= Modifier::BOLD | Modifier::REVERSED;
                    } else if cell.fg != Color::Reset {
                        cell.modifier |= Modifier::BOLD;
                    }
                }
            }
            Self::Mono => {
                for cell in &mut buf.content {
                    cell.fg = Color::Reset;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;

    #[test]
    fn themes_keep_the_difference_of_every_style() {
        let cases = [
            (DIM, PLAIN, DIM),
            (NAME, NAME.add_modifier(Modifier::BOLD), PLAIN),
            (WARN, WARN, STRONG),
            (BAD, STRONG.add_modifier(Modifier::REVERSED), STRONG),
            (CHOSEN, CHOSEN, CHOSEN),
        ];
        for (style, high_contrast, mono) in cases {
            let mut buf = Buffer::empty(Rect::new(0, 0, 1, 1));
            for (theme, themed) in [
                (Theme::Ansi, style),
                (Theme::HighContrast, high_contrast),
                (Theme::Mono, mono),
            ] {
                buf[(0, 0)].set_style(Style::reset()).set_style(style);
                theme.apply(&mut buf);
                let cell = &buf[(0, 0)];
                let fg = themed.fg.unwrap_or(Color::Reset);
                assert_eq!(
                    (cell.fg, cell.modifier),
                    (fg, themed.add_modifier),
                    "{theme:?} {style:?}"
                );
            }
        }
    }
}
