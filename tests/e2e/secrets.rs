//! Secrets never appear: one of each kind is planted, every command runs in each output format and at every log level,
//! and all output and logs are searched.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::process::Output;

use anyhow::Context as _;
use ringtail_kit::app::{App, Reply};
use ringtail_kit::caller::Hook;
use ringtail_kit::cloud::Cloud;
use ringtail_kit::{eventually, wait};
use ringtail_tests::client::Home;
use ringtail_tests::terminal::Terminal;
use ringtail_tests::verifying_app::SECRETS;
use ringtail_tests::{binaries, process};
use tokio::process::Command;

use super::World;
use super::recordings::all_files;
use super::signatures::{configure, table};
use super::simulate::names;

/// Further secrets: of a caller, of the app's answer, in a pasted URL, in a login.
const PLANTED: [&str; 13] = [
    "planted-bearer",
    "planted-cookie",
    "planted-code",
    "planted-answer",
    "planted-password",
    "planted-login",
    "planted-query",
    "planted-body",
    "planted-nested",
    "planted-form",
    "planted-part",
    "planted-header",
    "planted-sig",
];

/// The verify token of [`SECRETS`] as queries carry it.
const ENCODED: [&str; 2] = ["digital+verify%2Btoken", "digital%20verify%2Btoken"];

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// Returns a filter for the lines of the relay and of the libraries that see what it carries.
fn relay_log(level: &str) -> String {
    let libraries = [
        "h2",
        "hyper",
        "hyper_util",
        "rustls",
        "tokio_rustls",
        "tungstenite",
        "tokio_tungstenite",
        "tokio_postgres",
    ];
    let libraries = libraries.map(|library| format!("{library}={level}"));
    format!("{level},{}", libraries.join(","))
}

/// Output and logs, each with its source.
#[derive(Default)]
struct Said(Vec<(String, Vec<u8>)>);

impl Said {
    fn add(&mut self, by: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((by.into(), bytes.into()));
    }

    /// Fails when a secret is in it.
    fn search(&self, secrets: &[String]) {
        for (by, bytes) in &self.0 {
            let text = String::from_utf8_lossy(bytes);
            for secret in secrets {
                let found = text.find(secret.as_str());
                assert!(
                    found.is_none(),
                    "{secret} of {by}: {:?}",
                    found.and_then(|at| text.get(at.saturating_sub(120)..at + secret.len()))
                );
            }
        }
    }
}

/// Every secret in every form that it could appear in.
fn secrets(home: &Home) -> Vec<String> {
    let mut all: Vec<String> = SECRETS.iter().map(|(_, secret)| (*secret).into()).collect();
    all.extend(PLANTED.map(str::to_owned));
    all.extend(ENCODED.map(str::to_owned));
    let token = home.environment().into_iter();
    all.extend(token.filter_map(|(name, value)| (name == "RINGTAIL_TOKEN").then_some(value)));
    assert_eq!(all.len(), 21);
    all
}

/// An app that sets a cookie and sends tokens back.
fn app() -> App {
    App::replying(|seen| {
        let token = seen.header("verification-token").concat();
        Reply::status(if seen.path.contains("fail") { 500 } else { 200 })
            .header("set-cookie", "session=planted-answer")
            .header("verification-token", token)
    })
}

