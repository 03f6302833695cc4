//! A socket from a service manager, and the notifications to it.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Running, text};

/// Runs the relay as a service manager that listens for it does: the socket is its file descriptor 3.
fn handed(listener: &std::net::TcpListener, data: &Path) -> Command {
    let relay = env!("CARGO_BIN_EXE_ringtail-relay");
    let mut command = Command::new("sh");
    command
        .env_clear()
        .args([
            "-c",
            r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0 </dev/null"#,
            "sh",
            relay,
        ])
        .args(["serve", "--dev", "--output", "json", "--data"])
        .arg(data)
        .stdin(std::os::fd::OwnedFd::from(listener.try_clone().unwrap()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn the_relay_adopts_a_socket_and_notifies_the_service_manager() {
    let dir = TempDir::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let told = std::os::unix::net::UnixDatagram::bind(dir.path().join("notify")).unwrap();
    let message = || {
        let mut buffer = [0; 512];
        let length = told.recv(&mut buffer).unwrap();
        text(&buffer[..length]).to_owned()
    };
    let child = handed(&listener, &dir.path().join("data"))
        .env("NOTIFY_SOCKET", dir.path().join("notify"))
        .env("WATCHDOG_USEC", "60000000")
        .spawn()
        .unwrap();
    let mut relay = Running::of(child);
    let ready: Value = serde_json::from_str(&relay.line()).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(ready["listen"], address);
    assert_eq!(
        message(),
        format!(
            "READY=1\nSTATUS=serving {}\n",
            ready["url"].as_str().unwrap()
        )
    );
    assert_eq!(message(), "WATCHDOG=1\n");
    assert_eq!(relay.signal("-TERM"), Some(0));
    assert_eq!(
        message(),
        "STOPPING=1\nSTATUS=finishing what is in flight\n"
    );
    // The socket still listens.
    std::net::TcpStream::connect(address).unwrap();
}

#[test]
fn a_socket_that_does_not_listen_is_refused() {
    let dir = TempDir::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let refused = handed(&listener, dir.path())
        .stdin(std::os::fd::OwnedFd::from(other))
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(
        said.starts_with("error[RT-602]: the service manager did not pass a listening"),
        "{said}"
    );
}
