//! What commands print: one door to stdout, and the two forms that go through it.

pub(crate) mod check;
pub(crate) mod escape;
pub(crate) mod explain;
pub(crate) mod json;
pub(crate) mod plain;
mod stdout;

use ringtail_errors::{Failure, codes};
use std::io::{IsTerminal, Write};

pub(crate) use stdout::Stdout;

/// Prints everything that a command has to say. A reader who went away is no failure.
pub(crate) async fn print(bytes: &[u8]) -> Result<(), Failure> {
    Stdout::new().write(bytes).await.map(drop)
}

/// Says something on stderr. There is nothing to do when that fails.
pub(crate) fn note(text: &str) {
    drop(std::io::stderr().lock().write_all(text.as_bytes()));
}

/// Prints what clap says: help on stdout, a mistake with its code on stderr.
pub(crate) fn usage(error: &clap::Error) {
    let rendered = error.render();
    let plain = rendered.to_string();
    if !plain.starts_with("error: ") {
        drop(error.print());
        return;
    }
    let coloured = std::io::stderr().is_terminal() && colour_allowed();
    let text = if coloured {
        rendered.ansi().to_string()
    } else {
        plain
    };
    let code = codes::USAGE.id;
    note(&text.replacen("error:", &format!("error[{code}]:"), 1));
}

/// Says whether colours may be used, as <https://no-color.org> has it.
pub(crate) fn colour_allowed() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
