//! The pool for passes over whole arrays: predicting, gathering.
//!
//! Training has a team of its own ([`crate::parallel`]); this is for work that is split once and done.
//! Never rayon's global pool, which others share and which hangs in a forked child.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::thread;
use std::time::Duration;

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;
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

/// Calls `work(scratch, i, chunk)` for the chunks of `len` items of `out`, numbered from 0, in a pool of
/// `n_threads`; or here, one after the other, if that is 1 or no pool can be made. A thread makes itself a
/// `scratch` for some chunks in a row.
pub(crate) fn each_chunk<T: Send, S>(
    n_threads: usize,
    out: &mut [T],
    len: usize,
    scratch: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, usize, &mut [T]) + Sync + Send,
) {
    let Some(pool) = (n_threads > 1).then(|| pool(n_threads)).flatten() else {
        // Not as a parallel iterator: outside of a pool it would be worked off in rayon's global one.
        let mut scratch = scratch();
        return out.chunks_mut(len).enumerate().for_each(|(i, chunk)| work(&mut scratch, i, chunk));
    };
    let n_chunks_in_a_row = out.len().div_ceil(len).div_ceil(4 * n_threads);
    let chunks = out.par_chunks_mut(len).enumerate().with_min_len(n_chunks_in_a_row);
    pool.install(|| chunks.for_each_init(scratch, |scratch, (i, chunk)| work(scratch, i, chunk)));
}

/// The same for work that takes so long that the user may want it to end. `work` is given what to ask for that, and
/// is to return soon from this chunk and at once from those that follow.
///
/// Only the calling thread asks `interrupted`, because Python notices signals in its main thread alone.
///
/// # Errors
/// [`Error::NoThread`] if none can be started.
pub(crate) fn each_chunk_until<T: Send, S>(
    n_threads: usize,
    out: &mut [T],
    len: usize,
    interrupted: &dyn Fn() -> bool,
    scratch: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, usize, &mut [T], &dyn Fn() -> bool) + Sync + Send,
) -> Result<()> {
    if n_threads <= 1 {
        let mut scratch = scratch();
        out.chunks_mut(len).enumerate().for_each(|(i, chunk)| work(&mut scratch, i, chunk, interrupted));
        return Ok(());
    }
    let (ends, is_done) = (AtomicBool::new(false), AtomicBool::new(false));
    let caller = thread::current();
    thread::scope(|scope| {
        let work = || {
            let is_asked_to_end = || ends.load(Ordering::Relaxed);
            each_chunk(n_threads, out, len, scratch, |scratch, i, chunk| {
                work(scratch, i, chunk, &is_asked_to_end);
            });
            is_done.store(true, Ordering::Release);
            caller.unpark();
        };
        let worker = thread::Builder::new().name("mbgd-pool-leader".into()).spawn_scoped(scope, work);
        let worker = worker.map_err(|error| Error::NoThread { reason: error.to_string() })?;
        while !(is_done.load(Ordering::Acquire) || worker.is_finished()) {
            if interrupted() {
                ends.store(true, Ordering::Relaxed);
            }
            thread::park_timeout(BETWEEN_POLLS);
        }
        Ok(())
    })
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
