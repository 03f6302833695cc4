//! Lines for people.
//!
//! ```text
//! 12:03:04  --> #17  SMS from +16505550100 to +16505550199: Hello
//! 12:03:04  <-- #17  200 from http://localhost:3000/hooks in 12 ms
//! ```
//!
//! Colour never carries meaning alone. Text from the network is escaped.

use std::borrow::Cow;
use std::io::IsTerminal;

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;
use ringtail_errors::codes;
use ringtail_model::subscription::SubscriptionStatus;
use ringtail_model::{
    AttemptRow, CanaryState, Cause, EventDetail, EventRow, FailureKind, ForwardState, GapRow,
    LinkState, NewFieldsRow, Outcome, Proof, Status, TargetState, Unanswered,
};
use ringtail_protocol::event::{Disposition, Header, Timestamp};
use ringtail_ringcentral::signature;
use ringtail_ringcentral::verdict::{AFTERWARDS, Failing};
use ringtail_text::hex;

use ringtail_text::json::indented;
use ringtail_text::{escape, escape_lines, lossless, millis, shell_word};

/// Characters of a subscription's id that are shown; `subscriptions show` and the like take them.
const SHORT_ID: usize = 8;

/// Colours and time zone of the output.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    /// Whether colours are used.
    pub(crate) colour: bool,
    /// Zone of the times.
    pub(crate) zone: TimeZone,
}

/// Meaning of a colour.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tone {
    Dim,
    Good,
    Bad,
    Warn,
}

impl Style {
    /// Returns the style of stdout: the system's zone, and colours on a terminal.
    pub(crate) fn of_stdout() -> Self {
        Self {
            colour: std::io::stdout().is_terminal() && super::colour_allowed(),
            zone: TimeZone::system(),
        }
    }

