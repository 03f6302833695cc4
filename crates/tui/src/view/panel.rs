//! A call, a conversation, a difference or a replay's result, instead of list and detail.
//!
//! ```text
//! Call s-a01: 2 parties, 6 events
//! TIME            GAP   SEQ  EVENT   PARTY                 STATE
//! 14:03:22.123            2  #11     Pat Doe               setup
//! 14:03:22.341 +218 ms    3  #12     Pat Doe               proceeding
//!                   … 4 to 5 did not arrive
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{highlight, lines, put};
use crate::app::Panel;
use crate::text::line;
use crate::theme::{CHOSEN, DIM};

/// Draws the panel.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, panel: &Panel) {
    if panel.rows.is_none() {
        put(frame, area, line("reading…", DIM));
        return;
    }
    lines(frame, area, &panel.lines, panel.scroll);
    let shown = panel
        .row_of
        .iter()
        .skip(panel.scroll)
        .take(area.height.into());
    for (y, row) in shown.enumerate() {
        if panel.cursor == Some(*row) {
            highlight(frame, area, y, CHOSEN);
        }
    }
}
