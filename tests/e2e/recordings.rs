//! Recordings: taken away in every form, brought in again, compared with today's app.

use std::path::Path;

use anyhow::{Context as _, ensure};
use ringtail_kit::app::{App, Reply, Seen};
use ringtail_tests::client::Home;
use ringtail_tests::process;
use serde_json::{Value, json};
use tokio::process::Command;

/// Values that no masked export may have.
const PLANTED: [&str; 8] = [
    "6505550142",
    "Ada Lovelace",
    "Lovelace",
    "meet me at noon",
    "s3cr3t-token",
    "transcribed words",
    "ada@corp.test",
    "Queue of Ada",
];

fn lines(count: u32) -> String {
    let line = |number: u32| {
        let body = json!({
            "uuid": format!("u-{number}"), "event": "/restapi/v1.0/account/1/telephony/sessions",
            "timestamp": "2026-07-29T10:13:20.000Z", "subscriptionId": "s-1", "ownerId": "1",
            "body": {
                "sequence": number, "telephonySessionId": "s-call", "parties": [{
                    "id": "p-1", "direction": "Inbound", "status": {"code": if number < 3 { "Proceeding" } else { "Answered" }},
                    "to": {"name": "Ada Lovelace", "phoneNumber": "+16505550142", "extensionId": "101"},
                    "from": {"phoneNumber": "+1 650-555-0142", "name": "Queue of Ada"},
                }],
                "subject": "meet me at noon", "transcript": [{"text": "transcribed words"}], "uri": "https://x.test/?mail=ada@corp.test",
            },
        });
        let event = json!({
            "type": "event", "id": format!("01a20042-7071-73e8-a927-{number:012}"), "kind": "notification",
            "method": "POST", "path": "/hook?n=1", "received_at": format!("2026-07-29T10:13:{:02}.000042Z", 20 + number),
            "headers": [["content-type", "application/json"], ["verification-token", "s3cr3t-token"], ["x-odd", "it's $(odd)"], ["x-latin", null, "6Q=="]],
            "body": body.to_string(),
        });
        format!("{event}\n")
    };
    (1..=count).map(line).collect()
}

async fn run(home: &Home, arguments: &[&str]) -> anyhow::Result<(Option<i32>, String)> {
    let output = home.run(arguments).await?;
    let text = [output.stdout, output.stderr].concat();
    Ok((
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}

async fn imported(count: u32) -> anyhow::Result<Home> {
    let home = Home::alone()?;
    let file = home.path().join("recording.ndjson");
    std::fs::write(&file, lines(count))?;
    let file = file.to_string_lossy().into_owned();
    let (code, said) = run(&home, &["import", &file]).await?;
    assert_eq!(
        (code, said.as_str()),
        (
            Some(0),
            format!("{count} events imported under imported, 0 already present\n").as_str()
        )
    );
    let (_, said) = run(&home, &["import", &file]).await?;
    assert_eq!(
        said,
        format!("0 events imported under imported, {count} already present\n")
    );
    Ok(home)
}

/// Returns the numbers of telephony events as an app saw them.
pub(super) fn order(seen: &[Seen]) -> Vec<u64> {
    let number = |seen: &Seen| {
        serde_json::from_slice::<Value>(&seen.body).ok()?["body"]["sequence"].as_u64()
    };
    seen.iter().filter_map(number).collect()
}

#[tokio::test]
async fn exports_come_back_byte_for_byte_and_scripts_run() -> anyhow::Result<()> {
    let home = imported(3).await?;
    for form in ["ndjson", "har"] {
        let export = home.stdout(["export", "--as", form, "--reveal"]).await?;
        let other = Home::alone()?;
        let file = other.path().join("colleague");
        std::fs::write(&file, export)?;
        let (code, said) = run(
            &other,
            &["import", &file.to_string_lossy(), "--endpoint", "colleague"],
        )
        .await?;
        assert_eq!(
            (code, said.as_str()),
            (
                Some(0),
                "3 events imported under colleague, 0 already present\n"
            )
        );
        for number in ["1", "2", "3"] {
            for arguments in [
                &["events", "show", number, "--raw"][..],
                &["events", "show", number, "--reveal", "--output", "json"],
            ] {
                let (one, two) = (
                    home.stdout(arguments).await?,
                    other.stdout(arguments).await?,
                );
                let (one, two) = (String::from_utf8(one)?, String::from_utf8(two)?);
                assert_eq!(one.replace("\"imported\"", "\"colleague\""), two, "{form}");
            }
        }
    }
    for form in ["curl", "httpie"] {
        let app = App::accepting();
        let script = home.path().join(form);
        let path = script.to_string_lossy().into_owned();
        let (code, said) = run(
            &home,
            &[
                "export",
                "--as",
                form,
                "--to",
                &path,
                "--target",
                &app.url(""),
                "--reveal",
            ],
        )
        .await?;
        assert_eq!(code, Some(0), "{said}");
        let mut shell = Command::new("sh");
        shell.arg(&script);
        let ran = process::output(shell).await?;
        ensure!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        assert_eq!(order(&app.seen()), [1, 2, 3]);
        for seen in app.seen() {
            assert_eq!(seen.header("x-odd"), [b"it's $(odd)"]);
            assert_eq!(seen.header("verification-token"), [b"s3cr3t-token"]);
        }
        let (code, said) = run(&home, &["export", "--as", form, "--to", &path]).await?;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("move the existing one"), "{said}");
    }
    Ok(())
}

/// Returns what the files of a folder hold.
pub(super) fn all_files(folder: &Path) -> anyhow::Result<String> {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder)? {
        all.push_str(&String::from_utf8_lossy(&std::fs::read(entry?.path())?));
    }
    Ok(all)
}

