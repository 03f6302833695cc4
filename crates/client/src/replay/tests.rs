use std::sync::Arc;

use ringtail_protocol::event::EncodedRequest;
use tokio::sync::Notify;

use super::*;
use crate::forward::testing::{quick, sender, sender_to};
use ringtail_kit::app::{App, Port, response};
use ringtail_model::{FailureKind, ForwardState, Outcome};
use ringtail_store::testing::{ENDPOINT, TestHistory, call, encoded};

async fn replay(
    history: &History,
    sender: &Sender,
    id: EventId,
    sign: Option<&Secrets>,
) -> Result<AttemptDetail, ReplayError> {
    let row = history.row_of(id).await?.unwrap_or_default();
    replay_row(history, sender, row, id, sign).await
}

#[tokio::test]
async fn a_caller_that_leaves_loses_no_record() {
    let test = TestHistory::open();
    let event = call(1, "s");
    test.receives(vec![event.clone()]).await;
    let (arrived, left) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gates = (arrived.clone(), left.clone());
    let app = App::start(move |_| {
        let (arrived, left) = gates.clone();
        async move {
            arrived.notify_one();
            left.notified().await;
            response(200, "")
        }
    });
    let sender = sender_to(&app);
    tokio::select! {
        _ = replay(&test.history, &sender, event.id, None) => panic!("too early"),
        () = arrived.notified() => {}
    }
    left.notify_one();
    settle().await;
    assert_eq!(test.history.counts().await.attempts, 1);
}

#[tokio::test]
async fn a_replay_sends_the_original_and_is_an_attempt_of_its_own() {
    let test = TestHistory::open();
    let event = call(1, "s");
    test.receives(vec![event.clone()]).await;
    let app = App::start(async |_| response(204, ""));
    let detail = replay(&test.history, &sender_to(&app), event.id, None)
        .await
        .unwrap();
    assert_eq!(detail.attempt.event, event.id);
    assert_eq!(detail.attempt.cause, Cause::Replay);
    assert_eq!(detail.attempt.outcome, Outcome::Status(204));
    assert_eq!(detail.attempt.verdict.word(), "status");
    let seen = app.seen().remove(0);
    let sent = event.request.decode().unwrap();
    assert_eq!(seen.body, sent.body);
    assert_eq!(seen.path, sent.path);
    assert_eq!(seen.headers["verification-token"], "secret");
    assert_eq!(seen.headers["ringtail-replay"], event.id.to_string());
    assert_eq!(seen.headers.get_all("x-twice").iter().count(), 2);
    // A pending event stays pending.
    let stored = test.history.event(event.id).await.unwrap().unwrap();
    assert_eq!(stored.event.forward, ForwardState::Pending);
    assert_eq!(stored.attempts, [detail]);
    assert_eq!(test.history.count_pending(ENDPOINT).await.unwrap(), 1);
}

#[tokio::test]
async fn an_edited_copy_names_its_origin() {
    let test = TestHistory::open();
    let event = call(1, "s");
    test.receives(vec![event.clone()]).await;
    let mut request = event.request.decode().unwrap();
    request.body = "{}".into();
    request.headers.push(Header {
        name: EDITED_FROM.to_owned(),
        value: "forged".into(),
    });
    let id = test.history.add_edited(event.id, request).await.unwrap();
    let app = App::start(async |_| response(200, ""));
    replay(&test.history, &sender_to(&app), id.unwrap(), None)
        .await
        .unwrap();
    let seen = app.seen().remove(0);
    assert_eq!(&seen.body[..], b"{}");
    assert_eq!(seen.headers["ringtail-replay"], id.unwrap().to_string());
    let origins = seen.headers.get_all(EDITED_FROM).iter();
    assert_eq!(origins.collect::<Vec<_>>(), [&event.id.to_string()]);
}

#[tokio::test]
async fn a_target_that_refuses_a_replay_is_recorded() {
    let test = TestHistory::open();
    let event = call(1, "s");
    test.receives(vec![event.clone()]).await;
    let place = Port::reserve();
    let nowhere = sender(&place.address.to_string(), quick());
    let detail = replay(&test.history, &nowhere, event.id, None)
        .await
        .unwrap();
    let Outcome::Error { kind, .. } = detail.attempt.outcome else {
        panic!("answered");
    };
    assert_eq!(kind, FailureKind::Refused);
}

#[tokio::test]
async fn what_is_not_there_or_cannot_be_read_is_said() {
    let test = TestHistory::open();
    let broken = encoded(1, EncodedRequest::from_stored(b"\xff".as_slice().into()));
    test.receives(vec![broken.clone()]).await;
    let nowhere = sender("3000", quick());
    let unknown = call(2, "s").id;
    let error = replay(&test.history, &nowhere, unknown, None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("has no event"), "{error}");
    let error = replay(&test.history, &nowhere, broken.id, None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    assert_eq!(test.history.counts().await.attempts, 0);
}

#[tokio::test]
async fn a_replay_is_signed_anew_when_asked() {
    let test = TestHistory::open();
    let event = call(1, "s");
    test.receives(vec![event.clone()]).await;
    let app = App::start(async |_| response(200, ""));
    let secrets = Secrets::of_variables(|_| Some("another".into())).unwrap();
    replay(&test.history, &sender_to(&app), event.id, Some(&secrets))
        .await
        .unwrap();
    let seen = app.seen().remove(0);
    let tokens = seen.headers.get_all("verification-token");
    assert_eq!(tokens.iter().collect::<Vec<_>>(), ["another"]);
    let none = Secrets::default();
    let error = replay(&test.history, &sender_to(&app), event.id, Some(&none))
        .await
        .unwrap_err();
    assert!(matches!(error, ReplayError::Unsigned { .. }), "{error}");
    let hint = "set RINGTAIL_VERIFICATION_TOKEN, or verification_token under [secrets] in the configuration file";
    assert_eq!(error.hint().as_deref(), Some(hint));
    assert_eq!(app.seen().len(), 1);
}
