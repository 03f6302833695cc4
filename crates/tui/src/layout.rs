//! Areas of the screen.

use ratatui::layout::Rect;

/// Columns from which list and detail stand side by side.
const SPLIT_FROM: u16 = 120;

/// Columns from which link and target share a line.
const WIDE_STATUS_FROM: u16 = 110;

/// The status lines take at most this fraction of the height.
const STATUS_FRACTION: u16 = 3;

/// Lines from which the detail shows method and path.
const TALL_DETAIL_FROM: u16 = 14;

/// Fewest columns and lines that anything is drawn on.
pub(crate) const SMALLEST: (u16, u16) = (30, 7);

/// The pane that keys act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Focus {
    List,
    Detail,
}

/// The areas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) status: Rect,
    /// Everything between status and footer.
    pub(crate) body: Rect,
    pub(crate) list: Option<Rect>,
    /// Between list and detail.
    pub(crate) rule: Option<Rect>,
    pub(crate) detail: Option<Rect>,
    pub(crate) footer: Rect,
}

impl Layout {
    /// Divides columns and lines. Each of several engines has a status line while there is room.
    pub(crate) fn new((columns, lines): (u16, u16), focus: Focus, engines: usize) -> Self {
        let most = lines / STATUS_FRACTION;
        let status = match (columns, lines) {
            (_, ..10) => 1,
            _ if engines > 1 => u16::try_from(engines + 1).unwrap_or(most).min(most),
            (WIDE_STATUS_FROM.., _) => 2,
            _ => 3,
        };
        let footer_line = lines.saturating_sub(1);
        let body = Rect::new(0, status, columns, footer_line.saturating_sub(status));
        let (list, rule, detail) = if columns >= SPLIT_FROM {
            let width = columns / 7 * 4;
            let list = Rect { width, ..body };
            let rule = Rect::new(width, body.y, 1, body.height);
            let detail = Rect::new(width + 2, body.y, columns - width - 2, body.height);
            (Some(list), Some(rule), Some(detail))
        } else if focus == Focus::List {
            (Some(body), None, None)
        } else {
            (None, None, Some(body))
        };
        Self {
            status: Rect::new(0, 0, columns, status),
            body,
            list,
            rule,
            detail,
            footer: Rect::new(0, footer_line, columns, lines.min(1)),
        }
    }

    /// Returns the rows that the list has room for.
    pub(crate) fn list_height(&self) -> usize {
        // The list keeps its position while the detail covers it.
        let area = self.list.or(self.detail).unwrap_or_default();
        usize::from(area.height.saturating_sub(1)).max(1)
    }

    /// Returns the columns and lines of a panel.
    pub(crate) fn panel_size(&self) -> (usize, usize) {
        let height = usize::from(self.body.height).max(1);
        (self.body.width.into(), height)
    }

    /// Returns the columns and lines of the detail's text.
    pub(crate) fn detail_size(&self) -> (usize, usize) {
        let area = self.detail.unwrap_or_default();
        let height = area.height.saturating_sub(detail_head(area.height));
        (area.width.into(), usize::from(height).max(1))
    }
}

/// Returns the lines above the detail's text: title, tabs and, if there is room, the request.
pub(crate) fn detail_head(height: u16) -> u16 {
    if height >= TALL_DETAIL_FROM { 4 } else { 2 }
}
