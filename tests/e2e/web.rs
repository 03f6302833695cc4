//! The page's API of the real client: opened by the printed URL, used to see, replay, edit and compare.

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ringtail_kit::app::{App, Reply};
use ringtail_kit::{eventually, wait};
use ringtail_properties::payloads::compact;
use ringtail_tests::hooks;
use ringtail_tests::process::Process;
use serde_json::{Value, json};

use super::World;

/// A browser's side of the API.
struct Api {
    client: Client<HttpConnector, Full<Bytes>>,
    origin: String,
    token: String,
}

impl Api {
    /// Reads the URL that a program printed.
    fn of(log: &str) -> anyhow::Result<Self> {
        let line = log.lines().find_map(|line| line.strip_prefix("page: "));
        let (origin, token) = line
            .and_then(|url| url.split_once("/?token="))
            .with_context(|| format!("no page in {log}"))?;
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            origin: origin.to_owned(),
            token: token.to_owned(),
        })
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.origin))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let response = self.client.request(request.body(body.into())?).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        let answer: Value = serde_json::from_slice(&answer)?;
        ensure!(status.is_success(), "{path}: {status} {answer}");
        Ok(answer)
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, &Value::Null).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, body).await
    }
}

async fn list(world: &World, filter: &str) -> anyhow::Result<String> {
    let printed = world.home.stdout(["events", "list", filter]).await?;
    Ok(String::from_utf8(printed)?)
}

#[tokio::test]
async fn an_event_is_seen_replayed_edited_and_compared_in_the_page() -> anyhow::Result<()> {
    let app = App::replying(|seen| match seen.body.windows(5).any(|it| it == b"Happy") {
        true => Reply::status(200).body("{\"ok\":true}"),
        false => Reply::status(500).body("{\"ok\":false}"),
    });
    let world = World::with(app, &[]).await?;
    // The page of a second program over the history that `listen` fills.
    let mut page = Process::spawn("page", world.home.command(["web", "--port", "0"])?)?;
    let printed = page
        .line(wait::PATIENCE, |line| line.starts_with("page: "))
        .await?;
    let api = Api::of(&printed)?;
    world
        .notify(compact(&hooks::sms("163823379859", 0, "Ahoy")))
        .await?;
    let failed = "/events?filter=status:500%20kind:sms";
    eventually!(
        api.get(failed).await.ok()?["events"][0]["seq"] == 1,
        "the failing event"
    )?;

    let replayed = api.post("/replay", &json!({"events": ["1"]})).await?;
    assert_eq!(
        (&replayed["sent"], &replayed["last"]["status"]),
        (&json!(1), &json!(500))
    );
    assert_eq!(replayed["last"]["verdict"], "status");
    let text = api.get("/events/1/text").await?["text"]
        .as_str()
        .context("a text")?
        .to_owned();
    assert!(text.starts_with("POST"), "{text}");
    let edited = json!({"text": text.replace("Ahoy", "Happy"), "options": "--compare"});
    let sent = api.post("/events/1/edited", &edited).await?;
    assert_eq!(sent["last"]["status"], 200);
    let copy = sent["event"].as_str().context("an id")?;
    let diff = api.get(&format!("/events/{copy}/diff?other=1")).await?;
    let lines = diff["lines"].to_string();
    assert!(lines.contains("Ahoy") && lines.contains("Happy"), "{lines}");

    // Every header goes as received, and what was not edited has its bytes.
    let seen = world.app.seen();
    let [first, again, last] = &seen[..] else {
        anyhow::bail!("the app saw {} requests", seen.len());
    };
    assert_eq!(first.body, again.body);
    assert_eq!(first.body.len() + 1, last.body.len());
    assert_eq!(first.header("user-agent"), again.header("user-agent"));
    assert_eq!(
        api.get("/events/1").await?["attempts"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );

    let marked = json!({"marked": true, "comment": "seen in the page"});
    api.post("/events/1/bookmark", &marked).await?;
    let listed = list(&world, "bookmarked").await?;
    assert!(listed.contains("Ahoy"), "{listed}");
    ensure!(page.terminate().await?.success());
    Ok(())
}

#[tokio::test]
async fn listen_serves_the_page_with_its_state_and_stops_with_it() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.client.stop().await?;
    let target = world.app.url("/base");
    let arguments = [&*target, "--endpoint", "hooks", "--web=0"];
    world.client = world.home.listen(&arguments).await?;
    let api = Api::of(&world.client.log())?;
    world
        .notify(compact(&hooks::sms("163823379859", 0, "Ahoy")))
        .await?;
    eventually!(
        api.get("/events").await.ok()?["events"][0]["last_attempt"]["status"] == 200,
        "the answer"
    )?;
    let status = api.get("/status").await?;
    let engine = &status["engines"][0];
    assert_eq!(engine["name"], "hooks");
    assert_eq!(engine["link"]["state"], "connected");
    assert_eq!(engine["target"]["state"], "up");
    assert_eq!(engine["failure_clock"]["state"], "ok");
    api.post("/pause", &json!({"paused": true})).await?;
    eventually!(
        api.get("/status").await.ok()?["engines"][0]["paused"] == true,
        "the pause"
    )?;
    assert_eq!(world.client.stop().await?, Some(0));
    assert!(api.get("/status").await.is_err());
    Ok(())
}

/// The page of another process knows how the one that listens stands, whether it stops or is killed.
#[tokio::test]
async fn a_page_beside_a_client_shows_the_clients_state() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let mut page = Process::spawn("page", world.home.command(["web", "--port", "0"])?)?;
    let printed = page
        .line(wait::PATIENCE, |line| line.starts_with("page: "))
        .await?;
    let api = Api::of(&printed)?;
    let engine = async || Some(api.get("/status").await.ok()?["engines"][0].clone());
    eventually!(
        engine().await?["link"]["state"] == "connected",
        "the client's link"
    )?;
    let seen = engine().await.context("an engine")?;
    assert_eq!(
        (&seen["here"], &seen["name"]),
        (&json!(false), &json!("hooks"))
    );
    assert_eq!(seen["target"]["forwards"], true);
    world.relay.stop().await?;
    eventually!(
        engine().await?["link"]["state"] == "waiting",
        "the lost link"
    )?;
    ensure!(engine().await.context("an engine")?["link"]["since"].is_string());
    world.client.kill().await?;
    eventually!(engine().await?.is_null(), "nobody who listens")?;
    ensure!(page.terminate().await?.success());
    Ok(())
}

#[tokio::test]
async fn a_call_is_drawn_into_a_file() -> anyhow::Result<()> {
    let world = World::new().await?;
    for event in hooks::answered_call() {
        world.notify(compact(&event)).await?;
    }
    eventually!(
        list(&world, "kind:telephony").await.ok()?.lines().count() == hooks::answered_call().len(),
        "the call"
    )?;
    let file = world.home.path().join("call.svg");
    let file = file.to_str().context("a path")?;
    world
        .home
        .stdout(["events", "timeline", "1", "--svg", file])
        .await?;
    let svg = std::fs::read_to_string(file)?;
    assert!(
        svg.starts_with("<svg ") && svg.contains("<style>") && svg.contains("answered"),
        "{svg}"
    );
    let again = world
        .home
        .run(["events", "timeline", "1", "--svg", file])
        .await?;
    assert!(!again.status.success(), "an existing file is not replaced");
    Ok(())
}
