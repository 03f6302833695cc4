//! The rows, for people and as JSON.

use ringtail_check::Outcome;
use ringtail_errors::Coded;
use ringtail_text::chain;
use serde_json::{Value, json};

use crate::output::check::row_fix;
use crate::output::plain::{Style, Tone};

/// One check. Texts may hold what a stranger sent, and are escaped where they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) outcome: Outcome,
    seen: String,
    code: Option<&'static str>,
    fix: Option<String>,
}

impl Row {
    fn new(title: &'static str, outcome: Outcome, seen: impl Into<String>) -> Self {
        Self {
            title,
            outcome,
            seen: seen.into(),
            code: None,
            fix: None,
        }
    }

    pub(super) fn pass(title: &'static str, seen: impl Into<String>) -> Self {
        Self::new(title, Outcome::Pass, seen)
    }

    pub(super) fn warn(title: &'static str, seen: impl Into<String>) -> Self {
        Self::new(title, Outcome::Warn, seen)
    }

    pub(super) fn fail(title: &'static str, seen: impl Into<String>) -> Self {
        Self::new(title, Outcome::Fail, seen)
    }

    pub(super) fn skipped(title: &'static str, seen: impl Into<String>) -> Self {
        Self::new(title, Outcome::Skipped, seen)
    }

    /// Skipped because of the row that failed.
    pub(super) fn untried(title: &'static str, failed: &str) -> Self {
        Self::skipped(title, format!("not tried: see {failed}"))
    }

    /// Fails with an error's text, code and first step.
    pub(super) fn failed(title: &'static str, error: &(impl Coded + 'static)) -> Self {
        let step = || error.code().steps().next().map(str::to_owned);
        Self {
            code: Some(error.code().id),
            fix: error.hint().or_else(step),
            ..Self::fail(title, chain(error))
        }
    }

    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Returns the row as `check` prints its own.
    pub(super) fn lines(&self, style: &Style) -> String {
        let mut text = style.row_line(self.outcome, self.title, &self.seen);
        if let Some(code) = self.code {
            let more = format!("{code}: see `ringtail explain {code}`");
            text.push_str(&style.row_below(Tone::Bad, &more));
        }
        if let Some(fix) = &self.fix {
            text.push_str(&row_fix(fix));
        }
        text
    }
}

pub(super) fn has_failed(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.outcome == Outcome::Fail)
}

/// Returns the result in one sentence.
pub(super) fn sentence(rows: &[Row]) -> String {
    let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
    match (count(Outcome::Fail), count(Outcome::Warn)) {
        (0, 0) => "This machine is ready".to_owned(),
        (0, 1) => "This machine is ready, with one warning".to_owned(),
        (0, many) => format!("This machine is ready, with {many} warnings"),
        (1, _) => "One thing to fix".to_owned(),
        (many, _) => format!("{many} things to fix"),
    }
}

/// Returns the rows as one object, documented in `docs/OUTPUT.md`.
pub(super) fn json(rows: &[Row]) -> Value {
    let each = rows.iter().map(|row| {
        json!({
            "title": row.title,
            "outcome": row.outcome.word(),
            "seen": row.seen,
            "code": row.code,
            "fix": row.fix,
        })
    });
    json!({
        "type": "doctor",
        "ready": !has_failed(rows),
        "rows": each.collect::<Vec<_>>(),
    })
}
