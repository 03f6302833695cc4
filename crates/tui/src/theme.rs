//! How tones look.
//!
//! Only the sixteen ANSI colours, which the user's terminal has made readable, and never black or white. Without
//! colours bold, dim and reverse remain, and every mark is also a word or a sign.

use ratatui::style::{Color, Modifier, Style};

use crate::text::Tone;

/// The look of the screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Theme {
    colour: bool,
}

impl Theme {
    /// Returns the theme, with or without colours.
    pub(crate) fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// Returns how a tone looks.
    pub(crate) fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        match tone {
            Tone::Plain => plain,
            Tone::Strong => plain.add_modifier(Modifier::BOLD),
            Tone::Dim => plain.add_modifier(Modifier::DIM),
            Tone::Name => self.colour(Color::Cyan),
            Tone::Text => self.colour(Color::Green),
            Tone::Number => self.colour(Color::Yellow),
            Tone::Literal => self.colour(Color::Magenta),
            Tone::Good => self.colour(Color::Green),
            Tone::Warn => self.colour(Color::Yellow).add_modifier(Modifier::BOLD),
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
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }
}
