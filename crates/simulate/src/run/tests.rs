use http::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::builtins;
use ringtail_kit::app::{App, Seen, response};
use ringtail_model::target::TargetUrl;

/// An app that passes validations and answers everything else with a status.
fn app(status: u16) -> App {
    App::start(move |seen: Seen| async move {
        match seen.headers.get("validation-token") {
            Some(token) => {
                let mut answer = response(200, "");
                answer
                    .headers_mut()
                    .insert("validation-token", token.clone());
                answer
            }
            None => response(status, ""),
        }
    })
}

fn options() -> Options {
    Options {
        given: Parameters::default(),
        secrets: Secrets::of_variables(|variable| {
            (variable == "RINGTAIL_VERIFICATION_TOKEN").then(|| "verify-me".into())
        })
        .unwrap(),
        faults: Faults::default(),
        seed: 11,
        began_ms: 1_750_000_000_000,
        pace: Pace::NoWait,
        validation: true,
        oauth_path: String::new(),
        webhook_path: String::new(),
        repeat: 1,
    }
}

fn builtin(name: &str) -> Scenario {
    let (_, text) = builtins().iter().find(|(found, _)| *found == name).unwrap();
    Scenario::parse(text).unwrap()
}

fn sender(to: &str) -> SimSender {
    SimSender::new(TargetUrl::parse(to).unwrap(), None, Default::default()).unwrap()
}

async fn play(app: &App, scenario: &Scenario, options: &Options) -> Summary {
    let sender = sender(&format!("http://{}/hook?auth_token=x", app.address));
    run(scenario, options, &sender, async |_, _| true)
        .await
        .unwrap()
}

fn bodies(app: &App) -> Vec<bytes::Bytes> {
    let seen = app.seen();
    let events = seen.into_iter().map(|seen| seen.body);
    events.filter(|body| !body.is_empty()).collect()
}

#[tokio::test]
async fn the_app_gets_what_ringcentral_sends() {
    let app = app(200);
    let summary = play(&app, &builtin("call.inbound-answered"), &options()).await;
    assert_eq!(
        summary,
        Summary {
            sent: 10,
            failed: 0,
            dropped: 0,
            end: End::Done
        }
    );
    let seen = app.seen();
    assert_eq!(seen.len(), 10);
    assert!(seen.iter().all(|seen| seen.path == "/hook?auth_token=x"));
    let names = |seen: &Seen| -> Vec<String> {
        let mut names: Vec<String> = seen.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    let all = [
        "accept",
        "accept-encoding",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    ];
    assert_eq!(
        names(&seen[0]),
        [&all[..], &["validation-token", "verification-token"]].concat()
    );
    assert_eq!(seen[0].headers["content-length"], "0");
    assert_eq!(
        names(&seen[1]),
        [&all[..], &["verification-token"]].concat()
    );
    assert_eq!(
        seen[1].headers["content-type"],
        "application/json; charset=UTF-8"
    );
    assert_eq!(seen[1].headers["verification-token"], "verify-me");
    let sequences: Vec<u64> = seen[1..].iter().map(Seen::sequence).collect();
    assert_eq!(sequences, [2, 3, 4, 5, 6, 7, 8, 9, 10]);
}

#[tokio::test]
async fn the_same_seed_sends_an_app_the_same_requests() {
    let faults = Faults {
        reorder: 60,
        double: 60,
        drop: 10,
        delay_ms: 5000,
    };
    let scenario = builtin("presence.storm");
    let mut shown = Vec::new();
    for seed in [5, 5, 6] {
        let app = app(200);
        let options = Options {
            faults,
            seed,
            ..options()
        };
        let summary = play(&app, &scenario, &options).await;
        assert_eq!(bodies(&app).len() as u64 + 1, summary.sent);
        assert!(summary.dropped > 0 && summary.sent > 61, "{summary:?}");
        shown.push(bodies(&app));
    }
    assert_eq!(shown[0], shown[1]);
    assert_ne!(shown[0], shown[2]);
}

#[tokio::test]
async fn a_failed_validation_ends_the_run_with_ringcentrals_code() {
    for (status, token, code) in [
        (200, None, "SUB-520"),
        (200, Some("other"), "SUB-520"),
        (201, None, "SUB-522"),
    ] {
        let app = App::start(move |_| async move {
            let mut answer = response(status, "");
            if let Some(token) = token {
                let token = HeaderValue::from_static(token);
                answer.headers_mut().insert("validation-token", token);
            }
            answer
        });
        let summary = play(&app, &builtin("fax"), &options()).await;
        let End::Refused(refusal) = summary.end else {
            panic!("{summary:?}");
        };
        assert_eq!(refusal.code.id, code);
        assert_eq!(app.seen().len(), 1, "nothing follows");

        let without = Options {
            validation: false,
            ..options()
        };
        assert_eq!(play(&app, &builtin("fax"), &without).await.end, End::Done);
    }
}

#[tokio::test]
async fn a_bot_is_installed_at_one_path_and_called_at_another() {
    let app = app(200);
    let paths = Options {
        oauth_path: "/bot/oauth".into(),
        webhook_path: "/bot/webhook".into(),
        ..options()
    };
    play(&app, &builtin("bot.install-private"), &paths).await;
    play(&app, &builtin("bot.install-public"), &paths).await;
    let seen = app.seen();
    let is = |request: &Seen, path: &str| {
        let before = request.path.split('?').next();
        before.is_some_and(|before| before.ends_with(path))
    };
    let installs: Vec<usize> = (0..seen.len())
        .filter(|at| is(&seen[*at], "/bot/oauth"))
        .collect();
    assert_eq!(installs, [0, 6]);
    assert!(seen[0].body.starts_with(b"access_token=simulated-"));
    for request in [&seen[1], &seen[7]] {
        assert!(
            request.headers.contains_key("validation-token"),
            "the app's subscription"
        );
    }
    let events = seen.iter().filter(|request| is(request, "/bot/webhook"));
    assert_eq!(events.count(), seen.len() - 2);

    let without = Options {
        validation: false,
        ..options()
    };
    let before = app.seen().len();
    play(&app, &builtin("bot.install-private"), &without).await;
    assert_eq!(
        app.seen().len(),
        before + 5,
        "the app's own platform validates"
    );
}

#[tokio::test]
async fn ten_minutes_of_failures_end_the_run_with_ringcentrals_reason() {
    let app = app(500);
    let options = Options {
        repeat: 1000,
        ..options()
    };
    let summary = play(&app, &builtin("renewal.reminder"), &options).await;
    let End::Blacklisted { reason } = &summary.end else {
        panic!("{summary:?}");
    };
    assert_eq!(
        reason,
        "Webhook responses with code: [500], reason: [Internal Server Error]"
    );
    // One validation, then reminders every 15 s, with 1 s between two rounds.
    assert_eq!((summary.sent, summary.failed), (55, 54));
    assert!(summary.end.message().unwrap().contains("after 10 minutes"));
}

#[tokio::test]
async fn an_address_without_a_listener_is_unreachable() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let to = socket.local_addr().unwrap().to_string();
    let sender = sender(&to);
    let mut messages = Vec::new();
    let (scenario, options) = (builtin("fax"), options());
    let summary = run(&scenario, &options, &sender, async |report, _| {
        messages.push(report.answered.unwrap_err().message);
        true
    });
    let summary = summary.await.unwrap();
    let End::Refused(refusal) = summary.end else {
        panic!("{:?}", summary.end);
    };
    assert_eq!(refusal.code.id, "SUB-521");
    assert_eq!(
        messages,
        [format!("nothing listens at {to} (connection refused)")]
    );
}

