use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::*;
use crate::app::Reply;

const LIST: &str = "/restapi/v1.0/subscription";
const SMS: &str = "/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS";
const MINUTE: Duration = Duration::from_secs(60);

/// A caller of the API with a token.
struct Caller<'a> {
    cloud: &'a Cloud,
    token: String,
}

impl<'a> Caller<'a> {
    async fn login(cloud: &'a Cloud) -> Self {
        let (status, answer) = login(cloud).await;
        assert_eq!(status, 200, "{answer}");
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Self { cloud, token }
    }

    async fn call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let authorization = format!("Bearer {}", self.token);
        let url = format!("{}{path}", self.cloud.url());
        send(method, &url, &authorization, body).await
    }

    async fn create(&self, body: Value) -> (u16, Value) {
        self.call("POST", LIST, &body.to_string()).await
    }
}

async fn send(method: &str, url: &str, authorization: &str, body: &str) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header("authorization", authorization)
        .body(Full::new(bytes::Bytes::from(body.to_owned())))
        .unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn login(cloud: &Cloud) -> (u16, Value) {
    let rules = cloud.lock().rules.clone();
    let pair = format!("{}:{}", rules.client_id, rules.client_secret);
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .append_pair("assertion", &rules.jwt)
        .finish();
    let url = format!("{}/restapi/oauth/token", cloud.url());
    send(
        "POST",
        &url,
        &format!("Basic {}", STANDARD.encode(pair)),
        &form,
    )
    .await
}

fn code(answer: &(u16, Value)) -> &str {
    answer.1["errors"][0]["errorCode"].as_str().unwrap_or("-")
}

fn echoing() -> App {
    App::replying(|seen| match seen.header("validation-token")[..] {
        [token] => Reply::status(200).header("validation-token", token),
        _ => Reply::status(200),
    })
}

fn webhook(address: &str) -> Value {
    json!({
        "eventFilters": [SMS],
        "deliveryMode": {"transportType": "WebHook", "address": address},
    })
}

