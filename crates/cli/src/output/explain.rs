//! Explanations of error codes, as text, JSON and the page `docs/ERRORS.md`.
//!
//! ```text
//! SUB-520  Validation Token is not returned
//! RingCentral, HTTP 400
//!
//! The address answered the validation request without the Validation-Token header, or with another value.
//!
//! Likely causes, likeliest first
//!   1. The app does not copy the request's Validation-Token header to its answer.
//!
//! Next
//!   * ringtail check URL --verbose
//! ```

use ringtail_errors::{self as errors, Code, Origin};
use serde_json::{Value, json};

use super::json;
use super::plain::{Style, Tone};

/// Columns of a whole line; words are not cut for it.
const WIDTH: usize = 100;

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

/// Who prints a code, and with what status.
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

/// Breaks words into lines that begin below each other, after `first`.
fn wrapped(first: &str, text: &str) -> String {
    let indent = first.len();
    let mut lines = first.to_owned();
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
    lines.push('\n');
    lines
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
    String::from_utf8_lossy(&json::bytes(&object(code))).into_owned()
}

/// Every code as lines of JSON.
pub(crate) fn list_json() -> String {
    errors::all().map(code_json).collect()
}

fn object(code: &Code) -> Value {
    let verdict = match code.origin {
        Origin::Verdict { word, .. } => Some(word),
        _ => None,
    };
    json!({
        "type": "explanation",
        "code": code.id,
        "by": if code.is_own() { "ringtail" } else { "ringcentral" },
        "status": status(code),
        "exit": exit(code),
        "verdict": verdict,
        "message": code.message(),
        "meaning": code.meaning,
        "causes": code.causes,
        "next": code.steps().collect::<Vec<_>>(),
        "sections": code.sections,
    })
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

What each code means, what brings it about, likeliest first, and what to do next. `ringtail explain CODE` says the same
without a network, and finds the code in an error body that is piped to it.

`…` stands for what differs from case to case. A message in parentheses says what a code is about where no public source
gives RingCentral's words. Numbers are sections of [RINGCENTRAL.md](RINGCENTRAL.md).

This page is printed by `ringtail explain --list --output markdown > docs/ERRORS.md`, and a test compares the two.
";

/// One code as a section of the page.
pub(crate) fn section(code: &Code) -> String {
    let mut text = format!("### {}\n\n{}", code.id, origin(code));
    if let Some(message) = code.message() {
        text.push_str(&format!(": `{message}`"));
    }
    text.push_str("\n\n");
    text.push_str(&format!("{}\n\n", angled(code.meaning)));
    for (number, cause) in (1..).zip(code.causes) {
        text.push_str(&format!("{number}. {}\n", angled(cause)));
    }
    text.push_str("\nNext:\n\n");
    for next in code.steps() {
        text.push_str(&format!("* {}\n", command(next)));
    }
    if !code.sections.is_empty() {
        text.push_str(&format!("\nFacts: {}\n", code.sections.join(", ")));
    }
    text
}

/// A command stands in code, what it is for after it.
fn command(next: &str) -> String {
    const PROGRAMS: [&str; 9] = [
        "ringtail",
        "ringtail-relay",
        "curl",
        "openssl",
        "getent",
        "ss",
        "df",
        "chmod",
        "GET",
    ];
    let program = next.split(' ').next().unwrap_or_default();
    if !PROGRAMS.contains(&program) {
        return angled(next);
    }
    match next.split_once("    ") {
        Some((command, why)) => format!("`{command}`: {why}"),
        None => format!("`{next}`"),
    }
}

/// Outside of code a page would take `<` for the beginning of a tag.
fn angled(text: &str) -> String {
    let mut in_code = false;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        in_code ^= character == '`';
        match character {
            '<' if !in_code => out.push_str("&lt;"),
            _ => out.push(character),
        }
    }
    out
}
