use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use ringtail_kit::app::{App, response};

use super::Home;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_signal_cuts_off_has_a_summary_and_does_not_pass() {
    let app = App::start(|_| async { response(200, "") });
    for (assert, code) in [(false, 0), (true, 1)] {
        let home = Home::new();
        let url = format!("http://{}/hook", app.address);
        let mut command = home.ringtail(&["simulate", "call.missed", "--seed", "7", "--to", &url]);
        command.args(["--no-validation", "--output", "json"]);
        if assert {
            command.arg("--assert");
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        assert!(first.starts_with(r#"{"type":"simulated""#), "{first}");
        let pid = child.id().to_string();
        Command::new("kill").arg(&pid).status().unwrap();
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        let last = rest.last().unwrap();
        let summary: serde_json::Value = serde_json::from_str(last).unwrap();
        assert_eq!(summary["type"], "simulation", "{last}");
        assert_eq!(summary["end"], "stopped", "{last}");
        assert_eq!(summary["sent"], rest.len(), "{last}");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "assert: {assert}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.contains("stopped after"), assert, "{said}");
    }
}
