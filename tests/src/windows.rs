//! `ringtail.exe` under wine, beside a relay and an app of this system.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use ringtail_kit::app::{App, Reply};
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;
use ringtail_properties::payloads::{self, compact};
use serde_json::Value;

use crate::client::{Home, TestClient};
use crate::hooks;
use crate::relay::TestRelay;
use crate::terminal::Terminal;
use crate::wine::Wine;

const ENDPOINT: &str = "hooks";

/// Words of a message. wine's console shifts cells, so that not all are in one piece.
const MESSAGE: [&str; 4] = ["Ahoy", "harbour", "tomorrow", "morning"];

/// What the help says.
const HELP: [&str; 5] = [
    "Keys and signs",
    "with a comment",
    "complete the word",
    "stop replaying",
    "this help",
];

/// What was tried, and what was seen.
#[derive(Debug)]
pub struct Row {
    title: &'static str,
    took: Duration,
    seen: anyhow::Result<String>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, seen) = match &self.seen {
            Ok(seen) => ("ok", seen.clone()),
            Err(error) => ("FAILED", format!("{error:#}")),
        };
        let took = self.took.as_secs_f64();
        write!(f, "{word:<7} {:<18} {took:5.1} s  {seen}", self.title)
    }
}

/// Tries each thing, and shows a row for it. Returns whether all work.
///
/// # Errors
/// When wine or the relay does not start.
pub async fn run(client: &Path, mut show: impl FnMut(&Row)) -> anyhow::Result<bool> {
    let mut scene = Scene::start(client).await?;
    let mut clean = true;
    macro_rules! tries {
        ($($title:literal: $case:ident),* $(,)?) => {$(
            let began = Instant::now();
            let seen = Box::pin(scene.$case()).await;
            clean &= seen.is_ok();
            show(&Row { title: $title, took: began.elapsed(), seen });
        )*};
    }
    tries! {
        "version": version,
        "login": login,
        "doctor": doctor,
        "listen": listen,
        "validation": validation,
        "forward": forward,
        "history": history,
        "export": export,
        "replay": replay,
        "second listener": second_listener,
        "pending, drain": drain,
        "relay killed": relay_killed,
        "client killed": client_killed,
        "Ctrl-C": interrupted,
        "files": files,
        "terminal UI": terminal,
        "log": log,
    }
    Ok(clean)
}

struct Scene {
    wine: Arc<Wine>,
    relay: TestRelay,
    app: App,
    home: Home,
    client: Option<TestClient>,
    /// What was posted and has to be at the app, in order.
    posted: Vec<Bytes>,
}

impl Scene {
    async fn start(client: &Path) -> anyhow::Result<Self> {
        let wine = Arc::new(Wine::start(client).await?);
        let relay = TestRelay::start().await?;
        let token = relay.account("dev").await?;
        let mut app = App::down(|_| Reply::status(200));
        app.up();
        Ok(Self {
            home: Home::new(&relay, &token)?.on(Arc::clone(&wine)),
            wine,
            relay,
            app,
            client: None,
            posted: Vec::new(),
        })
    }

    async fn version(&mut self) -> anyhow::Result<String> {
        let version = self.home.stdout(["--version"]).await?;
        let meaning = self.home.stdout(["explain", "SUB-525"]).await?;
        ensure!(meaning.starts_with(b"SUB-525"), "{}", text(&meaning));
        Ok(text(&version).trim().to_owned())
    }

    /// From here on, the token is in the file.
    async fn login(&mut self) -> anyhow::Result<String> {
        self.home.stdout(["login", self.relay.url()]).await?;
        self.home = self.home.clone().token(None);
        Ok(format!("at {}", self.relay.url()))
    }

