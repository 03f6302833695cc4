//! Output of a simulation: lines for people, and JSON lines.
//!
//! ```text
//!   +0.000  telephony.trunk-setup        200   12 ms
//!  +16.099  telephony.proceeding         500    8 ms  Webhook responses with code: [500], …
//! ```

use std::borrow::Cow;
use std::fmt::Write as _;

use ringtail_simulate::{End, Options, Report, Summary};
use ringtail_simulate::{Scenario, Shot, Source, Template, VARIABLES, builtins};
use serde_json::{Value, json};

use crate::args::Format;
use ringtail_text::{escape, millis};
use ringtail_views::json;

/// Columns of a template's name.
const NAME_WIDTH: usize = 27;

/// A request and its response, as a line.
pub(super) fn report_line(format: Format, report: &Report) -> Vec<u8> {
    let verdict = &report.finding.verdict;
    if format == Format::Json {
        return json::bytes(&simulated(report));
    }
    let mut line = plain(&report.shot, report.at_ms, report.again);
    let outcome = match &report.answered {
        Ok(received) => format!("{:>4} {:>5} ms", received.status, millis(received.duration)),
        Err(error) => format!("  -- {}", escape(&error.message)),
    };
    line.push_str(&outcome);
    let mut remarks: Vec<String> = Vec::new();
    if report.answered.is_ok() && !verdict.reason().is_empty() {
        remarks.push(verdict.reason());
    }
    remarks.extend(report.finding.problems.iter().map(ToString::to_string));
    if !remarks.is_empty() {
        line.push_str("  ");
        line.push_str(&remarks.join("; "));
    }
    line.push('\n');
    line.into_bytes()
}

/// A request that would be sent, as lines.
pub(super) fn planned_lines(format: Format, shot: &Shot, at_ms: u64, again: bool) -> Vec<u8> {
    let request = &shot.request;
    let body = String::from_utf8_lossy(&request.body);
    if format == Format::Json {
        return json::bytes(&planned(shot, at_ms, again));
    }
    let mut text = plain(shot, at_ms, again).trim_end().to_owned();
    text.push('\n');
    // Writing to a string does not fail.
    let below = match request.shown.as_str() {
        "" => "(the address itself)",
        shown => shown,
    };
    let _ = writeln!(text, "    {} {}", request.method, escape(below));
    for (name, value) in headers(shot) {
        let _ = writeln!(text, "    {name}: {}", escape(&value));
    }
    if !body.is_empty() {
        let _ = writeln!(text, "    {}", escape(&body));
    }
    text.into_bytes()
}

/// Summary of a run, as a line.
pub(super) fn summary_line(
    format: Format,
    name: &str,
    options: &Options,
    summary: &Summary,
) -> Vec<u8> {
    if format == Format::Json {
        return json::bytes(&self::summary(name, options, summary));
    }
    let dropped = match summary.dropped {
        0 => String::new(),
        dropped => format!(", {dropped} dropped on purpose"),
    };
    let judged = match summary.failed {
        0 => "all as they should be".to_owned(),
        failed => format!("{failed} not as they should be"),
    };
    format!(
        "{} sent, {judged}{dropped} (seed {})\n",
        summary.sent, options.seed
    )
    .into_bytes()
}

/// Header fields without the token that the app trusts.
fn headers(shot: &Shot) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let fields = shot.request.headers.iter();
    fields.map(|(name, value)| {
        let value = match value.is_sensitive() {
            true => "(secret)".into(),
            false => String::from_utf8_lossy(value.as_bytes()),
        };
        (name.as_str(), value)
    })
}

/// A request that would be sent.
pub(in crate::command) fn planned(shot: &Shot, at_ms: u64, again: bool) -> Value {
    let mut value = head("planned", shot, at_ms, again);
    value["headers"] = headers(shot)
        .map(|(name, text)| json!([name, text]))
        .collect();
    value["body"] = json!(String::from_utf8_lossy(&shot.request.body));
    value
}

