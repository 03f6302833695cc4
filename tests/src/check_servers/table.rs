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
        let found: Vec<_> = rows
            .iter()
            .map(|row| {
                let word = |field: &str| row[field].as_str();
                (word("requirement"), word("outcome"), word("code"))
            })
            .collect();
        let expected: Vec<_> = case.expected.iter().copied().collect();
        let is_same = found.len() == expected.len()
            && found
                .iter()
                .zip(&expected)
                .all(|(found, (row, outcome, code))| *found == (Some(*row), Some(*outcome), *code));
        let has_words = rows
            .iter()
            .all(|row| text(row, "seen").contains(case.words));
        let has_fix = rows.iter().all(|row| row["fix"].is_string());
        let fails = expected.iter().any(|(_, outcome, _)| *outcome == "fail");
        let exit = if fails { 2 } else { 0 };
        if !(is_same && has_words && has_fix && seen.exit == Some(exit)) {
            self.wrong.push(format!(
                "{name}: expected {expected:?} with {:?} and exit code {exit}, found {found:?} and exit code {:?}: {:#}",
                case.words, seen.exit, seen.object
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
        let rows = self.object["rows"].as_array().into_iter().flatten();
        rows.filter(|row| {
            row["outcome"] == "fail" || row["outcome"] == "warn" && row["set_aside"] == false
        })
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
