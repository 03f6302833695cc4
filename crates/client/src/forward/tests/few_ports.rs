//! Macs and Windows have 16,384 local ports for connections, and each rests for 30 or 120 s after one.

use std::process::Command;

use super::*;

/// Set in the process that has few ports.
const INSIDE: &str = "RINGTAIL_FEW_PORTS";

/// Makes a network with 400 ports, which rest for a minute.
const FEW: &str = "ip link set lo up && cd /proc/sys/net/ipv4 && echo 40000 40399 > ip_local_port_range && \
                   echo 0 > tcp_tw_reuse && exec \"$0\" \"$@\"";

#[tokio::test]
async fn a_backlog_drains_with_few_local_ports() {
    const EVENTS: u64 = 900;
    if std::env::var_os(INSIDE).is_none() {
        let own = std::env::current_exe().unwrap();
        let name = "forward::tests::few_ports::a_backlog_drains_with_few_local_ports";
        let mut again = Command::new("unshare");
        again.args(["--map-root-user", "--net", "sh", "-c", FEW]);
        again.arg(own).args(["--exact", name]).env(INSIDE, "1");
        let output = again.output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.contains("1 passed"), "{output:?}");
        return;
    }
    let test = TestHistory::open();
    let events = (1..=EVENTS).map(|seq| call(seq, &format!("{seq}")));
    test.receives(events.collect()).await;
    let app = App::start(async |_| response(200, ""));
    let running = Running::start(&test.history, sender_to(&app));
    let rows = attempts(&test, EVENTS).await;
    assert!(rows.iter().all(|row| row.outcome == Outcome::Status(200)));
    running.stop().await;
}
