//! Notifications reach the app: every byte, once, in order.

use std::collections::HashMap;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use ringtail_kit::app::App;
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;
use ringtail_properties::payloads;
use ringtail_ringcentral::classify::{Classified, RequestView};
use ringtail_ringcentral::ordering::ordering_key;
use ringtail_tests::client::{Home, body_of};
use ringtail_tests::hooks;
use serde_json::{Value, json};

use super::World;

/// Every documented payload, and odd ones.
fn bodies() -> anyhow::Result<Vec<(String, Bytes)>> {
    let mut bodies: Vec<(String, Bytes)> = payloads::all()
        .into_iter()
        .map(|payload| (payload.name, payload.body))
        .collect();
    let transcript = json!({
        "uuid": hooks::fresh_uuid(),
        "event": "/ai/ringsense/v1/public/accounts/~/domains/pbx/insights",
        "subscriptionId": hooks::SUBSCRIPTION,
        "timestamp": hooks::now(),
        "body": {"transcript": "word ".repeat(1024 * 1024 / 5)},
    });
    bodies.push((
        "one megabyte of transcript".into(),
        payloads::compact(&transcript),
    ));
    let mut broken = hooks::numbered(0, 0).to_vec();
    broken.extend_from_slice(b"\xff\xfe\x00");
    bodies.push(("not UTF-8".into(), broken.into()));
    bodies.push(("empty".into(), Bytes::new()));
    bodies.push(("not JSON".into(), Bytes::from_static(b"\x00\x01\xff{")));
    Ok(bodies)
}

#[tokio::test]
async fn every_payload_reaches_the_app_unchanged() -> anyhow::Result<()> {
    let world = World::new().await?;
    let bodies = bodies()?;
    let mut connection = world.caller.connect(&world.url).await?;
    for (name, body) in &bodies {
        let hook = Hook::notification(body.clone())
            .header("x-name", name)
            .header("x-repeated", "one")
            .header("x-repeated", b"two \xe9")
            .below("/sms/in?auth_token=a%20b&auth_token=");
        let answer = connection.post(&hook).await?;
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(answer.body, "", "{name}");
    }
    eventually!(
        world.app.count() >= bodies.len(),
        "{} requests at the app",
        bodies.len()
    )?;

    let mut expected: HashMap<String, Vec<Bytes>> = HashMap::new();
    for (name, body) in &bodies {
        expected.entry(key(body)).or_default().push(body.clone());
        let named: Vec<_> = (world.app.seen().into_iter())
            .filter(|seen| seen.header("x-name") == [name.as_bytes()])
            .collect();
        let streamed = bodies.iter().filter(|(other, _)| other == name).count();
        assert_eq!(named.len(), streamed, "{name} came once");
        for seen in named {
            assert_eq!(seen.method, "POST");
            assert_eq!(seen.path, "/base/sms/in?auth_token=a%20b&auth_token=");
            assert_eq!(seen.header("x-repeated"), [b"one".as_slice(), b"two \xe9"]);
            assert_eq!(seen.header("user-agent"), [b"RingCentral-Webhook/8.3"]);
            assert_eq!(
                seen.header("verification-token"),
                [b"example-verification-token"]
            );
            assert_eq!(seen.header("connection"), Vec::<&[u8]>::new());
            let host = world.app.address.to_string();
            assert_eq!(seen.header("host"), [host.as_bytes()]);
        }
    }
    let mut order: HashMap<String, Vec<Bytes>> = HashMap::new();
    for seen in world.app.seen() {
        order.entry(key(&seen.body)).or_default().push(seen.body);
    }
    assert!(order == expected, "order within each key");
    Ok(())
}

/// Ordering key of a body. The order of passthrough requests is their callers'.
fn key(body: &[u8]) -> String {
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json; charset=UTF-8");
    headers.insert(CONTENT_TYPE, json);
    ordering_key(&Classified::of(RequestView {
        method: &Method::POST,
        path: "/sms/in",
        query: Some("auth_token=a%20b&auth_token="),
        headers: &headers,
        body,
    }))
}

#[tokio::test]
async fn two_clients_on_one_endpoint_each_get_everything() -> anyhow::Result<()> {
    let world = World::new().await?;
    let other_app = App::accepting();
    let home = world.home.sibling()?;
    let other = home
        .listen(&[&other_app.url(""), "--endpoint", "hooks"])
        .await?;
    assert_eq!(other.url()?, world.url, "the endpoint is the account's");
    for mark in 0..20 {
        let hook = Hook::notification(hooks::numbered(1, mark));
        assert_eq!(world.caller.post(&world.url, &hook).await?.status, 200);
    }
    for app in [&world.app, &other_app] {
        eventually!(app.count() >= 20, "twenty requests at each app")?;
        assert_eq!(hooks::numbers(app), (0..20).collect::<Vec<_>>());
    }
    Ok(())
}

#[tokio::test]
async fn a_duplicate_is_marked_and_not_dropped() -> anyhow::Result<()> {
    let world = World::new().await?;
    let hook = Hook::notification(hooks::numbered(1, 1));
    for _ in 0..2 {
        assert_eq!(world.caller.post(&world.url, &hook).await?.status, 200);
    }
    eventually!(world.app.count() == 2, "both at the app")?;
    eventually!(world.client.count_of("event") == 2, "both event lines")?;
    let events = world.client.lines_of("event");
    assert_eq!(events[0]["duplicate_of"], Value::Null);
    assert_eq!(events[1]["duplicate_of"], events[0]["seq"]);
    assert_eq!(body_of(&events[1])?, hook.body);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_keeps_its_url_over_restarts_of_both_sides() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.relay.stop().await?;
    world.relay.resume().await?;
    world.client.stop().await?;
    world.client.resume().await?;
    assert_eq!(world.client.url()?, world.url);
    let elsewhere = Home::new(&world.relay, &world.relay.account("stranger").await?)?
        .listen(&["--endpoint", "hooks"])
        .await?;
    assert_ne!(elsewhere.url()?, world.url, "a name belongs to an account");
    Ok(())
}
