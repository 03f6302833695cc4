//! A call, a conversation or a difference, in the place of list and detail.
//!
//! ```text
//! Call s-a01: 2 parties, 6 events
//! TIME            GAP   SEQ  EVENT   PARTY                 STATE
//! 14:03:22.123            2  #11     Pat Doe               setup
//! 14:03:22.341 +218 ms    3  #12     Pat Doe               proceeding
//!                   … 4 to 5 did not arrive
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::put_line;
use crate::app::Study;
use crate::text::{TextLine, Tone};
use crate::theme::Theme;

/// Draws the study.
pub(super) fn render(buf: &mut Buffer, area: Rect, study: &Study, theme: Theme) {
    if study.rows.is_none() {
        let line = TextLine::new(Tone::Dim, "reading…");
        put_line(buf, area, 0, 0, &line, theme);
        return;
    }
    let lines = study.lines.iter().skip(study.scroll);
    for (y, (line, row)) in (0..area.height).zip(lines) {
        put_line(buf, area, 0, y, line, theme);
        if study.cursor == Some(*row) {
            let line = Rect::new(area.x, area.y + y, area.width, 1);
            buf.set_style(line, theme.chosen());
        }
    }
}
