//! Boxes over everything else: help, the filter language, an explanation, the formats of a copy.
//!
//! ```text
//! ┌ RT-502 ──────────────────────────────────────────────┐
//! │Webhook responses with code: […], reason: […]         │
//! │                                                      │
//! │The app answered with a status other than 200. …      │
//! └ ↑↓ 1-20 of 31 ───────────────────────────────────────┘
//! ```

mod help;

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear};
use ringtail_errors::{Code, Origin};
use ringtail_filter::words::WORDS;
use ringtail_ringcentral::verdict::AFTERWARDS;

use super::{lines, scroll_position};
use crate::app::{App, Overlay, OverlayKind};
use crate::keymap::{Action, Scope};
use crate::text::{line, span, wrap};
use crate::theme::{BAD, NAME, PLAIN, STRONG, WARN};

/// Draws an overlay.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, overlay: Overlay) {
    let popup = Popup::new(app, overlay.kind, (area.width, area.height));
    let area = area.centered(
        Constraint::Length(popup.width),
        Constraint::Length(popup.height),
    );
    let mut block = Block::bordered().title(format!(" {} ", popup.title));
    let inner = block.inner(area);
    if let Some(position) = scroll_position(popup.lines.len(), overlay.scroll, inner.height.into())
    {
        block = block.title_bottom(format!(" ↑↓ {position} "));
    }
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    lines(frame, inner, &popup.lines, overlay.scroll);
}

/// Returns how far an overlay can be scrolled.
pub(crate) fn longest_scroll(app: &App, kind: OverlayKind) -> usize {
    let popup = Popup::new(app, kind, app.size);
    popup
        .lines
        .len()
        .saturating_sub(popup.height.saturating_sub(2).into())
}

struct Popup {
    title: String,
    /// Broken to the width.
    lines: Vec<Line<'static>>,
    /// Columns and lines with the border.
    width: u16,
    height: u16,
}

impl Popup {
    fn new(app: &App, kind: OverlayKind, (columns, rows): (u16, u16)) -> Self {
        let (width, title, lines) = match kind {
            OverlayKind::Help => (60, "Keys and signs".to_owned(), help::lines(&app.keys)),
            OverlayKind::Language => (80, "Filter language".to_owned(), language()),
            OverlayKind::Copy => (40, copy_title(app), copy_formats(app)),
            OverlayKind::Explanation(code) => (96, code.id.to_owned(), explanation(app, code)),
        };
        let width = columns.min(width);
        let inner = width.saturating_sub(2);
        let lines: Vec<Line> = lines
            .iter()
            .flat_map(|line| wrap(line, inner.into()))
            .collect();
        let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(rows);
        Self {
            title,
            lines,
            width,
            height,
        }
    }
}

/// The words of the filter language, the same table as docs/FILTER.md.
fn language() -> Vec<Line<'static>> {
    let operators = [
        (
            "a b   a or b   not a   (a or b) c",
            "both, one, the opposite",
        ),
        (
            "hello   \"going away\"   ~colou?r",
            "in summary, path or body; ~ is a regular expression",
        ),
        (
            "body.parties[*].status.code = Answered",
            "a JSON value; also != < > <= >= and ~",
        ),
    ];
    let words = WORDS.iter().map(|word| (word.example, word.help));
    let all = operators.into_iter().chain(words);
    all.flat_map(|(example, help)| [line(example, NAME), line(format!("  {help}"), PLAIN)])
        .collect()
}

fn copy_title(app: &App) -> String {
    match app.action_events().as_slice() {
        [event] => format!("Copy event {}", event.name),
        events => format!("Copy {} selected events", events.len()),
    }
}

fn copy_formats(app: &App) -> Vec<Line<'static>> {
    let rows = app.keys.of(Scope::Copy);
    let formats = rows.filter(|(row, _)| matches!(row.action, Action::CopyAs(..)));
    let line = |(row, keys): (&crate::keymap::Binding, &[crate::keymap::Key])| {
        let key = keys.first()?.name();
        Some(span(format!(" {key}  "), NAME) + span(row.help, PLAIN))
    };
    formats.filter_map(line).collect()
}

/// What the verdict of an event, or the state of the link, means.
fn explanation(app: &App, code: &Code) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(message) = code.message() {
        lines.extend([line(message, WARN), Line::default()]);
    }
    lines.push(line(code.meaning, PLAIN));
    if matches!(code.origin, Origin::Verdict { .. })
        && let Some(failing) = &app.status.failing
    {
        let outlook = failing.outlook(app.now.0 / 1000);
        lines.extend([
            Line::default(),
            line("The failure clock", STRONG),
            line(format!("In production this subscription would be {outlook}."), BAD),
            line(
                format!("RingCentral's documents disagree about what follows a blacklisting: {AFTERWARDS}."),
                PLAIN,
            ),
        ]);
    }
    lines.extend([
        Line::default(),
        line("Likely causes, likeliest first", STRONG),
    ]);
    for (number, cause) in (1..).zip(code.causes) {
        lines.push(line(format!(" {number}. {cause}"), PLAIN));
    }
    lines.extend([Line::default(), line("Next", STRONG)]);
    lines.extend(code.steps().map(|step| line(format!(" * {step}"), PLAIN)));
    lines
}