    async fn doctor(&mut self) -> anyhow::Result<String> {
        let app = self.app.url("");
        let output = self.home.run(["doctor", "--output", "json", &app]).await?;
        let printed: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| text(&output.stderr).into_owned())?;
        ensure!(printed["ready"] == true, "{printed:#}");
        let rows = printed["rows"].as_array().map_or(0, Vec::len);
        Ok(format!("{rows} rows, none failed"))
    }

    async fn listen(&mut self) -> anyhow::Result<String> {
        let app = self.app.url("/base");
        let client = self.home.listen(&[&app, "--endpoint", ENDPOINT]).await?;
        let url = client.url()?;
        self.client = Some(client);
        Ok(url)
    }

    async fn validation(&mut self) -> anyhow::Result<String> {
        let url = self.client()?.url()?;
        let token = hooks::fresh_uuid();
        let answer = (self.relay.caller()?.post(&url, &Hook::validation(&token))).await?;
        ensure!(answer.status == 200, "{answer:?}");
        let echoed = answer.header("validation-token");
        ensure!(echoed == Some(token.as_bytes()), "{answer:?}");
        let lines = || self.client().map(|it| it.lines_of("event"));
        let shown = || lines().is_ok_and(|it| it.iter().any(|it| it["kind"] == "validation"));
        eventually!(shown(), "the validation at the client")?;
        Ok("200 with the token; shown by the client".to_owned())
    }

    async fn forward(&mut self) -> anyhow::Result<String> {
        let mut bodies: Vec<Bytes> = payloads::all().into_iter().map(|it| it.body).collect();
        bodies.push(Bytes::from_static(b"\x00\x01\r\n\x1a\xff{"));
        let count = bodies.len();
        self.post(bodies).await?;
        self.arrived().await?;
        Ok(format!("{count} notifications, every byte"))
    }

    async fn history(&mut self) -> anyhow::Result<String> {
        let delivered = self.events("status:200").await?;
        let posted = self.posted.len();
        ensure!(delivered == posted, "{delivered} of {posted} events");
        let plain = self.home.stdout(["events", "list", "sms"]).await?;
        ensure!(text(&plain).contains("SMS"), "{}", text(&plain));
        Ok(format!("{delivered} events, each with status 200"))
    }

    /// Writes the bytes of the newest event by stdout and into a file.
    async fn export(&mut self) -> anyhow::Result<String> {
        let last = self.last().await?;
        let shown = (self.home.stdout(["events", "show", &last, "--raw"])).await?;
        let expected = self.posted.last().context("nothing was posted")?;
        ensure!(shown == *expected, "{}", shown.escape_ascii());
        let file = self.home.path().join("body");
        let to = Wine::path(&file);
        let export = ["export", &last, "--as", "raw", "--to", &to];
        self.home.stdout(export).await?;
        let written = std::fs::read(file)?;
        ensure!(written.ends_with(expected), "{}", written.escape_ascii());
        let har = self.home.stdout(["export", &last, "--as", "har"]).await?;
        let har: Value = serde_json::from_slice(&har)?;
        let entries = har["log"]["entries"].as_array().map_or(0, Vec::len);
        ensure!(entries == 1, "{har}");
        Ok("raw to stdout and to a file, and har".to_owned())
    }

    async fn replay(&mut self) -> anyhow::Result<String> {
        let last = self.last().await?;
        self.home.stdout(["replay", &last]).await?;
        let seen = self.app.seen();
        let replayed = seen.last().context("nothing came")?;
        let marked = !replayed.header("ringtail-replay").is_empty();
        ensure!(marked && Some(&replayed.body) == self.posted.last());
        self.forget();
        Ok("the same bytes again, marked".to_owned())
    }

    async fn second_listener(&mut self) -> anyhow::Result<String> {
        let second = ["listen", "--output", "json", "--endpoint", ENDPOINT];
        let output = self.home.run(second).await?;
        // Not its exit code: wine sometimes says 0 of a program with threads.
        let said = text(&output.stderr);
        ensure!(said.contains("RT-406"), "{said}");
        Ok("refused with RT-406".to_owned())
    }

    async fn drain(&mut self) -> anyhow::Result<String> {
        self.app.go_down().await;
        let bodies: Vec<Bytes> = (0..6).map(|it| hooks::numbered(0, it)).collect();
        let count = bodies.len();
        self.post(bodies).await?;
        let pending = |line: &Value| line["state"] == "down" && line["pending"] == count;
        let is_pending = || {
            let targets = self.client().map(|it| it.lines_of("target"));
            targets.is_ok_and(|it| it.last().is_some_and(pending))
        };
        eventually!(is_pending(), "{count} pending events")?;
        self.app.up();
        self.arrived().await?;
        Ok(format!(
            "{count} kept while the app was down, then in order"
        ))
    }

    async fn relay_killed(&mut self) -> anyhow::Result<String> {
        self.relay.restart().await?;
        let began = Instant::now();
        self.post(vec![hooks::numbered(1, 0)]).await?;
        self.arrived().await?;
        let took = began.elapsed().as_secs_f64();
        Ok(format!("forwards {took:.1} s after the relay is back"))
    }

    async fn client_killed(&mut self) -> anyhow::Result<String> {
        self.settled().await?;
        self.client_mut()?.kill().await?;
        self.post((1..4).map(|it| hooks::numbered(1, it)).collect())
            .await?;
        self.client_mut()?.resume().await?;
        self.arrived().await?;
        Ok("3 missed events forwarded after a new start".to_owned())
    }

    async fn interrupted(&mut self) -> anyhow::Result<String> {
        let client = self.client_mut()?;
        // wine makes a CTRL_C_EVENT of it.
        client.signal("-INT").await?;
        let code = client.ended().await?;
        ensure!(code == Some(0), "{code:?}: {}", client.log());
        let stopped = |line: &Value| line["state"] == "stopped";
        let last = client.lines_of("link").pop();
        ensure!(last.as_ref().is_some_and(stopped), "{last:?}");
        Ok("exit code 0, the link closed".to_owned())
    }

    /// The history is not in the roaming profile.
    async fn files(&mut self) -> anyhow::Result<String> {
        let profile = self.wine.profile()?.join("AppData");
        for file in ["Local/ringtail/history.db", "Roaming/ringtail/login.toml"] {
            let found = tokio::fs::try_exists(profile.join(file)).await?;
            ensure!(found, "there is no {file}");
        }
        let roaming = std::fs::read_dir(profile.join("Roaming/ringtail"))?;
        let names: Vec<_> = roaming.flatten().map(|it| it.file_name()).collect();
        ensure!(names == ["login.toml"], "{names:?} in the roaming profile");
        Ok("history and log in AppData\\Local, login in AppData\\Roaming".to_owned())
    }

    async fn terminal(&mut self) -> anyhow::Result<String> {
        let words = self.home.client()?.into_iter();
        let words: Vec<String> = words.map(|it| format!("'{}'", it.display())).collect();
        let (words, app) = (words.join(" "), self.app.url("/base"));
        let script = format!(
            "echo before\n{words} listen {app} --endpoint {ENDPOINT}; code=$?; printf '\\r\\nleft with %s\\n' \"$code\"; read line\n"
        );
        let terminal = Terminal::run(&self.home, &script).await?;
        terminal.shows("connected").await?;
        let shows = async |words: &[&str]| {
            let screen = terminal.screen().await;
            words.iter().any(|it| screen.contains(it))
        };
        let sms = hooks::sms("163823379859", 0, &MESSAGE.join(" "));
        self.post(vec![compact(&sms)]).await?;
        eventually!(shows(&MESSAGE).await, "the message on the screen")?;
        terminal.press("?").await?;
        eventually!(shows(&HELP).await, "the help on the screen")?;
        terminal.press("Escape").await?;
        terminal.press("q").await?;
        terminal.shows("left with 0").await?;
        let modes = "#{alternate_on}#{mouse_any_flag}#{cursor_flag}";
        let modes = terminal.tmux(&["display-message", "-p", modes]).await?;
        ensure!(modes.trim() == "001", "{modes}");
        ensure!(terminal.screen().await.contains("before"));
        Ok("draws, takes keys, restores the terminal".to_owned())
    }

    async fn log(&mut self) -> anyhow::Result<String> {
        let log = self.wine.profile()?.join("AppData/Local/ringtail/log");
        let mut lines = 0;
        for entry in std::fs::read_dir(log)? {
            let log = tokio::fs::read_to_string(entry?.path()).await?;
            for line in log.lines() {
                lines += 1;
                let bad = [" WARN ", " ERROR "].iter().any(|it| line.contains(it));
                // The app was down, and the relay was killed.
                let is_caused = line.contains("target") || line.contains("link");
                ensure!(!bad || is_caused, "{line}");
            }
        }
        ensure!(lines > 0, "the log is empty");
        Ok(format!("{lines} lines, no unexpected warning"))
    }

    fn client(&self) -> anyhow::Result<&TestClient> {
        self.client.as_ref().context("the client does not listen")
    }

    fn client_mut(&mut self) -> anyhow::Result<&mut TestClient> {
        self.client.as_mut().context("the client does not listen")
    }

    async fn post(&mut self, bodies: Vec<Bytes>) -> anyhow::Result<()> {
        let url = self.client()?.url()?;
        let mut connection = self.relay.caller()?.connect(&url).await?;
        for body in bodies {
            let answer = connection.post(&Hook::notification(body.clone())).await?;
            ensure!(answer.status == 200, "{answer:?}");
            self.posted.push(body);
        }
        Ok(())
    }

    /// Waits until the app has what was posted, once.
    async fn arrived(&self) -> anyhow::Result<()> {
        let bodies = || -> Vec<Bytes> { self.app.seen().into_iter().map(|it| it.body).collect() };
        let count = self.posted.len();
        eventually!(
            bodies().len() >= count,
            "{count} requests at the app; it has {}",
            bodies().len()
        )?;
        let (mut expected, mut seen) = (self.posted.clone(), bodies());
        // Each conversation has its order; the numbered ones are one after the other.
        let numbers = |bodies: &[Bytes]| -> Vec<u64> {
            bodies
                .iter()
                .filter_map(|it| hooks::number_of(it))
                .collect()
        };
        ensure!(numbers(&expected) == numbers(&seen), "{:?}", numbers(&seen));
        expected.sort();
        seen.sort();
        ensure!(expected == seen, "the app got something else");
        Ok(())
    }

    /// Forgets what was replayed.
    fn forget(&mut self) {
        self.app.forget();
        self.posted.clear();
    }

    /// Waits until the attempts at all events are stored: one that is not is made again.
    async fn settled(&self) -> anyhow::Result<()> {
        let client = self.client()?;
        let counts = || {
            let mut events = client.lines_of("event");
            events.retain(|it| it["kind"] != "validation");
            let mut attempts = client.lines_of("attempt");
            attempts.retain(|it| it["cause"] != "replay");
            (events.len(), attempts.len())
        };
        eventually!(
            counts().0 == counts().1,
            "attempts at all events: {:?}",
            counts()
        )
    }

    async fn events(&self, filter: &str) -> anyhow::Result<usize> {
        let list = ["events", "list", "--output", "json", "--limit", "1000"];
        let output = self.home.stdout([&list[..], &[filter]].concat()).await?;
        Ok(text(&output).lines().count())
    }

    /// Returns the number of the newest event.
    async fn last(&self) -> anyhow::Result<String> {
        let list = ["events", "list", "--output", "json"];
        let output = self.home.stdout(list).await?;
        let events = text(&output)
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).map(|it| it["seq"].as_u64()))
            .collect::<Result<Vec<_>, _>>()?;
        match events.into_iter().flatten().max() {
            Some(last) => Ok(last.to_string()),
            None => bail!("the history is empty"),
        }
    }
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
