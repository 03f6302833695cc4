use ringtail_model::RowId;
use ringtail_protocol::event::Event;

use super::*;
use crate::testing::{ENDPOINT, JOURNAL, TestHistory, event};
use crate::{Forwarding, History, Incoming, Reader};

fn presence(seq: u64, more: &str) -> Event {
    let filter = "/restapi/v1.0/account/1/extension/2/presence";
    event(
        seq,
        &format!(
            r#"{{"uuid":"u{seq}","event":"{filter}","subscriptionId":"s","body":{{"extensionId":"2"{more}}}}}"#
        ),
    )
}

async fn reported(history: &History, after: i64) -> Vec<(u64, String)> {
    let read = move |reader: &Reader<'_>| reader.new_fields_after(RowId(after), 100);
    let rows = history.read(read).await.unwrap().into_iter();
    rows.map(|row| (row.seq, row.new_fields.to_string()))
        .collect()
}

#[tokio::test]
async fn new_fields_are_stored_with_their_event_and_move_the_watermarks() {
    let test = TestHistory::open();
    let learn = u64::from(LEARN);
    test.receives((1..=learn).map(|seq| presence(seq, "")).collect())
        .await;
    let watermarks = test.history.watermarks();
    assert_eq!(watermarks.borrow().new_fields, RowId(0));
    test.receives(vec![
        presence(learn + 1, r#","dnd":true"#),
        presence(learn + 2, r#","dnd":true"#),
        event(learn + 3, r#"{"another":"kind"}"#),
    ])
    .await;
    assert_eq!(watermarks.borrow().new_fields, RowId(1));
    let words = "new field body.dnd (boolean)".to_owned();
    assert_eq!(
        reported(&test.history, 0).await,
        [(learn + 1, words.clone())]
    );
    assert_eq!(reported(&test.history, 1).await, []);
    let events = test.history.events_after(RowId(0), 100).await.unwrap();
    let with: Vec<_> = events
        .iter()
        .filter_map(|event| Some((event.seq, event.new_fields.as_ref()?.to_string())))
        .collect();
    assert_eq!(with, [(learn + 1, words)]);
}

#[tokio::test]
async fn another_process_knows_what_the_first_has_learnt() {
    let first = TestHistory::open();
    let second = History::open(first.dir.path()).unwrap();
    let receives = async |history: &History, event: Event| {
        let batch = vec![Incoming::Event(event)];
        let stored = history.store(ENDPOINT, JOURNAL, batch, Forwarding::Off);
        stored.await.unwrap();
    };
    let learn = u64::from(LEARN);
    for seq in 1..=learn {
        receives(&first.history, presence(seq, "")).await;
    }
    receives(&second, presence(learn + 1, r#","dnd":1"#)).await;
    // The first remembers that no body had the field.
    receives(&first.history, presence(learn + 2, r#","dnd":1"#)).await;
    receives(&second, presence(learn + 3, r#","dnd":"x""#)).await;
    assert_eq!(
        reported(&second, 0).await,
        [
            (learn + 1, "new field body.dnd (number)".to_owned()),
            (
                learn + 3,
                "new type at body.dnd (string, was number)".to_owned()
            ),
        ]
    );
}

/// A batch that was undone would otherwise have taught its fields, and they were never reported.
#[tokio::test]
async fn nothing_is_learnt_from_a_batch_that_is_undone() {
    let test = TestHistory::open();
    let learn = u64::from(LEARN);
    test.receives((1..=learn).map(|seq| presence(seq, "")).collect())
        .await;
    let path = test.dir.path().join(crate::FILE_NAME);
    let refuse = Connection::open(path).unwrap();
    refuse
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON event WHEN NEW.seq = 22
             BEGIN SELECT RAISE(ABORT, 'refused for the test'); END",
        )
        .unwrap();
    let dnd = || presence(learn + 1, r#","dnd":1"#);
    let batch = vec![Incoming::Event(dnd()), Incoming::Event(presence(22, ""))];
    let stored = test
        .history
        .store(ENDPOINT, JOURNAL, batch, Forwarding::Off);
    stored.await.unwrap_err();
    refuse.execute_batch("DROP TRIGGER refuse").unwrap();
    test.receives(vec![dnd()]).await;
    assert_eq!(reported(&test.history, 0).await.len(), 1);
}
