//! The thread team: who computes which part of a step.
//!
//! Threads cannot change a result here. A step is cut into parts by its own size alone, every worker does the parts that
//! are its own and then those that nobody has begun, and the partial sums are added in a tree of fixed shape
//! ([`crate::gradient::sum`]). That parts have owners is for the caches: a worker can prefetch what it will read next.
//!
//! A team lives as long as one call: its threads are scoped, so no thread is left that a forked child
//! would lack, and two calls from two threads cannot wait for each other. They are started at the first run that is
//! shared, which costs tens of microseconds; from then on the workers meet over a few atomic words, which costs a
//! fraction of a microsecond where handing work to a pool costs tens.
//!
//! Meetings take as little only if each worker has a processor. So there are no more threads than processors, and where
//! others keep these busy the leader works alone for a while, see `lateness.rs`.

mod lateness;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};
use std::thread;
use std::time::Instant;

use self::lateness::Lateness;

/// Work in parts that can be done in any order by any worker.
pub trait Job: Send + Sync {
    /// Does one part. `worker` is the number of the worker, which has scratch of its own.
    fn part(&self, part: usize, worker: usize);

    /// Does all parts `0..n_parts` in one thread, without locks.
    fn alone(&mut self, n_parts: usize);
}

/// The calling thread and its followers.
pub struct Team<'a, J> {
    shared: &'a SharedJob<J>,
    /// Workers that were asked for.
    n_workers: usize,
    /// Workers that there are: no more than processors, from when the followers are started.
    n_members: usize,
    /// Starts the followers, once; returns how many workers there are then.
    start: Option<Box<dyn FnOnce() -> usize + 'a>>,
    /// Held between runs, so that small steps pay for no lock.
    run: Option<RwLockWriteGuard<'a, SharedRun<J>>>,
    /// Whether a follower has done a part of the last run.
    was_helped: bool,
    lateness: Lateness,
}

impl<J> fmt::Debug for Team<'_, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Team").field("n_workers", &self.n_workers).finish_non_exhaustive()
    }
}

