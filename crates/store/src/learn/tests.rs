use super::*;
use crate::Forwarding;
use crate::index;
use crate::known::LEARN;
use crate::query::Reader;
use crate::schema::{open_reader, open_writer};
use crate::store::{Incoming, store};
use crate::testing::{ENDPOINT, JOURNAL, TestHistory, event};
use ringtail_protocol::event::Event;

fn presence(seq: u64, more: &str) -> Event {
    let filter = "/restapi/v1.0/account/1/extension/2/presence";
    event(
        seq,
        &format!(
            r#"{{"uuid":"u{seq}","event":"{filter}","subscriptionId":"s","body":{{"extensionId":"2"{more}}}}}"#
        ),
    )
}

/// Stores an event and waits until it is indexed.
async fn receives(kept: &TestHistory, event: Event) {
    kept.receives(vec![event]).await;
    let reached = kept.history.watermarks().borrow().events;
    let mut indexed = kept.history.indexed();
    indexed.wait_for(|row| *row >= reached).await.unwrap();
}

async fn told(kept: &TestHistory, after: i64) -> Vec<(u64, String)> {
    let read = kept
        .history
        .read(move |reader| reader.new_fields_after(RowId(after), 100));
    let rows = read.await.unwrap();
    rows.iter()
        .map(|row| (row.seq, row.new_fields.to_string()))
        .collect()
}

#[tokio::test]
async fn what_is_new_is_noted_beside_the_event_and_moves_the_marks() {
    let kept = TestHistory::open();
    let learn = u64::from(LEARN);
    for seq in 1..=learn {
        receives(&kept, presence(seq, "")).await;
    }
    let marks = kept.history.watermarks();
    assert_eq!(marks.borrow().new_fields, RowId(0));
    receives(&kept, presence(learn + 1, r#","dnd":true"#)).await;
    // Not with the next commit, which may be long after.
    assert_eq!(marks.borrow().new_fields, RowId(1));
    receives(&kept, presence(learn + 2, r#","dnd":true"#)).await;
    receives(&kept, event(learn + 3, r#"{"another":"kind"}"#)).await;
    let words = "new field body.dnd (boolean)".to_owned();
    assert_eq!(told(&kept, 0).await, [(learn + 1, words.clone())]);
    assert_eq!(told(&kept, 1).await, []);
    assert_eq!(marks.borrow().new_fields, RowId(1));
    let events = kept.history.events_after(RowId(0), 100).await.unwrap();
    let novelties: Vec<_> = events
        .iter()
        .map(|event| event.new_fields.clone())
        .collect();
    let with = novelties.iter().position(Option::is_some);
    assert_eq!(with, Some(LEARN as usize));
    assert_eq!(novelties.iter().flatten().count(), 1);
    let words_of_row = novelties[LEARN as usize].as_ref().unwrap().to_string();
    assert_eq!(words_of_row, words);
}

#[test]
fn another_process_knows_what_the_first_has_learnt() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open_writer(dir.path()).unwrap();
    let receives = |learner: &mut Learner, event: Event| {
        let batch = [Incoming::Event(event)];
        let (connection, off) = (&opened.connection, Forwarding::Off);
        store(connection, ENDPOINT, JOURNAL, &batch, &off).unwrap();
        while index::step(connection, 64, learner).unwrap().more {}
    };
    let (mut first, mut second) = (Learner::default(), Learner::default());
    let learn = u64::from(LEARN);
    for seq in 1..=learn {
        receives(&mut first, presence(seq, ""));
    }
    receives(&mut second, presence(learn + 1, r#","dnd":1"#));
    // The first had it in memory that there is no such field.
    receives(&mut first, presence(learn + 2, r#","dnd":1"#));
    receives(&mut second, presence(learn + 3, r#","dnd":"x""#));
    let reader = Reader::new(open_reader(&opened.path).unwrap());
    let rows = reader.new_fields_after(RowId(0), 100).unwrap();
    let words: Vec<_> = rows
        .iter()
        .map(|row| (row.seq, row.new_fields.to_string()))
        .collect();
    assert_eq!(
        words,
        [
            (learn + 1, "new field body.dnd (number)".to_owned()),
            (
                learn + 3,
                "new type at body.dnd (string, was number)".to_owned()
            ),
        ]
    );
}
