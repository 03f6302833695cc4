//! A table of servers, and what `ringtail check` makes of each: server, verdict, RingCentral's code, advice.

use anyhow::Context;
use serde_json::Value;
use tokio::process::Command;

use crate::{binaries, process};

/// What a server must be found to be.
#[derive(Debug, Clone)]
pub struct Case {
    /// The row that is not met, its outcome and its code; nothing for a server that is right.
    expected: Option<(&'static str, &'static str, Option<&'static str>)>,
    /// Words of what was seen.
    words: &'static str,
    /// More arguments of the command.
    pub more: &'static [&'static str],
}

impl Case {
    /// It is right.
    #[must_use]
    pub fn passing() -> Self {
        Self {
            expected: None,
            words: "",
            more: &[],
        }
    }

    /// One row fails.
    #[must_use]
    pub fn failing(row: &'static str, code: &'static str, words: &'static str) -> Self {
        Self {
            expected: Some((row, "fail", Some(code))),
            words,
            more: &[],
        }
    }

    /// One row is a warning.
    #[must_use]
    pub fn warning(row: &'static str, code: Option<&'static str>, words: &'static str) -> Self {
        Self {
            expected: Some((row, "warn", code)),
            words,
            more: &[],
        }
    }

    /// A notification fails, and earns a reason instead of a code.
    #[must_use]
    pub fn notified(row: &'static str, words: &'static str) -> Self {
        Self {
            expected: Some((row, "fail", None)),
            words,
            more: &["--notify"],
        }
    }
}

/// The servers so far.
#[derive(Debug)]
pub struct Table {
    ca: String,
    lines: Vec<[String; 4]>,
    wrong: Vec<String>,
}

impl Table {
    /// Starts an empty table, for servers that the CA of a file vouches for.
    #[must_use]
    pub fn new(ca: &str) -> Self {
        Self {
            ca: ca.to_owned(),
            lines: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// Checks `https://localhost:<port>/hook`.
    ///
    /// # Errors
    /// When the check prints nothing that can be read.
    pub async fn check(&mut self, name: &str, port: u16, case: Case) -> anyhow::Result<()> {
        let url = format!("https://localhost:{port}/hook?key=planted");
        self.check_url(name, &url, case).await
    }

    /// Checks an address, and holds every row against what is expected.
    ///
    /// # Errors
    /// When the check prints nothing that can be read.
    pub async fn check_url(&mut self, name: &str, url: &str, case: Case) -> anyhow::Result<()> {
        let seen = check(url, &self.ca, case.more).await?;
        self.take(name, &case, &seen);
        Ok(())
    }

    /// Takes what a check printed.
    pub fn take(&mut self, name: &str, case: &Case, seen: &Seen) {
        let rows: Vec<&Value> = seen.unmet().collect();
        let (timed, others): (Vec<&Value>, Vec<&Value>) =
            rows.iter().partition(|row| is_timed(&row["requirement"]));
        let text = |row: &Value, field: &str| row[field].as_str().unwrap_or("-").to_owned();
        for row in &rows {
            let code = row["code"].as_str().or(row["recorded"].as_str());
            self.lines.push([
                name.to_owned(),
                format!(
                    "{} {}: {}",
                    text(row, "outcome"),
                    text(row, "requirement"),
                    text(row, "seen")
                ),
                code.unwrap_or("-").to_owned(),
                text(row, "fix"),
            ]);
        }
        if rows.is_empty() {
            self.lines
                .push([name.to_owned(), "accepted".into(), "-".into(), "-".into()]);
        }
        let found = |rows: &[&Value]| -> Vec<_> {
            let word = |row: &Value, field: &str| row[field].as_str().map(str::to_owned);
            let found = |row: &&Value| {
                let [requirement, outcome, code] =
                    ["requirement", "outcome", "code"].map(|field| word(row, field));
                (requirement, outcome, code)
            };
            rows.iter().map(found).collect()
        };
        let wanted = |(row, outcome, code): (&str, &str, Option<&str>)| {
            (
                Some(row.to_owned()),
                Some(outcome.to_owned()),
                code.map(str::to_owned),
            )
        };
        let expected: Vec<_> = case.expected.into_iter().map(wanted).collect();
        let slow: Vec<_> = seen.slowness().into_iter().map(wanted).collect();
        let is_same = found(&timed) == slow && found(&others) == expected;
        let has_words = others
            .iter()
            .all(|row| text(row, "seen").contains(case.words));
        let has_fix = rows.iter().all(|row| row["fix"].is_string());
        let fails = rows.iter().any(|row| row["outcome"] == "fail");
        let exit = if fails { 2 } else { 0 };
        if !(is_same && has_words && has_fix && seen.exit == Some(exit)) {
            self.wrong.push(format!(
                "{name}: expected {expected:?} with {:?}, {slow:?} and exit code {exit}, found {:?} and exit code {:?}: \
                 {:#}",
                case.words, found(&rows), seen.exit, seen.object
            ));
        }
        if seen.object.to_string().contains("planted") {
            self.wrong.push(format!("{name}: the query is shown"));
        }
    }

    /// Prints the table.
    #[expect(
        clippy::print_stdout,
        reason = "the table is what the test is read for"
    )]
    pub fn print(&self) {
        println!("| server | verdict | code or reason | advice |\n|---|---|---|---|");
        for line in &self.lines {
            println!("| {} |", line.join(" | "));
        }
    }

