use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::forward::ForwardOptions;

const LIMITS: Limits = Limits {
    in_flight: 3,
    late: 4,
    window: 8,
    page: 4,
};

/// A scheduler with a history of pending events and a clock.
struct Script {
    scheduler: Scheduler,
    now: Instant,
}

impl Script {
    fn new() -> Self {
        Self {
            scheduler: Scheduler::new(LIMITS, ForwardOptions::default().backoff),
            now: Instant::now(),
        }
    }

    fn up() -> Self {
        let mut script = Self::new();
        script.scheduler.health = Health::Up;
        script
    }

    fn on(&mut self, input: Input) -> Vec<Command> {
        self.scheduler.handle(input, self.now)
    }

    fn load(&mut self, rows: &[(i64, &str)]) -> Vec<Command> {
        let rows = rows
            .iter()
            .map(|(row, key)| (RowId(*row), (*key).to_owned()));
        self.on(Input::Loaded(rows.collect()))
    }

    fn finish(&mut self, row: i64, end: End) -> Vec<Command> {
        self.on(Input::Finished(RowId(row), end))
    }

    fn later(&mut self, millis: u64) -> Vec<Command> {
        self.now += Duration::from_millis(millis);
        self.on(Input::Tick)
    }
}

fn send(rows: &[i64]) -> Vec<Command> {
    rows.iter().map(|row| Command::Send(RowId(*row))).collect()
}

fn held() -> End {
    End::Unreachable {
        kind: FailureKind::Refused,
        reason: "refused".to_owned(),
        losses: None,
    }
}

fn lost() -> End {
    End::Unreachable {
        kind: FailureKind::Refused,
        reason: "refused".to_owned(),
        losses: Some(1),
    }
}

fn load(after: i64) -> Command {
    Command::Load {
        after: RowId(after),
        limit: LIMITS.page,
    }
}

#[test]
fn nothing_is_sent_while_it_is_paused_and_all_of_it_afterwards() {
    let mut script = Script::up();
    script.on(Input::Grew);
    assert_eq!(script.load(&[(1, "a"), (2, "a"), (3, "b")]), send(&[1, 3]));
    assert_eq!(script.on(Input::Paused(true)), []);
    assert_eq!(script.finish(1, End::Done), []);
    assert_eq!(script.finish(3, held()), []);
    assert_eq!(script.scheduler.wake_at(), None);
    assert_eq!(script.later(10_000), []);
    // The target was gone at last, so one event finds out whether it is back.
    assert_eq!(script.on(Input::Paused(false)), send(&[2]));
    assert_eq!(script.on(Input::Connected(RowId(2))), send(&[3]));
}

#[test]
fn keys_run_side_by_side_and_wait_for_themselves() {
    let mut script = Script::up();
    assert_eq!(script.on(Input::Grew), [load(0)]);
    assert_eq!(script.load(&[(1, "a"), (2, "a"), (3, "b")]), send(&[1, 3]));
    assert_eq!(script.finish(3, End::Done), []);
    assert_eq!(script.finish(1, End::Done), send(&[2]));
}

#[test]
fn an_app_that_never_answers_blocks_a_key_for_three_seconds() {
    let mut script = Script::up();
    script.on(Input::Grew);
    assert_eq!(script.load(&[(1, "a"), (2, "a"), (3, "a")]), send(&[1]));
    assert_eq!(
        script.later(10_000),
        [],
        "the time begins with the connection"
    );
    assert_eq!(script.on(Input::Connected(RowId(1))), []);
    assert_eq!(script.scheduler.wake_at(), Some(script.now + ORDER_GATE));
    assert_eq!(script.later(2999), []);
    assert_eq!(script.later(1), send(&[2]));
    assert!(script.scheduler.late().keys().eq(&[RowId(1)]));
    assert_eq!(script.on(Input::Connected(RowId(2))), []);
    // The end of a late one lets nothing overtake.
    assert_eq!(script.finish(1, End::Done), []);
    assert!(script.scheduler.late().is_empty());
    assert_eq!(script.finish(2, End::Done), send(&[3]));
}

#[test]
fn a_late_event_whose_app_went_away_is_sent_again_before_the_later_ones() {
    let mut script = Script::up();
    script.on(Input::Grew);
    assert_eq!(script.load(&[(1, "a"), (2, "a"), (3, "a")]), send(&[1]));
    script.on(Input::Connected(RowId(1)));
    assert_eq!(script.later(3000), send(&[2]));
    script.on(Input::Connected(RowId(2)));
    assert_eq!(script.finish(1, held()), []);
    assert_eq!(script.finish(2, held()), []);
    assert_eq!(script.later(10_000), send(&[1]));
    script.on(Input::Connected(RowId(1)));
    assert_eq!(script.finish(1, End::Done), send(&[2]));
    assert_eq!(script.finish(2, End::Done), send(&[3]));
}