    /// Colours a text if colours are used.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Dim => 2,
            Tone::Good => 32,
            Tone::Bad => 31,
            Tone::Warn => 33,
        };
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn time(&self, at: Timestamp, format: &str) -> String {
        let text = Instant::from_microsecond(at.0)
            .map(|at| at.to_zoned(self.zone.clone()).strftime(format).to_string())
            .unwrap_or_else(|_| "--:--:--".to_owned());
        self.paint(Tone::Dim, &text)
    }

    /// A received event.
    pub(crate) fn event(&self, event: &EventRow) -> String {
        let time = self.time(event.received_at, "%H:%M:%S");
        let rejected = self.rejected(event);
        format!(
            "{time}  --> #{}  {}{rejected}\n",
            event.seq,
            self.what(event)
        )
    }

    fn what(&self, event: &EventRow) -> String {
        let mut text = escape(&event.summary).into_owned();
        if text.is_empty() {
            text = format!("{} {}", escape(&event.method), below(event));
        }
        if let Some(first) = event.duplicate_of {
            text.push_str(&self.paint(Tone::Dim, &format!("  (duplicate of #{first})")));
        }
        if let Some(id) = event.stranger() {
            let stranger = format!("  (of another subscription, {})", short(id));
            text.push_str(&self.paint(Tone::Warn, &stranger));
        }
        if let Some(origin) = event.edited_from {
            text.push_str(&self.paint(Tone::Dim, &format!("  (edited from {origin})")));
        }
        if let Some(mark) = &event.bookmark {
            let mark = match mark.comment.as_str() {
                "" => "  [marked]".to_owned(),
                comment => format!("  [marked: {}]", escape(comment)),
            };
            text.push_str(&self.paint(Tone::Warn, &mark));
        }
        text
    }

    /// Why an event is not forwarded, if it is rejected.
    fn rejected(&self, event: &EventRow) -> String {
        if event.forward != ForwardState::Rejected {
            return String::new();
        }
        let what = self.paint(Tone::Bad, "rejected, not forwarded");
        format!("  {what}  {}", explain(codes::REJECTED.id))
    }

    /// An attempt, with the [`number`] of its event.
    pub(crate) fn attempt(&self, attempt: &AttemptRow, number: &str) -> String {
        let time = self.time(attempt.started_at, "%H:%M:%S");
        format!("{time}  <-- {number}  {}\n", self.how(attempt))
    }

    /// An event whose response is late.
    pub(crate) fn unanswered(&self, sent: &Unanswered, now: Timestamp) -> String {
        let time = self.time(now, "%H:%M:%S");
        let text = self.paint(Tone::Warn, &sent.words(now));
        format!("{time}  ... {text}  {}\n", explain(codes::NO_ANSWER.id))
    }

    fn how(&self, attempt: &AttemptRow) -> String {
        let tone = if attempt.verdict.is_accepted() {
            Tone::Good
        } else {
            Tone::Bad
        };
        let target = escape(&attempt.target);
        let took = format!("{} ms", millis(attempt.duration));
        let mut text = match &attempt.outcome {
            Outcome::Status(status) => {
                let status = self.paint(tone, &status.to_string());
                format!("{status} from {target} in {took}")
            }
            Outcome::Error { message, .. } => {
                let message = self.paint(tone, &escape(message));
                format!("{target}: {message}, after {took}")
            }
        };
        if attempt.cause == Cause::Replay {
            text.push_str(" (replay)");
        }
        let reason = attempt.verdict.reason();
        if !reason.is_empty() {
            let says = if attempt.verdict.is_accepted() {
                "note"
            } else {
                "RingCentral would say"
            };
            text.push_str(&self.paint(tone, &format!("  {says}: {}", escape(&reason))));
        }
        if let Some(code) = attempt.verdict.code() {
            text.push_str(&format!("  {}", explain(code.id)));
        }
        text
    }

    /// Events that the relay no longer has.
    pub(crate) fn gap(&self, gap: &GapRow) -> String {
        let time = self.time(gap.noticed_at, "%H:%M:%S");
        format!("{time}  !   {}\n", self.paint(Tone::Warn, &lost(gap)))
    }

    /// New fields of an event.
    pub(crate) fn new_fields(&self, row: &NewFieldsRow) -> String {
        let time = self.time(row.noticed_at, "%H:%M:%S");
        let text = format!("{}: {}", row.topic, row.new_fields);
        let text = self.paint(Tone::Warn, &escape(&text));
        format!("{time}  !   #{}  {text}\n", row.seq)
    }

    /// New fields, as a note on the event's line.
    fn new_fields_note(&self, event: &EventRow) -> String {
        let Some(new_fields) = &event.new_fields else {
            return String::new();
        };
        self.paint(
            Tone::Warn,
            &format!("  [{}]", escape(&new_fields.to_string())),
        )
    }

    /// The link's state, in one line.
    pub(crate) fn link(&self, status: &Status) -> String {
        match &status.link {
            LinkState::Connecting => "connecting to the relay\n".to_owned(),
            LinkState::Connected => match &status.endpoint {
                Some(endpoint) => match &status.target {
                    Some(target) if target.forwards => format!(
                        "connected: {} -> {}\n",
                        escape(&endpoint.url),
                        escape(&target.url)
                    ),
                    Some(target) => format!(
                        "connected: {}, not forwarding; replays go to {}\n",
                        escape(&endpoint.url),
                        escape(&target.url)
                    ),
                    None => format!("connected: {}, not forwarding\n", escape(&endpoint.url)),
                },
                None => "connected\n".to_owned(),
            },
            LinkState::Full => {
                let what = "pending events fill the history; the relay keeps newer ones until the app has taken some";
                format!("{}\n", self.paint(Tone::Warn, what))
            }
            LinkState::DiskFull => {
                let what =
                    "this machine's disk is full; the relay keeps newer events until it has room";
                format!("{}\n", self.paint(Tone::Warn, what))
            }
            LinkState::Waiting {
                code,
                reason,
                retry_at,
                failures,
                ..
            } => {
                let at = self.time(*retry_at, "%H:%M:%S");
                let what = self.paint(Tone::Warn, &escape(reason));
                let (next, explain) = (failures + 1, explain(code));
                format!("not connected: {what}; retry {next} at {at}  {explain}\n")
            }
            LinkState::Refused { code, reason } => {
                let what = self.paint(Tone::Bad, &escape(reason));
                format!("the relay refused: {what}  {}\n", explain(code))
            }
            LinkState::Stopped => "stopped\n".to_owned(),
        }
    }

    /// The next step with an endpoint's URL.
    pub(crate) fn first_step(&self, url: &str) -> String {
        let url = escape(url);
        let url = shell_word(&url);
        format!(
            "register this URL with RingCentral, or try: ringtail simulate sms.inbound --to {url}\n"
        )
    }

    /// The target's state, in one line.
    pub(crate) fn target(&self, status: &Status) -> Option<String> {
        let target = status.target.as_ref()?;
        match &target.state {
            TargetState::Untried => None,
            TargetState::Up => Some(format!("{} is up\n", escape(&target.url))),
            TargetState::Down { reason, .. } => {
                let pending = match status.pending {
                    0 => "events are".to_owned(),
                    1 => "1 event is".to_owned(),
                    count => format!("{count} events are"),
                };
                Some(format!(
                    "{} is down: {}; {pending} pending until it is back\n",
                    escape(&target.url),
                    self.paint(Tone::Warn, &escape(reason)),
                ))
            }
        }
    }

    /// The failure clock, in one line.
    pub(crate) fn failing(&self, failing: Option<&Failing>, now: Timestamp) -> String {
        let Some(failing) = failing else {
            return "RingCentral would accept the app's responses again\n".to_owned();
        };
        let reason = escape(&failing.reason);
        let what = match failing.blacklisted_ms {
            None => {
                let outlook = failing.outlook(now.0 / 1000);
                let outlook = self.paint(Tone::Warn, &outlook);
                format!("{outlook} unless a response is accepted before")
            }
            Some(at_ms) => {
                let at = self.time(Timestamp(at_ms.saturating_mul(1000)), "%H:%M");
                let outlook = self.paint(Tone::Bad, "blacklisted");
                format!("{outlook} since {at}; {AFTERWARDS}")
            }
        };
        format!("in production this subscription would be {what} (reason: {reason})\n")
    }

    /// What a canary found, in one line.
    pub(crate) fn canary(&self, canary: &CanaryState) -> String {
        match &canary.result {
            Ok(took) => format!("canary arrived in {} ms\n", millis(*took)),
            Err(lost) => {
                let said = format!("canary lost at the {}: {}", lost.hop, escape(&lost.reason));
                format!("{} ({})\n", self.paint(Tone::Bad, &said), lost.code)
            }
        }
    }

    /// The subscription at RingCentral.
    pub(crate) fn subscription_status(&self, it: &SubscriptionStatus, now: Timestamp) -> String {
        let words = escape_lines(&it.words(now)).replace(['\n', '\t'], " ");
        match it.is_in_trouble() {
            true => format!("subscription: {}\n", self.paint(Tone::Bad, &words)),
            false => format!("subscription: {words}\n"),
        }
    }

    /// The result of a signature check, in one line.
    fn proof(&self, what: &str, proof: Proof) -> String {
        let outcome = match proof.outcome {
            signature::Outcome::Valid => self.paint(Tone::Good, "valid"),
            signature::Outcome::Wrong => self.paint(Tone::Bad, "wrong"),
            signature::Outcome::Missing => self.paint(Tone::Bad, "missing"),
            signature::Outcome::NotConfigured => self.paint(Tone::Dim, "not configured"),
        };
        format!("{what}: {} {outcome}\n", proof.scheme.label())
    }

    /// A line of `events list`, with the endpoint if there are several.
    pub(crate) fn listed(&self, event: &EventRow, several: bool) -> String {
        let time = self.time(event.received_at, "%Y-%m-%d %H:%M:%S");
        // A one-time callback that finds the app down has an attempt, and is delivered later.
        let last = match event.forward {
            ForwardState::Pending => None,
            _ => event.last_attempt.as_ref(),
        };
        let state = match (last, event.forward) {
            (Some(attempt), _) => match (&attempt.outcome, attempt.verdict.word()) {
                // The status alone explains these verdicts.
                (Outcome::Status(status), "ok" | "status" | "unjudged") => status.to_string(),
                (Outcome::Status(status), verdict) => format!("{status} {verdict}"),
                (Outcome::Error { kind, .. }, _) => kind.word().to_owned(),
            },
            (None, ForwardState::Pending) => "pending".to_owned(),
            (None, ForwardState::Rejected) => "rejected".to_owned(),
            (None, _) => "-".to_owned(),
        };
        let tone = match last {
            Some(attempt) if attempt.verdict.is_accepted() => Tone::Good,
            Some(_) => Tone::Bad,
            None if event.forward == ForwardState::Rejected => Tone::Bad,
            None => Tone::Dim,
        };
        let state = self.paint(tone, &format!("{state:<11}"));
        let took = last.map(|attempt| format!("{} ms", millis(attempt.duration)));
        let took = took.unwrap_or_default();
        let id = event.id.to_string();
        let id = self.paint(Tone::Dim, id.get(..13).unwrap_or(&id));
        let number = match several {
            true => number(event, several),
            false => format!("{:>6}", event.seq),
        };
        format!(
            "{number}  {time}  {id}  {state} {took:>8}  {}{}\n",
            self.what(event),
            self.new_fields_note(event)
        )
    }

    /// An event with headers, body and attempts.
    pub(crate) fn detail(&self, detail: &EventDetail) -> String {
        let event = &detail.event;
        let uuid_of = detail.uuid_of.map_or_else(String::new, |first| {
            self.paint(Tone::Warn, &format!("  (uuid of #{first}, other content)"))
        });
        let mut text = format!(
            "#{} on {}, {}\n{}, {}, received {} from {}\n{}{uuid_of}{}{}\n{}\n{} {}\n",
            event.seq,
            escape(&event.endpoint),
            event.id,
            event.kind.word(),
            edge(detail),
            self.time(event.received_at, "%Y-%m-%d %H:%M:%S%.6f %Z"),
            escape(&detail.peer),
            self.what(event),
            self.new_fields_note(event),
            self.rejected(event),
            detail
                .proof
                .map(|proof| self.proof("signature", proof))
                .unwrap_or_default(),
            escape(&event.method),
            below(event),
        );
        self.message(
            &mut text,
            &detail.headers,
            &detail.body,
            (detail.event.body_len, 0),
        );
        if std::str::from_utf8(&detail.body).is_err() {
            let name = format!("{}/{}", escape(&event.endpoint), event.seq);
            let name = shell_word(&name);
            text.push_str(&format!(
                "(full body: ringtail events show {name} --raw > FILE)\n"
            ));
        }
        for attempt in &detail.attempts {
            let at = self.time(attempt.attempt.started_at, "%Y-%m-%d %H:%M:%S");
            text.push_str(&format!("\n{at}  <-- {}\n", self.how(&attempt.attempt)));
            if let Some(proof) = attempt.proof {
                text.push_str(&self.proof("signature of the response", proof));
            }
            let sizes = (attempt.body_len, attempt.body_lost);
            self.message(&mut text, &attempt.headers, &attempt.body, sizes);
        }
        text
    }

    /// Adds headers and body; of `len` bytes of the body `lost` were not kept.
    fn message(&self, text: &mut String, headers: &[Header], body: &[u8], (len, lost): (u64, u64)) {
        for header in headers {
            let value = lossless(&header.value);
            let name = self.paint(Tone::Dim, &format!("{}:", escape(&header.name)));
            text.push_str(&format!("{name} {}\n", escape(&value)));
        }
        if len == 0 {
            return;
        }
        text.push('\n');
        match std::str::from_utf8(body) {
            Ok(body) => text.push_str(&escape_lines(&pretty(body))),
            Err(error) => numbers(text, body, error.valid_up_to()),
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        if lost > 0 {
            text.push_str(&format!(
                "({len} bytes; the first {} are kept)\n",
                len - lost
            ));
        }
    }
}

