//! Threads for work that takes a CPU, by turns of the owners. Outside the async runtime, so that a turn takes no longer than
//! the job.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::budget::Owner;
use crate::fair_queue::FairQueue;

/// Threads that do jobs. They end after it has been dropped.
pub(crate) struct FairPool(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: FairQueue<Weak<QueuedJob>>,
    is_closed: bool,
}

/// Its caller owns it until it is taken: what it holds goes with a caller that gives up, and not when its turn comes.
type QueuedJob = Mutex<Option<Job>>;

type Job = Box<dyn FnOnce() + Send>;

impl FairPool {
    /// Starts the threads.
    pub(crate) fn new(name: &str, threads: usize) -> io::Result<Self> {
        let pool = Self(Arc::default());
        for _ in 0..threads {
            let shared = Arc::clone(&pool.0);
            let thread = thread::Builder::new().name(name.to_owned());
            thread.spawn(move || {
                while let Some(job) = shared.next() {
                    // A panic is the job's only: its owner gets no result.
                    drop(catch_unwind(AssertUnwindSafe(job)));
                }
            })?;
        }
        Ok(pool)
    }

    /// Does a job when it is its turn; `None` if it has panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        owner: Option<Owner>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || drop(answer.send(job())));
        let queued = Arc::new(Mutex::new(Some(job)));
        self.0.queue.lock().jobs.add(owner, Arc::downgrade(&queued));
        self.0.changed.notify_one();
        let result = answered.await;
        drop(queued);
        result.ok()
    }
}

impl Shared {
    /// Waits for a job; `None` once the pool is closed.
    fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        loop {
            if queue.is_closed {
                return None;
            }
            // One that was given up takes no turn.
            if let Some(job) = queue.jobs.take(|job| job.upgrade()?.lock().take()) {
                return Some(job);
            }
            self.changed.wait(&mut queue);
        }
    }
}

impl Drop for FairPool {
    fn drop(&mut self) {
        self.0.queue.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

impl fmt::Debug for FairPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owners = self.0.queue.lock().jobs.owners();
        f.debug_struct("FairPool")
            .field("owners", &owners)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::mpsc;

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    use super::*;

    fn address(last: u8) -> Option<Owner> {
        Some(Owner::Address(IpAddr::from([127, 0, 0, last])))
    }

    #[tokio::test]
    async fn who_has_many_jobs_does_not_delay_who_has_one() {
        let pool = FairPool::new("test", 1).unwrap();
        let (starts, started) = oneshot::channel();
        let (begin, begun) = mpsc::channel::<()>();
        let first = pool.run(address(1), move || {
            starts.send(()).unwrap();
            begun.recv().is_ok()
        });
        let done: Arc<Mutex<Vec<u8>>> = Arc::default();
        let rest = async {
            started.await.unwrap();
            let others = [1, 1, 1, 1, 2, 1, 3, 1].map(|last| {
                let done = Arc::clone(&done);
                pool.run(address(last), move || done.lock().push(last))
            });
            tokio::join!(join_all(others), async { begin.send(()).unwrap() })
        };
        assert_eq!(tokio::join!(first, rest).0, Some(true));
        // The queue was whole before the first job ended.
        assert_eq!(*done.lock(), [1, 2, 3, 1, 1, 1, 1, 1]);
    }

    #[tokio::test]
    async fn jobs_that_panic_or_are_given_up_stop_no_thread() {
        let pool = FairPool::new("test", 1).unwrap();
        let (begin, begun) = mpsc::channel::<()>();
        let panics = pool.run(None, move || {
            begun.recv().ok();
            panic!("as tested");
        });
        let given_up = async {
            let held = Arc::new(());
            let holds = Arc::clone(&held);
            let job = pool.run(None, move || drop(holds));
            assert!(job.now_or_never().is_none());
            // Before its turn: the thread is busy.
            assert_eq!(Arc::strong_count(&held), 1);
            begin.send(()).unwrap();
        };
        let (panicked, ()) = tokio::join!(panics, given_up);
        assert_eq!(panicked, None::<()>);
        assert_eq!(pool.run(None, || 7).await, Some(7));
    }
}