#[test]
fn events_that_have_lost_a_connection_are_sent_alone() {
    let mut script = Script::up();
    script.on(Input::Grew);
    assert_eq!(
        script.load(&[(1, "a"), (2, "b"), (3, "c")]),
        send(&[1, 2, 3])
    );
    script.on(Input::Connected(RowId(3)));
    for row in [2, 3] {
        assert_eq!(script.finish(row, lost()), []);
    }
    // The first is in flight while the target is known to be up.
    script.scheduler.health = Health::Up;
    assert_eq!(script.later(0), []);
    assert_eq!(script.finish(1, End::Done), send(&[2]));
    assert_eq!(script.on(Input::Connected(RowId(2))), []);
    script.on(Input::Grew);
    assert_eq!(script.load(&[(4, "d"), (5, "e")]), []);
    // The next one may be what stops the app, so it waits for the answer.
    assert_eq!(script.later(3000), []);
    assert_eq!(script.finish(2, End::Done), send(&[3]));
    assert_eq!(script.on(Input::Connected(RowId(3))), []);
    // It blocks other keys no longer than its own.
    assert_eq!(script.later(3000), send(&[4, 5]));
}

#[test]
fn late_responses_are_bounded() {
    let mut script = Script::up();
    for row in 1..=4 {
        script.on(Input::Grew);
        let key = row.to_string();
        assert_eq!(script.load(&[(row, &key)]), send(&[row]));
        script.on(Input::Connected(RowId(row)));
        script.later(3000);
    }
    script.on(Input::Grew);
    assert_eq!(script.load(&[(5, "e")]), []);
    assert_eq!(script.finish(2, End::Done), send(&[5]));
}

#[test]
fn no_more_than_the_limit_is_in_flight_and_the_oldest_goes_first() {
    let mut script = Script::up();
    script.on(Input::Grew);
    let commands = script.load(&[(1, "a"), (2, "b"), (3, "c"), (4, "d")]);
    assert_eq!(commands, [send(&[1, 2, 3]), vec![load(4)]].concat());
    assert_eq!(script.finish(2, End::Gone), send(&[4]));
}

#[test]
fn pages_follow_each_other_while_they_are_full_and_there_is_room() {
    let mut script = Script::up();
    assert_eq!(script.on(Input::Grew), [load(0)]);
    // Growth while a page is on its way must not be forgotten.
    assert_eq!(script.on(Input::Grew), []);
    let page = script.load(&[(1, "a"), (2, "a"), (3, "a"), (4, "a")]);
    assert_eq!(page, [send(&[1]), vec![load(4)]].concat());
    // Seven wait: no room for another page before three more are sent.
    assert_eq!(script.load(&[(5, "a"), (6, "a"), (7, "a"), (8, "a")]), []);
    for row in 1..=2 {
        assert_eq!(script.finish(row, End::Done), send(&[row + 1]));
    }
    assert_eq!(
        script.finish(3, End::Done),
        [send(&[4]), vec![load(8)]].concat()
    );
    assert_eq!(script.load(&[]), []);
    assert_eq!(script.on(Input::Grew), [load(8)]);
}

#[test]
fn an_untried_target_gets_one_event_first() {
    let mut script = Script::new();
    script.on(Input::Grew);
    assert_eq!(script.load(&[(1, "a"), (2, "b"), (3, "c")]), send(&[1]));
    assert_eq!(script.on(Input::Connected(RowId(1))), send(&[2, 3]));
    assert_eq!(*script.scheduler.health(), Health::Up);
}

#[test]
fn a_target_that_goes_away_holds_its_events_and_is_probed_with_the_oldest() {
    let mut script = Script::up();
    script.on(Input::Grew);
    script.load(&[(1, "a"), (2, "b"), (3, "a")]);
    assert_eq!(script.finish(2, held()), []);
    // The one that fails a little later tells nothing new, so it puts nothing off.
    script.now += Duration::from_millis(50);
    assert_eq!(script.finish(1, held()), []);
    script.now -= Duration::from_millis(50);
    let Health::Down {
        reason, failures, ..
    } = script.scheduler.health()
    else {
        panic!("down");
    };
    assert_eq!((reason.as_str(), *failures), ("refused", 0));
    assert_eq!(
        script.scheduler.wake_at(),
        Some(script.now + Duration::from_millis(100))
    );
    assert_eq!(script.later(99), []);
    assert_eq!(script.later(1), send(&[1]));
    assert_eq!(script.scheduler.wake_at(), None);
    assert_eq!(script.finish(1, held()), []);
    assert_eq!(script.later(199), []);
    assert_eq!(script.later(1), send(&[1]));
    // Connected is enough: an app that thinks long must not hold up the others.
    assert_eq!(script.on(Input::Connected(RowId(1))), send(&[2]));
    assert_eq!(script.finish(1, End::Done), send(&[3]));
}

