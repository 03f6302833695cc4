//! What the client prints, for people and for programs.

use ringtail_kit::app::{App, Reply};
use ringtail_kit::caller::Hook;
use ringtail_kit::{eventually, wait};
use ringtail_tests::client::{TestClient, body_of};
use ringtail_tests::process::Process;
use ringtail_tests::{demo, hooks};
use serde_json::{Value, json};

use super::World;

/// A field and what its value must be.
type Field = (&'static str, fn(&Value) -> bool);

/// What is documented of each line.
fn promised(kind: &str) -> Option<&'static [Field]> {
    Some(match kind {
        "ready" => &[("endpoint", Value::is_string), ("url", Value::is_string)],
        "event" => &[
            ("endpoint", Value::is_string),
            ("seq", Value::is_u64),
            ("id", Value::is_string),
            ("kind", Value::is_string),
            ("method", Value::is_string),
            ("path", Value::is_string),
            ("received_at", Value::is_string),
            ("headers", Value::is_array),
            ("signatures", Value::is_array),
        ],
        "attempt" => &[
            ("event_id", Value::is_string),
            ("target", Value::is_string),
            ("duration_ms", Value::is_number),
            ("verdict", Value::is_string),
        ],
        "new_fields" => &[
            ("seq", Value::is_u64),
            ("event_id", Value::is_string),
            ("topic", Value::is_string),
            ("noticed_at", Value::is_string),
            ("new", Value::is_array),
            ("more", Value::is_u64),
        ],
        "gap" => &[("first", Value::is_u64), ("last", Value::is_u64)],
        "link" => &[("state", Value::is_string)],
        "failure_clock" => &[("state", Value::is_string)],
        "target" => &[("target", Value::is_string), ("state", Value::is_string)],
        _ => return None,
    })
}

fn validate(client: &TestClient) {
    for line in client.lines() {
        let kind = line["type"].as_str().unwrap_or_default();
        let promised = promised(kind).unwrap_or_else(|| panic!("not documented: {line}"));
        for (name, is_right) in promised {
            assert!(is_right(&line[*name]), "{name} of {line}");
        }
        match kind {
            "event" => assert!(
                line["body"].is_string() != line["body_base64"].is_string(),
                "one body: {line}"
            ),
            "attempt" => assert!(
                line["status"].is_u64() != line["error"].is_string(),
                "status or error: {line}"
            ),
            _ => {}
        }
    }
}

#[tokio::test]
async fn json_lines_are_what_they_are_documented_to_be() -> anyhow::Result<()> {
    let app = App::replying(|seen| match seen.method.as_str() {
        "GET" => Reply::status(200).body("page"),
        _ if seen.body.ends_with(b"\xff") => Reply::hang_up(),
        _ => Reply::status(200),
    });
    let mut world = World::with(app, &[]).await?;
    let mut binary = hooks::numbered(0, 2).to_vec();
    binary.push(0xff);
    for hook in [
        Hook::validation("token"),
        Hook::notification(hooks::numbered(0, 1)),
        Hook::notification(binary.clone()),
        Hook::new("GET", "").below("/page?a=b"),
    ] {
        world.caller.post(&world.url, &hook).await.ok();
    }
    eventually!(world.client.count_of("event") >= 4, "four events")?;
    eventually!(world.client.count_of("attempt") >= 3, "three attempts")?;
    assert_eq!(world.client.stop().await?, Some(0));
    validate(&world.client);
    let events = world.client.lines_of("event");
    let kinds: Vec<&Value> = events.iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds[0], "validation");
    assert_eq!(kinds[1], "notification");
    assert_eq!(kinds[3], "passthrough");
    assert_eq!(events[3]["path"], "/page?a=b");
    assert_eq!(body_of(&events[2])?, binary);
    let seqs: Vec<u64> = events
        .iter()
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
    Ok(())
}

