//! An event as one page of HTML to pass on: it has no script, asks no host for anything, and prints.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use ringtail_errors as errors;
use ringtail_model::{AttemptDetail, EventDetail};
use ringtail_protocol::event::Header;
use ringtail_text::{escape, one_line};
use ringtail_views::json;
use serde_json::Value;

use crate::lines::{self, Form};
use crate::picture::{Frame, timeline};

/// No script runs in the file, and nothing in it is loaded from anywhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE: &str = "\
:root{color-scheme:light dark}body{font:14px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.2rem}h2{font-size:1rem;margin:1.6rem 0 .3rem}pre,td,th{font:12px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}\
pre{white-space:pre-wrap;border-left:3px solid #9a4a10;padding-left:1rem}th{text-align:left;font-weight:400;padding-right:1rem;vertical-align:top}\
svg{max-width:100%;height:auto}small{color:light-dark(#5f6670,#98a0aa)}";

/// Returns the page of an event; `course` is its call or conversation, if it has one.
pub(crate) fn page(event: &EventDetail, course: &[EventDetail], frame: &Frame) -> String {
    let row = &event.event;
    let title = format!("#{} {}", row.seq, one_line(&row.summary, 200));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                p { (row.topic) ", received " (frame.time(row.received_at, "%F %H:%M:%S%.3f %Z")) }
                @if row.edited_from.is_some() { p { "An edited copy, which RingCentral did not send." } }
                @for attempt in &event.attempts { (answered(attempt, frame)) }
                h2 { "Request" }
                pre { (row.method) " " (one_line(&row.path, 2000)) }
                (headers(&event.headers))
                (body(&event.body))
                @if course.len() > 1 {
                    h2 { "What it belongs to" }
                    (PreEscaped(timeline(course, frame)))
                }
                p { small { "Written by Ringtail. Secrets are hidden." } }
            }
        }
    };
    page.into_string()
}

/// An attempt, with what its verdict means.
fn answered(attempt: &AttemptDetail, frame: &Frame) -> Markup {
    let shown = json::attempt(&attempt.attempt);
    let word = |name: &str| shown[name].as_str().unwrap_or_default();
    let answer = shown["status"].as_u64().map(|status| status.to_string());
    let answer = answer.unwrap_or_else(|| escape(word("error")).into_owned());
    let code = shown["code"].as_str().and_then(errors::find);
    html! {
        h2 { (word("cause")) ": " (answer) " in " (shown["duration_ms"]) " ms, verdict " (word("verdict")) }
        p { (frame.time(attempt.attempt.started_at, "%F %H:%M:%S%.3f %Z")) " " (escape(word("verdict_reason"))) }
        @if let Some(code) = code {
            p { b { (code.id) } " " (code.meaning) }
            ul { @for next in code.next { li { (next) } } }
        }
        details {
            summary { "answer" }
            (headers(&attempt.headers))
            (body(&attempt.body))
        }
    }
}

fn headers(fields: &[Header]) -> Markup {
    html! {
        table {
            @for Header { name, value } in fields {
                tr { th scope="row" { (escape(name)) } td { (escape(&String::from_utf8_lossy(value))) } }
            }
        }
    }
}

/// A body laid out as the page shows it, as one text.
fn body(body: &[u8]) -> Markup {
    let shown = lines::of(body, Form::Best);
    let mut text = String::new();
    for line in shown["lines"].as_array().into_iter().flatten() {
        match line {
            Value::Array(tokens) => {
                let depth = tokens.first().and_then(Value::as_u64).unwrap_or(0);
                text += &"  ".repeat(usize::try_from(depth.min(40)).unwrap_or(0));
                for token in tokens.iter().skip(2).step_by(2).filter_map(Value::as_str) {
                    text += if token == ":" { ": " } else { token };
                }
            }
            line => text += line.as_str().unwrap_or_default(),
        }
        text.push('\n');
    }
    let more = shown["more"].as_u64().unwrap_or(0);
    html! {
        @if !body.is_empty() { pre { (text) } }
        @if more > 0 { p { "… " (more) " bytes more" } }
    }
}
