use std::net::TcpListener;
use std::process::Stdio;

use super::Home;

#[test]
fn mistakes_are_told_with_what_to_do() {
    let home = Home::new();
    std::fs::write(home.path().join("ca.pem"), "not a certificate").unwrap();
    std::fs::write(home.path().join("bad.toml"), "relay = \"x\"\nrely = 1\n").unwrap();
    let known = r#"{"https://relay.example mine": {"endpoint": "mine-x1", "url": "", "journal": "", "target": null}}"#;
    std::fs::create_dir(home.path().join("data")).unwrap();
    std::fs::write(home.path().join("data/endpoints.json"), known).unwrap();
    let relay = ("RINGTAIL_RELAY", "https://relay.example");
    let token = ("RINGTAIL_TOKEN", "secret-token");
    let mut seen = String::new();
    for (arguments, environment) in [
        (vec!["lissen"], vec![]),
        (vec!["listen", "--token", "x"], vec![]),
        (vec!["listen"], vec![]),
        (vec!["listen"], vec![relay]),
        (vec!["listen", "http//x"], vec![relay, token]),
        (vec!["listen", "--timeout", "-1"], vec![relay, token]),
        (
            vec!["listen", "--relay", "http://relay.example"],
            vec![token],
        ),
        (vec!["listen", "--ca", "ca.pem"], vec![relay, token]),
        (vec!["listen", "--ca", "missing.pem"], vec![relay, token]),
        (vec!["listen"], vec![relay, ("RINGTAIL_TOKEN", "a b")]),
        (vec!["listen", "--config", "bad.toml"], vec![]),
        (vec!["listen", "--config", "missing.toml"], vec![]),
        (vec!["login"], vec![]),
        (vec!["events", "show", "17"], vec![]),
        (vec!["events", "show", "x"], vec![]),
        (vec!["events", "list", "-n", "0"], vec![]),
        (vec!["replay"], vec![]),
        (vec!["replay", "9..1"], vec![]),
        (vec!["simulate", "no-such-scenario"], vec![]),
        (vec!["check", "hooks.example.com"], vec![]),
        (vec!["explain", "SUB-599"], vec![]),
        (vec!["login", "http://localhost:9"], vec![]),
        (vec!["login", "https://me:hush@localhost"], vec![]),
        (
            vec!["listen", "3000", "--reject-forged"],
            vec![relay, token],
        ),
        (vec!["listen", "--keep-days", "x"], vec![]),
        (vec!["events", "list", "--data", "bad.toml"], vec![]),
        (vec!["export"], vec![]),
        (vec!["import", "bad.toml"], vec![]),
        (vec!["import", "-e", "", "bad.toml"], vec![]),
        (
            vec!["import", "-e", "we ird\u{1b}[31m/x", "bad.toml"],
            vec![],
        ),
        (vec!["import", "-e", "mine", "bad.toml"], vec![]),
        (vec!["wait", "--since", "foo"], vec![]),
        (
            vec!["check", "https://a.test", "--ca", "missing.pem"],
            vec![],
        ),
    ] {
        let mut command = home.ringtail(&arguments);
        let output = command
            .envs(environment)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.stdout.is_empty(), "stdout is data: {arguments:?}");
        seen += &format!("$ ringtail {}\n", arguments.join(" "));
        seen += &home.seen(&output);
        seen += "\n";
    }
    assert!(!seen.contains("secret-token"));
    for told in seen.lines().filter(|line| line.starts_with("error")) {
        let code = told
            .strip_prefix("error[RT-")
            .and_then(|rest| rest.get(..5));
        let whole = code.is_some_and(|code| code.ends_with("]:"));
        assert!(whole, "an error without a code: {told}");
    }
    // Each system words the reason differently.
    let missing = std::io::Error::from_raw_os_error(2).to_string();
    let seen = seen.replace(&missing, "No such file or directory (os error 2)");
    let seen = seen.replace('\u{1b}', "^[");
    insta::assert_snapshot!("errors", seen);
}

#[test]
fn a_data_directory_that_is_a_file_is_told_by_listen() {
    let home = Home::new();
    std::fs::write(home.path().join("file"), "").unwrap();
    let mut listen = home.ringtail(&["listen", "--data", "file"]);
    listen.env("RINGTAIL_RELAY", "https://relay.example");
    let seen = home.seen(&listen.env("RINGTAIL_TOKEN", "t").output().unwrap());
    let begins = "exit 1\nerror[RT-400]: cannot log to file";
    let ends = "or choose another with --data or RINGTAIL_DATA\n";
    assert!(seen.starts_with(begins) && seen.ends_with(ends), "{seen}");
}

#[test]
fn a_relay_that_is_not_there_is_told_at_once() {
    let home = Home::new();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", closed.local_addr().unwrap());
    drop(closed);
    let mut login = home.ringtail(&["login", &url]);
    let output = login.env("RINGTAIL_TOKEN", "t").output().unwrap();
    let seen = home.seen(&output).replace(&url, "RELAY");
    // Each system words the reason differently.
    let hint = "\nhint: check that ringtail-relay runs there, and its port\n";
    assert!(
        seen.starts_with("exit 69\nerror[RT-302]: nothing listens at RELAY: ")
            && seen.ends_with(hint),
        "{seen}"
    );
    assert!(!home.path().join("login.toml").exists(), "nothing is kept");
}

#[cfg(unix)]
#[test]
fn a_login_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let login = home.path().join("login.toml");
    std::fs::write(
        &login,
        "relay = \"https://relay.example\"\ntoken = \"hush\"\n",
    )
    .unwrap();
    std::fs::set_permissions(&login, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = home.run(&["listen", "3000"]);
    let expected = "exit 78\nerror[RT-206]: HOME/login.toml holds a token and others can read it (mode 644)\n\
                    hint: run `chmod 600 HOME/login.toml`; if others may have read it, rotate the token\n";
    assert_eq!(home.seen(&output), expected);
}

#[test]
fn what_was_typed_is_escaped_in_one_notation() {
    let home = Home::new();
    let odd = "\u{202e}x\u{9b}\u{200b}";
    let (target, kind, seed) = (
        format!("http://{odd}:1"),
        format!("kind:{odd}"),
        format!("--seed={odd}"),
    );
    for arguments in [
        &["listen", odd][..],
        &["listen", &target],
        &["listen", "--endpoint", odd],
        &["events", "show", odd],
        &["events", "list", &kind],
        &["simulate", odd, "--to", "https://a.test"],
        &["simulate", "sms.inbound", &seed],
        &["import", odd],
        &[odd],
    ] {
        let mut ringtail = home.ringtail(arguments);
        ringtail.env("RINGTAIL_RELAY", "https://relay.example");
        let output = ringtail.env("RINGTAIL_TOKEN", "t").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let is_odd = |c| c != '\n' && ringtail_text::is_unsafe(c);
        assert!(!said.contains(is_odd), "{arguments:?}: {said}");
        assert!(
            said.contains(r"\u202ex\u009b\u200b"),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn no_id_is_no_beginning_of_one() {
    let home = Home::new();
    for command in ["show", "renew", "recreate", "delete"] {
        let seen = home.seen(&home.run(&["subscriptions", command, ""]));
        assert!(
            seen.starts_with("exit 64\n") && seen.contains("a value is required for"),
            "{command}: {seen}"
        );
    }
}
