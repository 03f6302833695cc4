//! This machine: program, terminal, files, disk.

use std::io::{self, IsTerminal};
use std::path::Path;

use ringtail_client::config::Config;
use ringtail_errors::{Code, Coded, codes};
use ringtail_files::{create_private, create_private_dir, open_to_others};
use ringtail_store::{FILE_NAME, History};
use ringtail_text::{shell_word, size};

use super::row::Row;
use crate::output::{colour_allowed, obeys_sequences};

/// Free space below which a full history of the default size, with its indexes, may not fit.
const WANTED_BYTES: u64 = 4 << 30;

/// Free space below which the history may stop within minutes.
const NEEDED_BYTES: u64 = 100 << 20;

/// The size that the terminal UI needs.
const COLUMNS: u16 = 60;
const LINES: u16 = 16;

pub(super) fn program() -> Row {
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    Row::pass(
        "Program",
        format!("ringtail {} on {system}", env!("CARGO_PKG_VERSION")),
    )
}

pub(super) fn terminal() -> Row {
    const TITLE: &str = "Terminal";
    if !io::stdout().is_terminal() {
        return Row::skipped(
            TITLE,
            "stdout is not a terminal; `listen` prints lines there",
        );
    }
    if !obeys_sequences() {
        let term = std::env::var("TERM").unwrap_or_default();
        return Row::warn(TITLE, format!("TERM={term} says that it cannot show the terminal UI"))
            .fix("set TERM to your terminal's name, such as xterm-256color; `listen` prints lines without");
    }
    let (columns, lines) = crossterm::terminal::size().unwrap_or_default();
    if columns < COLUMNS || lines < LINES {
        return Row::warn(TITLE, format!("{columns}x{lines} is small"))
            .fix(format!("make it {COLUMNS}x{LINES} or larger"));
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(std::env::var);
    let locale = locale
        .into_iter()
        .flatten()
        .find(|it| !it.is_empty())
        .unwrap_or_default();
    let is_utf8 = locale
        .to_ascii_lowercase()
        .replace('-', "")
        .ends_with("utf8");
    if cfg!(target_os = "linux") && !is_utf8 {
        return Row::warn(
            TITLE,
            format!("the locale \"{locale}\" is not UTF-8: borders and names may look wrong"),
        )
        .fix("set LANG to a UTF-8 locale, such as C.UTF-8");
    }
    let colour = if colour_allowed() {
        "in colour"
    } else {
        "without colours"
    };
    Row::pass(TITLE, format!("{columns}x{lines}, {colour}"))
}

pub(super) fn configuration(config: &Config) -> Row {
    let path = &config.screen.path;
    let seen = match path.exists() {
        true => path.display().to_string(),
        false => format!("defaults; there is no {}", path.display()),
    };
    Row::pass("Configuration", seen)
}

/// Looks at the data directory, and creates it as any command would.
pub(super) fn data(data: &Path) -> Vec<Row> {
    let directory = directory(data);
    let is_usable = directory.is_ok();
    let mut rows = vec![directory.unwrap_or_else(|error| Row::failed("Data directory", &error))];
    if !is_usable {
        rows.extend(["History", "Disk"].map(|title| Row::untried(title, "Data directory")));
        return rows;
    }
    rows.push(history(data));
    rows.push(match fs4::available_space(data) {
        Ok(free) => disk(free),
        Err(error) => Row::skipped("Disk", format!("its free space is not known: {error}")),
    });
    rows
}

/// The data directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written to", path.display())]
struct NotWritable {
    path: std::path::PathBuf,
    #[source]
    source: io::Error,
}

impl Coded for NotWritable {
    fn code(&self) -> &'static Code {
        &codes::HISTORY_FILES
    }
}

fn directory(data: &Path) -> Result<Row, NotWritable> {
    const TITLE: &str = "Data directory";
    let probe = data.join(format!(".doctor.{}", std::process::id()));
    let written = create_private_dir(data)
        .and_then(|()| create_private(&probe).map(drop))
        .and_then(|()| std::fs::remove_file(&probe));
    written.map_err(|source| NotWritable {
        path: data.to_owned(),
        source,
    })?;
    let path = data.display();
    Ok(match open_to_others(data) {
        Some(mode) => Row::warn(
            TITLE,
            format!("{path}: others can enter or read it (mode {mode:03o})"),
        )
        .fix(format!("chmod 700 {}", shell_word(&path.to_string()))),
        None => Row::pass(TITLE, format!("{path}")),
    })
}

fn history(data: &Path) -> Row {
    const TITLE: &str = "History";
    if !data.join(FILE_NAME).exists() {
        return Row::pass(TITLE, "none yet; `listen` creates it");
    }
    match History::open(data) {
        Ok(_) => Row::pass(TITLE, "can be opened"),
        Err(error) => Row::failed(TITLE, &error),
    }
}

fn disk(free: u64) -> Row {
    const TITLE: &str = "Disk";
    let seen = format!("{} free in the data directory", size(free));
    let fix =
        "free space, choose another directory with --data, or limit the history with --keep-bytes";
    match free {
        _ if free < NEEDED_BYTES => Row::fail(TITLE, seen).fix(fix),
        _ if free < WANTED_BYTES => Row::warn(TITLE, seen).fix(fix),
        _ => Row::pass(TITLE, seen),
    }
}

#[cfg(test)]
mod tests {
    use ringtail_check::Outcome;

    use super::*;

    #[test]
    fn little_free_space_is_told() {
        let outcome = |free| disk(free).outcome;
        assert_eq!(outcome(NEEDED_BYTES - 1), Outcome::Fail);
        assert_eq!(outcome(NEEDED_BYTES), Outcome::Warn);
        assert_eq!(outcome(WANTED_BYTES), Outcome::Pass);
    }
}
