//! Servers for `ringtail check`, most of them broken in one way, and what it finds.

mod pki;
mod scripted;

use anyhow::Context;
use serde_json::Value;
use tokio::process::Command;

pub use self::pki::{Chain, Pki};
pub use self::scripted::{
    Greeting, Reply, Request, answer, greeting_server, scripted_server, validation,
};
use crate::{binaries, process};

/// What a check must find: one unmet row, or none.
#[derive(Debug, Clone, Default)]
pub struct Case {
    row: Option<(&'static str, &'static str, Option<&'static str>)>,
    words: &'static str,
    more: &'static [&'static str],
}

impl Case {
    /// Every row is met.
    #[must_use]
    pub fn passing() -> Self {
        Self::default()
    }

    /// One row fails with a code of RingCentral's.
    #[must_use]
    pub fn failing(row: &'static str, code: &'static str, words: &'static str) -> Self {
        Self {
            row: Some((row, "fail", Some(code))),
            words,
            ..Self::default()
        }
    }

    /// One row is a warning with a code of RingCentral's.
    #[must_use]
    pub fn warning(row: &'static str, code: &'static str, words: &'static str) -> Self {
        Self {
            row: Some((row, "warn", Some(code))),
            words,
            ..Self::default()
        }
    }

    /// A test notification fails, which has no code.
    #[must_use]
    pub fn notified(row: &'static str, words: &'static str) -> Self {
        Self {
            row: Some((row, "fail", None)),
            words,
            more: &["--notify"],
        }
    }
}

/// Rows about times, which depend on the machine.
const TIMED: [&str; 3] = ["time", "old-time", "cold-start"];

/// Output of one check.
#[derive(Debug)]
pub struct Report {
    /// The JSON object.
    pub object: Value,
    exit: Option<i32>,
}

impl Report {
    /// Checks an address that only this machine reaches, trusting a CA.
    ///
    /// # Errors
    /// When it prints no JSON.
    pub async fn of(url: &str, ca: &str, case: &Case, more: &[&str]) -> anyhow::Result<Self> {
        let mut command = command(&[url, "--local", "--ca", ca, "--output", "json"])?;
        command.args(case.more).args(more);
        if !more.contains(&"--tries") {
            command.args(["--tries", "1"]);
        }
        let output = process::output(command).await?;
        let object =
            serde_json::from_slice(&output.stdout).with_context(|| format!("{url}: {output:?}"))?;
        let exit = output.status.code();
        Ok(Self { object, exit })
    }

    /// Returns what differs from the case.
    #[must_use]
    pub fn complaint(&self, name: &str, case: &Case) -> Option<String> {
        let rows: Vec<&Value> = self.unmet().collect();
        let (timed, others): (Vec<&Value>, Vec<&Value>) = rows
            .iter()
            .partition(|row| TIMED.iter().any(|timed| row["requirement"] == *timed));
        let is = |row: &Value, (name, outcome, code): (&str, &str, Option<&str>)| {
            row["requirement"] == name && row["outcome"] == outcome && row["code"].as_str() == code
        };
        let same = |rows: &[&Value], wanted: &[_]| {
            rows.len() == wanted.len() && rows.iter().zip(wanted).all(|(row, it)| is(row, *it))
        };
        let is_same = same(&timed, &self.slowness()) && same(&others, case.row.as_slice());
        let says = |row: &&Value| {
            row["seen"]
                .as_str()
                .is_some_and(|it| it.contains(case.words))
        };
        let has_words = others.iter().all(says) && rows.iter().all(|row| row["fix"].is_string());
        let fails = rows.iter().any(|row| row["outcome"] == "fail");
        let has_exit = self.exit == Some(if fails { 2 } else { 0 });
        let is_hidden = !self.object.to_string().contains("planted");
        let right = is_same && has_words && has_exit && is_hidden;
        (!right).then(|| {
            format!(
                "{name}: not {case:?}, exit {:?}: {:#}",
                self.exit, self.object
            )
        })
    }

    /// Rows that are failures, or warnings that were not set aside.
    fn unmet(&self) -> impl Iterator<Item = &Value> {
        let rows = self.object["rows"].as_array().into_iter().flatten();
        rows.filter(|row| {
            row["outcome"] == "fail" || row["outcome"] == "warn" && row["set_aside"] == false
        })
    }

    /// Returns how many milliseconds each answer took.
    pub fn times(&self) -> impl Iterator<Item = f64> {
        let tries = self.object["tries"].as_array().into_iter().flatten();
        tries.filter_map(|one| one["answer_ms"].as_f64())
    }

    /// Returns the rows that are not met with the times that were measured.
    fn slowness(&self) -> Vec<(&'static str, &'static str, Option<&'static str>)> {
        let Some(first) = self.times().next() else {
            return Vec::new();
        };
        let later = self.times().skip(1).reduce(f64::max);
        let slowest = later.map_or(first, |later| first.max(later));
        let connection = self.object["tries"][0]["connection_ms"].as_f64();
        let together = slowest + connection.unwrap_or_default();
        let is_cold = later.is_some_and(|later| first > 3.0 * later && first >= 1000.0);
        let time = match slowest > 3000.0 {
            true => Some("fail"),
            false => (together > 3000.0).then_some("warn"),
        };
        let old = (time != Some("fail") && slowest > 1000.0).then_some("warn");
        let rows = TIMED
            .into_iter()
            .zip([time, old, is_cold.then_some("warn")]);
        rows.filter_map(|(row, outcome)| Some((row, outcome?, Some("SUB-521"))))
            .collect()
    }
}

/// Returns a check without any environment: it needs no relay and no login.
///
/// # Errors
/// When the client has not been built.
pub fn command(arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(binaries::find(binaries::CLIENT)?);
    command.arg("check").args(arguments).env_clear();
    Ok(command)
}