#[tokio::test]
async fn masked_exports_hold_nothing_planted_and_are_stable() -> anyhow::Result<()> {
    let home = imported(4).await?;
    for form in ["ndjson", "har", "curl", "httpie", "raw"] {
        let masked = String::from_utf8(home.stdout(["export", "--mask", "--as", form]).await?)?;
        for planted in PLANTED {
            assert!(!masked.contains(planted), "{planted} as {form}: {masked}");
        }
        let again = String::from_utf8(home.stdout(["export", "--mask", "--as", form]).await?)?;
        assert_eq!(masked, again);
    }
    let folder = home.path().join("fixtures");
    let (code, said) = run(
        &home,
        &[
            "export",
            "--mask",
            "--as",
            "fixtures",
            "--to",
            &folder.to_string_lossy(),
        ],
    )
    .await?;
    assert_eq!(code, Some(0), "{said}");
    let fixtures = all_files(&folder)?;
    assert!(fixtures.contains("telephonySessionId"));
    for planted in PLANTED {
        assert!(!fixtures.contains(planted), "{planted}: {fixtures}");
    }
    // Masked once more, by the same key, nothing changes.
    let file = home.path().join("masked.ndjson");
    std::fs::write(&file, home.stdout(["export", "--mask"]).await?)?;
    let other = Home::alone()?;
    run(&other, &["import", &file.to_string_lossy()]).await?;
    std::fs::copy(home.data().join("mask.key"), other.data().join("mask.key"))?;
    assert_eq!(
        home.stdout(["export", "--mask"]).await?,
        other.stdout(["export", "--mask"]).await?
    );
    Ok(())
}

#[tokio::test]
async fn compare_finds_a_regression_and_passes_without_one() -> anyhow::Result<()> {
    let home = imported(6).await?;
    let answer = |broken: bool| {
        move |seen: &Seen| {
            let number = seen.header("x-odd").len() as u16;
            let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
            let is_planted = broken && body["body"]["sequence"] == 4;
            Reply::status(if is_planted { 500 } else { 199 + number })
                .header("date", format!("{:?}", std::time::Instant::now()))
        }
    };
    let good = App::replying(answer(false));
    let (code, said) = run(&home, &["replay", "1..6", "--target", &good.url("")]).await?;
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(
        &home,
        &["replay", "1..6", "--target", &good.url(""), "--compare"],
    )
    .await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("0 of 6 responses changed"), "{said}");
    let bad = App::replying(answer(true));
    let (code, said) = run(
        &home,
        &["replay", "1..6", "--target", &bad.url(""), "--compare"],
    )
    .await?;
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("1 of 6 responses changed") && said.contains("#4      200 → 500"),
        "{said}"
    );
    assert!(said.contains("error[RT-412]"), "{said}");
    let (code, said) = run(&home, &["events", "diff", "4", "--answers"]).await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("- 200") && said.contains("+ 500"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_call_is_one_story_and_its_events_have_a_type() -> anyhow::Result<()> {
    let home = imported(4).await?;
    let (code, said) = run(&home, &["events", "timeline", "2"]).await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Call s-call: 1 party, 4 events"), "{said}");
    let answered = said
        .lines()
        .find(|line| line.contains("answered"))
        .context("answered")?;
    assert!(
        answered.contains("#3") && answered.contains("+1.0 s") && answered.contains("Ada Lovelace"),
        "{said}"
    );
    let (code, said) = run(&home, &["events", "diff", "3"]).await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(r#"-           "code": "Proceeding""#) && !said.contains(r#"- "uuid""#),
        "{said}"
    );
    let (code, said) = run(&home, &["types", "--filter", "kind:telephony"]).await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("export type Telephony = {") && said.contains("sequence: number;"),
        "{said}"
    );
    Ok(())
}
