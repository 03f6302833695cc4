//! Moving about: in a box, a panel, the list or the detail, whichever has the keys.

use ringtail_views::PagePosition;

use crate::app::{App, Overlay};
use crate::layout::Focus;
use crate::view::popup::longest_scroll;

pub(super) fn page_height(app: &App) -> isize {
    let layout = app.layout();
    let height = match app.focus {
        _ if app.panel.is_some() => layout.panel_size().1,
        Focus::List => layout.list_height(),
        Focus::Detail => layout.detail_size().1,
    };
    isize::try_from(height.saturating_sub(1).max(1)).unwrap_or(1)
}

pub(super) fn go(app: &mut App, by: isize) {
    if let Some(Overlay { kind, scroll }) = app.overlay {
        let scroll = scroll.saturating_add_signed(by);
        let scroll = scroll.min(longest_scroll(app, kind));
        app.overlay = Some(Overlay { kind, scroll });
    } else if let Some(panel) = &mut app.panel {
        panel.go(by);
    } else {
        match app.focus {
            Focus::List => app.list.go_by(by),
            Focus::Detail => app.detail.go(by),
        }
    }
}

pub(super) fn first(app: &mut App) {
    if app.overlay.is_some() || app.panel.is_some() {
        go(app, isize::MIN);
        return;
    }
    match app.focus {
        Focus::Detail => app.detail.go_to_end(false),
        Focus::List if app.list.at_start || !app.list.loaded => app.list.go_to(0),
        Focus::List => app.reading.jump = Some(app.list.oldest()),
    }
}

pub(super) fn last(app: &mut App) {
    if app.overlay.is_some() || app.panel.is_some() {
        go(app, isize::MAX);
        return;
    }
    match app.focus {
        Focus::Detail => app.detail.go_to_end(true),
        Focus::List => newest(app),
    }
}

pub(super) fn newest(app: &mut App) {
    app.focus = Focus::List;
    if app.list.at_end {
        app.list.go_to(usize::MAX);
    } else if app.list.loaded {
        app.reading.jump = Some(PagePosition::Newest);
    }
}
