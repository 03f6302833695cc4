use http::HeaderValue;
use ringtail_errors::Origin;

use super::*;
use crate::classify::TABLE;

fn answer(status: u16, ms: u64, bytes: u64) -> Answer {
    Answer {
        status,
        duration: Duration::from_millis(ms),
        bytes,
        content_type: Some("application/json; charset=utf-8".into()),
        echo: Echo::Unknown,
    }
}

fn verdict(callback: Callback, answer: &Answer) -> (&'static str, String) {
    let verdict = judge(callback, Ok(answer));
    let is_failed = matches!(verdict, Verdict::Failed { .. });
    assert_eq!(is_failed, !verdict.faults().is_empty());
    (verdict.word(), verdict.reason())
}

#[test]
fn notifications_are_judged_by_status_time_and_size() {
    let old = |ms| {
        format!(
            "took {ms} ms; older editions of RingCentral's guide allow 1000 ms, newer ones 3000 ms"
        )
    };
    let late = "I/O operation is failed. Details: [Read timed out]";
    let size = "exactly 1024 bytes; RingCentral's guide allows it, but a subscription was blacklisted at that count";
    let cases = [
        (answer(200, 0, 100), "ok", String::new()),
        (answer(200, 1000, 1023), "ok", String::new()),
        (answer(200, 1001, 100), "ok", old(1001)),
        (answer(200, 3000, 100), "ok", old(3000)),
        (answer(200, 3001, 100), "late", late.into()),
        (answer(200, 10, 1024), "ok", size.into()),
        (
            answer(200, 10, 1025),
            "size",
            "Webhook response exceeds max size. Read bytes count: [1025]".into(),
        ),
        (
            answer(404, 10, 100),
            "status",
            "Webhook responses with code: [404], reason: [Not Found]".into(),
        ),
        (
            answer(204, 10, 100),
            "status",
            "Webhook responses with code: [204], reason: [No Content]".into(),
        ),
        (
            answer(799, 10, 100),
            "status",
            "Webhook responses with code: [799], reason: []".into(),
        ),
        (
            answer(200, 1500, 1024),
            "ok",
            format!("{}; {size}", old(1500)),
        ),
    ];
    for (answer, word, reason) in cases {
        let judged = verdict(Callback::PlatformNotification, &answer);
        assert_eq!(judged, (word, reason), "{answer:?}");
        assert_eq!(verdict(Callback::Validation, &answer), judged);
        assert_eq!(verdict(Callback::AgentState, &answer), judged);
    }
}

#[test]
fn a_fraction_over_the_limit_is_late() {
    let mut answer = answer(200, 0, 100);
    answer.duration = Duration::from_micros(3_000_001);
    assert_eq!(verdict(Callback::PlatformNotification, &answer).0, "late");
}

#[test]
fn all_faults_are_told_in_the_order_they_are_met() {
    let verdict = judge(Callback::PlatformNotification, Ok(&answer(500, 4000, 5000)));
    assert_eq!(verdict.word(), "late");
    assert_eq!(
        verdict.faults(),
        [
            Fault::Late {
                took: Duration::from_secs(4)
            },
            Fault::WrongStatus { status: 500 },
            Fault::TooLarge { bytes: 5000 },
        ]
    );
    assert_eq!(
        verdict.reason(),
        "I/O operation is failed. Details: [Read timed out]; \
         Webhook responses with code: [500], reason: [Internal Server Error]; \
         Webhook response exceeds max size. Read bytes count: [5000]"
    );
}

#[test]
fn each_callback_is_judged_by_its_own_statuses() {
    use Callback as C;
    let cases: [(C, &[u16]); 7] = [
        (C::DigitalChallenge, &[200]),
        (C::DigitalNotification, &[200]),
        (C::SourceSdk, &[200, 204]),
        (C::InteractiveMessage, &[200]),
        (C::WfmNotification, &[200, 204, 302, 404, 500]),
        (C::BotInstallPrivate, &[200]),
        (C::BotInstallPublic, &[200]),
    ];
    for (callback, accepted) in cases {
        for status in [200, 204, 302, 404, 500] {
            // No limit holds for any of these: a passthrough request's answer may be a page, and slow.
            let word = verdict(callback, &answer(status, 4000, 50_000)).0;
            let expected = if accepted.contains(&status) {
                "ok"
            } else {
                "status"
            };
            assert_eq!(word, expected, "{callback:?} {status}");
        }
    }
}

