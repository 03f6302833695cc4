use std::cell::Cell;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use ringtail_model::secrets::AllSecrets;
use ringtail_store::testing::{TestHistory, event};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::*;

/// Later than [`SOON`]: the look at the deadline must not hide a lost wake-up.
const NEVER: Duration = Duration::from_secs(3600);

const SOON: Duration = Duration::from_secs(60);

fn wanted(filter_text: &str, after: RowId, count: usize) -> Wanted {
    let search = search(filter(filter_text).unwrap(), AllSecrets::default());
    Wanted {
        search,
        after,
        open: BTreeSet::new(),
        count,
        pause: Duration::ZERO,
    }
}

async fn found(history: &History, wanted: &Wanted, timeout: Duration) -> Vec<u64> {
    let (mut seqs, mut known) = (Vec::new(), HashSet::new());
    let deadline = Instant::now() + timeout;
    while let Some(events) = wanted.next(history, deadline, &mut known).await.unwrap() {
        seqs.extend(events.iter().map(|event| event.seq));
    }
    seqs
}

/// Some events come before the position, some between it and the start, the rest meanwhile.
#[test]
fn no_event_is_lost_or_taken_twice() {
    let runtime = Runtime::new().unwrap();
    let kept = TestHistory::open();
    let newest = Cell::new(0);
    let case = (0..3_u64, 0..3_u64, 0..4_u64, any::<bool>());
    let ran = TestRunner::default().run(&case, |(old, before, during, even)| {
        runtime.block_on(async {
            let start = newest.get() + old;
            for seq in newest.get() + 1..=start {
                kept.receives(vec![event(seq, "{}")]).await;
            }
            let after = kept.history.watermarks().borrow().events;
            for seq in start + 1..=start + before {
                kept.receives(vec![event(seq, "{}")]).await;
            }
            let last = start + before + during;
            newest.set(last);
            let all = start + 1..=last;
            let expected: Vec<u64> = all.filter(|seq| !even || seq % 2 == 0).collect();
            let each = expected.iter().map(|seq| format!("seq:{seq}"));
            let wanted = wanted(
                &each.collect::<Vec<_>>().join(" or "),
                after,
                expected.len(),
            );
            let storing = async {
                for seq in start + before + 1..=last {
                    kept.receives(vec![event(seq, "{}")]).await;
                }
            };
            let finding = timeout(SOON, found(&kept.history, &wanted, NEVER));
            let (seqs, ()) = tokio::join!(finding, storing);
            prop_assert_eq!(seqs, Ok(expected));
            Ok(())
        })
    });
    ran.unwrap();
}

#[tokio::test]
async fn the_deadline_ends_it_with_what_was_found() {
    let kept = TestHistory::open();
    kept.receives(vec![event(1, "{}")]).await;
    kept.receives(vec![event(2, "{}")]).await;
    let wanted = wanted("", RowId(1), 2);
    assert_eq!(found(&kept.history, &wanted, Duration::ZERO).await, [2]);
}
