use std::io::{BufRead, BufReader};
#[cfg(unix)]
use std::process::Command;
use std::process::{Child, Stdio};
use std::sync::LazyLock;

use tokio::net::TcpSocket;

use super::Home;

/// A port that is taken, and at which nothing listens.
static NOWHERE: LazyLock<TcpSocket> = LazyLock::new(|| {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
});

fn listen(home: &Home) -> Child {
    let url = format!("https://{}", NOWHERE.local_addr().unwrap());
    home.ringtail(&["listen", "--output", "json", "--relay", &url])
        .env("RINGTAIL_TOKEN", "t")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads lines until one has this text.
fn until(lines: &mut impl Iterator<Item = std::io::Result<String>>, text: &str) -> String {
    lines
        .map(Result::unwrap)
        .find(|line| line.contains(text))
        .unwrap()
}

#[cfg(unix)]
#[test]
fn a_signal_stops_it_in_order() {
    for signal in ["INT", "TERM"] {
        let home = Home::new();
        let mut child = listen(&home);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let waiting = until(&mut lines, "waiting");
        assert!(waiting.contains("nothing listens at"), "{waiting}");
        let pid = child.id().to_string();
        Command::new("kill")
            .args(["-s", signal, &pid])
            .status()
            .unwrap();
        until(
            &mut lines,
            r#"{"type":"link","name":"default","state":"stopped"}"#,
        );
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "SIG{signal}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let home = Home::new();
    let mut child = listen(&home);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    until(&mut lines, "connecting");
    drop(lines);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[cfg(unix)]
#[test]
fn an_endpoint_is_listened_on_once() {
    let home = Home::new();
    let mut first = listen(&home);
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    until(&mut lines, "connecting");
    let second = listen(&home).wait_with_output().unwrap();
    let expected = "exit 1\nerror[RT-406]: another ringtail listens on \"default\" with the history in HOME/data\n\
                    hint: stop it, or give this one another --endpoint or --data\n";
    assert_eq!(home.seen(&second), expected);
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn no_more_endpoints_than_one_listener_takes() {
    let home = Home::new();
    let refused = |count: usize| {
        let mut arguments = vec![
            "listen".to_owned(),
            "--relay".into(),
            "https://relay.example".into(),
        ];
        arguments.extend((0..count).map(|number| format!("--endpoint=e{number}=nowhere:x")));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = home
            .ringtail(&arguments)
            .env("RINGTAIL_TOKEN", "t")
            .output()
            .unwrap();
        home.seen(&output)
    };
    let many = refused(17);
    assert!(
        many.contains("17 endpoints are too many for one client"),
        "{many}"
    );
    assert!(many.contains("hint: use at most 16"), "{many}");
    // As many as it takes are gone through: it is a target that is refused.
    let enough = refused(16);
    assert!(enough.contains("\"x\" is not a port"), "{enough}");
}

#[test]
fn a_name_that_no_endpoint_has_is_refused_before_there_is_a_file() {
    let home = Home::new();
    // A file in the way: creating the data directory would fail.
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = |arguments: &[&str]| {
        let mut command = home.ringtail(arguments);
        command.args(["--relay", "https://relay.example"]);
        command.env("RINGTAIL_DATA", file.join("data"));
        let output = command.env("RINGTAIL_TOKEN", "t").output().unwrap();
        home.seen(&output)
    };
    let expected = "exit 64\nerror[RT-312]: \"BAD NAME\" cannot be an endpoint's name: \
                    a name consists of a-z, 0-9 and hyphens, not 'B'\n\
                    hint: use a name such as my-app\n";
    assert_eq!(refused(&["listen", "-e", "BAD NAME"]), expected);
    assert_eq!(
        refused(&["listen", "-e", "a=1", "-e", "BAD NAME=2"]),
        expected
    );
    std::fs::write(home.path().join("config.toml"), "endpoint = 'BAD NAME'\n").unwrap();
    assert_eq!(refused(&["listen"]), expected);
}