#[test]
fn what_is_no_webhook_has_no_verdict() {
    for row in TABLE {
        use Callback as C;
        let is_judged = !matches!(row.callback, C::OAuthRedirect | C::AddInSetup | C::Other);
        assert_eq!(row.callback.is_judged(), is_judged, "{:?}", row.callback);
        if is_judged {
            continue;
        }
        for (status, failed) in [
            (200, false),
            (204, false),
            (302, false),
            (404, true),
            (500, true),
        ] {
            let verdict = judge(row.callback, Ok(&answer(status, 40_000, 50_000)));
            assert_eq!(verdict, Verdict::Unjudged { failed });
            assert_eq!(verdict.word(), "unjudged");
            assert_eq!(verdict.is_accepted(), !failed);
            assert_eq!(verdict.reason(), "");
        }
        let none = judge(row.callback, Err(&NoAnswer::Refused));
        assert_eq!(none, Verdict::Unjudged { failed: true });
    }
}

#[test]
fn a_validation_wants_its_token_back() {
    let judged = |callback, status, echo| {
        let answer = Answer {
            echo,
            ..answer(status, 10, 100)
        };
        judge(callback, Ok(&answer))
    };
    let of = |echo| judged(Callback::Validation, 200, echo);
    for echo in [Echo::Returned, Echo::Unknown] {
        assert!(of(echo).is_accepted());
    }
    for (echo, fault) in [
        (Echo::Missing, Fault::TokenMissing),
        (Echo::Differs, Fault::TokenDiffers),
    ] {
        assert_eq!(of(echo).faults(), [fault]);
        assert_eq!(of(echo).word(), "token");
        assert!(
            of(echo)
                .reason()
                .starts_with("Validation Token is not returned: ")
        );
        // The status is seen first, and nothing else carries a token.
        let word = judged(Callback::Validation, 404, echo);
        assert_eq!(word.faults(), [Fault::WrongStatus { status: 404 }]);
        assert!(judged(Callback::PlatformNotification, 200, echo).is_accepted());
    }
}

#[test]
fn interactive_messages_want_json_and_soon() {
    let judge = |answer: &Answer| verdict(Callback::InteractiveMessage, answer);
    assert_eq!(judge(&answer(200, 5000, 9000)), ("ok", String::new()));
    assert_eq!(
        judge(&answer(200, 5001, 100)).1,
        "took 5001 ms; an unpublished paragraph of RingCentral's guide allows 5000 ms"
    );
    for content_type in [
        None,
        Some("text/html".to_owned()),
        Some("application/jsonp".to_owned()),
    ] {
        let answer = Answer {
            content_type,
            ..answer(200, 1, 100)
        };
        assert_eq!(
            judge(&answer),
            (
                "ok",
                "no dialog opens unless the answer is application/json".to_owned()
            )
        );
    }
}

#[test]
fn no_answer_is_a_fault_for_every_callback_that_is_judged() {
    let reasons = [
        (NoAnswer::Refused, "Connection refused"),
        (NoAnswer::Reset, "Connection reset"),
        (NoAnswer::TimedOut, "Read timed out"),
        (NoAnswer::NotHttp, "Not an HTTP response"),
        (NoAnswer::NotFound, "Unknown host"),
        (NoAnswer::Tls, "TLS handshake failed"),
        (NoAnswer::Unreachable, "Host unreachable"),
    ];
    for row in TABLE.iter().filter(|row| row.callback.is_judged()) {
        for (reason, words) in reasons {
            let verdict = judge(row.callback, Err(&reason));
            assert_eq!(verdict.word(), "no-answer");
            assert_eq!(
                verdict.reason(),
                format!("I/O operation is failed. Details: [{words}]")
            );
        }
    }
}

#[test]
fn wire_size_is_that_of_the_bytes() {
    let mut headers = HeaderMap::new();
    headers.append("set-cookie", HeaderValue::from_static("a=1"));
    headers.append("set-cookie", HeaderValue::from_static("b=2"));
    headers.insert("content-length", HeaderValue::from_static("2"));
    let written = "HTTP/1.1 404 Not Found\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 2\r\n\r\nhi";
    assert_eq!(wire_size(404, &headers, 2), written.len() as u64);
    assert_eq!(wire_size(200, &HeaderMap::new(), u64::MAX), u64::MAX);
    assert_eq!(
        wire_size(799, &HeaderMap::new(), 0),
        "HTTP/1.1 799 \r\n\r\n".len() as u64
    );
}

#[test]
fn answer_takes_size_and_type_from_its_headers() {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/html"))]);
    assert_eq!(
        Answer::new(200, Duration::ZERO, &headers, 10),
        Answer {
            status: 200,
            duration: Duration::ZERO,
            bytes: "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n".len() as u64 + 10,
            content_type: Some("text/html".into()),
            echo: Echo::Unknown,
        }
    );
}

#[test]
fn every_verdict_is_explained_under_its_name() {
    for name in WORDS {
        let code = find(name).unwrap();
        assert!(matches!(code.origin, Origin::Verdict { word, .. } if word == name));
    }
}
