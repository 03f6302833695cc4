//! `ringtail doctor` on a machine that is ready, and on machines that are not.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use ringtail_kit::app::App;
use ringtail_tests::client::Home;
use ringtail_tests::relay::{TestRelay, Token};
use serde_json::Value;

use super::signatures::configure;

/// Secrets of the machine; its token is another.
const SECRETS: [&str; 4] = ["me-hush", "glip-hush", "query-hush", "jwt-hush"];

/// Runs `doctor` and returns its exit code and rows. None of what it prints or reports has a secret.
async fn doctor(home: &Home, arguments: &[&str]) -> anyhow::Result<(Option<i32>, Vec<Value>)> {
    let report = home.path().join("report.txt");
    let file = report.to_string_lossy().into_owned();
    let all = [
        &["doctor", "--output", "json", "--report", &file],
        arguments,
    ]
    .concat();
    let output = home.run(all).await?;
    let printed: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("doctor printed no JSON: {output:?}"))?;
    let plain = home.run([&["doctor"], arguments].concat()).await?;
    ensure!(plain.status.code() == output.status.code(), "{plain:?}");
    let report = std::fs::read_to_string(report)?;
    let shown = format!("{output:?}\n{plain:?}\n{report}");
    let variables = home.environment().into_iter();
    let token = variables.filter(|(name, _)| *name == "RINGTAIL_TOKEN");
    for secret in token
        .map(|(_, token)| token)
        .chain(SECRETS.map(str::to_owned))
    {
        ensure!(!shown.contains(&secret), "{secret} in {shown}");
    }
    let ready = output.status.success();
    ensure!(printed["ready"] == ready, "{printed}");
    let rows = printed["rows"].as_array().context("rows")?.clone();
    for row in &rows {
        let title = row["title"].as_str().context("a title")?;
        ensure!(report.contains(title), "{title} in {report}");
    }
    Ok((output.status.code(), rows))
}

/// Returns the rows of an outcome, as title and code.
fn of<'a>(rows: &'a [Value], outcome: &str) -> Vec<(&'a str, Option<&'a str>)> {
    let rows = rows.iter().filter(|row| row["outcome"] == outcome);
    rows.map(|row| (row["title"].as_str().unwrap_or(""), row["code"].as_str()))
        .collect()
}

struct Machines {
    relay: TestRelay,
    token: Token,
    app: App,
}

impl Machines {
    /// Returns a machine that is ready, with secrets.
    fn home(&self) -> anyhow::Result<Home> {
        let home = Home::new(&self.relay, &self.token)?.variable("RINGCENTRAL_JWT", "jwt-hush");
        configure(&home, "[secrets]\nglip = 'glip-hush'\n")?;
        Ok(home)
    }

    fn target(&self) -> String {
        self.app.url("/hooks?token=query-hush")
    }
}

#[tokio::test]
async fn each_fault_of_a_machine_has_its_row_and_fix() -> anyhow::Result<()> {
    let relay = TestRelay::start().await?;
    let token = relay.account("dev").await?;
    let machines = Machines {
        relay,
        token,
        app: App::accepting(),
    };
    let target = machines.target();

    let (code, rows) = doctor(&machines.home()?, &[&target]).await?;
    assert_eq!((code, of(&rows, "fail")), (Some(0), vec![]), "{rows:#?}");
    // A test has no terminal.
    assert_eq!(of(&rows, "skipped"), [("Terminal", None)], "{rows:#?}");

    // Of a machine that has listened, the target is known; one without a file says so.
    let home = Home::new(&machines.relay, &machines.token)?;
    let mut client = home.listen(&[&target]).await?;
    client.stop().await?;
    let (_, rows) = doctor(&home, &[]).await?;
    assert_eq!(of(&rows, "skipped"), [("Terminal", None)], "{rows:#?}");
    let seen = |title| {
        let row = rows.iter().find(|row| row["title"] == title);
        row.and_then(|row| row["seen"].as_str()).unwrap_or_default()
    };
    assert!(
        seen("Target").ends_with("accepts connections")
            && seen("Configuration").contains("there is no"),
        "{rows:#?}"
    );

    let closed = "https://localhost:1";
    let proxied = |url: &str| {
        anyhow::Ok(
            machines
                .home()?
                .via("https://relay.example")
                .variable("https_proxy", url),
        )
    };
    let with_file = |path: &str, content: &str| {
        let home = machines.home()?;
        let path = home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
        std::fs::write(path, content)?;
        anyhow::Ok(home)
    };
    let unknown_key = with_file("config.toml", "rely = 'x'")?;
    let open_secrets = machines.home()?;
    let file = open_secrets.path().join("config.toml");
    std::fs::set_permissions(&file, Permissions::from_mode(0o644))?;
    let wrong_token = Token::new("wrong-token-hush");
    for (home, target, title, code) in [
        (machines.home()?.token(None), &*target, "Login", "RT-202"),
        (unknown_key, &*target, "Configuration", "RT-205"),
        (open_secrets, &*target, "Configuration", "RT-205"),
        (
            proxied("ftp://me:me-hush@localhost")?,
            &*target,
            "Proxy",
            "RT-210",
        ),
        (
            proxied("http://me:me-hush@127.0.0.1:1")?,
            &*target,
            "Connection",
            "RT-307",
        ),
        (
            machines.home()?.via("https://relay.invalid"),
            &*target,
            "Name",
            "RT-301",
        ),
        (
            machines.home()?.via(closed),
            &*target,
            "Connection",
            "RT-302",
        ),
        (
            machines.home()?.variable("RINGTAIL_CA", ""),
            &*target,
            "TLS",
            "RT-304",
        ),
        (
            machines.home()?.token(Some(&wrong_token)),
            &*target,
            "Token",
            "RT-310",
        ),
        (with_file("data", "")?, &*target, "Data directory", "RT-400"),
        (
            with_file("data/history.db", "no database")?,
            &*target,
            "History",
            "RT-401",
        ),
        (
            machines.home()?,
            "http://localhost:1/?token=query-hush",
            "Target",
            "",
        ),
        (machines.home()?, "localhost:port", "Target", "RT-102"),
    ] {
        let (exit, rows) = doctor(&home, &[target]).await?;
        let code = Some(code).filter(|code| !code.is_empty());
        assert_eq!(
            (exit, of(&rows, "fail")),
            (Some(1), vec![(title, code)]),
            "{rows:#?}"
        );
        let failed = rows.iter().find(|row| row["outcome"] == "fail");
        assert!(
            failed.is_some_and(|row| row["fix"].is_string()),
            "{rows:#?}"
        );
        // A proxy resolves the name itself.
        let skipped = of(&rows, "skipped");
        assert!(
            code != Some("RT-307") || skipped.contains(&("Name", None)),
            "{rows:#?}"
        );
    }
    Ok(())
}
