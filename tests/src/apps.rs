//! RingCentral's own software behind a relay: bot frameworks from npm and PyPI, quick starts from a checkout of its samples.

mod subscribers;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use ringtail_kit::cloud::{Cloud, EXTENSION};
use ringtail_kit::eventually;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::bench::peers::{accepts, free_address, installed};
use crate::client::{Home, TestClient};
use crate::process::Process;
use crate::relay::TestRelay;

/// How long an installation may take: sqlite3 may be compiled.
const INSTALL_TIME: Duration = Duration::from_secs(900);

/// Names a checkout of RingCentral's samples, which no registry has.
const SAMPLES: &str = "RINGCENTRAL_API_DOCS";

/// Seconds that the client waits for an app that never answers.
const ANSWER_SECONDS: &str = "4";

/// Lines of an app that are shown after each scenario.
const MAX_SHOWN: usize = 6;

/// A program of RingCentral's.
struct Program {
    name: &'static str,
    /// The file that starts it, and where its text is.
    file: (&'static str, Source),
    install: Install,
    paths: Paths,
    scenarios: &'static [&'static str],
    /// Whether RingCentral would accept its answers. The quick starts in JavaScript and Python never answer a
    /// notification, and the one in PHP answers with more than 1024 bytes.
    answers: bool,
}