#[test]
fn a_probe_that_vanished_makes_room_for_the_next() {
    let mut script = Script::new();
    script.on(Input::Grew);
    assert_eq!(script.load(&[(1, "a"), (2, "b")]), send(&[1]));
    assert_eq!(script.finish(1, End::Gone), send(&[2]));
    assert_eq!(*script.scheduler.health(), Health::Untried);
    // Settled without a word of the connection says it as well.
    script.finish(2, End::Done);
    assert_eq!(*script.scheduler.health(), Health::Up);
}

#[test]
fn a_slow_answer_from_before_says_nothing_about_now() {
    let mut script = Script::up();
    script.on(Input::Grew);
    script.load(&[(1, "a"), (2, "b"), (3, "c")]);
    script.finish(2, held());
    assert_eq!(script.finish(1, End::Done), []);
    assert_eq!(script.on(Input::Connected(RowId(3))), []);
    assert!(matches!(script.scheduler.health(), Health::Down { .. }));
}

#[test]
fn a_target_that_somebody_reached_is_probed_at_once() {
    let mut script = Script::new();
    script.on(Input::Grew);
    script.load(&[(1, "a")]);
    script.finish(1, held());
    assert_eq!(script.on(Input::TargetSeen), send(&[1]));
}

#[test]
fn rows_that_are_known_are_not_taken_twice() {
    let mut script = Script::up();
    script.on(Input::Grew);
    assert_eq!(script.load(&[(1, "a")]), send(&[1]));
    script.on(Input::Grew);
    assert_eq!(script.load(&[(1, "a"), (2, "b")]), send(&[2]));
    assert_eq!(script.finish(1, End::Done), []);
}

/// What may happen next, as far as it can.
#[derive(Debug, Clone, Copy)]
enum Event {
    Grow(u8),
    Load,
    Connect(u8),
    Settle(u8),
    Hold(u8),
    Lose(u8),
    Wait(u16),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        2 => (1_u8..6).prop_map(Event::Grow),
        4 => Just(Event::Load),
        3 => any::<u8>().prop_map(Event::Connect),
        4 => any::<u8>().prop_map(Event::Settle),
        3 => any::<u8>().prop_map(Event::Hold),
        1 => any::<u8>().prop_map(Event::Lose),
        2 => (0_u16..3000).prop_map(Event::Wait),
    ];
    prop::collection::vec(event, 0..200)
}

/// The world around a scheduler, which checks what it says.
struct World {
    script: Script,
    keys: Vec<u8>,
    /// Rows that are in the history, by the index of their key.
    rows: Vec<u8>,
    ended: BTreeSet<i64>,
    in_flight: Vec<i64>,
    connected: HashMap<i64, Instant>,
    loading: Option<(i64, usize)>,
}

impl World {
    fn new(keys: Vec<u8>) -> Self {
        Self {
            script: Script::new(),
            keys,
            rows: Vec::new(),
            ended: BTreeSet::new(),
            in_flight: Vec::new(),
            connected: HashMap::new(),
            loading: None,
        }
    }

    fn key(&self, row: i64) -> u8 {
        self.rows[usize::try_from(row).unwrap() - 1]
    }

    fn is_late(&self, row: i64) -> bool {
        let connected = self.connected.get(&row);
        connected.is_some_and(|at| *at + ORDER_GATE <= self.script.now)
    }

