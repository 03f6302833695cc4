//! A day at the developer's desk in a minute: relay, app, client, and RingCentral calling.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, ensure};
use memchr::memmem;
use ringtail_kit::app::{App, Reply, Seen};
use ringtail_kit::cloud::Cloud;
use ringtail_kit::eventually;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval};

use crate::client::{Home, TestClient};
use crate::relay::TestRelay;
use crate::{hooks, process, stores};

const ENDPOINT: &str = "demo";

/// The client creates the subscription.
const SUBSCRIBE: [&str; 4] = ["--subscribe", "sms", "calls", "voicemail"];

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

/// Relay, RingCentral's API, app and the developer's machine, which is logged in to both.
#[derive(Debug)]
pub struct Stage {
    relay: TestRelay,
    cloud: Cloud,
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
        let cloud = Cloud::start(&std::fs::read(relay.ca())?)?;
        let stage = Self {
            relay,
            cloud,
            app,
            home,
        };
        stage.log_in().await?;
        Ok(stage)
    }

    async fn log_in(&self) -> anyhow::Result<()> {
        let mut command = self.home.command(["subscriptions", "login"])?;
        command.envs(self.cloud.login());
        let output = process::output(command).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "no login: {said}");
        Ok(())
    }

    /// Waits for the client's subscription, which RingCentral creates after it has validated the endpoint.
    async fn subscribed(&self) -> anyhow::Result<()> {
        let created = || !self.cloud.subscriptions().is_empty();
        eventually!(within PATIENCE, created(), "the subscription")
    }

    /// Returns the URL of RingCentral's API.
    #[must_use]
    pub fn cloud_url(&self) -> String {
        self.cloud.url()
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
        let app = self.app_url();
        let mut arguments = vec![app.as_str(), "--endpoint", ENDPOINT];
        arguments.extend(SUBSCRIBE);
        let client = self.home.listen(&arguments).await?;
        let url = client.url()?;
        say(format!(
            "The endpoint is {url}, whether or not the client runs."
        ));
        let mut summary = Summary::default();
        self.subscribed().await?;
        summary.acknowledged += 1;
        say("  subscription created; RingCentral validated the endpoint".to_owned());
        for (label, body) in notifications() {
            let status = self.notify(&mut summary, body).await?;
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
        let mut command = self.home.command(["listen", &self.app_url()])?;
        command
            .args(["--endpoint", ENDPOINT, "--output", "tui"])
            .args(SUBSCRIBE)
            .kill_on_drop(true);
        keep_terminal(&mut command);
        let mut client = command.spawn().context("the client could not be started")?;
        let mut summary = Summary::default();
        let playing = async {
            self.subscribed().await?;
            summary.acknowledged += 1;
            let mut pace = interval(PACE);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                for (_, body) in notifications() {
                    pace.tick().await;
                    self.notify(&mut summary, body).await?;
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

    /// Sends an event of the subscription, as RingCentral does.
    async fn notify(&self, summary: &mut Summary, mut body: Value) -> anyhow::Result<u16> {
        let subscription = self.cloud.subscriptions().into_iter().next();
        let id = subscription.context("the subscription is gone")?.id;
        body["subscriptionId"] = id.as_str().into();
        summary.notifications += 1;
        let status = self.cloud.notify(&id, &body).await?;
        summary.acknowledged += usize::from(status == 200);
        Ok(status)
    }

    fn finish(&self, mut sent: Summary, client: Option<&TestClient>) -> anyhow::Result<Summary> {
        let mut verdicts = BTreeMap::new();
        for line in client.map_or(Vec::new(), |client| client.lines_of("attempt")) {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let verdict = (text("verdict"), text("verdict_reason"));
            *verdicts.entry(verdict).or_default() += 1;
        }
        sent.stored = stores::journal(&self.relay)?.len();
        sent.delivered = stores::history_len(&self.home.data())?;
        sent.forwarded = self.app.count();
        sent.verdicts = verdicts;
        Ok(sent)
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
