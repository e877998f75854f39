//! The thread team: who computes which part of a step.
//!
//! Threads cannot change a result here. A step is cut into parts by its own size alone, any free worker takes
//! the next part, and the partial sums are added in a tree of fixed shape ([`crate::gradient::sum`]).
//!
//! A team lives as long as one call: its threads are scoped, so no thread is left that a forked child
//! would lack, and two calls from two threads cannot wait for each other. It is entered once per fit;
//! inside, the workers synchronize over one atomic word, which costs a fraction of a microsecond where handing
//! work to a pool costs tens.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};
use std::thread;

/// Work in parts that can be done in any order by any worker.
pub trait Job: Send + Sync {
    /// Does one part. `worker` is the number of the worker, which has scratch of its own.
    fn part(&self, part: usize, worker: usize);

    /// Does all parts `0..n_parts` in one thread, without locks.
    fn alone(&mut self, n_parts: usize);
}

/// The calling thread and its followers.
#[derive(Debug)]
pub struct Team<'a, J> {
    shared: &'a SharedJob<J>,
    n_workers: usize,
    /// Held between runs, so that small steps pay for no lock.
    job: Option<RwLockWriteGuard<'a, J>>,
}

/// Calls `lead` with a team of `n_threads`, the calling thread among them.
pub fn with_team<J: Job, R>(n_threads: usize, job: J, lead: impl FnOnce(Team<'_, J>) -> R) -> R {
    let processors = thread::available_parallelism().map_or(1, |n| n.get());
    let shared = SharedJob {
        job: RwLock::new(job),
        ticket: AtomicU64::new(0),
        n_parts: AtomicUsize::new(0),
        n_done: AtomicUsize::new(0),
        closed: AtomicBool::new(false),
        n_asleep: AtomicUsize::new(0),
        mutex: Mutex::new(()),
        condvar: Condvar::new(),
        // With more workers than processors, a spinning worker would keep the one it waits for from running.
        spin_limit: if n_threads <= processors { SPIN_LIMIT } else { 0 },
    };
    thread::scope(|scope| {
        let shared = &shared;
        let _close = CloseOnDrop(shared);
        let mut n_workers = 1;
        while n_workers < n_threads {
            let worker = n_workers;
            let follower = thread::Builder::new().name(format!("mbgd-{worker}"));
            // If a thread cannot be spawned, the other workers take its parts.
            if follower.spawn_scoped(scope, move || shared.follow(worker)).is_err() {
                break;
            }
            n_workers += 1;
        }
        lead(Team { shared, n_workers, job: None })
    })
}

impl<'a, J: Job> Team<'a, J> {
    /// Workers of the team, the leader included.
    pub fn n_workers(&self) -> usize {
        self.n_workers
    }

    /// The job, to be changed between runs.
    #[inline]
    pub fn job(&mut self) -> &mut J {
        let lock = &self.shared.job;
        self.job.get_or_insert_with(|| lock.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does the parts `0..n_parts` of the job, all workers together; returns when all are done.
    pub fn run(&mut self, n_parts: usize) {
        if self.n_workers == 1 || n_parts == 1 {
            return self.job().alone(n_parts);
        }
        assert!(n_parts < 1 << 31, "a step has fewer than 2^31 parts");
        self.job(); // Under the write lock no follower is in the previous run.
        let shared = self.shared;
        shared.n_done.store(0, Ordering::Relaxed);
        shared.n_parts.store(n_parts, Ordering::Relaxed);
        let run = (shared.ticket.load(Ordering::Relaxed) >> 32) + 1;
        shared.ticket.store(run << 32, Ordering::SeqCst);
        self.job = None;
        shared.wake();
        shared.take_parts(LEADER);
        let mut n_spins = 0;
        while shared.n_done.load(Ordering::Acquire) < n_parts {
            pause(&mut n_spins, shared.spin_limit);
        }
    }
}

/// Number of the calling thread as a worker.
pub const LEADER: usize = 0;
/// How often a worker polls before it sleeps: some 20 to 50 microseconds.
const SPIN_LIMIT: u32 = 2000;

#[derive(Debug)]
struct SharedJob<J> {
    job: RwLock<J>,
    /// Number of the run in the high half, the next part not yet taken in the low half.
    ticket: AtomicU64,
    n_parts: AtomicUsize,
    n_done: AtomicUsize,
    closed: AtomicBool,
    n_asleep: AtomicUsize,
    mutex: Mutex<()>,
    condvar: Condvar,
    spin_limit: u32,
}

impl<J: Job> SharedJob<J> {
    fn follow(&self, worker: usize) {
        let mut last_run = 0;
        while let Some(run) = self.next_run(last_run) {
            self.take_parts(worker);
            last_run = run;
        }
    }

    /// Waits for a run after `last_run`, spinning for a while, then asleep. None when the team is closed.
    fn next_run(&self, last_run: u64) -> Option<u64> {
        let new_run = || {
            let run = self.ticket.load(Ordering::SeqCst) >> 32;
            (run != last_run || self.closed.load(Ordering::SeqCst)).then_some(run)
        };
        let mut found = None;
        for _ in 0..self.spin_limit {
            found = new_run();
            if found.is_some() {
                break;
            }
            std::hint::spin_loop();
        }
        if found.is_none() {
            let mut guard = self.lock();
            self.n_asleep.fetch_add(1, Ordering::SeqCst);
            found = new_run();
            while found.is_none() {
                guard = self.condvar.wait(guard).unwrap_or_else(PoisonError::into_inner);
                found = new_run();
            }
            self.n_asleep.fetch_sub(1, Ordering::SeqCst);
        }
        found.filter(|_| !self.closed.load(Ordering::SeqCst))
    }

    /// Takes parts of the current run until none is left. A worker that comes late finds none: the lock is
    /// held while a part is taken and done, so that the run cannot change meanwhile.
    fn take_parts(&self, worker: usize) {
        let job = self.job.read().unwrap_or_else(PoisonError::into_inner);
        let n_parts = self.n_parts.load(Ordering::Relaxed);
        loop {
            let part = (self.ticket.fetch_add(1, Ordering::AcqRel) & u64::from(u32::MAX)) as usize;
            if part >= n_parts {
                break;
            }
            let _done = CountOnDrop(&self.n_done);
            job.part(part, worker);
        }
    }
}

impl<J> SharedJob<J> {
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // SeqCst on the ticket and on n_asleep: either the sleeper sees the new ticket or we see the sleeper.
        if self.n_asleep.load(Ordering::SeqCst) > 0 {
            let _guard = self.lock();
            self.condvar.notify_all();
        }
    }
}

fn pause(n_spins: &mut u32, spin_limit: u32) {
    if *n_spins < spin_limit {
        *n_spins += 1;
        std::hint::spin_loop();
    } else {
        thread::yield_now();
    }
}

/// Ends the followers, also when the leader panics.
struct CloseOnDrop<'a, J>(&'a SharedJob<J>);

impl<J> Drop for CloseOnDrop<'_, J> {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::SeqCst);
        let _guard = self.0.lock();
        self.0.condvar.notify_all();
    }
}

/// Counts a part as done, also when it panics: the panic is raised where the scope ends.
struct CountOnDrop<'a>(&'a AtomicUsize);

impl Drop for CountOnDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}