    fn on(&mut self, input: Input) -> Result<(), TestCaseError> {
        for command in self.script.on(input) {
            match command {
                Command::Load { after, limit } => {
                    prop_assert!(self.loading.is_none());
                    self.loading = Some((after.0, limit));
                }
                Command::Send(RowId(row)) => {
                    let key = self.key(row);
                    prop_assert!(!self.ended.contains(&row), "{} is over", row);
                    let mut busy = self.in_flight.iter().filter(|row| !self.is_late(**row));
                    prop_assert!(!busy.any(|busy| self.key(*busy) == key));
                    let earlier = (1..row).filter(|other| self.key(*other) == key);
                    for other in earlier {
                        let is_over = self.ended.contains(&other) || self.is_late(other);
                        prop_assert!(is_over, "{} before {}", row, other);
                    }
                    self.in_flight.push(row);
                }
            }
        }
        let late = self.in_flight.iter().filter(|row| self.is_late(**row));
        let late = late.count();
        prop_assert!(self.in_flight.len() - late <= LIMITS.in_flight);
        prop_assert!(late <= LIMITS.late + LIMITS.in_flight);
        prop_assert_eq!(self.script.scheduler.late().len(), late);
        let most = LIMITS.window + 2 * LIMITS.in_flight + LIMITS.late;
        prop_assert!(self.script.scheduler.waiting <= most);
        let pending = self.rows.len() - self.ended.len();
        let known = self.script.scheduler.pending();
        prop_assert!(known.is_none_or(|known| known == pending), "{:?}", known);
        let wake_at = self.script.scheduler.wake_at();
        prop_assert!(wake_at.is_none_or(|at| at > self.script.now), "a busy loop");
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Grow(count) => {
                for _ in 0..count {
                    self.rows.push(self.keys[self.rows.len() % self.keys.len()]);
                }
                self.on(Input::Grew)
            }
            Event::Load => self.answer_load(),
            Event::Connect(which) => match self.pick(which) {
                Some(row) if !self.connected.contains_key(&row) => {
                    self.connected.insert(row, self.script.now);
                    self.on(Input::Connected(RowId(row)))
                }
                _ => Ok(()),
            },
            Event::Settle(which) => self.end(which, Some(End::Done)),
            Event::Lose(which) => self.end(which, Some(End::Gone)),
            Event::Hold(which) => self.end(which, None),
            Event::Wait(millis) => {
                self.script.now += Duration::from_millis(millis.into());
                self.on(Input::Tick)
            }
        }
    }

    fn answer_load(&mut self) -> Result<(), TestCaseError> {
        let Some((after, limit)) = self.loading.take() else {
            return Ok(());
        };
        let newest = i64::try_from(self.rows.len()).unwrap();
        let rows = (after + 1..=newest).filter(|row| !self.ended.contains(row));
        let rows = rows
            .take(limit)
            .map(|row| (RowId(row), self.key(row).to_string()));
        let rows = rows.collect();
        self.on(Input::Loaded(rows))
    }

    fn pick(&self, which: u8) -> Option<i64> {
        let index = usize::from(which) % self.in_flight.len().max(1);
        self.in_flight.get(index).copied()
    }

    fn end(&mut self, which: u8, end: Option<End>) -> Result<(), TestCaseError> {
        let Some(row) = self.pick(which) else {
            return Ok(());
        };
        // What has been connected has lost the connection to an app that is down.
        let unreachable = match self.connected.remove(&row) {
            Some(_) => lost(),
            None => held(),
        };
        self.in_flight.retain(|busy| *busy != row);
        if end.is_some() {
            self.ended.insert(row);
        }
        self.on(Input::Finished(RowId(row), end.unwrap_or(unreachable)))
    }
}

proptest! {
    #[test]
    fn order_bounds_and_completeness_hold_for_any_interleaving(
        keys in prop::collection::vec(0_u8..5, 1..12),
        events in events(),
    ) {
        let mut world = World::new(keys);
        for event in events {
            world.happen(event)?;
        }
        // Whatever happened: once the target is well, everything gets through.
        let total = world.rows.len();
        for _ in 0..4 * total + 8 {
            world.happen(Event::Load)?;
            world.happen(Event::Settle(0))?;
            world.happen(Event::Wait(2000))?;
        }
        prop_assert_eq!(world.ended.len(), total);
        let scheduler = &world.script.scheduler;
        let known = (!scheduler.has_lost).then_some(0);
        prop_assert_eq!(scheduler.pending(), known);
    }

    #[test]
    fn memory_is_given_back(rows in 1_i64..50) {
        let mut script = Script::up();
        script.on(Input::Grew);
        for row in 1..=rows {
            let key = format!("k{row}");
            script.load(&[(row, key.as_str())]);
            script.finish(row, End::Done);
            script.on(Input::Grew);
        }
        let scheduler = script.scheduler;
        prop_assert_eq!(scheduler.queues, HashMap::new());
        prop_assert!(scheduler.heads.is_empty() && scheduler.in_flight.is_empty());
        prop_assert_eq!(scheduler.waiting, 0);
    }
}