/// An event's number, with the endpoint if there are several.
pub(crate) fn number(event: &EventRow, several: bool) -> String {
    match several {
        true => format!("{}/{}", escape(&event.endpoint), event.seq),
        false => format!("#{}", event.seq),
    }
}

/// Says which events the relay no longer has.
pub(crate) fn lost(gap: &GapRow) -> String {
    let (first, last) = (gap.first, gap.last);
    format!("#{first} to #{last} are lost: the relay had deleted them")
}

/// The command that explains a code.
fn explain(code: &str) -> String {
    format!("explain: ringtail explain {code}")
}

/// How the request was answered, unless the user wrote it.
fn edge(detail: &EventDetail) -> &'static str {
    let event = &detail.event;
    let attempts = detail.attempts.iter();
    let mut waited = attempts.filter(|it| it.attempt.cause == Cause::Passthrough);
    // The relay answers for an app that sent nothing.
    let unanswered = match waited.next_back() {
        Some(last) if last.headers.is_empty() => match &last.attempt.outcome {
            Outcome::Error { kind, .. } => Some(*kind),
            Outcome::Status(_) => None,
        },
        _ => None,
    };
    match event.disposition {
        _ if event.edited_from.is_some() => "edited here",
        Disposition::Answered => "answered by the relay",
        Disposition::Pending => "answered 200 by the relay",
        Disposition::Passed => match unanswered {
            None => "answered by the app",
            Some(FailureKind::TimedOut) => "504 from the relay: the app did not answer in time",
            Some(_) => "502 from the relay: the app did not answer",
        },
        Disposition::Unknown(_) => "answered in a way unknown to this version",
    }
}

