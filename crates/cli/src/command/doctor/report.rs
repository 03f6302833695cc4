//! The report, to be attached to a bug report: the rows, and which variables are set.

use jiff::tz::TimeZone;

use super::row::{self, Row};
use crate::output::plain::Style;

/// Variables whose values say how the program runs, and are no secrets.
const SHOWN: [&str; 8] = [
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "RINGTAIL_LOG",
    "TZ",
];

/// Variables that are shown by name only.
const NAMED: [&str; 3] = ["RINGTAIL_", "RINGCENTRAL_", "_PROXY"];

/// Returns the report. The rows have no secrets; the home directory, which has the user's name, becomes `~`.
pub(super) fn text(rows: &[Row]) -> String {
    let style = Style {
        colour: false,
        zone: TimeZone::UTC,
    };
    let mut text = String::from("ringtail doctor\n\n");
    text.extend(rows.iter().map(|row| row.lines(&style)));
    text.push_str(&format!("\n{}\n\nEnvironment:\n", row::sentence(rows)));
    for name in SHOWN {
        if let Ok(value) = std::env::var(name) {
            let value = ringtail_text::escape(&value).into_owned();
            text.push_str(&format!("  {name}={value}\n"));
        }
    }
    let mut names: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| {
            let upper = name.to_uppercase();
            NAMED.iter().any(|part| upper.contains(part)) && !SHOWN.contains(&name.as_str())
        })
        .collect();
    names.sort();
    for name in names {
        let name = ringtail_text::escape(&name).into_owned();
        text.push_str(&format!("  {name} is set\n"));
    }
    match std::env::home_dir().and_then(|home| home.into_os_string().into_string().ok()) {
        Some(home) if home.len() > 1 => text.replace(&home, "~"),
        _ => text,
    }
}
