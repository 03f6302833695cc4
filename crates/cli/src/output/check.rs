//! What a check found out, as rows for people and as one JSON object.
//!
//! ```text
//!   ok     Certificate         valid until 2027-01-30, issued by C=US, O=Let's Encrypt, CN=R11
//!   FAIL   Status 200          201 Created, 150 bytes
//!                              SUB-522: WebHook responds with incorrect HTTP status
//!                              fix: answer 200 itself: no other 2xx is documented to be enough
//! ```

use ringtail_check::{Outcome, Report, Row, Try, Wire};
use ringtail_errors::{self as errors, Found};
use ringtail_ringcentral::secret::{REDACTED, is_secret_field};
use serde_json::{Value, json};

use super::plain::{Style, Tone};
use super::wrap;
use ringtail_text::{escape, escape_lines};

/// Indent of a row's text.
const INDENT: usize = 29;

/// The checked address.
pub(crate) fn heading(address: &str) -> String {
    format!("{}\n\n", escape(address))
}

/// What to do about a row.
pub(crate) fn row_fix(fix: &str) -> String {
    format!("{:INDENT$}fix: {}\n", "", wrapped(fix))
}

impl Style {
    /// One row: outcome, finding, and below it code and fix.
    pub(crate) fn check_row(&self, row: &Row) -> String {
        let mut text = self.row_line(row.outcome, row.requirement.title(), &row.seen);
        let tone = tone(row.outcome);
        if let Some(code) = row.code() {
            let might = if row.outcome == Outcome::Fail || row.set_aside {
                ""
            } else {
                "may be "
            };
            let message = row.message().unwrap_or_default();
            text.push_str(&self.row_below(tone, &format!("{might}{code}: {message}")));
        }
        if let Some(reason) = &row.records {
            text.push_str(&self.row_below(tone, &format!("recorded as \"{reason}\"")));
        }
        if let Some(fix) = &row.fix {
            text.push_str(&row_fix(fix));
        }
        text
    }

    /// A row's first line: outcome, title of at most 18 columns, finding.
    pub(crate) fn row_line(&self, outcome: Outcome, title: &str, seen: &str) -> String {
        let mark = match outcome {
            Outcome::Pass => "ok",
            Outcome::Warn => "warn",
            Outcome::Fail => "FAIL",
            Outcome::Skipped => "-",
        };
        let mark = self.paint(tone(outcome), &format!("{mark:<5}"));
        let seen = match outcome {
            Outcome::Skipped => self.paint(Tone::Dim, &wrapped(seen)),
            _ => wrapped(seen),
        };
        format!("  {mark}  {title:<20}{seen}\n")
    }

    /// A line below a row's first.
    pub(crate) fn row_below(&self, tone: Tone, text: &str) -> String {
        format!("{:INDENT$}{}\n", "", self.paint(tone, &wrapped(text)))
    }

    /// The verdict, with requests and responses before it if `verbose`.
    pub(crate) fn check_end(&self, report: &Report, verbose: bool) -> String {
        let mut text = String::new();
        if verbose {
            for wire in &report.wire {
                text.push_str(&self.wire(wire));
            }
        }
        let tone = match report.refusal() {
            Some(_) => Tone::Bad,
            None if report.is_complete() => Tone::Good,
            None => Tone::Warn,
        };
        text.push_str(&format!("\n{}\n", self.paint(tone, &sentence(report))));
        if let Some(code) = report.refusal().and_then(explained) {
            text.push_str(&format!("More: ringtail explain {code}\n"));
        }
        text
    }

    fn wire(&self, wire: &Wire) -> String {
        let mut text = String::from("\n");
        for line in head(&wire.sent) {
            text.push_str(&format!("  > {line}\n"));
        }
        if wire.received.is_empty() {
            text.push_str("  < (nothing)\n");
        }
        for line in head(&wire.received) {
            text.push_str(&format!("  < {line}\n"));
        }
        text.push_str(&self.paint(Tone::Dim, &format!("  {} bytes\n", wire.received_bytes)));
        text
    }
}

fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Pass => Tone::Good,
        Outcome::Warn => Tone::Warn,
        Outcome::Fail => Tone::Bad,
        Outcome::Skipped => Tone::Dim,
    }
}

/// The code that explains a refusal.
fn explained(row: &Row) -> Option<&'static str> {
    row.code()
        .or_else(|| match errors::read(row.records.as_deref()?)? {
            Found::Known(codes) => codes.first().map(|code| code.id),
            Found::Unknown(_) => None,
        })
}