#[tokio::test]
async fn a_subscription_lives_as_documented() {
    let cloud = Cloud::start(b"").unwrap();
    let caller = Caller::login(&cloud).await;
    let app = echoing();
    let mut body = webhook(&app.url("/hook?a=b"));
    body["deliveryMode"]["verificationToken"] = "hush".into();
    body["deliveryMode"]["expiresIn"] = 60.into();
    let (status, made) = caller.create(body).await;
    assert_eq!(status, 200, "{made}");
    let id = made["id"].as_str().unwrap();
    let fields: Vec<&str> = made
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = [
        "uri",
        "id",
        "creationTime",
        "status",
        "eventFilters",
        "expirationTime",
        "expiresIn",
        "deliveryMode",
    ];
    expected.sort_unstable();
    let mut fields = fields;
    fields.sort_unstable();
    assert_eq!(fields, expected);
    assert!(!made.to_string().contains("hush"));
    // The misplaced lifetime is ignored.
    assert!(made["expiresIn"].as_u64().unwrap() > 600_000);
    assert_eq!(
        made["eventFilters"][0],
        format!(
            "/restapi/v1.0/account/{ACCOUNT}/extension/{EXTENSION}/message-store/instant?type=SMS"
        )
    );
    let seen = &app.seen()[0];
    assert_eq!((seen.path.as_str(), seen.body.len()), ("/hook?a=b", 0));
    assert_eq!(seen.header("verification-token"), [b"hush"]);

    let path = format!("{LIST}/{id}");
    let change = json!({
        "eventFilters": ["/restapi/v1.0/account/~/telephony/sessions"],
        "deliveryMode": {"address": "https://elsewhere.example", "verificationToken": "other"},
        "expiresIn": 999_999_999,
    });
    let (status, updated) = caller.call("PUT", &path, &change.to_string()).await;
    assert_eq!(status, 200, "{updated}");
    assert_eq!(updated["deliveryMode"]["address"], app.url("/hook?a=b"));
    assert_eq!(cloud.subscriptions()[0].token.as_deref(), Some("hush"));
    assert_eq!(cloud.subscriptions()[0].seconds, 315_360_000);
    let alone = caller.call("PUT", &path, r#"{"expiresIn":60}"#).await;
    assert_eq!((alone.0, code(&alone)), (400, "CMN-101"));

    cloud.blacklist(id, "Read timed out");
    let (_, shown) = caller.call("GET", &path, "").await;
    assert_eq!(shown["status"], "Blacklisted");
    assert_eq!(shown["blacklistedData"]["reason"], "Read timed out");
    caller.call("POST", &format!("{path}/renew"), "").await;
    assert!(cloud.subscriptions()[0].blacklisted.is_some());
    cloud.rules(|rules| (rules.renewal_sets_default, rules.renewal_revives) = (true, true));
    let (_, renewed) = caller.call("POST", &format!("{path}/renew"), "").await;
    assert_eq!(
        (&renewed["status"], cloud.subscriptions()[0].seconds),
        (&json!("Active"), 604_800)
    );

    assert_eq!(cloud.notify(id, &json!({})).await.unwrap(), 200);
    assert_eq!(app.seen()[1].header("verification-token"), [b"hush"]);
    cloud.turn(7 * 24 * 60 * MINUTE);
    cloud.notify(id, &json!({})).await.unwrap_err();
    let caller = Caller::login(&cloud).await;
    let gone = caller.call("GET", &path, "").await;
    assert_eq!((gone.0, code(&gone)), (404, "CMN-102"));

    let id = cloud.has("https://a.example", &[SMS]);
    let (status, _) = caller.call("DELETE", &format!("{LIST}/{id}"), "").await;
    assert_eq!((status, cloud.subscriptions().len()), (204, 0));
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_with_its_code() {
    let cloud = Cloud::start(b"").unwrap();
    let caller = Caller::login(&cloud).await;
    let app = echoing();
    let with = |key: &str, value: Value| {
        let mut body = webhook(&app.url("/"));
        body.pointer_mut("").unwrap()[key] = value;
        body
    };
    for (body, status, expected) in [
        (with("eventFilters", json!([])), 400, "CMN-101"),
        (with("eventFilters", json!(["/sms"])), 400, "SUB-508"),
        (
            with(
                "eventFilters",
                json!(["/restapi/v1.0/subscription/~?threshold=60&interval=15"]),
            ),
            400,
            "SUB-515",
        ),
        (with("expiresIn", json!(0)), 400, "CMN-101"),
        (
            with("deliveryMode", json!({"transportType": "PubNub"})),
            400,
            "CMN-101",
        ),
        (
            with(
                "deliveryMode",
                json!({"transportType": "WebHook", "address": "hooks"}),
            ),
            400,
            "CMN-101",
        ),
    ] {
        let answer = caller.create(body).await;
        assert_eq!((answer.0, code(&answer)), (status, expected), "{answer:?}");
        assert!(status != 400 || answer.1["errorCode"] == "InvalidParameter");
    }
    cloud.rules(|rules| rules.lacking = vec!["ReadMessages"]);
    assert_eq!(
        code(&caller.create(webhook(&app.url("/"))).await),
        "CMN-408"
    );
    cloud.rules(|rules| rules.scopes.retain(|it| *it != "SubscriptionWebhook"));
    assert_eq!(
        code(&caller.create(webhook(&app.url("/"))).await),
        "CMN-401"
    );
    cloud.rules(|rules| {
        *rules = Rules {
            max_subscriptions: 1,
            disabled: vec![("message-store", "no permission")],
            ..Rules::default()
        };
    });
    let made = caller.create(webhook(&app.url("/"))).await;
    assert_eq!(made.1["disabledFilters"][0]["reason"], "no permission");
    assert_eq!(
        code(&caller.create(webhook(&app.url("/"))).await),
        "SUB-505"
    );
}

#[tokio::test]
async fn two_creates_at_once_are_one_too_many() {
    let cloud = Cloud::start(b"").unwrap();
    let caller = Caller::login(&cloud).await;
    let app = App::replying(|seen| {
        let token = seen.header("validation-token")[0].to_vec();
        Reply::status(200)
            .header("validation-token", token)
            .after(Duration::from_millis(200))
    });
    let (one, two) = tokio::join!(
        caller.create(webhook(&app.url("/"))),
        caller.create(webhook(&app.url("/")))
    );
    let mut codes = [code(&one), code(&two)];
    codes.sort_unstable();
    assert_eq!(codes, ["-", "CMN-304"]);
}

#[tokio::test]
async fn tokens_end_by_time_and_by_the_sixth_session() {
    let cloud = Cloud::start(b"").unwrap();
    cloud.rules(|rules| rules.limits_rates = false);
    let first = Caller::login(&cloud).await;
    assert_eq!(first.call("GET", LIST, "").await.0, 200);
    for _ in 0..5 {
        Caller::login(&cloud).await;
    }
    let ended = first.call("GET", LIST, "").await;
    assert_eq!((ended.0, code(&ended)), (401, "OAU-213"));
    let last = Caller::login(&cloud).await;
    cloud.turn(61 * MINUTE);
    assert_eq!(code(&last.call("GET", LIST, "").await), "OAU-128");
    let token = cloud.bot_token();
    let bot = Caller {
        cloud: &cloud,
        token,
    };
    cloud.turn(1000 * MINUTE);
    assert_eq!(bot.call("GET", LIST, "").await.0, 200);

    cloud.rules(|rules| rules.jwt_flow = false);
    let (status, refused) = login(&cloud).await;
    assert_eq!(
        (status, &refused["error"]),
        (400, &json!("unauthorized_client"))
    );
    assert_eq!(refused["errors"][0]["errorCode"], "OAU-251");
}

#[tokio::test]
async fn a_request_inside_the_penalty_restarts_it() {
    let cloud = Cloud::start(b"").unwrap();
    let caller = Caller::login(&cloud).await;
    for _ in 0..50 {
        assert_eq!(caller.call("GET", LIST, "").await.0, 200);
    }
    for _ in 0..3 {
        let refused = caller.call("GET", LIST, "").await;
        assert_eq!((refused.0, code(&refused)), (429, "CMN-301"));
        cloud.turn(MINUTE - Duration::from_secs(5));
    }
    cloud.turn(Duration::from_secs(6));
    assert_eq!(caller.call("GET", LIST, "").await.0, 200);
}
