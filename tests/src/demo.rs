//! A day at the developer's desk in a minute: relay, app, client, and RingCentral calling.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, ensure};
use memchr::memmem;
use ringtail_kit::app::{App, Reply, Seen};
use ringtail_kit::caller::{FakeRingCentral, Hook};
use ringtail_kit::{eventually, wait};
use ringtail_properties::payloads::compact;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval};

use crate::client::{Home, TestClient};
use crate::relay::TestRelay;
use crate::{hooks, stores, validation};

const ENDPOINT: &str = "demo";

const TOKEN: &str = "8f1c6c1e-demo-4a57";

const CONVERSATION: [&str; 4] = [
    "Hi, is the table for four still free tonight?",
    "It is! Shall I book it for 19:30?",
    "Yes please, under Robin.",
    "Done. See you at 19:30, Robin.",
];

/// From the last event sent to the last attempt seen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pause between two events on the terminal, to read them.
const PACE: Duration = Duration::from_millis(900);

/// Further variables of a child with a terminal.
const TERMINAL: [&str; 7] = [
    "TERM",
    "COLORTERM",
    "LANG",
    "LC_ALL",
    "NO_COLOR",
    "PATH",
    "TZ",
];

/// Returns what RingCentral sends, each with a label: SMS, an answered call, a voicemail, a renewal reminder.
fn notifications() -> Vec<(String, Value)> {
    let mut all: Vec<(String, Value)> = Vec::new();
    for (number, text) in CONVERSATION.iter().enumerate() {
        let body = hooks::sms("1638233798595111162", number, text);
        all.push((format!("SMS: {text}"), body));
    }
    for body in hooks::answered_call() {
        let status = body.pointer("/body/parties/0/status/code");
        let status = status.and_then(Value::as_str).unwrap_or_default();
        all.push((format!("call: {status}"), body));
    }
    all.push(("voicemail".to_owned(), hooks::voicemail()));
    all.push(("renewal reminder".to_owned(), hooks::renewal_reminder()));
    all
}

/// The sample app. Its answer to a voicemail is a page, too large for RingCentral.
fn reply(request: &Seen) -> Reply {
    if memmem::find(&request.body, b"/voicemail").is_none() {
        return Reply::status(200);
    }
    let page = format!("<!doctype html><p>Thank you.</p>{}", " ".repeat(1200));
    Reply::status(200)
        .header("content-type", "text/html")
        .body(page)
}

/// Relay, app and the developer's machine.
#[derive(Debug)]
pub struct Stage {
    relay: TestRelay,
    app: App,
    home: Home,
}

/// What was sent, and where it arrived.
#[derive(Debug, Default)]
pub struct Summary {
    notifications: usize,
    acknowledged: usize,
    stored: usize,
    delivered: usize,
    forwarded: usize,
    /// Verdicts with their reasons; none when the client showed them on the terminal.
    verdicts: BTreeMap<(String, String), usize>,
}

impl Summary {
    /// Returns whether everything that was sent is everywhere it should be.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        // The validation request is the relay's.
        let all = self.notifications + 1;
        [
            self.acknowledged,
            self.stored,
            self.delivered,
            self.forwarded + 1,
        ] == [all; 4]
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in [
            ("sent by RingCentral", self.notifications + 1),
            ("answered right", self.acknowledged),
            ("in the relay's journal", self.stored),
            ("in the history", self.delivered),
            ("forwarded to the app", self.forwarded),
        ] {
            writeln!(f, "  {name:<23} {count}")?;
        }
        for ((verdict, reason), count) in &self.verdicts {
            writeln!(f, "  verdict {verdict:<15} {count}  {reason}")?;
        }
        Ok(())
    }
}

