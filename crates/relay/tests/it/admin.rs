//! Administration while a relay serves.

use http::StatusCode;
use ringtail_protocol::frame::Down;
use ringtail_relay::accounts::EndpointName;
use ringtail_relay::journal::sqlite::purge;
use ringtail_relay::recent_log::RecentLog;
use ringtail_relay::store::{self, DataDir};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::kit::{Caller, Dial, TestRelay, soon, text_app};

const EVENT: &str =
    "{\"uuid\":\"u\",\"event\":\"/restapi/v1.0/x\",\"subscriptionId\":\"s\",\"body\":{}}";

#[tokio::test]
async fn clients_see_what_was_purged_as_a_gap() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut caller = Caller::http1(&relay).await;
    for _ in 0..5 {
        let stored = caller.post(&endpoint.path(""), EVENT).await;
        assert_eq!(stored.status, StatusCode::OK);
    }
    let name = EndpointName::parse("anna/sms").unwrap();
    let key = relay.accounts().endpoint_named(&name).unwrap().unwrap();
    let dir = DataDir::open(relay.dir()).unwrap();
    let purged = tokio::task::spawn_blocking(move || purge::purge(&dir, key));
    assert_eq!(purged.await.unwrap().unwrap().events, 5);
    let journal = relay.server().journal_id();
    let mut client = Dial::to(&relay, &endpoint)
        .after(journal, 2)
        .attach(&relay, text_app("hello"))
        .await;
    assert_eq!(client.head().await, 5);
    let gap = client.frame().await;
    assert_eq!(gap, Some(Down::Gap { first: 3, last: 5 }));
    caller.post(&endpoint.path(""), EVENT).await;
    let (event, _) = client.event().await;
    assert_eq!((event.seq, event.duplicate_of), (6, None));
}

#[tokio::test]
async fn a_deleted_endpoint_is_not_found_and_has_no_links() {
    let relay = TestRelay::start().await;
    let (gone, stays) = (relay.endpoint().await, relay.endpoint_named("other").await);
    let mut client = relay.attach(&gone, text_app("gone")).await;
    client.head().await;
    let mut other = relay.attach(&stays, text_app("stays")).await;
    other.head().await;
    let name = EndpointName::parse("anna/sms").unwrap();
    let key = relay.accounts().endpoint_named(&name).unwrap().unwrap();
    let dir = DataDir::open(relay.dir()).unwrap();
    let deleted = tokio::task::spawn_blocking(move || purge::delete(&dir, key));
    deleted.await.unwrap().unwrap();
    client.ended().await;
    let mut caller = Caller::http1(&relay).await;
    soon("the endpoint to be forgotten", async {
        while caller.post(&gone.path(""), EVENT).await.status != StatusCode::NOT_FOUND {}
    })
    .await;
    let stored = caller.post(&stays.path(""), EVENT).await;
    assert_eq!(stored.status, StatusCode::OK);
    assert_eq!(other.event().await.0.seq, 1);
    assert_eq!(caller.get(&stays.path("/x")).await.body, "stays");
}

#[tokio::test]
async fn a_revocation_that_could_not_be_read_at_once_ends_links_later() {
    let recent = RecentLog::default();
    let log = tracing_subscriber::registry().with(recent.clone());
    let _logging = tracing::subscriber::set_default(log);
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut client = relay.attach(&endpoint, text_app("hello")).await;
    client.head().await;
    let other = store::open_writer(&DataDir::open(relay.dir()).unwrap()).unwrap();
    // The revision can be read, and the tokens cannot.
    other
        .execute_batch(
            "BEGIN;
             UPDATE account SET token_hash = NULL, token_number = token_number + 1;
             ALTER TABLE account RENAME TO hidden;
             COMMIT;",
        )
        .unwrap();
    soon("the failure", async {
        let failed = "could not read accounts";
        while !recent
            .lines()
            .iter()
            .any(|it| it.message.starts_with(failed))
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    other
        .execute_batch("ALTER TABLE hidden RENAME TO account")
        .unwrap();
    client.ended().await;
}
