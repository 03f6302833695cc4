//! The program as scripts and service managers run it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringtail-relay"));
    command.env_clear().stdin(Stdio::null());
    command
}

pub(crate) fn account(data: &Path, words: &[&str]) -> Output {
    program()
        .arg("accounts")
        .args(words)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A relay that is killed when its test fails.
pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    fn start(data: &Path, words: &[&str]) -> Self {
        let child = program()
            .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self::of(child)
    }

    pub(crate) fn of(mut child: Child) -> Self {
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn signal(&mut self, name: &str) -> Option<i32> {
        let sent = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn tokens_are_alone_on_stdout() {
    let dir = TempDir::new().unwrap();
    let added = account(dir.path(), &["add", "anna"]);
    assert!(added.status.success());
    let token = text(&added.stdout).strip_suffix('\n').unwrap();
    assert!(token.starts_with("rt_") && !token.contains(char::is_whitespace));
    assert!(!text(&added.stderr).contains(token));
    let elsewhere = " is new: a relay that serves from another directory";
    assert!(text(&added.stderr).contains(elsewhere));
    let second = account(dir.path(), &["add", "berta"]);
    assert!(!text(&second.stderr).contains(elsewhere));
    account(dir.path(), &["revoke", "berta"]);
    let rotated = account(dir.path(), &["rotate", "anna"]);
    assert_ne!(rotated.stdout, added.stdout);
    let revoked = account(dir.path(), &["revoke", "anna"]);
    assert_eq!(text(&revoked.stdout), "");
    let list = account(dir.path(), &["list"]);
    assert!(text(&list.stdout).starts_with("anna\trevoked\t0\t"));
}

#[test]
fn failures_say_why_and_what_next() {
    let dir = TempDir::new().unwrap();
    account(dir.path(), &["add", "anna"]);
    let again = account(dir.path(), &["add", "anna"]);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(
        text(&again.stderr),
        "error[RT-609]: there is an account anna already\nhint: run `accounts rotate anna` for a new token\n"
    );
    let nobody = account(dir.path(), &["revoke", "berta"]);
    assert_eq!(nobody.status.code(), Some(1));
    let usage = account(dir.path(), &["add", "No Name"]);
    assert_eq!(usage.status.code(), Some(64));
    assert!(text(&usage.stdout).is_empty());
    let help = program().arg("--help").output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    let nothing = program().arg("serve").output().unwrap();
    assert_eq!(nothing.status.code(), Some(64));
    let said = text(&nothing.stderr);
    assert!(said.contains("\nhint: use `serve --dev`"), "{said}");
    assert!(!said.contains("--public-url"), "{said}");
    for filter in ["ringtail_relay=loud", "inof"] {
        let log = program()
            .args(["--log", filter, "accounts", "list"])
            .output()
            .unwrap();
        assert_eq!(log.status.code(), Some(64), "{filter}");
    }
    let migrate = run(
        dir.path(),
        &["migrate", "--from", "sqlite", "--to", "sqlite"],
    );
    let said = text(&migrate.stderr);
    assert!(said.contains("--from and --to must differ"), "{said}");
}

#[test]
fn json_output_is_one_object_and_signals_end_it_well() {
    let dir = TempDir::new().unwrap();
    for signal in ["-TERM", "-INT"] {
        let mut relay = Running::start(dir.path(), &["--output", "json"]);
        let ready: Value = serde_json::from_str(&relay.line()).unwrap();
        assert_eq!(ready["type"], "ready");
        let url = ready["url"].as_str().unwrap();
        assert!(url.starts_with("https://localhost:"));
        assert!(Path::new(ready["ca"].as_str().unwrap()).is_absolute());
        let added = account(dir.path(), &["add", &signal[1..].to_lowercase()]);
        assert!(added.status.success(), "{}", text(&added.stderr));
        assert_eq!(relay.signal(signal), Some(0));
        let mut rest = String::new();
        relay.out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}

#[test]
fn plain_output_shows_how_to_log_in() {
    let dir = TempDir::new().unwrap();
    let mut relay = Running::start(dir.path(), &["--public-url", "https://localhost:9"]);
    assert_eq!(relay.line(), "ready at https://localhost:9\n");
    assert!(
        relay
            .line()
            .starts_with("only for this machine: RingCentral needs")
    );
    assert_eq!(relay.line(), "create a token:\n");
    assert_eq!(
        relay.line(),
        format!(
            "  ringtail-relay accounts add me --data {}\n",
            dir.path().display()
        )
    );
    assert_eq!(relay.line(), "log in with it on the client:\n");
    let ca = dir.path().join("ca.pem");
    assert_eq!(
        relay.line(),
        format!(
            "  RINGTAIL_CA={} ringtail login https://localhost:9\n",
            ca.display()
        )
    );
}

#[test]
fn status_tells_how_a_relay_is_and_that_there_is_none() {
    let dir = TempDir::new().unwrap();
    let status = |form: &str| {
        let asked = program()
            .args(["status", "--output", form, "--data"])
            .arg(dir.path())
            .output()
            .unwrap();
        (asked.status.code(), text(&asked.stdout).to_owned())
    };
    assert_eq!(status("plain").0, Some(69), "there is no data");
    account(dir.path(), &["add", "anna"]);
    let (code, said) = status("plain");
    assert_eq!(code, Some(69));
    assert!(said.starts_with("no relay serves from "), "{said}");
    let mut relay = Running::start(dir.path(), &["--public-url", "https://localhost:9"]);
    relay.line();
    let (code, said) = status("json");
    assert_eq!(code, Some(0), "{said}");
    let status_json: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(status_json["running"], true);
    assert_eq!(status_json["public_url"], "https://localhost:9");
    assert_eq!(status_json["pid"], relay.child.id());
    assert_eq!(status_json["certificate"]["source"], "dev");
    assert_eq!(
        status_json["certificate"]["shown"][0]["names"][0],
        "localhost"
    );
    assert_eq!(status_json["not_ready"], Value::Null);
    assert_eq!(status_json["links"]["forwarding"], 0);
    let (code, said) = status("plain");
    assert_eq!(code, Some(0));
    assert!(said.contains("\nready: the journal writes\n"), "{said}");
    assert_eq!(relay.signal("-TERM"), Some(0));
    let (code, said) = status("json");
    assert_eq!(code, Some(69));
    let stopped: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(stopped["running"], false);
    assert!(stopped["database_bytes"].as_u64().unwrap() > 0);
}

pub(crate) fn run(data: &Path, words: &[&str]) -> Output {
    program()
        .args(words)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap()
}

#[test]
fn a_backup_moves_accounts_to_another_machine() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    account(here.path(), &["add", "anna"]);
    let file = here.path().join("copy.db").display().to_string();
    let made = run(here.path(), &["backup", &file]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let again = run(here.path(), &["backup", &file]);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        text(&again.stderr).starts_with("error[RT-620]: "),
        "{}",
        text(&again.stderr)
    );
    let back = run(there.path(), &["restore", &file]);
    assert!(back.status.success(), "{}", text(&back.stderr));
    let list = account(there.path(), &["list"]);
    assert!(text(&list.stdout).starts_with("anna\tactive\t"));
    let occupied = run(there.path(), &["restore", &file]);
    assert!(text(&occupied.stderr).starts_with("error[RT-621]: "));
    let mut relay = Running::start(there.path(), &[]);
    relay.line();
    let serving = run(there.path(), &["restore", &file, "--force"]);
    assert!(text(&serving.stderr).starts_with("error[RT-603]: "));
    let beside = there.path().join("beside.db").display().to_string();
    assert!(run(there.path(), &["backup", &beside]).status.success());
}

#[test]
fn endpoints_are_named_or_said_not_to_be_there() {
    let dir = TempDir::new().unwrap();
    account(dir.path(), &["add", "anna"]);
    for words in [
        &["endpoints", "show", "anna/sms"][..],
        &["endpoints", "purge", "anna/sms"],
        &["endpoints", "retention", "anna/sms", "7"],
        &["endpoints", "delete", "anna/sms"],
    ] {
        let nobody = run(dir.path(), words);
        assert_eq!(nobody.status.code(), Some(1), "{words:?}");
        assert!(
            text(&nobody.stderr).starts_with("error[RT-622]: "),
            "{words:?}"
        );
    }
    let list = run(dir.path(), &["endpoints", "list"]);
    assert_eq!((list.status.code(), text(&list.stdout)), (Some(0), ""));
}

#[test]
fn a_data_directory_that_others_can_read_is_closed_or_refused() {
    use std::os::unix::fs::PermissionsExt;

    let dir = TempDir::new().unwrap();
    let mode = |mode| std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(mode));
    let is = || std::fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777;
    std::fs::write(dir.path().join("notes.txt"), "").unwrap();
    mode(0o755).unwrap();
    let refused = account(dir.path(), &["add", "anna"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).starts_with("error[RT-624]: "),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(is(), 0o755);
    std::fs::remove_file(dir.path().join("notes.txt")).unwrap();
    assert!(account(dir.path(), &["add", "anna"]).status.success());
    assert_eq!(is(), 0o700);
    mode(0o750).unwrap();
    assert!(account(dir.path(), &["list"]).status.success());
    assert_eq!(is(), 0o700);
}

#[test]
fn public_metrics_need_a_second_option() {
    let dir = TempDir::new().unwrap();
    let refused = program()
        .args([
            "serve",
            "--dev",
            "--listen",
            "127.0.0.1:0",
            "--metrics",
            "0.0.0.0:0",
            "--data",
        ])
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(64));
    assert!(
        text(&refused.stderr).contains("hint: "),
        "{}",
        text(&refused.stderr)
    );
    let words = [
        "--metrics",
        "0.0.0.0:0",
        "--metrics-anywhere",
        "--output",
        "json",
    ];
    let mut relay = Running::start(dir.path(), &words);
    let ready: Value = serde_json::from_str(&relay.line()).unwrap();
    assert!(ready["metrics"].as_str().unwrap().starts_with("0.0.0.0:"));
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused() {
    let dir = TempDir::new().unwrap();
    let mut once = Running::start(dir.path(), &[]);
    once.line();
    drop(once);
    let file = |name: &str| dir.path().join(name).display().to_string();
    let refused = program()
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(["--public-url", "https://other.test"])
        .args(["--cert", &file("server.pem"), "--key", &file("server.key")])
        .args(["--data", &file("")])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("not for other.test"), "{said}");
}

#[test]
fn commands_about_what_is_there_make_nothing() {
    let dir = TempDir::new().unwrap();
    let nowhere = dir.path().join("nowhere");
    for words in [&["list"][..], &["rotate", "anna"], &["revoke", "anna"]] {
        let refused = account(&nowhere, words);
        assert_eq!(refused.status.code(), Some(1), "{words:?}");
        let said = text(&refused.stderr);
        assert!(
            said.starts_with("error[RT-604]: there is no relay's data in "),
            "{said}"
        );
        assert!(!nowhere.exists(), "{words:?}");
    }
}

#[test]
fn a_damaged_database_is_said_so_at_the_start() {
    let dir = TempDir::new().unwrap();
    assert!(account(dir.path(), &["add", "anna"]).status.success());
    std::fs::write(dir.path().join("relay.db"), [0xa5; 8192]).unwrap();
    let refused = program()
        .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"])
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.starts_with("error[RT-630]: the database "), "{said}");
    assert!(said.contains("docs/OPERATING.md"), "{said}");
}

/// A raw TLS connection to the program.
struct Caller {
    tls: rustls::StreamOwned<rustls::ClientConnection, std::net::TcpStream>,
}

impl Caller {
    fn open(ca: &Path, address: &str) -> Self {
        use rustls::pki_types::pem::PemObject as _;

        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let mut roots = rustls::RootCertStore::empty();
        let ca = rustls::pki_types::CertificateDer::from_pem_file(ca).unwrap();
        roots.add(ca).unwrap();
        let config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "localhost".try_into().unwrap();
        let tls = rustls::ClientConnection::new(config.into(), name).unwrap();
        let socket = std::net::TcpStream::connect(address).unwrap();
        Self {
            tls: rustls::StreamOwned::new(tls, socket),
        }
    }

    /// Sends a request and returns all that comes until the relay closes.
    fn ask(mut self, request: &str) -> String {
        use std::io::Write as _;

        self.tls.write_all(request.as_bytes()).unwrap();
        self.tls.flush().unwrap();
        let mut answer = Vec::new();
        // A relay that breaks a link off does not say goodbye in TLS.
        drop(self.tls.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[test]
fn no_secret_is_in_the_log_at_any_level() {
    for form in ["plain", "json"] {
        let dir = TempDir::new().unwrap();
        let added = account(dir.path(), &["add", "anna"]);
        let token = text(&added.stdout).trim().to_owned();
        let log = dir.path().join("log.txt");
        let child = program()
            .args([
                "serve",
                "--dev",
                "--listen",
                "127.0.0.1:0",
                "--output",
                "json",
            ])
            .args(["--max-events-per-second", "1"])
            .args(["--log", "trace", "--log-format", form, "--data"])
            .arg(dir.path())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut relay = Running::of(child);
        let ready: Value = serde_json::from_str(&relay.line()).unwrap();
        let address = ready["listen"].as_str().unwrap().to_owned();
        let ask = |request: String| {
            let request = request.replace('\n', "\r\n");
            Caller::open(&dir.path().join("ca.pem"), &address).ask(&request)
        };
        let body = "{\"name\":\"sms\",\"digital_verify_token\":\"planted-digital\"}";
        let made = ask(format!(
            "POST /_ringtail/v1/endpoints HTTP/1.1\nHost: a\nAuthorization: Bearer {token}\n\
             Connection: close\nContent-Length: {}\n\n{body}",
            body.len()
        ));
        let (_, info) = made.split_once("\r\n\r\n").unwrap();
        let info: Value = serde_json::from_str(info).unwrap();
        let endpoint = info["endpoint"].as_str().unwrap().to_owned();
        let shaken = ask(format!(
            "POST /{endpoint} HTTP/1.1\nHost: a\nValidation-Token: planted-validation\n\
             Connection: close\nContent-Length: 0\n\n"
        ));
        assert!(shaken.starts_with("HTTP/1.1 200 "), "{shaken}");
        let event = "{\"uuid\":\"planted-uuid\",\"event\":\"/restapi/v1.0/x\",\"subscriptionId\":\"planted-id\",\"body\":{\"text\":\"planted-body\"}}";
        let stored = ask(format!(
            "POST /{endpoint}/planted-path?planted-query HTTP/1.1\nHost: a\n\
             Verification-Token: planted-verification\nContent-Type: application/json\n\
             Connection: close\nContent-Length: {}\n\n{event}",
            event.len()
        ));
        assert!(stored.starts_with("HTTP/1.1 200 "), "{stored}");
        let passthrough = ask(format!(
            "GET /{endpoint}/oauth?code=planted-code HTTP/1.1\nHost: a\nCookie: planted-cookie\nConnection: close\n\n"
        ));
        assert!(passthrough.starts_with("HTTP/1.1 503 "), "{passthrough}");
        let refused = (0..100).any(|_| {
            ask(format!(
                "POST /{endpoint} HTTP/1.1\nHost: a\nConnection: close\nContent-Length: {}\n\n{event}",
                event.len()
            ))
            .contains("more events than")
        });
        assert!(refused, "too many events");
        let stranger = ask(
            "POST /_ringtail/v1/endpoints HTTP/1.1\nHost: a\nAuthorization: Bearer rt_planted-token-0123456789012345678901234567\n\
             Connection: close\nContent-Length: 2\n\n{}"
                .to_owned(),
        );
        assert!(stranger.starts_with("HTTP/1.1 401 "), "{stranger}");
        let link = ask(format!(
            "GET /_ringtail/v1/link?endpoint={endpoint}&forward=true HTTP/1.1\nHost: a\nConnection: upgrade\n\
             Upgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\n\
             Sec-WebSocket-Protocol: ringtail.v1\nAuthorization: Bearer {token}\n\nplanted-garbage"
        ));
        assert!(link.starts_with("HTTP/1.1 101 "), "{link}");
        drop(relay);
        let log = std::fs::read_to_string(log).unwrap();
        assert!(
            log.contains("TRACE") && log.contains("link"),
            "it is talkative"
        );
        if form == "json" {
            for line in log.lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                assert!(
                    line["level"].is_string() && line["message"].is_string(),
                    "{line}"
                );
            }
        }
        for secret in [token.as_str(), &endpoint, "planted"] {
            let found = log.lines().find(|line| line.contains(secret));
            assert_eq!(found, None, "{secret} in the {form} log");
        }
    }
}

#[test]
fn a_hangup_reads_the_certificate_again_and_ends_nothing() {
    let dir = TempDir::new().unwrap();
    let mut relay = Running::start(dir.path(), &["--output", "json"]);
    relay.line();
    let sent = Command::new("kill")
        .args(["-HUP", &relay.child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    assert_eq!(relay.signal("-TERM"), Some(0));
}