enum Source {
    /// Ours: what a framework's guide tells its user to write.
    Own(&'static str),
    /// A file below `code-samples` of RingCentral's `ringcentral-api-docs`.
    Sample(&'static str),
}

impl Source {
    /// Returns the text; a sample's port 5000 becomes `port`.
    fn text(&self, port: u16) -> anyhow::Result<String> {
        match self {
            Self::Own(text) => Ok((*text).to_owned()),
            Self::Sample(path) => {
                let checkout = std::env::var_os(SAMPLES).with_context(|| {
                    format!("set {SAMPLES} to a checkout of ringcentral/ringcentral-api-docs")
                })?;
                let path = Path::new(&checkout).join("code-samples").join(path);
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                Ok(text.replace("5000", &port.to_string()))
            }
        }
    }
}

enum Install {
    /// Nothing but its interpreter.
    Nothing(&'static str),
    Npm(&'static [&'static str]),
    /// The program that runs the file, and packages.
    Pip(&'static str, &'static [&'static str]),
}

struct Paths {
    oauth: &'static str,
    webhook: &'static str,
    submit: &'static str,
}

const NO_PATHS: Paths = Paths {
    oauth: "",
    webhook: "",
    submit: "",
};

const QUICK_START: Paths = Paths {
    oauth: "",
    webhook: "/webhook",
    submit: "",
};

const EVENTS: &[&str] = &[
    "validation",
    "sms.inbound",
    "call.inbound-answered",
    "renewal.reminder",
];
/// A private bot's life, and then a public one's install. The double validates the address when the bot subscribes.
const BOT: &[&str] = &[
    "bot.token",
    "bot.group-joined-private",
    "team.post-added",
    "interactive.submit",
    "extension.deleted",
    "bot.code",
];
const INTERACTIVE_LAST: &str = "interactive.submit";

const PROGRAMS: [Program; 7] = [
    Program {
        name: "quick start, JavaScript",
        file: ("server.js", Source::Sample("webhooks/webhook-server.js")),
        install: Install::Nothing("node"),
        paths: QUICK_START,
        scenarios: EVENTS,
        answers: false,
    },
    Program {
        name: "quick start, Python",
        file: ("server.py", Source::Sample("webhooks/webhook-server.py")),
        install: Install::Nothing("python3"),
        paths: QUICK_START,
        scenarios: EVENTS,
        answers: false,
    },
    Program {
        name: "quick start, PHP",
        file: ("server.php", Source::Sample("webhooks/webhook-server.php")),
        install: Install::Nothing("php"),
        paths: NO_PATHS,
        scenarios: EVENTS,
        answers: false,
    },
    Program {
        name: "private-bot.js",
        file: ("bot.js", Source::Sample("team-messaging/private-bot.js")),
        install: Install::Npm(&["@ringcentral/sdk", "express", "body-parser", "dotenv"]),
        paths: Paths {
            oauth: "/oauth",
            webhook: "/webhook-callback",
            submit: "/user-submit",
        },
        scenarios: &[
            "bot.token",
            "bot.group-joined-private",
            "team.post-added",
            "interactive.submit",
            "extension.deleted",
        ],
        answers: true,
    },
    Program {
        name: "ringcentral-chatbot 2.1.5",
        file: (
            "bot.js",
            Source::Own(
                "const createApp = require('ringcentral-chatbot/dist/apps').default\n\
             const { Bot, Service, Cache } = require('ringcentral-chatbot/dist/models')\n\
             const app = createApp(async event => { console.log('event', event.type); return true })\n\
             ;(async () => {\n\
               const create = Bot.create.bind(Bot)\n\
               Bot.create = values => create({ ...values, id: String(values.id) })\n\
               for (const model of [Bot, Service, Cache]) await model.sync()\n\
               app.listen(Number(process.env.PORT))\n\
             })()\n",
            ),
        ),
        // SQLite would keep a number of this size with a fraction, and PostgreSQL does not: hence `create` above.
        install: Install::Npm(&["ringcentral-chatbot@2.1.5", "sqlite3@5"]),
        paths: Paths {
            oauth: "/bot/oauth",
            webhook: "/bot/webhook",
            submit: "/bot/submit",
        },
        scenarios: BOT,
        answers: true,
    },
    Program {
        name: "ringcentral-chatbot-core 1.6.1 with @rc-ex/core 1.3.7",
        file: (
            "bot.js",
            Source::Own(
                "const express = require('express')\n\
             const { extendApp } = require('ringcentral-chatbot-core')\n\
             const conf = { adminRoute: '/admin', botRoute: '/bot', models: {} }\n\
             const models = require('ringcentral-chatbot-core/dist/models').default\n\
             const app = extendApp(express(), [], async event => { console.log('event', event.type) }, conf)\n\
             ;(async () => {\n\
               for (const name in models) await models[name].sync()\n\
               app.listen(Number(process.env.PORT))\n\
             })()\n",
            ),
        ),
        install: Install::Npm(&[
            "ringcentral-chatbot-core@1.6.1",
            "@rc-ex/core@1.3.7",
            "sqlite3@5",
        ]),
        paths: Paths {
            oauth: "/bot/oauth",
            webhook: "/bot/webhook",
            submit: "",
        },
        scenarios: &[
            "bot.token",
            "bot.group-joined-private",
            "team.post-added",
            "extension.deleted",
            "bot.code",
        ],
        answers: true,
    },
    Program {
        name: "ringcentral-bot-framework 0.7.2 with ringcentral-chatbot-server",
        file: (
            "bot.py",
            Source::Own(
                "def botGotPostAddAction(bot, groupId, creatorId, user, text, dbAction, handledByExtension, event):\n\
             \x20   print('event PostAdded', text, flush=True)\n\
             def botAuthAction(bot, dbAction):\n\
             \x20   print('event BotAdded', flush=True)\n\
             def onInteractiveMessage(bot, groupId, userInfo, data, dbAction, handledByExtension, event):\n\
             \x20   print('event UserSubmit', flush=True)\n",
            ),
        ),
        install: Install::Pip(
            "rcs",
            &[
                "ringcentral-bot-framework==0.7.2",
                "ringcentral-chatbot-server",
            ],
        ),
        paths: Paths {
            oauth: "/bot-oauth",
            webhook: "/bot-webhook",
            submit: "/interactive",
        },
        scenarios: BOT,
        answers: true,
    },
];

/// Runs every program and says what happened. Returns whether all did what they should.
///
/// # Errors
/// When the relay or the client cannot be started.
pub async fn run(only: &str, say: impl Fn(String)) -> anyhow::Result<bool> {
    let relay = TestRelay::start().await?;
    let token = relay.account("dev").await?;
    let cloud = Cloud::start(&std::fs::read(relay.ca())?)?;
    cloud.rules(|rules| {
        rules.bots = true;
        rules.limits_rates = false;
    });
    cloud.reach(relay.address());
    let mut all_well = true;
    let programs = PROGRAMS.iter().enumerate();
    for (number, program) in programs.filter(|(_, it)| it.name.contains(only)) {
        say(format!("\n{}", program.name));
        let home = Home::new(&relay, &token)?;
        let address = free_address()?;
        let (file, source) = &program.file;
        let installed = install(&program.install, file, source, home.path(), address.port());
        let command = match installed.await {
            Ok(command) => command,
            Err(why) => {
                say(format!("  skipped: {why:#}"));
                continue;
            }
        };
        let well = program
            .play(
                &format!("app-{number}"),
                &home,
                &cloud,
                address,
                command,
                &say,
            )
            .await;
        if let Err(error) = &well {
            say(format!("  FAILED: {error:#}"));
        }
        all_well &= well.is_ok();
    }
    let home = Home::new(&relay, &token)?;
    Ok(subscribers::run(only, &home, &cloud, &say).await? && all_well)
}

impl Program {
    async fn play(
        &self,
        endpoint: &str,
        home: &Home,
        cloud: &Cloud,
        address: SocketAddr,
        mut command: Command,
        say: &impl Fn(String),
    ) -> anyhow::Result<()> {
        let target = format!("http://{address}");
        let listen = [&target, "--endpoint", endpoint, "--timeout", ANSWER_SECONDS];
        let mut client = home.listen(&listen).await?;
        let url = client.url()?;
        for (name, value) in environment(cloud, &url) {
            command.env(name, value);
        }
        command
            .env("HOST", "127.0.0.1")
            .env("PORT", address.port().to_string());
        let process = Process::spawn("app", command)?.ending_with_children();
        accepts(&process, "the app", address).await?;
        let mut problems = Vec::new();
        for scenario in self.scenarios {
            let (printed, logged) = (
                process.lines().since(0).len(),
                process.log().lines().count(),
            );
            let told = self.simulate(home, cloud, &client, &url, scenario).await?;
            say(format!("  {scenario}"));
            for line in &told.lines {
                say(format!("    {line}"));
            }
            let log = process.log();
            let log = log.lines().skip(logged).map(str::to_owned);
            let lines = process.lines().since(printed).into_iter().chain(log);
            for line in lines.take(MAX_SHOWN) {
                let short: String = line.chars().take(100).collect();
                say(format!("    app: {}", short.escape_debug()));
            }
            if self.answers {
                problems.extend(told.problems);
            }
            ensure!(
                process.pid().is_some_and(is_alive),
                "the app ended by itself after {scenario}"
            );
        }
        client.stop().await?;
        if !problems.is_empty() {
            bail!("{}", problems.join("; "));
        }
        Ok(())
    }

    /// Plays a scenario and waits for its attempts.
    async fn simulate(
        &self,
        home: &Home,
        cloud: &Cloud,
        client: &TestClient,
        url: &str,
        scenario: &str,
    ) -> anyhow::Result<Told> {
        let (events, attempts) = (client.count_of("event"), client.count_of("attempt"));
        let webhook = match scenario {
            INTERACTIVE_LAST => self.paths.submit,
            _ => self.paths.webhook,
        };
        let mut words = vec!["simulate", scenario, "--to", url, "--output", "json"];
        words.extend(["--no-wait", "--no-validation", "--extension", EXTENSION]);
        let data = format!("data={{\"botId\":\"{EXTENSION}\",\"groupId\":\"1\"}}");
        words.extend(["--set", &data]);
        // A bot deletes its subscription, which it knows by the event.
        let own = cloud
            .subscriptions()
            .into_iter()
            .rfind(|it| it.address.starts_with(url));
        let subscription = own.map(|it| format!("subscription={}", it.id));
        if let Some(subscription) = &subscription {
            words.extend(["--set", subscription]);
        }
        if !webhook.is_empty() {
            words.extend(["--webhook-path", webhook]);
        }
        if !self.paths.oauth.is_empty() {
            words.extend(["--oauth-path", self.paths.oauth]);
        }
        let output = home.run(words).await?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let sent: Vec<Value> = printed
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &Value| line["type"] == "simulated")
            .collect();
        ensure!(
            !sent.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        // The relay answers validations itself, and the client forwards none of them.
        let forwarded = sent
            .iter()
            .filter(|it| it["callback"] != "validation")
            .count();
        eventually!(
            client.count_of("attempt") >= attempts + forwarded,
            "{forwarded} attempts of {scenario}"
        )?;
        let mut told = Told::default();
        for line in &sent {
            let (name, status) = (&line["name"], &line["status"]);
            told.lines
                .push(format!("sent {name}: {status} {}", line["verdict"]));
            if line["as_expected"] == false {
                told.problems
                    .push(format!("{scenario}: {name} {status} {}", line["problems"]));
            }
        }
        for attempt in client.lines_of("attempt").iter().skip(attempts) {
            let verdict = attempt["verdict"].as_str().unwrap_or_default();
            told.lines
                .push(format!("app answered {} {verdict}", attempt["status"]));
            if verdict != "ok" {
                told.problems.push(format!("{scenario}: {verdict}"));
            }
        }
        eventually!(client.count_of("event") > events, "an event of {scenario}")?;
        Ok(told)
    }
}

#[derive(Default)]
struct Told {
    lines: Vec<String>,
    problems: Vec<String>,
}

/// What the frameworks read, all of them.
fn environment(cloud: &Cloud, url: &str) -> Vec<(&'static str, String)> {
    let (id, secret) = ("example-client-id", "example-client-secret");
    vec![
        ("RINGCENTRAL_SERVER", cloud.url()),
        ("RINGCENTRAL_CHATBOT_SERVER", url.to_owned()),
        ("RINGCENTRAL_CHATBOT_CLIENT_ID", id.to_owned()),
        ("RINGCENTRAL_CHATBOT_CLIENT_SECRET", secret.to_owned()),
        ("RINGCENTRAL_CHATBOT_ADMIN_USERNAME", "admin".to_owned()),
        ("RINGCENTRAL_CHATBOT_ADMIN_PASSWORD", "password".to_owned()),
        (
            "RINGCENTRAL_CHATBOT_DATABASE_CONNECTION_URI",
            "sqlite::memory:".to_owned(),
        ),
        ("RINGCENTRAL_BOT_SERVER", url.to_owned()),
        ("RINGCENTRAL_BOT_CLIENT_ID", id.to_owned()),
        ("RINGCENTRAL_BOT_CLIENT_SECRET", secret.to_owned()),
        ("DB_TYPE", "file".to_owned()),
        ("RC_SERVER_URL", cloud.url()),
        ("RC_APP_CLIENT_ID", id.to_owned()),
        ("RC_APP_CLIENT_SECRET", secret.to_owned()),
        (
            "WEBHOOK_DELIVERY_ADDRESS",
            format!("{url}/webhook-callback"),
        ),
    ]
}

/// Installs a program into a folder and returns the command that starts it.
async fn install(
    how: &Install,
    file: &str,
    source: &Source,
    folder: &Path,
    port: u16,
) -> anyhow::Result<Command> {
    std::fs::write(folder.join(file), source.text(port)?)?;
    let find = |name: &str| installed(name).with_context(|| format!("{name} is not installed"));
    let mut command = match how {
        Install::Nothing("php") => {
            let mut command = Command::new(find("php")?);
            command.args(["-S", &format!("127.0.0.1:{port}")]);
            command
        }
        Install::Nothing(interpreter) => Command::new(find(interpreter)?),
        Install::Npm(packages) => {
            let mut npm = Command::new(find("npm")?);
            npm.args(["install", "--no-audit", "--no-fund", "--prefix"])
                .arg(folder)
                // Where npm has to compile SQLite: a minute instead of twelve.
                .envs([("CFLAGS", "-O0"), ("CXXFLAGS", "-O0")]);
            finish(npm.args(*packages)).await?;
            Command::new(find("node")?)
        }
        Install::Pip(program, packages) => {
            let mut venv = Command::new(find("python3")?);
            finish(venv.args(["-m", "venv"]).arg(folder.join("venv"))).await?;
            let mut pip = Command::new(folder.join("venv/bin/pip"));
            finish(pip.args(["install", "--quiet"]).args(*packages)).await?;
            Command::new(folder.join("venv/bin").join(program))
        }
    };
    command.arg(file).current_dir(folder);
    Ok(command)
}

/// Runs an installation to its end.
async fn finish(command: &mut Command) -> anyhow::Result<()> {
    let name = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let output = timeout(INSTALL_TIME, command.output())
        .await
        .with_context(|| format!("{name} took too long"))??;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().last().unwrap_or_default();
    ensure!(output.status.success(), "{name}: {last}");
    Ok(())
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}
