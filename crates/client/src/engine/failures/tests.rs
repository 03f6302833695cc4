use ringtail_protocol::path::EndpointInfo;

use super::*;
use ringtail_model::{FailureKind, LinkState, Target};
use ringtail_store::testing::{ENDPOINT, JOURNAL, TestHistory, call};

/// A client with an event that waits for a target which fails in this way.
fn down(kind: FailureKind) -> Status {
    Status {
        link: LinkState::Connected,
        relay_head: 1,
        cursor: 1,
        target: Some(Target {
            url: "https://localhost:3000".to_owned(),
            forwards: true,
            state: TargetState::Down {
                kind,
                reason: String::new(),
                retry_at: Timestamp::now(),
            },
        }),
        pending: 1,
        ..Status::new("demo")
    }
}

#[tokio::test]
async fn a_target_that_takes_no_connection_fails_for_its_own_reason() {
    for (kind, details) in [
        (FailureKind::Refused, "Connection refused"),
        (FailureKind::Tls, "TLS handshake failed"),
        (FailureKind::Unreachable, "Host unreachable"),
    ] {
        let test = TestHistory::open();
        test.receives(vec![call(1, "s")]).await;
        let (status, mut shown) = watch::channel(down(kind));
        let (_known, known) = watch::channel(Some(EndpointInfo {
            endpoint: ENDPOINT.to_owned(),
            journal: JOURNAL.to_owned(),
            url: "https://relay.example/demo-x1".to_owned(),
        }));
        let failures = Failures {
            history: test.history.clone(),
            status,
            cancel: CancellationToken::new(),
        };
        let cancel = failures.cancel.clone();
        let look = async {
            let failing = shown.wait_for(|status| status.failing.is_some()).await;
            let reason = failing.unwrap().failing.clone().unwrap().reason;
            cancel.cancel();
            reason
        };
        let ((), reason) = tokio::join!(failures.run(known), look);
        assert!(reason.contains(&format!("[{details}]")), "{reason}");
    }
}
