//! What is written besides the filter: the name of an action, and a path of the body, or a comment.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Block, Clear, Widget};
use tui_input::Input;

use super::{put, put_line, put_right};
use crate::app::{App, Palette, ReplayLine};
use crate::text::{TextLine, Tone, escape, width};
use crate::theme::Theme;

/// Columns of the palette with its frame.
const WIDTH: u16 = 64;

/// Columns of the keys in it.
const KEYS: usize = 9;

/// Draws a line that is written, after what it is, over the footer.
pub(super) fn line(buf: &mut Buffer, footer: Rect, what: &str, input: &Input, theme: Theme) {
    let columns = usize::from(footer.width);
    put(buf, footer, 0, 0, &" ".repeat(columns), Style::new());
    let x = put(buf, footer, 0, 0, what, theme.style(Tone::Strong));
    written(buf, footer, x, input);
}

/// Draws the options of a replay over the footer, and what is known of them above it.
///
/// ```text
///  Tab: --target  --timing
/// replay 3 selected: --t
/// ```
pub(super) fn replay(buf: &mut Buffer, footer: Rect, options: &ReplayLine, app: &App) {
    let what = match app.meant().as_slice() {
        [] => "replay: ".to_owned(),
        [(_, seq)] => format!("replay {seq}: "),
        events => format!("replay {} selected: ", events.len()),
    };
    line(buf, footer, &what, &options.input, app.theme);
    let known = &options.known;
    let said = match (known.offers.as_slice(), &known.error, &known.about) {
        ([_, ..], _, _) => TextLine::new(Tone::Dim, format!(" Tab: {}", known.offers.join("  "))),
        (_, _, Some(about)) => TextLine::new(Tone::Dim, format!(" {about}")),
        (_, Some(error), None) => TextLine::new(Tone::Bad, format!(" ✗ {}", escape(error))),
        (_, None, None) => TextLine::new(Tone::Dim, " Enter replay  Esc back"),
    };
    hint(buf, footer, &said, app.theme);
}

/// Draws what a line is good for, above it.
pub(super) fn hint(buf: &mut Buffer, footer: Rect, words: &TextLine, theme: Theme) {
    let above = Rect {
        y: footer.y.saturating_sub(1),
        ..footer
    };
    put(
        buf,
        above,
        0,
        0,
        &" ".repeat(above.width.into()),
        Style::new(),
    );
    put_line(buf, above, 0, 0, words, theme);
}

/// Draws the palette over everything else.
pub(super) fn palette(buf: &mut Buffer, area: Rect, palette: &Palette, app: &App) {
    let columns = WIDTH.min(area.width);
    // The frame stays as it is while the list gets shorter.
    let all = app.keys.of(app.pane()).count();
    let height = u16::try_from(all + 3).unwrap_or(u16::MAX).min(area.height);
    let frame = Rect::new((area.width - columns) / 2, 0, columns, height);
    Clear.render(frame, buf);
    let block = Block::bordered().title(" Actions ");
    let inner = block.inner(frame);
    block.render(frame, buf);
    put(buf, inner, 0, 0, ":", app.theme.style(Tone::Strong));
    written(buf, inner, 1, &palette.input);
    let rows = usize::from(inner.height.saturating_sub(1));
    if palette.found.is_empty() {
        let line = TextLine::new(Tone::Warn, " no action is called so");
        put_line(buf, inner, 0, 1, &line, app.theme);
    }
    let top = (palette.chosen + 1).saturating_sub(rows);
    for (y, (index, row)) in (1..).zip(palette.found.iter().enumerate().skip(top).take(rows)) {
        let bound = app.keys.rows().find(|(other, _)| other.name == row.name);
        let key = bound.and_then(|(_, keys)| keys.first().map(|key| key.name()));
        let key = key.unwrap_or_default();
        let pad = " ".repeat(KEYS.saturating_sub(width(&key)));
        let line = TextLine::new(Tone::Name, format!(" {key}{pad} ")).with(Tone::Plain, row.help);
        put_line(buf, inner, 0, y, &line, app.theme);
        // What the configuration calls it, where there is room.
        let name = TextLine::new(Tone::Dim, format!(" {} ", row.name));
        if line.width() + name.width() <= inner.width.into() {
            put_right(buf, inner, y, &name, app.theme);
        }
        if index == palette.chosen {
            let line = Rect::new(inner.x, inner.y + y, inner.width, 1);
            buf.set_style(line, app.theme.chosen());
        }
    }
}

/// Writes an input with its cursor in sight.
fn written(buf: &mut Buffer, area: Rect, x: u16, input: &Input) {
    let room = usize::from(area.width.saturating_sub(x + 1));
    let hidden = input.visual_scroll(room);
    let shown: String = escape(input.value()).chars().skip(hidden).collect();
    put(buf, area, x, 0, &shown, Style::new());
    let cursor = u16::try_from(input.visual_cursor().saturating_sub(hidden)).unwrap_or(u16::MAX);
    let at = x.saturating_add(cursor);
    if at < area.width {
        let cell = Rect::new(area.x + at, area.y, 1, 1);
        buf.set_style(cell, Style::new().add_modifier(Modifier::REVERSED));
    }
}
