//! Error codes explained: as text, JSON and the page `docs/ERRORS.md`.
//!
//! ```text
//! SUB-520  Validation Token is not returned
//! RingCentral, HTTP 400
//!
//! The address answered the validation request without the Validation-Token header, or with another value.
//!
//! Likely causes, likeliest first
//!   1. The app does not copy the request's Validation-Token header to its response.
//!
//! Next
//!   * `ringtail check URL --verbose`
//! ```

use ringtail_errors::{self as errors, Code, Origin};
use ringtail_views::json;

use super::plain::{Style, Tone};
use super::wrap;

/// One code for people.
pub(crate) fn plain(code: &Code, style: &Style) -> String {
    let id = style.paint(Tone::Warn, code.id);
    let mut text = match code.message() {
        Some(message) => format!("{id}  {message}\n"),
        None => format!("{id}\n"),
    };
    text.push_str(&format!("{}\n\n", style.paint(Tone::Dim, &origin(code))));
    text.push_str(&wrapped("", code.meaning));
    text.push_str("\nLikely causes, likeliest first\n");
    for (number, cause) in (1..).zip(code.causes) {
        text.push_str(&wrapped(&format!("  {number}. "), cause));
    }
    text.push_str("\nNext\n");
    for next in code.steps() {
        text.push_str(&wrapped("  * ", next));
    }
    text
}

/// The program that prints a code, and its status.
fn origin(code: &Code) -> String {
    match code.origin {
        Origin::Ringtail { .. } => "Ringtail".to_owned(),
        Origin::Verdict { word, .. } => format!("Ringtail, the verdict `{word}`"),
        Origin::RingCentral {
            status: Some(status),
            ..
        } => format!("RingCentral, HTTP {status}"),
        Origin::RingCentral { status: None, .. } => "RingCentral".to_owned(),
    }
}

fn status(code: &Code) -> Option<u16> {
    match code.origin {
        Origin::RingCentral { status, .. } => status,
        _ => None,
    }
}

fn wrapped(first: &str, text: &str) -> String {
    format!("{first}{}\n", wrap(first.len(), text))
}

/// Every code, a line each.
pub(crate) fn list(style: &Style) -> String {
    errors::all()
        .map(|code| {
            let id = style.paint(Tone::Warn, &format!("{:<16}", code.id));
            let status = status(code).map_or_else(|| "-".to_owned(), |status| status.to_string());
            format!("{id}  {status:<3}  {}\n", brief(code))
        })
        .collect()
}

/// RingCentral's message, or the meaning where it has none or says nothing by itself.
fn brief(code: &Code) -> &'static str {
    match code.message() {
        Some(message) if message != "ok" && !message.starts_with('(') => message,
        _ => code.meaning,
    }
}

/// One code as a line of JSON, documented in `docs/OUTPUT.md`.
pub(crate) fn code_json(code: &Code) -> String {
    String::from_utf8_lossy(&json::bytes(&json::explanation(code))).into_owned()
}

/// Every code as lines of JSON.
pub(crate) fn list_json() -> String {
    errors::all().map(code_json).collect()
}

fn exit(code: &Code) -> Option<u8> {
    match code.origin {
        Origin::Ringtail { exit } => exit.map(|exit| exit as u8),
        _ => None,
    }
}

/// The page of all codes.
pub(crate) fn document() -> String {
    let mut page = String::from(HEAD);
    for (title, column, own) in [
        ("RingCentral's codes", "status", false),
        ("Ringtail's own codes", "exit", true),
    ] {
        page.push_str(&format!(
            "\n## {title}\n\n| code | {column} | about |\n|---|---|---|\n"
        ));
        let of = || errors::all().filter(move |code| code.is_own() == own);
        for code in of() {
            let number = status(code).or(exit(code).map(u16::from));
            let number = number.map_or_else(String::new, |number| number.to_string());
            let id = code.id;
            let anchor = id.to_ascii_lowercase();
            page.push_str(&format!(
                "| [{id}](#{anchor}) | {number} | {} |\n",
                brief(code)
            ));
        }
        for code in of() {
            page.push('\n');
            page.push_str(&section(code));
        }
    }
    page
}

const HEAD: &str = "\
# Error codes

What each code means, its likely causes, the likeliest first, and what to do next. `ringtail explain CODE` prints the same
offline, and finds the code in an error body on stdin.

`…` stands for text that varies. A message in parentheses describes a code whose message no public source gives. Facts are
sections of [RINGCENTRAL.md](RINGCENTRAL.md).

The texts are in `crates/errors/src/codes/`; an error's type has its code in `impl Coded`. `ringtail explain --list --output
markdown > docs/ERRORS.md` prints this page, and a test compares the two.
";

/// One code as a section of the page.
pub(crate) fn section(code: &Code) -> String {
    let mut text = format!("### {}\n\n{}", code.id, origin(code));
    if let Some(message) = code.message() {
        text.push_str(&format!(": `{message}`"));
    }
    text.push_str("\n\n");
    text.push_str(&format!("{}\n\n", code.meaning));
    for (number, cause) in (1..).zip(code.causes) {
        text.push_str(&format!("{number}. {cause}\n"));
    }
    text.push_str("\nNext:\n\n");
    for next in code.steps() {
        text.push_str(&format!("* {next}\n"));
    }
    if !code.sections.is_empty() {
        text.push_str(&format!("\nFacts: {}\n", code.sections.join(", ")));
    }
    text
}
