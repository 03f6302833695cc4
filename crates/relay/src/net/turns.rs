//! Turns of connections on the runtime's threads. The runtime runs tasks in the order in which they wake, so an attacker
//! with thousands of busy connections would delay everybody else's. This hands the runtime few tasks at a time, and gives each
//! address its turn after one of every other address.

use std::num::NonZero;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::available_parallelism;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use crate::budget::Owner;
use crate::fair_queue::FairQueue;
use crate::limits::TURNS;

/// Turns of the tasks that share it.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Mutex<TurnQueue>>);

#[derive(Debug)]
struct TurnQueue {
    free: usize,
    waiting: FairQueue<Arc<Task>>,
}

#[derive(Debug)]
struct Task {
    turns: Turns,
    owner: Option<Owner>,
    /// Changed while the queue is locked.
    state: Mutex<TurnState>,
    /// Hands the task to the runtime.
    runtime: AtomicWaker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TurnState {
    Asleep,
    Waiting,
    /// With the runtime.
    HasTurn,
    Running,
    /// Running, and to be run again.
    Woken,
    Ended,
}

/// A future that runs when it is its turn.
#[derive(Debug)]
pub(crate) struct InTurn<F> {
    future: Pin<Box<F>>,
    task: Arc<Task>,
    waker: Waker,
}

impl Turns {
    /// Turns for this machine's CPUs.
    pub(crate) fn for_cpus() -> Self {
        Self::new(TURNS * available_parallelism().map_or(1, NonZero::get))
    }

    fn new(at_a_time: usize) -> Self {
        Self(Arc::new(Mutex::new(TurnQueue {
            free: at_a_time,
            waiting: FairQueue::default(),
        })))
    }

    /// Returns a future that runs by the turns of its owner.
    pub(crate) fn take<F>(&self, owner: Option<Owner>, future: F) -> InTurn<F> {
        let task = Arc::new(Task {
            turns: self.clone(),
            owner,
            state: Mutex::new(TurnState::Asleep),
            runtime: AtomicWaker::new(),
        });
        Arc::clone(&task).wake();
        InTurn {
            future: Box::pin(future),
            waker: Waker::from(Arc::clone(&task)),
            task,
        }
    }
}

impl TurnQueue {
    /// Ends a turn, and begins that of another task, which is returned.
    #[must_use]
    fn pass_on(&mut self) -> Option<Arc<Task>> {
        let next = self.waiting.take(|task| {
            let mut state = task.state.lock();
            if *state != TurnState::Waiting {
                return None;
            }
            *state = TurnState::HasTurn;
            drop(state);
            Some(task)
        });
        self.free += usize::from(next.is_none());
        next
    }
}

impl Task {
    /// Begins a turn, if it has one.
    fn begin(&self) -> bool {
        let _queue = self.turns.0.lock();
        let mut state = self.state.lock();
        let has_turn = *state == TurnState::HasTurn;
        if has_turn {
            *state = TurnState::Running;
        }
        has_turn
    }

    /// Takes a turn, or waits for one.
    fn ask(self: &Arc<Self>, queue: &mut TurnQueue) -> TurnState {
        if queue.free > 0 {
            queue.free -= 1;
            return TurnState::HasTurn;
        }
        queue.waiting.add(self.owner, Arc::clone(self));
        TurnState::Waiting
    }

    /// Ends the turn.
    fn end(self: &Arc<Self>, is_ready: bool) {
        let mut queue = self.turns.0.lock();
        let mut state = self.state.lock();
        *state = match *state {
            _ if is_ready => TurnState::Ended,
            TurnState::Woken => {
                queue.waiting.add(self.owner, Arc::clone(self));
                TurnState::Waiting
            }
            _ => TurnState::Asleep,
        };
        drop(state);
        let next = queue.pass_on();
        drop(queue);
        if let Some(next) = next {
            next.runtime.wake();
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut queue = self.turns.0.lock();
        let mut state = self.state.lock();
        match *state {
            TurnState::Asleep => *state = self.ask(&mut queue),
            TurnState::Running => *state = TurnState::Woken,
            _ => return,
        }
        let has_turn = *state == TurnState::HasTurn;
        drop((state, queue));
        if has_turn {
            self.runtime.wake();
        }
    }
}

impl<F: Future> Future for InTurn<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.task.runtime.register(cx.waker());
        if !self.task.begin() {
            return Poll::Pending;
        }
        let Self { future, waker, .. } = &mut *self;
        let polled = future.as_mut().poll(&mut Context::from_waker(waker));
        self.task.end(polled.is_ready());
        polled
    }
}

