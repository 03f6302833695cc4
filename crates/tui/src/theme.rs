//! How tones look.
//!
//! Only the sixteen ANSI colours, which the user's terminal has made readable, and never black or white. Without
//! colours bold, dim and reverse remain, and every mark is also a word or a sign.

use ratatui::style::{Color, Modifier, Style};

use crate::text::Tone;

/// The look of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// The terminal's own colours.
    #[default]
    Ansi,
    /// Bold colours, nothing faint, and what is wrong reversed.
    HighContrast,
    /// No colours: bold, faint and reversed.
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

    /// Returns its name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ansi => "ansi",
            Self::HighContrast => "high-contrast",
            Self::Mono => "mono",
        }
    }

    /// Returns another one.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Ansi => Self::HighContrast,
            Self::HighContrast => Self::Mono,
            Self::Mono => Self::Ansi,
        }
    }

    /// Returns how a tone looks.
    pub(crate) fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        match tone {
            Tone::Plain => plain,
            Tone::Strong => plain.add_modifier(Modifier::BOLD),
            Tone::Dim if self == Self::HighContrast => plain,
            Tone::Dim => plain.add_modifier(Modifier::DIM),
            Tone::Name => self.colour(Color::Cyan),
            Tone::Text => self.colour(Color::Green),
            Tone::Number => self.colour(Color::Yellow),
            Tone::Literal => self.colour(Color::Magenta),
            Tone::Good => self.colour(Color::Green),
            Tone::Warn => self.colour(Color::Yellow).add_modifier(Modifier::BOLD),
            Tone::Bad if self == Self::HighContrast => {
                plain.add_modifier(Modifier::BOLD | Modifier::REVERSED)
            }
            Tone::Bad => self.colour(Color::Red).add_modifier(Modifier::BOLD),
        }
    }

    /// Returns what is laid over the row or tab that keys act on.
    pub(crate) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Returns what is laid over the chosen row while keys act elsewhere.
    pub(crate) fn chosen_elsewhere(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    fn colour(self, colour: Color) -> Style {
        match self {
            Self::Ansi => Style::new().fg(colour),
            Self::HighContrast => Style::new().fg(colour).add_modifier(Modifier::BOLD),
            Self::Mono => Style::new(),
        }
    }
}