/// Requests that carry secrets wherever requests do; the path of the last is the mark.
fn hooks(mark: &str) -> Vec<Hook> {
    let body = r#"{"uuid":"1","event":"/restapi/v1.0/x","subscriptionId":"s","body":{}}"#;
    let mut hooks = vec![
        Hook::new("POST", body)
            .header("content-type", "application/json")
            .header("Verification-Token", SECRETS[0].1)
            .header("authorization", "Bearer planted-bearer")
            .header("cookie", "a=planted-cookie")
            .below("/fail"),
        Hook::new("POST", r#"{"id":"1","domain_id":"d","events":[]}"#)
            .header("content-type", "application/json")
            .header("X-Dimelo-Secret", SECRETS[2].1),
        Hook::new("GET", "").below("/login?state=1&code=planted-code"),
        Hook::new("GET", "").below("?access%5Ftoken=planted-query"),
    ];
    hooks.extend(ENCODED.map(|token| {
        let query = format!("?hub.verify_token={token}&hub.mode=subscribe&hub.challenge=c");
        Hook::new("GET", "").below(&query)
    }));
    let installed = r#"{"access_token":"planted-body","token_type":"bearer","data":"{\"pwd\":\"planted-nested\"}"}"#;
    let part =
        "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nplanted-part\r\n--x--\r\n";
    for (kind, body) in [
        ("application/json", installed),
        (
            "application/x-www-form-urlencoded",
            "a=1&api_key=planted-form",
        ),
        ("multipart/form-data; boundary=x", part),
    ] {
        hooks.push(
            Hook::new("POST", body)
                .header("content-type", kind)
                .below("/oauth"),
        );
    }
    hooks.push(
        Hook::new("GET", "")
            .below("/h?auth_token=planted-query&password=planted-query&sig=planted-sig")
            .header("X-Auth-Token", "planted-header"),
    );
    hooks.push(Hook::new("GET", "").below(&format!("/{mark}")));
    hooks
}

async fn post(world: &World, mark: &str) -> anyhow::Result<()> {
    for hook in hooks(mark) {
        world.caller.post(&world.url, &hook).await?;
    }
    for kind in ["interactive.message", "source-sdk"] {
        let arguments = ["simulate", kind, "--no-wait", "--to", &world.url];
        let output = process::output(world.home.command(arguments)?).await?;
        assert!(output.status.success(), "{kind}: {output:?}");
    }
    Ok(())
}

/// The commands of a program, as its help lists them: a new one is found here and wanted below.
pub(super) async fn commands(program: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut open = vec![Vec::<String>::new()];
    while let Some(path) = open.pop() {
        let mut command = Command::new(binaries::find(program)?);
        command.args(&path).arg("--help").env_clear();
        let help = String::from_utf8(process::output(command).await?.stdout)?;
        let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let names = listed
            .take_while(|line| !line.is_empty())
            .filter(|line| !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help");
        let below: Vec<Vec<String>> = names
            .map(|name| [path.as_slice(), &[name.to_owned()]].concat())
            .collect();
        if below.is_empty() {
            found.insert(path.join(" "));
        }
        open.extend(below);
    }
    Ok(found)
}

/// Fails when a command has no case.
async fn covered(program: &str, cases: &[Vec<&str>]) -> anyhow::Result<()> {
    for command in commands(program).await? {
        let words: Vec<&str> = command.split(' ').collect();
        assert!(
            cases.iter().any(|case| case.starts_with(&words)),
            "`{program} {command}` prints something: run it here too"
        );
    }
    Ok(())
}

#[tokio::test]
async fn no_command_and_no_log_shows_a_secret() -> anyhow::Result<()> {
    let mut world = World::with(app(), &["--log", &relay_log("trace")]).await?;
    let mut secrets = secrets(&world.home);
    let cloud = cloud(&world)?;
    configure(&world.home, &table())?;
    world.client.stop().await?;
    let mut said = Said::default();
    listens(&world, &mut said).await?;
    screens(&world, &mut said).await?;
    subscribes(&world, &cloud, &mut said).await?;
    client_commands(&world, &cloud, &mut said).await?;
    secrets.extend(CLOUD.map(str::to_owned));
    mistakes(&world.home, &mut said).await?;
    relay_commands(&world, &mut said).await?;
    said.add("the relay's log", world.relay.log());
    said.add(
        "the client's log",
        all_files(&world.home.data().join("log"))?,
    );
    let whole: usize = said.0.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(whole > 100_000, "{whole} bytes are too few for every level");
    said.search(&secrets);
    // `--reveal` shows them, which proves that they were sent.
    for (event, secret) in [
        ("1", SECRETS[0].1),
        ("3", "planted-code"),
        ("7", "planted-body"),
        ("10", "planted-sig"),
    ] {
        for form in ["plain", "json"] {
            let show = ["events", "show", event, "--reveal", "--output", form];
            let shown = String::from_utf8(world.home.stdout(show).await?)?;
            assert!(shown.contains(secret), "{shown}");
        }
    }
    Ok(())
}

/// `listen` logs, so that it runs at every level.
async fn listens(world: &World, said: &mut Said) -> anyhow::Result<()> {
    for (index, level) in LEVELS.iter().enumerate() {
        for form in ["plain", "json"] {
            let mark = format!("mark-{index}-{form}");
            let ready = world.home.path().join(&mark);
            let mut command = world.home.command(["listen", "--endpoint", "hooks"])?;
            command
                .arg(world.app.url("/base?key=planted-query"))
                .args(["--output", form, "--ready-file"])
                .arg(&ready)
                .env("RINGTAIL_LOG", level);
            let mut listening = process::Process::spawn("client", command)?;
            eventually!(ready.exists(), "the ready file")?;
            post(world, &mark).await?;
            let marked = |line: &str| line.contains(&format!("/{mark}"));
            listening.line(wait::PATIENCE, marked).await?;
            listening.terminate().await?;
            let by = format!("listen, {form}, {level}");
            said.add(&by, listening.lines().since(0).join("\n"));
            said.add(&by, listening.log());
        }
    }
    Ok(())
}

/// The terminal UI, with every event opened and each tab shown; then with the key that reveals.
async fn screens(world: &World, said: &mut Said) -> anyhow::Result<()> {
    let client = binaries::find(binaries::CLIENT)?;
    let script = format!(
        "export RINGTAIL_LOG=trace\n{} listen {} --endpoint hooks\n",
        client.display(),
        world.app.url("/base"),
    );
    let terminal = Terminal::run(&world.home, &script).await?;
    terminal.shows("connected").await?;
    for key in ["g", "Enter"] {
        terminal.press(key).await?;
    }
    for _ in hooks("") {
        for tab in ["[Body]", "[Headers", "[Attempts"] {
            terminal.shows(tab).await?;
            said.add(format!("the screen, {tab}"), terminal.screen().await);
            terminal.press("Tab").await?;
        }
        terminal.press("J").await?;
    }
    // Not Escape, which a terminal takes together with the key after it.
    for key in ["h", "g", "Enter"] {
        terminal.press(key).await?;
    }
    terminal.shows("/fail").await?;
    terminal.press("R").await?;
    terminal.types("--sign").await?;
    terminal.press("Enter").await?;
    terminal.shows("replayed").await?;
    said.add("the screen after a replay", terminal.screen().await);
    let to = format!(
        " --dry-run --target {}?code=planted-code",
        world.app.url("")
    );
    terminal.press("R").await?;
    terminal.types(&to).await?;
    terminal.shows("--dry-run").await?;
    terminal.press("Enter").await?;
    terminal.shows("would be sent").await?;
    said.add("the screen of a dry run", terminal.screen().await);
    terminal.press("q").await?;
    terminal.shows("/fail").await?;
    terminal.press("e").await?;
    terminal.shows("RT-502").await?;
    said.add("the explanation", terminal.screen().await);
    for key in ["q", "Tab"] {
        terminal.press(key).await?;
    }
    terminal.shows("••••").await?;
    terminal.press("s").await?;
    terminal.shows(SECRETS[0].1).await?;
    terminal.press("s").await?;
    terminal.shows("••••").await?;
    terminal.press("q").await?;
    Ok(())
}

/// Secrets of the login to RingCentral, and the beginning of every access token.
const CLOUD: [&str; 3] = [
    "planted-client-secret",
    "planted-jwt",
    "example-access-token",
];

fn cloud(world: &World) -> anyhow::Result<Cloud> {
    let cloud = Cloud::start(&std::fs::read(world.relay.ca())?)?;
    cloud.rules(|rules| {
        CLOUD[0].clone_into(&mut rules.client_secret);
        rules.jwt = format!("e30.e30.{}", CLOUD[1]);
        rules.limits_rates = false;
    });
    Ok(cloud)
}

/// `listen --subscribe` logs, and asks RingCentral all the time.
async fn subscribes(world: &World, cloud: &Cloud, said: &mut Said) -> anyhow::Result<()> {
    let arguments = [
        "listen",
        "-e",
        "hooks",
        "--subscribe",
        "sms",
        "--delete-on-exit",
    ];
    for (form, active) in [
        ("plain", "subscription: active"),
        ("json", "\"action\":\"created\""),
    ] {
        let mut command = world.home.command(arguments)?;
        command
            .args(["--output", form])
            .env("RINGTAIL_LOG", "trace")
            .envs(cloud.login());
        let mut listening = process::Process::spawn("client", command)?;
        let told = || [listening.lines().since(0).join("\n"), listening.log()].concat();
        eventually!(told().contains(active), "the subscription: {}", told())?;
        let pid = listening.pid().context("it has ended")?;
        said.add(
            "the process list",
            std::fs::read(format!("/proc/{pid}/cmdline"))?,
        );
        listening.terminate().await?;
        said.add("listen --subscribe", listening.lines().since(0).join("\n"));
        said.add("listen --subscribe", listening.log());
    }
    for file in std::fs::read_dir(world.home.path())? {
        let file = file?;
        let (name, mode) = (file.file_name(), file.metadata()?.mode() & 0o777);
        let name = name.to_string_lossy();
        if name.starts_with("ringcentral") || name.starts_with("subscriptions") {
            assert_eq!(mode, 0o600, "{name}");
        }
    }
    Ok(())
}

/// Parts of the commands that are mistakes, whose words must not be repeated.
const MISTAKES: [&str; 7] = [
    "Not A Name",
    "listen http://me:planted-password",
    "import none.ndjson",
    // Takes no format.
    "web --port 0",
    "check https://me:planted-password",
    "postgresql://me:planted-password",
    // Takes no log.
    "completions zsh",
];

async fn client_commands(world: &World, cloud: &Cloud, said: &mut Said) -> anyhow::Result<()> {
    let (url, ca) = (&world.url, world.relay.ca().to_string_lossy().into_owned());
    let in_query = format!("{url}?token=planted-query");
    let unanswered = "http://localhost:1/hook?token=planted-query".to_owned();
    let mut cases = vec![
        vec!["login"],
        vec!["login", "https://localhost:1"],
        vec!["login", "https://me:planted-password@relay.example"],
        vec!["listen", "--endpoint", "Not A Name"],
        vec!["listen", "--relay", "ftp://me:planted-password@x"],
        vec!["listen", "http://me:planted-password@localhost:1"],
        vec!["events", "list", "-n", "100"],
        vec!["events", "show", "999"],
        vec!["replay", "1", "3", "5"],
        vec!["replay", "1", "2", "--sign"],
        vec!["replay", "1..7", "--target", "1"],
        vec!["events", "diff", "1", "2"],
        vec!["events", "diff", "1", "--answers", "--all"],
        vec!["events", "timeline", "1"],
        vec!["events", "mark", "1"],
        vec!["export"],
        vec!["export", "--as", "har"],
        vec!["export", "--as", "curl"],
        vec!["export", "--as", "httpie"],
        vec!["export", "--as", "raw"],
        vec!["export", "--mask"],
        vec!["import", "none.ndjson"],
        vec!["types"],
        vec!["wait", "--since", "0", "-n", "12"],
        vec!["canary", "-e", "hooks", "--timeout", "1"],
        vec!["replay", "1..3", "--compare"],
        vec![
            "replay",
            "1..3",
            "--dry-run",
            "--target",
            "localhost:1/?code=planted-code",
        ],
        vec!["simulate", "--list"],
        vec!["simulate", "cut", "1..12"],
        vec!["doctor"],
        vec!["mcp", "skill"],
        vec!["mcp", "install", "claude"],
        // What its page answers is tested beside it.
        vec!["web", "--port", "0"],
        vec!["check", &in_query, "--local", "--ca", &ca, "--notify", "-v"],
        vec!["check", "https://me:planted-password@x"],
        vec!["explain", "SUB-520"],
        vec!["completions", "bash"],
        vec!["explain", "planted"],
        vec!["subscriptions", "login"],
        vec!["subscriptions", "ensure", "sms", "-e", "hooks", "--dry-run"],
        vec!["subscriptions", "ensure", "sms", "--address", &in_query],
        vec![
            "subscriptions",
            "ensure",
            "sms",
            "--address",
            &unanswered,
            "--no-check",
        ],
        vec!["subscriptions", "ensure", "sms", "-e", "hooks"],
        vec!["subscriptions", "ensure", "/wrong", "-e", "hooks"],
        vec!["subscriptions", "list"],
        vec!["subscriptions", "show", "9e3779b1"],
        vec!["subscriptions", "renew", "--mine", "-e", "hooks"],
        vec!["subscriptions", "recreate", "none"],
        vec!["subscriptions", "delete", "--mine", "-e", "hooks", "--yes"],
        vec!["subscriptions", "filters"],
        vec!["subscriptions", "logout"],
        // Without a login it does not run on.
        vec!["subscriptions", "watch"],
    ];
    let numbers: Vec<String> = (1..=12).map(|number| number.to_string()).collect();
    cases.extend(numbers.iter().map(|number| vec!["events", "show", number]));
    let mut played = names(&world.home, "scenario").await?;
    played.extend(["sms.inbound", "digital.challenge", "digital.events"].map(str::to_owned));
    for kind in &played {
        for to in [url.as_str(), "localhost:1"] {
            cases.push(vec!["simulate", kind, "--no-wait", "--to", to]);
        }
        cases.push(vec!["simulate", kind, "--to", url, "--dry-run"]);
    }
    covered(binaries::CLIENT, &cases).await?;
    for case in cases {
        // Nothing but `listen` writes a log; the rest must not begin to.
        for form in ["plain", "json"] {
            let mut command = world.home.command(&case)?;
            command.env("RINGTAIL_LOG", "trace");
            if let ["subscriptions", "login"] = case[..] {
                command.envs(cloud.login());
            }
            let has_forms = !matches!(
                case[..],
                [
                    "login" | "export" | "import" | "types" | "completions" | "mcp",
                    ..
                ] | ["simulate", "cut", ..]
                    | ["events", "mark", ..]
                    | ["subscriptions", "login" | "logout", ..]
            );
            if has_forms {
                command.args(["--output", form]);
            }
            let by = format!("ringtail {} as {form}", case.join(" "));
            let output = process::output(command).await.context(by.clone())?;
            is_known(&by, &output);
            said.add(by, [output.stdout, output.stderr].concat());
        }
    }
    Ok(())
}

/// Fails when a command that is no mistake ends as one: what it prints otherwise would not be looked at.
fn is_known(by: &str, output: &Output) {
    let is_mistake = MISTAKES.iter().any(|it| by.contains(it));
    let is_refused = output.status.code() == Some(64);
    assert_eq!(is_refused, is_mistake, "{by}: {output:?}");
}

/// Mistakes in files must not quote them.
async fn mistakes(home: &Home, said: &mut Said) -> anyhow::Result<()> {
    let login = home.path().join("login.toml");
    let good = std::fs::read(&login)?;
    for text in [
        "relay = 'x'\ntoken = \"planted-login",
        "token = ['planted-login']\nrelay = 1",
        "relay = 'x'\ntokn = 'planted-login'\n",
    ] {
        std::fs::write(&login, text)?;
        let output = home.run(["events", "list"]).await?;
        assert_eq!(output.status.code(), Some(78), "{text}");
        said.add(text.replace("planted-login", "…"), output.stderr);
    }
    std::fs::write(&login, good)?;
    let plain = table();
    for (from, to) in [
        ("glip = '", "glip = ['"),
        ("glip = '", "glib = '"),
        ("glip = '", "glip = ' "),
        ("[endpoints", "token = 'planted-login'\n[endpoints"),
    ] {
        configure(home, &plain.replacen(from, to, 1))?;
        let output = home.run(["events", "list"]).await?;
        assert_eq!(output.status.code(), Some(78), "{to}");
        said.add(format!("{from} as {to}"), output.stderr);
    }
    configure(home, &plain)
}

async fn relay_commands(world: &World, said: &mut Said) -> anyhow::Result<()> {
    let cases = RELAY.map(|case| case.split(' ').collect::<Vec<&str>>());
    covered(binaries::RELAY, &cases).await?;
    for case in cases {
        for level in LEVELS {
            let log = relay_log(level);
            let with_level = [&case[..], &["--log", &log]].concat();
            let by = format!("ringtail-relay {}", with_level.join(" "));
            let output = world.relay.run(with_level).await.context(by.clone())?;
            match case[..] {
                ["backup" | "restore", ..] if world.relay.database().is_some() => {
                    assert_eq!(output.status.code(), Some(64), "{by}: {output:?}");
                }
                _ => is_known(&by, &output),
            }
            // The one place where a token is shown, once, to whom it is given.
            let gives = matches!(case[..], ["accounts", "add" | "rotate", ..]);
            let given = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            if gives && !given.is_empty() {
                let others = String::from_utf8_lossy(&output.stderr);
                assert!(!others.contains(&given), "{by}");
                continue;
            }
            said.add(by, [output.stdout, output.stderr].concat());
        }
    }
    Ok(())
}

/// A case for each command of the relay; `serve` runs at `trace` from the beginning, here it only fails.
const RELAY: [&str; 19] = [
    "serve --dev --listen 127.0.0.1:0",
    "serve --cert none.pem --key none.pem --public-url https://relay.example",
    "status",
    "status --output json",
    "accounts add somebody",
    "accounts list",
    "accounts rotate somebody",
    "accounts revoke somebody",
    "endpoints list",
    "endpoints show dev/hooks",
    "endpoints purge dev/none",
    "endpoints retention dev/none 3",
    "endpoints delete dev/none",
    "backup none/backup.db",
    "restore none/backup.db",
    "migrate --from sqlite --to postgres --database postgresql://localhost:1/x",
    "migrate --from sqlite --to postgres --database postgresql://me:planted-password@localhost:1/x",
    "certificate renew",
    "completions zsh",
];
