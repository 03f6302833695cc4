//! The state of a target, in as many words as fit.

use ratatui::text::Line;
use ringtail_model::{LinkState, Status, TargetState};
use ringtail_protocol::event::Timestamp;

use super::countdown;
use crate::format::count;
use crate::text::{cut, line, line_width, span, width};
use crate::theme::{BAD, DIM, GOOD, PLAIN, WARN};

/// How much to say about a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    All,
    /// Host and port instead of the URL.
    Short,
    /// Without mention of production, too.
    Shorter,
    /// Without the number and reason of a paused target, too.
    Least,
}

/// Returns everything about the target.
pub(super) fn whole(status: &Status, now: Timestamp) -> Line<'static> {
    target(status, now, Words::All)
}

/// Returns as much about the target as fits, at least the essential.
pub(super) fn fitting(status: &Status, now: Timestamp, room: usize) -> Line<'static> {
    let lines = [Words::All, Words::Short, Words::Shorter].map(|words| target(status, now, words));
    let fits = lines.into_iter().find(|line| line_width(line) <= room);
    fits.unwrap_or_else(|| target(status, now, Words::Least))
}

/// Describes the target: state and address first, reasons last, where they are cut off.
fn target(status: &Status, now: Timestamp, words: Words) -> Line<'static> {
    let Some(target) = &status.target else {
        return line("– none: events are kept and not forwarded", DIM);
    };
    let url = match words {
        Words::All => cut(&target.url, 200),
        Words::Short | Words::Shorter | Words::Least => cut(host(&target.url), 40),
    };
    if !target.forwards {
        return span("– not forwarded", WARN) + span(format!(", replays go to {url}"), PLAIN);
    }
    let pending = count(status.pending);
    let mut line = Line::default();
    let mut why = String::new();
    if status.paused {
        let waiting = match words {
            Words::All | Words::Short | Words::Shorter => format!(", {pending} pending"),
            Words::Least => String::new(),
        };
        line += span(format!("‖ paused{waiting}, H resumes  "), WARN);
    }
    match &target.state {
        TargetState::Down { reason, .. } if status.paused => {
            line += span("✗ down", BAD);
            line += span("  ", PLAIN);
            if words != Words::Least {
                why = format!("  {reason}");
            }
        }
        TargetState::Down {
            reason, retry_at, ..
        } => {
            line += span("✗ down", BAD);
            line += span(format!(", {pending} pending  "), WARN);
            why = format!("  next try {}: {reason}", countdown(now, *retry_at));
        }
        _ if status.paused => {}
        TargetState::Untried => line += span("◌ not tried yet  ", PLAIN),
        TargetState::Up => {
            line += span("● up", GOOD);
            line += match status.pending {
                0 => span("  ", PLAIN),
                _ => span(format!(", {pending} pending  "), PLAIN),
            };
            if let Some(first) = status.unanswered.first() {
                why = format!("  {}", first.words(now));
            }
        }
    }
    line += span(url, PLAIN);
    if let Some(canary) = &status.canary
        && let Err(lost) = &canary.result
    {
        line += span(format!("  ! canary lost at the {}", lost.hop), BAD);
    }
    if let Some(failing) = &status.failing {
        let place = match words {
            Words::All | Words::Short => "in production: ",
            Words::Shorter | Words::Least => "",
        };
        let outlook = failing.outlook(now.0 / 1000);
        line += span(format!("  ! {place}{outlook}"), BAD);
    }
    line + span(why, PLAIN)
}

/// Describes the target in signs, with host and port, for the narrowest line.
pub(super) fn signs(status: &Status) -> Line<'static> {
    let Some(target) = &status.target else {
        return line("– none", DIM);
    };
    let host = cut(host(&target.url), 40);
    if !target.forwards {
        return span("– ", WARN) + span(format!("{host} for replays"), PLAIN);
    }
    let mut line = Line::default();
    let mut more = String::new();
    if status.paused {
        line += span("‖ ", WARN);
        more.push_str("  H resumes");
    }
    match &target.state {
        TargetState::Down { .. } => {
            line += span("✗ ", BAD);
            if !status.paused {
                more = format!("  {} pending", count(status.pending));
            }
        }
        _ if status.paused => {}
        TargetState::Untried => line += span("◌ ", PLAIN),
        TargetState::Up => line += span("● ", GOOD),
    }
    line + span(host, PLAIN) + span(more, WARN)
}

/// Returns whether the target's host and port are in the first `room` columns of a line; without a target nothing is
/// missing.
pub(super) fn shows_host(line: &Line<'_>, engine: &Status, room: usize) -> bool {
    let Some(target) = &engine.target else {
        return true;
    };
    if engine.link != LinkState::Connected {
        return true;
    }
    let text = line.to_string();
    let host = host(&target.url);
    let end = text.find(host).map(|start| start + host.len());
    let shown = end.and_then(|end| text.get(..end));
    shown.is_some_and(|shown| width(shown) <= room)
}

/// Returns host and port of a URL, which tell targets apart.
fn host(url: &str) -> &str {
    if url.starts_with("unix:") {
        return url;
    }
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}
