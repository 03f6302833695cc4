//! `read_status`: where everything stands.

use std::collections::BTreeMap;

use ringtail_client::endpoint_cache::{known_endpoints, last_target};
use ringtail_client::lock::is_listening;
use ringtail_errors::Failure;
use ringtail_model::{RowId, endpoint_name};
use ringtail_protocol::event::Timestamp;
use ringtail_ringcentral::secret::redacted;
use ringtail_store::origin_name;
use ringtail_text::counted;
use ringtail_views::listeners::listeners;
use ringtail_views::{blocking, json};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Answer;
use super::session::{Session, event_json};

/// The most endpoints in a result.
const MAX_ENDPOINTS: usize = 20;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusInput {}

pub(super) async fn status(session: &Session, _: StatusInput) -> Result<Answer, Failure> {
    let data = &session.config.data;
    let mut endpoints: BTreeMap<String, Option<String>> = known_endpoints(data)
        .into_iter()
        .map(|known| (known.endpoint, Some(known.url)))
        .collect();
    let with_events = session.history().read(|reader| reader.endpoints()).await?;
    // Edited copies are of an endpoint that has its own row.
    for id in with_events
        .into_iter()
        .filter(|id| origin_name(id).is_none())
    {
        endpoints.entry(id).or_insert(None);
    }
    let directory = data.clone();
    let listeners = blocking(move || listeners(&directory)).await;
    let (mut rows, mut listening, mut pending) = (Vec::new(), 0, 0);
    let count = endpoints.len();
    for (id, url) in endpoints.into_iter().take(MAX_ENDPOINTS) {
        let row = endpoint(session, id, url, &listeners).await?;
        listening += usize::from(row["listening"] == true);
        pending += row["pending"].as_u64().unwrap_or(0);
        rows.push(row);
    }
    // Before the newest event is read: a wait from here returns each event that this result does not know.
    let cursor = session.has_read().await?;
    let newest = session.history().events_before(RowId(i64::MAX), 1).await?;
    let newest = session.rows(newest).await?.pop();
    let age = newest.as_ref().map(|event| {
        let micros = Timestamp::now().0.saturating_sub(event.received_at.0);
        micros.max(0) / 1_000_000
    });
    let last = match age {
        Some(age) => format!("the last event came {age} s ago"),
        None => "no event yet".to_owned(),
    };
    let line = format!(
        "{listening} of {} listened on; pending for the app: {}; {last}",
        counted(count, "endpoint"),
        counted(pending, "event")
    );
    let object = json!({
        "type": "status",
        "version": env!("CARGO_PKG_VERSION"),
        "endpoints": rows,
        "endpoints_in_all": count,
        "last_event": newest.as_ref().map(event_json),
        "last_event_seconds_ago": age,
        "pseudonyms": session.masked,
        "may_send": session.sends,
        "cursor": cursor.to_string(),
    });
    Ok(Answer::new(object, line))
}

async fn endpoint(
    session: &Session,
    id: String,
    url: Option<String>,
    listeners: &[Value],
) -> Result<Value, Failure> {
    let name = endpoint_name(&id).to_owned();
    let data = session.config.data.clone();
    let pending = session.history().count_pending(&id).await?;
    let clock = {
        let id = id.clone();
        session
            .history()
            .read(move |reader| reader.failure_clock(&id))
            .await?
            .0
    };
    let listener = listeners.iter().find(|it| it["endpoint"] == *id);
    let target = last_target(&data, &id).map(|target| target.to_string());
    Ok(json!({
        "endpoint": id,
        "name": name,
        "url": url,
        "listening": url.is_some() && is_listening(&data, &name),
        "link": listener.map(|it| it["link"].clone()),
        "target_state": listener.map(|it| it["target"]["state"].clone()),
        "paused": listener.is_some_and(|it| it["paused"] == true),
        "target": target.map(|target| redacted(&target).into_owned()),
        "pending": pending,
        "failure_clock": json::failure_clock(&name, clock.failing()),
    }))
}