/// The path below the endpoint.
fn below(event: &EventRow) -> Cow<'_, str> {
    match event.path.as_str() {
        "" => "/".into(),
        path => escape(path),
    }
}

/// Bytes shown in hexadecimal, at most.
const HEX_MAX: usize = 4096;

/// Appends bytes in hexadecimal; they are valid UTF-8 up to `valid`.
fn numbers(text: &mut String, bytes: &[u8], valid: usize) {
    let len = bytes.len();
    text.push_str(&format!(
        "(not UTF-8 from byte {valid}: {len} bytes in hexadecimal)\n"
    ));
    let shown = bytes.get(..HEX_MAX).unwrap_or(bytes);
    for hex::HexLine {
        offset,
        digits,
        letters,
    } in hex::lines(shown)
    {
        text.push_str(&format!("{offset}  {digits}  {letters}\n"));
    }
    if len > shown.len() {
        text.push_str(&format!("… {} more bytes\n", len - shown.len()));
    }
}

/// Indents JSON, and returns other text unchanged.
fn pretty(body: &str) -> Cow<'_, str> {
    indented(body, |_, _| None).map_or(Cow::Borrowed(body), Cow::Owned)
}

/// The beginning of a subscription's id, for people.
pub(crate) fn short(id: &str) -> String {
    escape(&id.chars().take(SHORT_ID).collect::<String>()).into_owned()
}

#[cfg(test)]
mod tests;
