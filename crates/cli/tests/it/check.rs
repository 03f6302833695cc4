use ringtail_kit::app::{App, Reply};
use serde_json::Value;

use super::Home;

#[test]
fn a_proxy_that_cannot_be_reached_says_nothing_about_the_address() {
    let home = Home::new();
    let output = home
        .ringtail(&["check", "https://hooks.example.com/hook", "-o", "json"])
        .env("https_proxy", "http://127.0.0.1:1")
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["accepted"], &report["code"], output.status.code()),
        (&Value::Null, &Value::Null, Some(2)),
        "{report}"
    );
    let verdict = report["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("This check cannot tell"), "{verdict}");
    let rows = report["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["requirement"] == "connection");
    assert_eq!(row.unwrap()["outcome"], "warn", "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_checks_the_verification_token_passes_with_it() {
    let app = App::replying(|seen| {
        let is_known = seen.header("verification-token")[..] == [&b"verify-me"[..]];
        match seen.header("validation-token")[..] {
            [token] => Reply::status(200).header("validation-token", token),
            _ if is_known => Reply::status(200),
            _ => Reply::status(401),
        }
    });
    let home = Home::new();
    for (token, row, code) in [
        (Some("verify-me"), "pass", 0),
        (None, "warn", 0),
        (Some("other"), "fail", 2),
    ] {
        let url = app.url("/hook");
        let mut command =
            home.ringtail(&["check", &url, "--notify", "--local", "-v", "-o", "json"]);
        if let Some(token) = token {
            command.env("RINGTAIL_VERIFICATION_TOKEN", token);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let report: Value = serde_json::from_str(&said).unwrap();
        let rows = report["rows"].as_array().unwrap();
        let status = rows
            .iter()
            .find(|row| row["requirement"] == "notification-status");
        assert_eq!(status.unwrap()["outcome"], row, "{token:?}: {report}");
        assert_eq!(output.status.code(), Some(code), "{token:?}: {report}");
        assert!(!said.contains("verify-me"), "{said}");
    }
}