/// The verdict in one sentence.
fn sentence(report: &Report) -> String {
    if let Some(row) = report.refusal() {
        let others = report
            .rows
            .iter()
            .filter(|other| other.outcome == Outcome::Fail)
            .count()
            - 1;
        let more = match others {
            0 => String::new(),
            1 => ", and one more failure follows".to_owned(),
            _ => format!(", and {others} more failures follow"),
        };
        return match (row.code(), row.message(), &row.records) {
            (Some(code), Some(message), _) => {
                format!("RingCentral would refuse this address with {code}: {message}{more}")
            }
            (_, _, Some(reason)) => format!(
                "RingCentral would accept this address and blacklist it after 10 minutes of failed notifications: \
                 {reason}{more}"
            ),
            _ => format!(
                "RingCentral would refuse this address: {}{more}",
                escape(&row.seen)
            ),
        };
    }
    if !report.is_complete() {
        return "This check cannot tell whether RingCentral would accept the address: see the warning".to_owned();
    }
    let aside: Vec<&str> = report
        .set_aside()
        .map(|row| row.requirement.word())
        .collect();
    let warnings = match report.warnings().count() {
        0 => String::new(),
        1 => ", with one warning".to_owned(),
        many => format!(", with {many} warnings"),
    };
    if aside.is_empty() {
        return format!("RingCentral would accept this address{warnings}");
    }
    format!(
        "Apart from what --local and --ca skip ({}), RingCentral would accept this address{warnings}",
        aside.join(", ")
    )
}

fn wrapped(text: &str) -> String {
    wrap(INDENT, &escape(text))
}

/// Lines of a head, escaped, without queries and secrets.
fn head(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut is_secret = false;
    // Lines may end in a bare line feed; the body after such a head is skipped too.
    text.lines()
        .take_while(|line| !line.is_empty())
        .map(|line| {
            // A leading space continues the value above.
            if line.starts_with([' ', '\t']) {
                return if is_secret {
                    REDACTED.to_owned()
                } else {
                    shown(line)
                };
            }
            let field = line.split_once(':').map(|(name, _)| name);
            match field.filter(|name| is_secret_field(name.trim())) {
                Some(name) => {
                    is_secret = true;
                    format!("{}: {REDACTED}", escape(name))
                }
                None => {
                    is_secret = false;
                    shown(line)
                }
            }
        })
        .collect()
}

fn shown(line: &str) -> String {
    without_query(&escape_lines(line)).replace(['\n', '\t'], " ")
}

/// Removes the query, which may be a secret, from the request line and from Location.
fn without_query(line: &str) -> String {
    let leads = line.len() >= 9 && line.as_bytes()[..9].eq_ignore_ascii_case(b"location:");
    match line.split_once('?') {
        Some((before, _)) if leads => format!("{before}?…"),
        Some((before, _)) if line.starts_with("POST ") => format!("{before}?… HTTP/1.1"),
        _ => line.to_owned(),
    }
}

/// The check as one object, documented in `docs/CHECK.md`.
pub(crate) fn report_json(address: &str, report: &Report, verbose: bool) -> Value {
    let refusal = report.refusal();
    let mut object = json!({
        "type": "check",
        "url": address,
        "accepted": (refusal.is_some() || report.is_complete()).then_some(refusal.is_none()),
        "code": refusal.and_then(|row| row.code()),
        "set_aside": report.set_aside().map(|row| row.requirement.word()).collect::<Vec<_>>(),
        "verdict": sentence(report),
        "rows": report.rows.iter().map(row_json).collect::<Vec<_>>(),
        "tries": report.tries.iter().map(try_json).collect::<Vec<_>>(),
    });
    if verbose && let Value::Object(fields) = &mut object {
        let wire = report.wire.iter().map(|wire| {
            json!({
                "sent": head(&wire.sent),
                "received": head(&wire.received),
                "received_bytes": wire.received_bytes,
            })
        });
        fields.insert("wire".to_owned(), wire.collect());
    }
    object
}

fn row_json(row: &Row) -> Value {
    json!({
        "requirement": row.requirement.word(),
        "outcome": row.outcome.word(),
        "seen": row.seen,
        "code": row.code(),
        "message": row.message(),
        "recorded": row.records,
        "fix": row.fix,
        "set_aside": row.set_aside,
    })
}

fn try_json(one: &Try) -> Value {
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
    json!({
        "connection_ms": one.connection.map(ms),
        "answer_ms": ms(one.answer),
        "status": one.status,
        "bytes": one.bytes,
    })
}

#[cfg(test)]
mod tests;