/// Calls `lead` with a team of `n_threads`, the calling thread among them. Where these are more than there are processors,
/// the others have no thread, and their parts are done by those that have.
pub fn with_team<J: Job, R>(n_threads: usize, job: J, lead: impl FnOnce(Team<'_, J>) -> R) -> R {
    with_team_on(|| thread::available_parallelism().map_or(1, |n| n.get()), n_threads, job, lead)
}

/// The same, with so many processors.
fn with_team_on<J: Job, R>(
    n_processors: impl Fn() -> usize,
    n_threads: usize,
    job: J,
    lead: impl FnOnce(Team<'_, J>) -> R,
) -> R {
    let shared = SharedJob {
        run: OnOwnLines(RwLock::new(SharedRun { job, n_members: 1, n_parts: 0, begun: Vec::new() })),
        n_runs: OnOwnLines(AtomicU64::new(0)),
        n_done: OnOwnLines(AtomicUsize::new(0)),
        is_helped: OnOwnLines(AtomicBool::new(false)),
        closed: AtomicBool::new(false),
        n_asleep: AtomicUsize::new(0),
        mutex: Mutex::new(()),
        condvar: Condvar::new(),
    };
    thread::scope(|scope| {
        let shared = &shared;
        let _close = CloseOnDrop(shared);
        let start = move || {
            // To ask how many processors there are takes 27 us.
            let n_workers = n_threads.min(n_processors());
            for worker in 1..n_workers {
                let follower = thread::Builder::new().name(format!("mbgd-{worker}"));
                // If a thread cannot be spawned, the other workers take its parts.
                if follower.spawn_scoped(scope, move || shared.follow(worker)).is_err() {
                    return worker;
                }
            }
            n_workers.max(1)
        };
        let (n_workers, start, lateness) =
            (n_threads.max(1), Some(Box::new(start) as _), Lateness::default());
        lead(Team { shared, n_workers, n_members: n_workers, start, run: None, was_helped: false, lateness })
    })
}

impl<'a, J: Job> Team<'a, J> {
    /// Workers that the next run is to be cut for, the leader included.
    #[inline]
    pub fn n_workers(&mut self) -> usize {
        if self.lateness.is_resting() && self.lateness.still_rests() { 1 } else { self.n_workers }
    }

    /// The job, to be changed between runs.
    #[inline]
    pub fn job(&mut self) -> &mut J {
        &mut self.next_run().job
    }

    #[inline]
    fn next_run(&mut self) -> &mut SharedRun<J> {
        let lock = &self.shared.run.0;
        self.run.get_or_insert_with(|| lock.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a follower has done a part of the last run: one that has just been started or woken comes too late.
    #[inline]
    pub fn was_helped(&self) -> bool {
        self.was_helped
    }

    /// Does the parts `0..n_parts` of the job, all workers together; returns when all are done.
    pub fn run(&mut self, n_parts: usize) {
        if self.n_workers > 1
            && n_parts > 1
            && let Some(start) = self.start.take()
        {
            self.n_members = start();
        }
        if self.n_members == 1 || n_parts == 1 || self.lateness.is_resting() {
            self.was_helped = false;
            return self.job().alone(n_parts);
        }
        let (began, n_members) = (self.lateness.begin(), self.n_members);
        let run = self.next_run(); // Under the write lock no follower is in the previous run.
        (run.n_members, run.n_parts) = (n_members, n_parts);
        run.begun.truncate(n_parts);
        run.begun.iter_mut().for_each(|begun| *begun.0.get_mut() = false);
        run.begun.resize_with(n_parts, OnOwnLines::default);
        let shared = self.shared;
        shared.n_done.0.store(0, Ordering::Relaxed);
        shared.is_helped.0.store(false, Ordering::Relaxed);
        let number = shared.n_runs.0.load(Ordering::Relaxed) + 1;
        self.run = None;
        shared.n_runs.0.store(number, Ordering::SeqCst);
        shared.wake();
        shared.do_parts(LEADER);
        let are_done = || shared.n_done.0.load(Ordering::Acquire) == n_parts;
        if !spin_until(are_done) {
            let since = Instant::now();
            while !are_done() {
                thread::yield_now();
            }
            self.lateness.waited(began, since);
        }
        self.was_helped = shared.is_helped.0.load(Ordering::Relaxed);
    }
}

/// Number of the calling thread as a worker.
pub const LEADER: usize = 0;
/// How often a worker polls before it sleeps: some 20 to 50 microseconds.
const SPIN_LIMIT: u32 = 2000;

/// Alone on its cache lines, which processors fetch in pairs: what one worker writes does not take from another what
/// it reads.
#[derive(Debug, Default)]
#[repr(align(128))]
struct OnOwnLines<T>(T);

/// A run: the job, and what was begun of it.
#[derive(Debug)]
struct SharedRun<J> {
    job: J,
    n_members: usize,
    n_parts: usize,
    begun: Vec<OnOwnLines<AtomicBool>>,
}

#[derive(Debug)]
struct SharedJob<J> {
    run: OnOwnLines<RwLock<SharedRun<J>>>,
    /// Runs begun.
    n_runs: OnOwnLines<AtomicU64>,
    /// Parts of the run that are done.
    n_done: OnOwnLines<AtomicUsize>,
    /// Whether a follower has done one of them.
    is_helped: OnOwnLines<AtomicBool>,
    closed: AtomicBool,
    n_asleep: AtomicUsize,
    mutex: Mutex<()>,
    condvar: Condvar,
}

impl<J: Job> SharedJob<J> {
    fn follow(&self, worker: usize) {
        let mut last_run = 0;
        while let Some(run) = self.next_run(last_run) {
            self.do_parts(worker);
            last_run = run;
        }
    }

    /// Waits for a run after `last_run`, spinning for a while, then asleep. None when the team is closed.
    fn next_run(&self, last_run: u64) -> Option<u64> {
        let new_run = || {
            let run = self.n_runs.0.load(Ordering::SeqCst);
            (run != last_run || self.closed.load(Ordering::SeqCst)).then_some(run)
        };
        let mut found = None;
        let has_found = || {
            found = new_run();
            found.is_some()
        };
        if !spin_until(has_found) {
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

    /// Does the worker's own parts of the run, and then those that nobody has begun. A worker that comes late finds none:
    /// the lock is held while parts are begun and done, so that the run cannot change meanwhile.
    fn do_parts(&self, worker: usize) {
        let run = self.run.0.read().unwrap_or_else(PoisonError::into_inner);
        let first = (worker * run.n_parts.div_ceil(run.n_members)).min(run.n_parts);
        for part in (first..run.n_parts).chain(0..first) {
            let begun = &run.begun[part].0;
            if !begun.load(Ordering::Relaxed) && !begun.swap(true, Ordering::Relaxed) {
                let _done = CountOnDrop(&self.n_done.0);
                if worker != LEADER {
                    self.is_helped.0.store(true, Ordering::Relaxed);
                }
                run.job.part(part, worker);
            }
        }
    }
}

impl<J> SharedJob<J> {
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // SeqCst on n_runs and on n_asleep: either the sleeper sees the new run or we see the sleeper.
        if self.n_asleep.load(Ordering::SeqCst) > 0 {
            let _guard = self.lock();
            self.condvar.notify_all();
        }
    }
}

/// Polls for a while, and says whether it has come true.
fn spin_until(mut is_so: impl FnMut() -> bool) -> bool {
    for _ in 0..SPIN_LIMIT {
        if is_so() {
            return true;
        }
        std::hint::spin_loop();
    }
    false
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

/// PartCounts a part as done, also when it panics: the panic is raised where the scope ends.
struct CountOnDrop<'a>(&'a AtomicUsize);

impl Drop for CountOnDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PartCounts how often each part was done.
    #[derive(Debug, Default)]
    struct PartCounts(Vec<AtomicUsize>);

    impl Job for PartCounts {
        fn part(&self, part: usize, _worker: usize) {
            self.0[part].fetch_add(1, Ordering::Relaxed);
        }

        fn alone(&mut self, n_parts: usize) {
            self.0[..n_parts].iter_mut().for_each(|count| *count.get_mut() += 1);
        }
    }

    fn counts_of(n_processors: usize, n_threads: usize, rests: bool) -> (Vec<usize>, usize) {
        let n_parts = 7;
        let job = PartCounts((0..n_parts).map(|_| AtomicUsize::new(0)).collect());
        with_team_on(
            || n_processors,
            n_threads,
            job,
            |mut team| {
                for _ in 0..500 {
                    team.run(n_parts);
                }
                if rests {
                    team.lateness = Lateness::resting();
                    assert_eq!(team.n_workers(), 1);
                    for _ in 0..500 {
                        team.run(n_parts);
                    }
                }
                let n_members = team.n_members;
                (team.job().0.iter_mut().map(|count| *count.get_mut()).collect(), n_members)
            },
        )
    }

    #[test]
    fn every_part_is_done_once_whoever_is_there() {
        for n_threads in [1, 2, 3, 8] {
            assert_eq!(counts_of(8, n_threads, false), (vec![500; 7], n_threads));
            assert_eq!(counts_of(8, n_threads, true), (vec![1000; 7], n_threads));
        }
    }

    #[test]
    fn there_are_no_more_threads_than_processors() {
        assert_eq!(counts_of(2, 5, false), (vec![500; 7], 2));
        assert_eq!(counts_of(1, 5, false), (vec![500; 7], 1));
    }
}
