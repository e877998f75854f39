//! A queue of items that a thread makes before they are wanted.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::{Error, Result};

/// Polls of the queue before sleeping: some ten microseconds, the cost of waking up.
const N_SPINS: usize = 1 << 11;

/// A queue that a thread keeps filled.
///
/// The thread ends when it has nothing more to make and when the queue is dropped, which waits for that. In a
/// forked child, which has none of its parent's threads, a queue is of no use, and dropping it does nothing.
///
/// ```
/// use std::time::Duration;
/// use mbgd_rs::prefetcher::{Next, Prefetcher};
///
/// let mut numbers = 0..3;
/// let prefetcher = Prefetcher::new(1, move |_| numbers.next())?;
/// let mut sum = 0;
/// loop {
///     match prefetcher.next(Duration::from_secs(1)) {
///         Next::Made(number) => sum += number,
///         Next::NotYet => continue,
///         Next::Finished => break,
///     }
/// }
/// assert_eq!(sum, 3);
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Prefetcher<T> {
    shared: Option<Arc<SharedQueue<T>>>,
    worker: Option<JoinHandle<()>>,
    process: u32,
    spins: bool,
}

/// What [`Prefetcher::next`] returns.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// The next item.
    Made(T),
    /// The next item is still being made.
    NotYet,
    /// There are no more items.
    Finished,
}

#[derive(Debug)]
struct SharedQueue<T> {
    n_ahead: usize,
    queue: Mutex<Queue<T>>,
    /// Items in the queue, and 1 more at the end: readable without the lock.
    n_seen: AtomicUsize,
    is_abandoned: AtomicBool,
    is_filled: Condvar,
    has_room: Condvar,
}

#[derive(Debug)]
struct Queue<T> {
    made: VecDeque<T>,
    panic: Option<Box<dyn Any + Send>>,
    is_finished: bool,
    taker_sleeps: bool,
    maker_sleeps: bool,
}

impl<T: Send + 'static> Prefetcher<T> {
    /// Starts to make items, up to `n_ahead` of them before they are taken. `make` returns None at the end; it is given
    /// a flag that is set when the rest is not wanted.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn new(n_ahead: usize, make: impl FnMut(&AtomicBool) -> Option<T> + Send + 'static) -> Result<Self> {
        let queue = Queue {
            made: VecDeque::with_capacity(n_ahead),
            panic: None,
            is_finished: false,
            taker_sleeps: false,
            maker_sleeps: false,
        };
        let shared = Arc::new(SharedQueue {
            n_ahead: n_ahead.max(1),
            queue: Mutex::new(queue),
            n_seen: AtomicUsize::new(0),
            is_abandoned: AtomicBool::new(false),
            is_filled: Condvar::new(),
            has_room: Condvar::new(),
        });
        let of_worker = Arc::clone(&shared);
        let work = move || of_worker.fill(make);
        let worker = thread::Builder::new().name("mbgd-ahead".into()).spawn(work);
        let worker = worker.map_err(|error| Error::NoThread { reason: error.to_string() })?;
        let spins = thread::available_parallelism().is_ok_and(|n| n.get() > 1);
        Ok(Self { shared: Some(shared), worker: Some(worker), process: process::id(), spins })
    }

    /// Whether the thread that fills the queue is one of this process.
    pub fn is_of_this_process(&self) -> bool {
        self.process == process::id()
    }

    /// The next item, for which this waits at most `patience`.
    ///
    /// # Panics
    /// If the maker panicked, with its panic.
    pub fn next(&self, patience: Duration) -> Next<T> {
        let Some(shared) = &self.shared else { return Next::Finished };
        if self.spins && !patience.is_zero() {
            for _ in 0..N_SPINS {
                if shared.n_seen.load(Ordering::Acquire) > 0 {
                    break;
                }
                std::hint::spin_loop();
            }
        }
        let mut queue = shared.lock();
        if queue.made.is_empty() && !queue.is_finished && !patience.is_zero() {
            queue.taker_sleeps = true;
            let waited = shared.is_filled.wait_timeout(queue, patience);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            queue.taker_sleeps = false;
        }
        if let Some(made) = queue.made.pop_front() {
            shared.n_seen.fetch_sub(1, Ordering::Relaxed);
            // Woken when half of the queue is empty, so that it sleeps seldom.
            if queue.maker_sleeps && queue.made.len() <= shared.n_ahead / 2 {
                shared.has_room.notify_one();
            }
            return Next::Made(made);
        }
        if let Some(panic) = queue.panic.take() {
            drop(queue);
            resume_unwind(panic);
        }
        if queue.is_finished { Next::Finished } else { Next::NotYet }
    }
}

impl<T> SharedQueue<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, mut make: impl FnMut(&AtomicBool) -> Option<T>) {
        let wants_more = || !self.is_abandoned.load(Ordering::Relaxed);
        while wants_more() {
            let made = catch_unwind(AssertUnwindSafe(|| make(&self.is_abandoned)));
            let mut queue = self.lock();
            let is_finished = !matches!(made, Ok(Some(_)));
            match made {
                Ok(Some(made)) => queue.made.push_back(made),
                Ok(None) => {}
                Err(panic) => queue.panic = Some(panic),
            }
            queue.is_finished = is_finished;
            self.n_seen.fetch_add(1, Ordering::Release);
            if queue.taker_sleeps {
                self.is_filled.notify_one();
            }
            if is_finished {
                return;
            }
            if queue.made.len() >= self.n_ahead {
                queue.maker_sleeps = true;
                while queue.made.len() > self.n_ahead / 2 && wants_more() {
                    queue = self.has_room.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
                queue.maker_sleeps = false;
            }
        }
    }
}

impl<T> Drop for Prefetcher<T> {
    fn drop(&mut self) {
        let (Some(shared), Some(worker)) = (self.shared.take(), self.worker.take()) else { return };
        if self.process != process::id() {
            // The lock may be held by a thread that a forked child does not have, and there is none to join.
            std::mem::forget((shared, worker));
            return;
        }
        shared.is_abandoned.store(true, Ordering::Relaxed);
        // Under the lock, so that the notification comes before the maker checks or after it sleeps.
        let queue = shared.lock();
        shared.has_room.notify_one();
        drop(queue);
        let _ = worker.join(); // its panics are caught and kept
    }
}
