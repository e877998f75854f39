//! The pool for passes over whole arrays: predicting, gathering.
//!
//! Training has a team of its own ([`crate::parallel`]); this is for work that is split once and done.
//! Never rayon's global pool, which others share and which hangs in a forked child.

use std::panic::resume_unwind;
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

/// Calls `work(scratch, i, chunk, interrupted)` for the chunks of `len` items of `out`, numbered from 0, in a pool of
/// `n_threads`; or here, one after the other, if that is 1. A thread makes itself a `scratch` for some chunks in a row.
/// A chunk that takes long is to ask the last argument now and then whether it is to return.
///
/// Only the calling thread asks `interrupted`, because Python notices signals in its main thread alone.
///
/// # Errors
/// What `scratch` or `work` fails with, [`Error::Interrupted`], and [`Error::NoThread`] if none can be started.
pub(crate) fn each_chunk<T: Send, S>(
    n_threads: usize,
    out: &mut [T],
    len: usize,
    interrupted: &dyn Fn() -> bool,
    scratch: impl Fn() -> Result<S> + Sync + Send,
    work: impl Fn(&mut S, usize, &mut [T], &dyn Fn() -> bool) -> Result<()> + Sync + Send,
) -> Result<()> {
    if n_threads <= 1 {
        return each_chunk_here(out, len, interrupted, scratch, work);
    }
    let (ends, is_done) = (AtomicBool::new(false), AtomicBool::new(false));
    let caller = thread::current();
    thread::scope(|scope| {
        let (ends, is_done) = (&ends, &is_done);
        let work = move || {
            let is_asked_to_end = || ends.load(Ordering::Relaxed);
            let worked = each_chunk_in_pool(n_threads, out, len, &is_asked_to_end, scratch, work);
            is_done.store(true, Ordering::Release);
            caller.unpark();
            worked
        };
        let worker = thread::Builder::new().name("mbgd-pool-leader".into()).spawn_scoped(scope, work);
        let worker = worker.map_err(|error| Error::NoThread { reason: error.to_string() })?;
        while !(is_done.load(Ordering::Acquire) || worker.is_finished()) {
            if interrupted() {
                ends.store(true, Ordering::Relaxed);
            }
            thread::park_timeout(BETWEEN_POLLS);
        }
        worker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn each_chunk_here<T, S>(
    out: &mut [T],
    len: usize,
    interrupted: &dyn Fn() -> bool,
    scratch: impl Fn() -> Result<S>,
    work: impl Fn(&mut S, usize, &mut [T], &dyn Fn() -> bool) -> Result<()>,
) -> Result<()> {
    let mut scratch = scratch()?;
    for (i, chunk) in out.chunks_mut(len).enumerate() {
        if interrupted() {
            return Err(Error::Interrupted);
        }
        work(&mut scratch, i, chunk, interrupted)?;
    }
    Ok(())
}

fn each_chunk_in_pool<T: Send, S>(
    n_threads: usize,
    out: &mut [T],
    len: usize,
    interrupted: &(dyn Fn() -> bool + Sync),
    scratch: impl Fn() -> Result<S> + Sync + Send,
    work: impl Fn(&mut S, usize, &mut [T], &dyn Fn() -> bool) -> Result<()> + Sync + Send,
) -> Result<()> {
    let Some(pool) = pool(n_threads) else {
        // Not as a parallel iterator: outside of a pool it would be worked off in rayon's global one.
        return each_chunk_here(out, len, interrupted, scratch, work);
    };
    let n_chunks_in_a_row = out.len().div_ceil(len).div_ceil(4 * n_threads);
    let chunks = out.par_chunks_mut(len).enumerate().with_min_len(n_chunks_in_a_row);
    let one = |scratch: &mut Result<S>, (i, chunk): (usize, &mut [T])| match scratch {
        Ok(_) if interrupted() => Err(Error::Interrupted),
        Ok(scratch) => work(scratch, i, chunk, interrupted),
        Err(error) => Err(error.clone()),
    };
    pool.install(|| chunks.try_for_each_init(scratch, one))
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
