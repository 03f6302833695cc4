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
