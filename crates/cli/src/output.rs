//! Output of the commands.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod plain;
mod stdout;
pub(crate) mod subscriptions;

use std::io::{IsTerminal, Write};

use ringtail_errors::{Failure, codes};
use ringtail_text::{escape_lines, is_unsafe};

pub(crate) use stdout::Stdout;

/// Prints to stdout. A closed pipe is not a failure.
pub(crate) async fn print(bytes: &[u8]) -> Result<(), Failure> {
    Stdout::new().write(bytes).await.map(drop)
}

/// Prints to stderr; a failure has nowhere to go.
pub(crate) fn note(text: &str) {
    drop(std::io::stderr().lock().write_all(text.as_bytes()));
}

/// Prints help to stdout, or a usage error with its code to stderr.
pub(crate) fn usage(error: &clap::Error) {
    let rendered = error.render();
    let plain = rendered.to_string();
    if !plain.starts_with("error: ") {
        drop(error.print());
        return;
    }
    // Colours are sequences, and an argument may have some, too.
    let is_odd =
        std::env::args_os().any(|argument| argument.to_string_lossy().chars().any(is_unsafe));
    let coloured = std::io::stderr().is_terminal() && colour_allowed() && !is_odd;
    let text = if coloured {
        rendered.ansi().to_string()
    } else {
        escape_lines(&plain).into_owned()
    };
    let code = codes::USAGE.id;
    note(&text.replacen("error:", &format!("error[{code}]:"), 1));
}

/// Returns whether colours may be used (<https://no-color.org>).
pub(crate) fn colour_allowed() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && obeys_sequences()
}

/// Returns whether the terminal obeys escape sequences: an editor's or a serial console may print them instead.
pub(crate) fn obeys_sequences() -> bool {
    match std::env::var_os("TERM").filter(|term| !term.is_empty()) {
        Some(term) => term != "dumb",
        // Consoles of Windows have no TERM.
        None => cfg!(windows),
    }
}

/// Columns of a line. A longer word is not cut.
const WIDTH: usize = 100;

/// Wraps text into lines; all but the first are indented by `indent` columns, which the first is expected to have.
pub(crate) fn wrap(indent: usize, text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    let mut column = indent;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > indent && column + 1 + width > WIDTH {
            lines.push_str(&format!("\n{:indent$}", ""));
            column = indent;
        } else if column > indent {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += width;
    }
    lines
}
