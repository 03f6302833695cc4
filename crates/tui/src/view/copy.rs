//! The forms in which an event, or those that are marked, are copied.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, Clear, Widget};

use super::body;
use crate::app::App;
use crate::keymap::{Action, Scope};
use crate::text::{TextLine, Tone};

/// Columns with the frame.
const WIDTH: u16 = 40;

/// Draws the forms with their keys.
pub(super) fn render(buf: &mut Buffer, area: Rect, app: &App) {
    let rows = app.keys.of(Scope::Copy);
    let forms = rows.filter(|(row, _)| matches!(row.action, Action::CopyAs(..)));
    let lines: Vec<TextLine> = forms
        .filter_map(|(row, keys)| {
            let key = keys.first()?.name();
            Some(TextLine::new(Tone::Name, format!(" {key}  ")).with(Tone::Plain, row.help))
        })
        .collect();
    let title = match app.meant().as_slice() {
        [(_, seq)] => format!(" Copy event {seq} "),
        events => format!(" Copy {} selected events ", events.len()),
    };
    let height = u16::try_from(lines.len() + 2)
        .unwrap_or(u16::MAX)
        .min(area.height);
    let width = WIDTH.min(area.width);
    let frame = Rect::new(
        (area.width - width) / 2,
        (area.height - height) / 2,
        width,
        height,
    );
    Clear.render(frame, buf);
    let block = Block::bordered().title(title);
    let inner = block.inner(frame);
    block.render(frame, buf);
    body::render(buf, inner, &lines, 0, app.theme);
}