/// A request and its response.
pub(in crate::command) fn simulated(report: &Report) -> Value {
    let verdict = &report.finding.verdict;
    let mut value = head("simulated", &report.shot, report.at_ms, report.again);
    match &report.answered {
        Ok(received) => {
            value["status"] = json!(received.status);
            let duration = u64::try_from(received.duration.as_millis());
            value["duration_ms"] = json!(duration.unwrap_or(u64::MAX));
        }
        Err(error) => value["error"] = json!(error.message),
    }
    value["verdict"] = json!(verdict.word());
    value["verdict_reason"] = json!(verdict.reason());
    value["problems"] = json!(report.finding.problems);
    value["as_expected"] = json!(report.finding.as_expected);
    value
}

/// Summary of a run.
pub(in crate::command) fn summary(name: &str, options: &Options, summary: &Summary) -> Value {
    json!({
        "type": "simulation",
        "scenario": name,
        "seed": options.seed,
        "sent": summary.sent,
        "failed": summary.failed,
        "dropped": summary.dropped,
        "end": end(&summary.end),
        "reason": summary.end.message(),
    })
}

/// The word for the end of a run.
pub(in crate::command) fn end(end: &End) -> &'static str {
    match end {
        End::Done => "done",
        End::Refused(_) => "refused",
        End::Blacklisted { .. } => "blacklisted",
        End::Stopped => "stopped",
    }
}

fn head(kind: &str, shot: &Shot, at_ms: u64, again: bool) -> Value {
    json!({
        "type": kind,
        "at_ms": at_ms,
        "name": shot.name,
        "callback": shot.request.callback.name(),
        "again": again,
        "method": shot.request.method.as_str(),
        "path": shot.request.shown,
    })
}

fn plain(shot: &Shot, at_ms: u64, again: bool) -> String {
    let at = format!("+{}.{:03}", at_ms / 1000, at_ms % 1000);
    let again = if again { " (again)" } else { "" };
    let name = format!("{}{again}", shot.name);
    format!("{at:>9}  {name:<NAME_WIDTH$} ")
}

/// Everything that can be simulated, as JSON: scenarios, kinds and values.
pub(in crate::command) fn listed() -> (Vec<Value>, Vec<Value>, Vec<Value>) {
    let scenarios =
        scenarios().map(|(name, about)| json!({"type": "scenario", "name": name, "about": about}));
    let kinds = Template::all().map(|template| {
        json!({"type": "kind", "name": template.name, "about": template.about, "callback": template.callback.name()})
    });
    let values = VARIABLES.iter().map(|variable| {
        json!({"type": "value", "name": variable.name, "about": variable.about, "default": default(variable.source)})
    });
    (scenarios.collect(), kinds.collect(), values.collect())
}

fn scenarios() -> impl Iterator<Item = (&'static str, String)> {
    builtins().iter().map(|(name, text)| {
        let about = Scenario::parse(text).map(|scenario| scenario.about);
        (*name, about.unwrap_or_default())
    })
}

/// Everything that can be simulated.
pub(super) fn list(format: Format) -> Vec<u8> {
    if format == Format::Json {
        let (scenarios, kinds, values) = listed();
        let lines = scenarios.iter().chain(&kinds).chain(&values);
        return lines.flat_map(json::bytes).collect();
    }
    let mut text = String::from("Scenarios\n");
    for (name, about) in scenarios() {
        let _ = writeln!(text, "  {name:<NAME_WIDTH$}  {about}");
    }
    text.push_str("\nKinds\n");
    for template in Template::all() {
        let _ = writeln!(text, "  {:<NAME_WIDTH$}  {}", template.name, template.about);
    }
    text.push_str("\nValues, for --set NAME=VALUE\n");
    for variable in VARIABLES {
        let _ = write!(text, "  {:<NAME_WIDTH$}  {}", variable.name, variable.about);
        match default(variable.source) {
            Some(default) if !default.is_empty() => {
                let _ = writeln!(text, " [{default}]");
            }
            _ => text.push('\n'),
        }
    }
    text.into_bytes()
}

fn default(source: Source) -> Option<&'static str> {
    match source {
        Source::Fixed(value) => Some(value),
        _ => None,
    }
}