#[tokio::test]
async fn control_characters_never_reach_the_terminal() -> anyhow::Result<()> {
    let app = App::replying(|_| Reply::status(500).body("\x1b[2Jfrom the app\r\n\x07"));
    let mut world = World::with(app, &[]).await?;
    world.client.kill().await?;
    let mut command = world
        .home
        .command(["listen", &world.app.url(""), "--output", "plain"])?;
    command.args(["--endpoint", "hooks"]);
    let mut plain = Process::spawn("client", command)?;
    let nasty = "\u{1b}]0;title\u{7}\u{9b}31m\u{202e}gnp.exe\r\n\u{8}";
    let body = hooks::sms("1\u{1b}[2J", 0, nasty).to_string();
    let raw = Hook::notification(body)
        .header("x-nasty", b"a\x9bb")
        .below("/%1b[2J");
    assert_eq!(world.caller.post(&world.url, &raw).await?.status, 200);
    let answered = plain
        .line(wait::PATIENCE, |line| line.contains("500"))
        .await?;
    assert!(answered.contains("<--"), "{answered}");
    let said = plain.lines().since(0).join("\n") + &plain.log();
    let obeyed = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!said.contains(obeyed), "{}", said.escape_debug());

    for arguments in [["events", "list"].as_slice(), &["events", "show", "1"]] {
        let shown = String::from_utf8(world.home.stdout(arguments).await?)?;
        assert!(!shown.contains(obeyed), "{}", shown.escape_debug());
    }
    plain.terminate().await?;
    Ok(())
}

/// As many bodies of a kind as are learnt from silently (docs/OUTPUT.md).
const LEARNT: usize = 20;

#[tokio::test]
async fn a_field_that_no_event_had_before_is_told_once_and_found() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let text = |number| hooks::sms("1", 2 * number, "Ahoy");
    let mut texts: Vec<Value> = (0..LEARNT + 3).map(text).collect();
    for (number, field) in [(LEARNT, "foo"), (LEARNT + 1, "foo"), (LEARNT + 2, "bar")] {
        texts[number]["body"][field] = json!("new");
    }
    for text in texts {
        let hook = Hook::notification(text.to_string());
        assert_eq!(world.caller.post(&world.url, &hook).await?.status, 200);
    }
    eventually!(world.client.count_of("new_fields") == 2, "two notices")?;
    assert_eq!(world.client.stop().await?, Some(0));
    validate(&world.client);
    let told: Vec<_> = world
        .client
        .lines_of("new_fields")
        .into_iter()
        .map(|line| (line["seq"].as_u64(), line["new"].clone()))
        .collect();
    let new = |field| json!([{"path": format!("body.{field}"), "type": "string", "was": []}]);
    assert_eq!(
        told,
        [
            (Some(LEARNT as u64 + 1), new("foo")),
            (Some(LEARNT as u64 + 3), new("bar"))
        ]
    );
    let listed = world
        .home
        .stdout(["events", "list", "new-field", "--output", "json"])
        .await?;
    let listed = String::from_utf8(listed)?;
    let seqs = listed
        .lines()
        .map(|line| Ok(serde_json::from_str::<Value>(line)?["seq"].as_u64()));
    let mut seqs: Vec<Option<u64>> = seqs.collect::<anyhow::Result<_>>()?;
    seqs.sort_unstable();
    assert_eq!(seqs, [told[0].0, told[1].0]);
    Ok(())
}

#[tokio::test]
async fn a_ready_file_appears_when_events_flow() -> anyhow::Result<()> {
    let world = World::new().await?;
    let ready = world.home.path().join("ready");
    let home = world.home.sibling()?;
    let mut command = home.command(["listen", "--output", "json", "--ready-file"])?;
    command.arg(&ready).args(["--endpoint", "hooks"]);
    let mut client = Process::spawn("client", command)?;
    eventually!(ready.exists(), "the ready file")?;
    assert_eq!(
        demo::url_in(&std::fs::read(&ready)?),
        Some(world.url.clone())
    );
    assert_eq!(client.terminate().await?.code(), Some(0));
    Ok(())
}
