//! The pool for passes over whole arrays: predicting, gathering.
//!
//! Training has a team of its own ([`crate::parallel`]); this is for work that is split once and done.
//! Never rayon's global pool, which others share and which hangs in a forked child.

use std::iter::Enumerate;
use std::process;
use std::slice::ChunksMut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::{self, Thread};
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// Between two polls of the interrupt, where the calling thread has nothing else to do.
const BETWEEN_POLLS: Duration = Duration::from_millis(20);

/// The pool of this process, and how it was made.
struct Pool {
    process: u32,
    n_threads: usize,
    pool: Arc<ThreadPool>,
}

static POOL: Mutex<Option<Pool>> = Mutex::new(None);

/// Calls `work(scratch, i, chunk, interrupted)` for the chunks of `len` items of `out`, numbered from 0, on `n_threads`: this
/// one and some of a pool. Each makes itself a `scratch`, and takes the next chunk when it has done one. A chunk that takes
/// long is to ask the last argument now and then whether it is to return.
///
/// Only the calling thread asks `interrupted`, because Python notices signals in its main thread alone.
///
/// # Errors
/// What `scratch` or `work` fails with, and [`Error::Interrupted`].
pub(crate) fn each_chunk<T: Send, S>(
    n_threads: usize,
    out: &mut [T],
    len: usize,
    interrupted: &dyn Fn() -> bool,
    scratch: impl Fn() -> Result<S> + Sync,
    work: impl Fn(&mut S, usize, &mut [T], &dyn Fn() -> bool) -> Result<()> + Sync,
) -> Result<()> {
    let n_helpers = n_threads.min(out.len().div_ceil(len)).saturating_sub(1);
    let shared = Shared {
        chunks: Mutex::new(out.chunks_mut(len).enumerate()),
        ends: AtomicBool::new(false),
        failure: Mutex::new(None),
        n_helping: AtomicUsize::new(n_helpers),
    };
    // Never as a parallel iterator: outside of a pool it would be worked off in rayon's global one.
    match if n_helpers > 0 { pool(n_threads - 1) } else { None } {
        None => shared.work(interrupted, &scratch, &work),
        Some(pool) => pool.in_place_scope(|scope| {
            let (shared, scratch, work, caller) = (&shared, &scratch, &work, thread::current());
            for _ in 0..n_helpers {
                let caller = caller.clone();
                scope.spawn(move |_| {
                    let _helping = Helping { n: &shared.n_helping, caller };
                    shared.work(&|| shared.ends.load(Ordering::Relaxed), scratch, work);
                });
            }
            shared.work(interrupted, scratch, work);
            while shared.n_helping.load(Ordering::Acquire) > 0 {
                if interrupted() {
                    shared.fail(Error::Interrupted);
                }
                thread::park_timeout(BETWEEN_POLLS);
            }
        }),
    }
    shared.failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Chunks that are still to be done, and how it stands.
struct Shared<'o, T> {
    chunks: Mutex<Enumerate<ChunksMut<'o, T>>>,
    /// Whether no more are to be begun.
    ends: AtomicBool,
    /// The first one.
    failure: Mutex<Option<Error>>,
    n_helping: AtomicUsize,
}

impl<T> Shared<'_, T> {
    /// Does chunks as long as there are some.
    fn work<S>(
        &self,
        interrupted: &dyn Fn() -> bool,
        scratch: &impl Fn() -> Result<S>,
        work: &impl Fn(&mut S, usize, &mut [T], &dyn Fn() -> bool) -> Result<()>,
    ) {
        let mut scratch = match scratch() {
            Ok(scratch) => scratch,
            Err(error) => return self.fail(error),
        };
        while !self.ends.load(Ordering::Relaxed) {
            let next = self.chunks.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((i, chunk)) = next else { return };
            let done = if interrupted() {
                Err(Error::Interrupted)
            } else {
                work(&mut scratch, i, chunk, interrupted)
            };
            if let Err(error) = done {
                return self.fail(error);
            }
        }
    }

    fn fail(&self, error: Error) {
        self.ends.store(true, Ordering::Relaxed);
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Tells the caller when a helper has ended, if only by a panic.
struct Helping<'n> {
    n: &'n AtomicUsize,
    caller: Thread,
}

impl Drop for Helping<'_> {
    fn drop(&mut self) {
        self.n.fetch_sub(1, Ordering::Release);
        self.caller.unpark();
    }
}

fn pool(n_threads: usize) -> Option<Arc<ThreadPool>> {
    let mut slot = match POOL.try_lock() {
        Ok(slot) => slot,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        // Not waited for: in a forked child whoever holds it may not be there.
        Err(TryLockError::WouldBlock) => return None,
    };
    if let Some(pool) = slot.as_ref().filter(|p| p.process == process::id() && p.n_threads == n_threads) {
        return Some(Arc::clone(&pool.pool));
    }
    let made = ThreadPoolBuilder::new().num_threads(n_threads).thread_name(|i| format!("mbgd-pool-{i}"));
    let pool = Arc::new(made.build().ok()?);
    let last = slot.replace(Pool { process: process::id(), n_threads, pool: Arc::clone(&pool) });
    if let Some(parents) = last.filter(|last| last.process != process::id()) {
        // A forked child has none of its parent's threads: waiting for them would never end.
        std::mem::forget(parents);
    }
    Some(pool)
}