impl<F> Drop for InTurn<F> {
    fn drop(&mut self) {
        let mut queue = self.task.turns.0.lock();
        let state = std::mem::replace(&mut *self.task.state.lock(), TurnState::Ended);
        let had_turn = matches!(
            state,
            TurnState::HasTurn | TurnState::Running | TurnState::Woken
        );
        let next = had_turn.then(|| queue.pass_on()).flatten();
        drop(queue);
        drop(self.task.runtime.take());
        if let Some(next) = next {
            next.runtime.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::panic::AssertUnwindSafe;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use futures_util::future::{join_all, poll_fn};
    use futures_util::stream::{FuturesUnordered, StreamExt as _};
    use proptest::prelude::*;
    use tokio::sync::Notify;
    use tokio::task::JoinSet;
    use tokio::time::timeout;

    use super::*;

    fn address(last: u8) -> Option<Owner> {
        Some(Owner::Address(IpAddr::from([127, 0, 0, last])))
    }

    /// Runs, and so many times more, each after it has been woken twice.
    async fn work(more: usize, mut run: impl FnMut()) {
        let mut runs = 0;
        poll_fn(|cx| {
            run();
            runs += 1;
            if runs > more {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    #[tokio::test]
    async fn who_has_many_busy_tasks_does_not_delay_who_has_one() {
        let turns = Turns::new(2);
        let ran: Arc<Mutex<Vec<u8>>> = Arc::default();
        let mut tasks = JoinSet::new();
        for last in std::iter::repeat_n(1, 100).chain([2, 3]) {
            let ran = Arc::clone(&ran);
            let work = work(4, move || ran.lock().push(last));
            tasks.spawn(turns.take(address(last), work));
        }
        tasks.join_all().await;
        let ran = ran.lock();
        assert_eq!(ran.len(), 102 * 5);
        let last = |of| ran.iter().rposition(|it| *it == of);
        // After each of their five runs, one of every other owner's.
        assert!(last(2) < Some(25) && last(3) < Some(25), "{ran:?}");
        assert_eq!(turns.0.lock().free, 2);
    }

    #[tokio::test]
    async fn tasks_that_panic_or_are_dropped_keep_no_turn() {
        let turns = Turns::new(1);
        let panics = turns.take(None, async { panic!("as tested") });
        assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
        let notify = Notify::new();
        let mut waits = FuturesUnordered::from_iter([turns.take(None, notify.notified())]);
        assert!(waits.next().now_or_never().is_none());
        // It has a turn, and does not begin it.
        notify.notify_waiters();
        assert_eq!(turns.0.lock().free, 0);
        let mut queued = turns.take(None, async {});
        assert!((&mut queued).now_or_never().is_none());
        let queued_too = turns.take(None, async {});
        drop(queued);
        drop(waits);
        assert!(queued_too.now_or_never().is_some());
        assert_eq!(turns.0.lock().free, 1);
    }

    proptest! {
        /// However tasks wake, and whichever are dropped after their first run or before, the others end and all turns come back.
        #[test]
        fn no_wake_is_lost(
            at_a_time in 1..4_usize,
            tasks in proptest::collection::vec((0..4_u8, 0..5_usize, any::<bool>()), 1..30),
        ) {
            let turns = Turns::new(at_a_time);
            let runs = AtomicUsize::new(0);
            let mut kept = Vec::new();
            let mut dropped = Vec::new();
            for (owner, more, is_dropped) in tasks {
                let run = || _ = runs.fetch_add(1, Ordering::Relaxed);
                let mut task = turns.take(address(owner), work(more, run));
                if is_dropped {
                    _ = (&mut task).now_or_never();
                    dropped.push(task);
                } else {
                    kept.push((task, more + 1));
                }
            }
            let before = runs.load(Ordering::Relaxed);
            let expected: usize = kept.iter().map(|(_, runs)| runs).sum();
            let all = join_all(kept.into_iter().map(|(task, _)| task));
            drop(dropped);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let minute = Duration::from_secs(60);
            let ended = runtime.block_on(async { timeout(minute, all).await });
            prop_assert!(ended.is_ok());
            prop_assert_eq!(runs.load(Ordering::Relaxed) - before, expected);
            prop_assert_eq!(turns.0.lock().free, at_a_time);
        }
    }
}
