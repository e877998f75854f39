//! The pool for passes over whole arrays: predicting, gathering.
//!
//! Training has a team of its own ([`crate::parallel`]); this is for work that is split once and done.
//! Never rayon's global pool, which others share and which hangs in a forked child.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// The pool of this process, and how it was made.
struct Pool {
    process: u32,
    n_threads: usize,
    pool: Arc<ThreadPool>,
}

static POOL: Mutex<Option<Pool>> = Mutex::new(None);

/// Calls `work` in a pool of `n_threads`, or right here if that is 1 or no pool can be had.
pub(crate) fn install<R: Send>(n_threads: usize, work: impl FnOnce() -> R + Send) -> R {
    let pool = (n_threads > 1).then(|| pool(n_threads)).flatten();
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

fn pool(n_threads: usize) -> Option<Arc<ThreadPool>> {
    let mut slot = POOL.lock().unwrap_or_else(PoisonError::into_inner);
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
