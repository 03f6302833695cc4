//! A day at the developer's desk in a minute: relay, app, client, and RingCentral calling.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval};

use crate::client::{Home, TestClient};
use crate::eventually;
use crate::hooks;
use crate::payloads::compact;
use crate::relay::TestRelay;
use crate::ringcentral::{FakeRingCentral, Hook};
use crate::stores;
use crate::target::{LocalTarget, Reply, Seen};
use crate::validations;
use crate::wait;

/// Name of the endpoint.
const ENDPOINT: &str = "demo";

/// What RingCentral sends, with a word for each.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it is, for people.
    pub label: String,
    /// The request.
    pub hook: Hook,
    /// Whether it is a validation, which the app never sees.
    pub validation: bool,
}

/// Returns the whole play: a validation, an SMS conversation, an answered call, a voicemail, a renewal reminder.
///
/// # Errors
/// When a payload is missing.
pub fn play() -> anyhow::Result<Vec<Step>> {
    let mut steps = vec![Step {
        label: "validation of a new subscription".into(),
        hook: Hook::validation("8f1c6c1e-demo-4a57"),
        validation: true,
    }];
    for (number, text) in CONVERSATION.iter().enumerate() {
        let body = hooks::sms("1638233798595111162", number, text);
        steps.push(notification(format!("SMS: {text}"), &body));
    }
    let call = hooks::answered_call()?;
    let of = call.len();
    for (number, body) in call.iter().enumerate() {
        let status = body.pointer("/body/parties/0/status/code");
        let status = status.and_then(Value::as_str).unwrap_or("call");
        let label = format!("call, {} of {of}: {status}", number + 1);
        steps.push(notification(label, body));
    }
    steps.push(notification("voicemail".into(), &hooks::voicemail()?));
    steps.push(notification(
        "renewal reminder of the subscription".into(),
        &hooks::renewal_reminder()?,
    ));
    Ok(steps)
}

const CONVERSATION: [&str; 4] = [
    "Hi, is the table for four still free tonight?",
    "It is! Shall I book it for 19:30?",
    "Yes please, under Robin.",
    "Done. See you at 19:30, Robin.",
];

fn notification(label: String, body: &Value) -> Step {
    Step {
        label,
        hook: Hook::notification(compact(body)).below("/ringcentral"),
        validation: false,
    }
}

/// The sample app. It does what many do: a whole page in answer to a voicemail, which RingCentral would not take.
fn app(request: &Seen) -> Reply {
    if crate::http1::find(&request.body, b"/voicemail").is_some() {
        let page = format!("<!doctype html><p>Thank you.</p>{}", " ".repeat(1200));
        return Reply::status(200)
            .header("content-type", "text/html")
            .body(page);
    }
    Reply::status(200)
}

/// Everything that runs.
#[derive(Debug)]
pub struct Stage {
    relay: TestRelay,
    app: LocalTarget,
    home: Home,
}

/// What came of it.
#[derive(Debug)]
pub struct Summary {
    sent: usize,
    acknowledged: usize,
    stored: usize,
    delivered: usize,
    owed: usize,
    forwarded: usize,
    /// Verdict, and why RingCentral would not be content; unknown when the client showed them on the terminal.
    verdicts: Vec<(String, String)>,
}

impl Summary {
    /// Says whether everything that was sent is everywhere where it should be.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        [self.acknowledged, self.stored, self.delivered] == [self.sent; 3]
            && self.forwarded == self.owed
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  sent by RingCentral     {}", self.sent)?;
        writeln!(f, "  answered 200            {}", self.acknowledged)?;
        writeln!(f, "  in the relay's journal  {}", self.stored)?;
        writeln!(f, "  in the history          {}", self.delivered)?;
        write!(
            f,
            "  forwarded to the app    {} of {} (validations are the relay's)",
            self.forwarded, self.owed
        )?;
        let mut words: Vec<(&String, usize)> = Vec::new();
        for (word, _) in &self.verdicts {
            match words.iter_mut().find(|(known, _)| *known == word) {
                Some((_, count)) => *count += 1,
                None => words.push((word, 1)),
            }
        }
        for (word, count) in words {
            write!(f, "\n  verdict {word:<15} {count}")?;
        }
        for (_, reason) in self
            .verdicts
            .iter()
            .filter(|(_, reason)| !reason.is_empty())
        {
            write!(f, "\n    RingCentral would say: {reason}")?;
        }
        Ok(())
    }
}