    /// Panics with everything that was not as expected.
    ///
    /// # Panics
    /// See above.
    pub fn assert(&self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n\n"));
    }
}

/// Rows about how long answers to validations took. How long that is is the machine's affair, too, so that they are held
/// against the figures that the check shows.
const TIMED: [&str; 3] = ["time", "old-time", "cold-start"];

fn is_timed(requirement: &Value) -> bool {
    TIMED.iter().any(|row| requirement == row)
}

/// What one check printed.
#[derive(Debug)]
pub struct Seen {
    /// The JSON object.
    pub object: Value,
    /// The exit code.
    pub exit: Option<i32>,
}

impl Seen {
    /// Rows that are failures, or warnings that were not asked for.
    pub fn unmet(&self) -> impl Iterator<Item = &Value> {
        self.rows().filter(|row| {
            row["outcome"] == "fail" || row["outcome"] == "warn" && row["set_aside"] == false
        })
    }

    fn rows(&self) -> impl Iterator<Item = &Value> {
        self.object["rows"].as_array().into_iter().flatten()
    }

    /// Returns how many milliseconds each answer took.
    pub fn times(&self) -> impl Iterator<Item = f64> {
        let tries = self.object["tries"].as_array().into_iter().flatten();
        tries.filter_map(|one| one["answer_ms"].as_f64())
    }

    /// Returns the rows that are not met with such times.
    fn slowness(&self) -> Vec<(&'static str, &'static str, Option<&'static str>)> {
        let Some(first) = self.times().next() else {
            return Vec::new();
        };
        let later = self.times().skip(1).reduce(f64::max);
        let slowest = later.map_or(first, |later| first.max(later));
        let connection = self.object["tries"][0]["connection_ms"].as_f64();
        let together = slowest + connection.unwrap_or_default();
        let is_cold = later.is_some_and(|later| first > 3.0 * later && first > later + 300.0);
        let time = match slowest > 3000.0 {
            true => Some("fail"),
            false => (together > 3000.0).then_some("warn"),
        };
        let old = (time != Some("fail") && slowest > 1000.0).then_some("warn");
        let rows = [time, old, is_cold.then_some("warn")];
        let rows = TIMED.into_iter().zip(rows);
        rows.filter_map(|(row, outcome)| Some((row, outcome?, Some("SUB-521"))))
            .collect()
    }
}

/// Runs a check of an address that only this machine can reach.
///
/// # Errors
/// When it prints nothing that can be read.
pub async fn check(url: &str, ca: &str, more: &[&str]) -> anyhow::Result<Seen> {
    let mut command = command(&[url, "--local", "--ca", ca, "--output", "json"])?;
    if more.contains(&"--tries") {
        command.args(more);
    } else {
        command.args(more).args(["--tries", "1"]);
    }
    let output = process::output(command).await?;
    let object = serde_json::from_slice(&output.stdout).with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{url}: {}: {said}", output.status)
    })?;
    Ok(Seen {
        object,
        exit: output.status.code(),
    })
}

/// A check without any environment: it needs no relay and no login.
///
/// # Errors
/// When the client has not been built.
pub fn command(arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(binaries::find(binaries::CLIENT)?);
    command.arg("check").args(arguments).env_clear();
    Ok(command)
}