impl Stage {
    /// Starts relay and app.
    ///
    /// # Errors
    /// When the relay does not start.
    pub async fn set() -> anyhow::Result<Self> {
        let relay = TestRelay::start().await?;
        let token = relay.account(ENDPOINT).await?;
        let home = Home::new(&relay, &token)?;
        let app = App::replying(reply);
        Ok(Self { relay, app, home })
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

    /// Plays everything once with a client that prints JSON.
    ///
    /// # Errors
    /// When the client does not start or a request gets no answer.
    pub async fn plain(&self, say: fn(String)) -> anyhow::Result<Summary> {
        let arguments = [&self.app_url(), "--endpoint", ENDPOINT];
        let client = self.home.listen(&arguments).await?;
        let url = client.url()?;
        say(format!(
            "The endpoint is {url}, whether or not the client runs."
        ));
        let caller = self.relay.caller()?;
        let mut summary = Summary::default();
        summary.validate(&caller, &url).await?;
        say("  validated, as a new subscription is".to_owned());
        for (label, body) in notifications() {
            let status = summary.notify(&caller, &url, &body).await?;
            say(format!("  {label} --> {status}"));
        }
        // A shortfall is the summary's to show.
        let whole = eventually!(
            within PATIENCE,
            client.count_of("attempt") >= summary.notifications
                && client.count_of("event") > summary.notifications,
            "every event and attempt"
        );
        if whole.is_err() {
            say(format!("the client's log:\n{}", client.log()));
        }
        self.finish(summary, Some(&client))
    }

    /// Plays again and again while a client has the terminal, until its user quits.
    ///
    /// # Errors
    /// When the client does not start, or ends with an error.
    pub async fn terminal(&self) -> anyhow::Result<Summary> {
        let ready = self.home.path().join("ready.json");
        let mut command = self.home.command(["listen", &self.app_url()])?;
        command
            .args(["--endpoint", ENDPOINT, "--output", "tui", "--ready-file"])
            .arg(&ready)
            .kill_on_drop(true);
        keep_terminal(&mut command);
        let mut client = command.spawn().context("the client could not be started")?;
        let mut summary = Summary::default();
        let playing = async {
            let what = || "the client's ready file".into();
            let url = async || url_in(&std::fs::read(&ready).ok()?);
            let url = wait::until(PATIENCE, what, url).await?;
            let caller = self.relay.caller()?;
            summary.validate(&caller, &url).await?;
            let mut pace = interval(PACE);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                for (_, body) in notifications() {
                    pace.tick().await;
                    summary.notify(&caller, &url, &body).await?;
                }
            }
        };
        let status = tokio::select! {
            status = client.wait() => status?,
            failed = playing => return failed,
        };
        ensure!(status.success(), "the client ended with {status}");
        self.finish(summary, None)
    }

    fn finish(&self, mut sent: Summary, client: Option<&TestClient>) -> anyhow::Result<Summary> {
        let mut verdicts = BTreeMap::new();
        for line in client.map_or(Vec::new(), |client| client.lines_of("attempt")) {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let verdict = (text("verdict"), text("verdict_reason"));
            *verdicts.entry(verdict).or_default() += 1;
        }
        sent.stored = stores::journal(self.relay.data())?.len();
        sent.delivered = stores::history_len(&self.home.data())?;
        sent.forwarded = self.app.count();
        sent.verdicts = verdicts;
        Ok(sent)
    }
}

impl Summary {
    async fn validate(&mut self, caller: &FakeRingCentral, url: &str) -> anyhow::Result<()> {
        let answer = caller.post(url, &Hook::validation(TOKEN)).await?;
        self.acknowledged += usize::from(validation::check(&answer, TOKEN).is_ok());
        Ok(())
    }

    async fn notify(
        &mut self,
        caller: &FakeRingCentral,
        url: &str,
        body: &Value,
    ) -> anyhow::Result<u16> {
        self.notifications += 1;
        let hook = Hook::notification(compact(body)).below("/ringcentral");
        let answer = caller.post(url, &hook).await?;
        let right = answer.status == 200 && answer.body.is_empty();
        self.acknowledged += usize::from(right);
        Ok(answer.status)
    }
}

fn keep_terminal(command: &mut Command) {
    for name in TERMINAL {
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