impl Stage {
    /// Starts relay and app.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn set() -> anyhow::Result<Self> {
        let relay = TestRelay::start().await?;
        let token = relay.account(ENDPOINT).await?;
        let home = Home::new(&relay, &token)?;
        Ok(Self {
            relay,
            app: LocalTarget::answering(app)?,
            home,
        })
    }

    /// Returns the relay's URL.
    #[must_use]
    pub fn relay_url(&self) -> &str {
        self.relay.url()
    }

    /// Returns the app's URL.
    #[must_use]
    pub fn app_url(&self) -> String {
        self.app.url("/hooks")
    }

    /// Plays everything once with a client that prints JSON, and ends.
    ///
    /// # Errors
    /// When something fails that no summary can tell.
    pub async fn plain(&self, say: impl Fn(String)) -> anyhow::Result<Summary> {
        let client = self
            .home
            .listen(&[&self.app_url(), "--endpoint", ENDPOINT])
            .await?;
        let url = client.url()?;
        say(format!(
            "The endpoint is {url}, whether or not the client runs."
        ));
        let caller = self.relay.caller()?;
        let mut sent = Sent::default();
        for step in play()? {
            let answer = sent.step(&caller, &url, &step).await;
            say(format!("  RingCentral --> {}", step.label));
            say(format!("              <-- {answer}"));
        }
        let attempts = || client.count_of("attempt");
        // A shortfall is the summary's to tell.
        let whole = eventually!(
            within PATIENCE,
            attempts() >= sent.owed && client.count_of("event") >= sent.all,
            "every event and attempt"
        );
        let summary = self.summary(&sent, Some(&client))?;
        if whole.is_err() {
            say(format!("the client's log:\n{}", client.log()));
        }
        Ok(summary)
    }

    /// Plays again and again while a client with its terminal UI has the terminal, until it is left.
    ///
    /// # Errors
    /// When the client does not start, or ends with an error.
    pub async fn terminal(&self) -> anyhow::Result<Summary> {
        let ready = self.home.path().join("ready.json");
        let mut command = self.home.command([
            "listen",
            &self.app_url(),
            "--endpoint",
            ENDPOINT,
            "--output",
            "tui",
            "--ready-file",
        ])?;
        command.arg(&ready).kill_on_drop(true);
        keep_terminal(&mut command);
        let mut client = command.spawn().context("the client could not be started")?;
        let mut sent = Sent::default();
        let playing = async {
            let url = wait::until(
                PATIENCE,
                || "the client's ready file".into(),
                async || url_in(&std::fs::read(&ready).ok()?),
            )
            .await?;
            self.go_on(&url, &mut sent).await
        };
        let status = tokio::select! {
            status = client.wait() => status?,
            failed = playing => {
                let Err(error) = failed;
                return Err(error);
            }
        };
        if !status.success() {
            bail!("the client ended with {status}");
        }
        self.summary(&sent, None)
    }

    async fn go_on(&self, url: &str, sent: &mut Sent) -> anyhow::Result<std::convert::Infallible> {
        let caller = self.relay.caller()?;
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut first = true;
        loop {
            for step in play()? {
                if step.validation && !first {
                    continue;
                }
                pace.tick().await;
                sent.step(&caller, url, &step).await;
            }
            first = false;
        }
    }

    fn summary(&self, sent: &Sent, client: Option<&TestClient>) -> anyhow::Result<Summary> {
        let text = |line: &Value, name: &str| {
            let text = line.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let attempts = client.map(|client| client.said_of("attempt"));
        Ok(Summary {
            sent: sent.all,
            acknowledged: sent.acknowledged,
            stored: stores::journal(self.relay.data())?.len(),
            delivered: stores::history_len(&self.home.data())?,
            owed: sent.owed,
            forwarded: self.app.count(),
            verdicts: attempts
                .unwrap_or_default()
                .iter()
                .map(|line| (text(line, "verdict"), text(line, "verdict_reason")))
                .collect(),
        })
    }
}

/// From the last event sent to the last attempt seen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two events on the terminal: slow enough to be read.
const PACE: Duration = Duration::from_millis(900);

/// Restores what a child with a terminal needs beside the environment of its home.
fn keep_terminal(command: &mut Command) {
    for name in [
        "TERM",
        "COLORTERM",
        "LANG",
        "LC_ALL",
        "NO_COLOR",
        "PATH",
        "TZ",
    ] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// Reads the endpoint's URL from a ready file.
#[must_use]
pub fn url_in(ready: &[u8]) -> Option<String> {
    let ready: Value = serde_json::from_slice(ready).ok()?;
    Some(ready.get("url")?.as_str()?.to_owned())
}

#[derive(Debug, Default)]
struct Sent {
    all: usize,
    owed: usize,
    acknowledged: usize,
}

impl Sent {
    async fn step(&mut self, caller: &FakeRingCentral, url: &str, step: &Step) -> String {
        self.all += 1;
        self.owed += usize::from(!step.validation);
        let answer = match caller.post(url, &step.hook).await {
            Ok(answer) => answer,
            Err(error) => return format!("no answer: {error:#}"),
        };
        let right = if step.validation {
            let token = step.hook.headers.first();
            let token = token.map(|(_, token)| String::from_utf8_lossy(token));
            validations::check(&answer, &token.unwrap_or_default()).is_ok()
        } else {
            answer.status == 200 && answer.body == Bytes::new()
        };
        self.acknowledged += usize::from(right);
        format!("{}, {} bytes on the wire", answer.status, answer.wire_bytes)
    }
}