#[tokio::test]
async fn what_is_no_https_is_unreachable_as_check_says() {
    let app = app(200);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = format!("http://{}", listener.local_addr().unwrap());
    let ssh = async {
        let mut head = Vec::new();
        let (mut stream, _) = listener.accept().await.unwrap();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"SSH-2.0-x\r\n").await.unwrap();
        String::from_utf8(head).unwrap()
    };
    let (scenario, options) = (builtin("fax"), options());
    let refused = async |to: &str| {
        let sender = sender(to);
        let summary = run(&scenario, &options, &sender, async |_, _| true);
        match summary.await.unwrap().end {
            End::Refused(refusal) => refusal.code.id,
            end => panic!("{end:?}"),
        }
    };
    let plain = refused(&format!("https://{}", app.address)).await;
    assert_eq!(plain, "SUB-521");
    let (code, head) = tokio::join!(refused(&other), ssh);
    assert_eq!(code, "SUB-521");
    // The documented spelling.
    for name in ["Validation-Token", "Verification-Token", "Content-Length"] {
        assert!(head.contains(&format!("\r\n{name}: ")), "{head}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_notification_times_out_when_ringcentral_would() {
    let app = App::start(|_| std::future::pending());
    let scenario = Scenario::single(Template::find("sms.inbound").unwrap());
    let options = Options {
        validation: false,
        ..options()
    };
    let sender = sender(&app.address.to_string());
    let began = tokio::time::Instant::now();
    let summary = run(&scenario, &options, &sender, async |report, _| {
        let reason = report.finding.verdict.reason();
        assert_eq!(reason, "I/O operation is failed. Details: [Read timed out]");
        true
    });
    assert_eq!(summary.await.unwrap().failed, 1);
    assert_eq!(began.elapsed().as_millis() / 100, 30);
}

#[tokio::test(start_paused = true)]
async fn speed_divides_the_spacing_of_a_scenario() {
    let app = app(200);
    let options = Options {
        pace: Pace::Times(10.0),
        validation: false,
        ..options()
    };
    let sender = sender(&app.address.to_string());
    let began = tokio::time::Instant::now();
    let mut at = Vec::new();
    let scenario = builtin("call.missed");
    let played = run(&scenario, &options, &sender, async |report, _| {
        at.push((report.at_ms, began.elapsed().as_millis()));
        true
    });
    played.await.unwrap();
    assert_eq!(at.last().map(|(at_ms, _)| *at_ms), Some(28_707));
    for (due, real) in at {
        assert!(real >= u128::from(due) / 10, "{due} {real}");
    }
}
