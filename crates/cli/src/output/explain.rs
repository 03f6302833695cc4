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

use ringtail_ringcentral::errors::{self, Entry};
use serde_json::{Value, json};

use super::json;
use super::plain::{Style, Tone};

/// Columns of a whole line; words are not cut for it.
const WIDTH: usize = 100;

/// One code for people.
pub(crate) fn entry(entry: &Entry, style: &Style) -> String {
    let mut text = format!(
        "{}  {}\n",
        style.paint(Tone::Warn, entry.code),
        entry.message
    );
    text.push_str(&format!("{}\n\n", style.paint(Tone::Dim, &origin(entry))));
    text.push_str(&wrapped("", entry.meaning));
    text.push_str("\nLikely causes, likeliest first\n");
    for (number, cause) in (1..).zip(entry.causes) {
        text.push_str(&wrapped(&format!("  {number}. "), cause));
    }
    text.push_str("\nNext\n");
    for next in entry.next {
        text.push_str(&wrapped("  * ", next));
    }
    text
}

/// Who prints a code, and with what status.
fn origin(entry: &Entry) -> String {
    match (entry.is_own(), entry.status) {
        (true, _) => match entry.word {
            Some(word) => format!("Ringtail, the verdict `{word}`"),
            None => "Ringtail".to_owned(),
        },
        (false, Some(status)) => format!("RingCentral, HTTP {status}"),
        (false, None) => "RingCentral".to_owned(),
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
        .map(|entry| {
            let code = style.paint(Tone::Warn, &format!("{:<16}", entry.code));
            let status = entry
                .status
                .map_or_else(|| "-".to_owned(), |status| status.to_string());
            format!("{code}  {status:<3}  {}\n", brief(entry))
        })
        .collect()
}

/// The message, or what has happened when the message says nothing by itself.
fn brief(entry: &Entry) -> &'static str {
    if matches!(entry.message, "…" | "ok") || entry.message.starts_with('(') {
        entry.meaning
    } else {
        entry.message
    }
}

/// One code as a line of JSON, documented in `docs/OUTPUT.md`.
pub(crate) fn entry_json(entry: &Entry) -> String {
    String::from_utf8_lossy(&json::bytes(&object(entry))).into_owned()
}

/// Every code as lines of JSON.
pub(crate) fn list_json() -> String {
    errors::all().map(entry_json).collect()
}

fn object(entry: &Entry) -> Value {
    json!({
        "type": "explanation",
        "code": entry.code,
        "by": if entry.is_own() { "ringtail" } else { "ringcentral" },
        "status": entry.status,
        "verdict": entry.word,
        "message": entry.message,
        "meaning": entry.meaning,
        "causes": entry.causes,
        "next": entry.next,
        "sections": entry.sections,
    })
}

/// The page of all codes.
pub(crate) fn document() -> String {
    let mut page = String::from(HEAD);
    for (title, own) in [
        ("RingCentral's codes", false),
        ("Ringtail's own codes", true),
    ] {
        page.push_str(&format!(
            "\n## {title}\n\n| code | status | message |\n|---|---|---|\n"
        ));
        let of = || errors::all().filter(move |entry| entry.is_own() == own);
        for entry in of() {
            let status = entry
                .status
                .map_or_else(String::new, |status| status.to_string());
            let code = entry.code;
            let anchor = code.to_ascii_lowercase();
            page.push_str(&format!(
                "| [{code}](#{anchor}) | {status} | {} |\n",
                brief(entry)
            ));
        }
        for entry in of() {
            page.push('\n');
            page.push_str(&section(entry));
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
pub(crate) fn section(entry: &Entry) -> String {
    let mut text = format!("### {}\n\n", entry.code);
    text.push_str(&format!("{}: `{}`\n\n", origin(entry), entry.message));
    text.push_str(&format!("{}\n\n", angled(entry.meaning)));
    for (number, cause) in (1..).zip(entry.causes) {
        text.push_str(&format!("{number}. {}\n", angled(cause)));
    }
    text.push_str("\nNext:\n\n");
    for next in entry.next {
        text.push_str(&format!("* {}\n", command(next)));
    }
    if !entry.sections.is_empty() {
        text.push_str(&format!("\nFacts: {}\n", entry.sections.join(", ")));
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
